import pytest

from sysvitals.collectors import clock
from sysvitals.collectors.clock import Clock
from sysvitals.host.host import Host
from sysvitals.model.catalog import build_catalog
from tests.recorded import HOSTS, RecordedHost


def test_a_clock_that_follows_a_time_server() -> None:
    assert list(clock.read(RecordedHost(HOSTS / "nuc"))) == [
        Clock(
            synchronised=True,
            offset=0.000801234,
            maximum_error=0.1875,
            estimated_error=0.000842,
            frequency_adjustment=1 - 1203344 / 65536e6,
        )
    ]


def test_a_clock_that_nobody_has_set() -> None:
    assert list(clock.read(RecordedHost(HOSTS / "vm"))) == [
        Clock(synchronised=False, offset=0.0, maximum_error=16.0, estimated_error=16.0, frequency_adjustment=1.0)
    ]


def test_a_container_that_forbids_the_question_is_a_failure_that_says_so() -> None:
    with pytest.raises(PermissionError, match="seccomp"):
        list(clock.read(RecordedHost(HOSTS / "container")))


def test_this_machine_has_a_clock() -> None:
    try:
        (reading,) = clock.read(Host())
    except PermissionError:
        pytest.skip("adjtimex is forbidden here")
    assert reading.maximum_error >= 0
    assert reading.frequency_adjustment == pytest.approx(1, abs=0.001)


def test_the_metrics_are_these() -> None:
    assert set(build_catalog([clock.COLLECTOR]).families) == {
        "system_timex_estimated_error_seconds",
        "system_timex_frequency_adjustment_ratio",
        "system_timex_maxerror_seconds",
        "system_timex_offset_seconds",
        "system_timex_sync_status",
    }
