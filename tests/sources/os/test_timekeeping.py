import contextlib
import errno
import math
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.host.host import Host, Timex
from sysvitals.sources.os.timekeeping import (
    ClockState,
    convert_timex,
    parse_boot_id,
    parse_uptime,
    read_boot_id,
    read_clock,
    read_uptime,
)
from tests.building import build_host, known
from tests.recorded import HOSTS, RecordedHost

ID = "e60f8b9f-14ca-4487-83f9-eb900066e2e6"
longs = st.integers(min_value=-(1 << 63), max_value=(1 << 63) - 1)


class Clockless(Host):
    """A kernel that answers adjtimex(2) with an error."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number

    def adjtimex(self) -> Timex:
        raise OSError(self.number, "no", "adjtimex")


def test_uptime_is_the_first_number() -> None:
    assert parse_uptime("2367.67 3861.82") == 2367.67


@pytest.mark.parametrize("text", ["0.0 0.0", "0.00 0.00", "0.00"])
def test_an_uptime_of_0_is_not_known(text: str) -> None:
    assert parse_uptime(text) is None


@pytest.mark.parametrize("text", ["", "-12.34", "nan 1", "inf 1", "1_0 2", "up 3 days"])
def test_an_uptime_that_makes_no_sense_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_uptime(text)


@pytest.mark.parametrize("text", ["", "e60f8b9f", ID.upper(), ID[:-1], ID + "0", ID.replace("6", "\n"), "-" * 36])
def test_a_boot_id_that_is_none_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="not a boot id"):
        parse_boot_id(text)


@given(st.text())
def test_any_text_gives_a_value_or_a_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        uptime = parse_uptime(text)
        assert uptime is None or uptime > 0
    with contextlib.suppress(ValueError):
        assert parse_boot_id(text) == text


def test_a_boot_id_that_is_not_told_is_none(tmp_path: Path) -> None:
    assert read_boot_id(build_host(tmp_path, {})) is None
    assert read_boot_id(build_host(tmp_path, {"proc/sys/kernel/random/boot_id": f"{ID}\n"})) == ID


def test_this_machine_says_the_same_to_the_c_library() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    uptime = known(read_uptime(Host()))
    assert before - 0.02 <= uptime <= time.clock_gettime(time.CLOCK_BOOTTIME)
    assert read_boot_id(Host()) == Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def test_the_offset_is_in_nanoseconds_or_microseconds_as_the_status_says() -> None:
    nano = Timex(0, 0x2001, 801234, -1203344, 187500, 842, 10000)
    assert convert_timex(nano) == ClockState(
        synchronised=True,
        offset=0.000801234,
        maximum_error=0.1875,
        estimated_error=0.000842,
        frequency=1 - 1203344 / 65536e6,
    )
    assert convert_timex(Timex(0, 0x0001, 801234, 0, 0, 0, 10000)).offset == 0.801234


def test_a_clock_that_never_was_set_is_not_synchronised() -> None:
    assert read_clock(RecordedHost(HOSTS / "qemu-raspi0")) == ClockState(
        synchronised=False, offset=0.0, maximum_error=16.0, estimated_error=16.0, frequency=1.0
    )


@pytest.mark.parametrize("state", [0, 1, 2, 3, 4])
def test_leap_seconds_do_not_unsettle_a_clock(state: int) -> None:
    assert convert_timex(Timex(state, 0x2001, 0, 0, 0, 0, 10000)).synchronised


@settings(max_examples=50)
@given(longs, longs, longs, longs)
def test_no_answer_of_the_kernel_gives_a_number_without_end(offset: int, freq: int, most: int, estimated: int) -> None:
    clock = convert_timex(Timex(5, 0x2000, offset, freq, most, estimated, 0))
    assert all(map(math.isfinite, (clock.offset, clock.frequency, clock.maximum_error, clock.estimated_error)))


@pytest.mark.parametrize("number", [errno.EPERM, errno.EACCES])
def test_a_forbidden_call_says_what_forbids_it(number: int) -> None:
    with pytest.raises(PermissionError, match="seccomp") as caught:
        read_clock(Clockless(number))
    assert caught.value.errno == number


def test_another_error_of_the_call_is_let_through() -> None:
    with pytest.raises(OSError, match="no") as caught:
        read_clock(Clockless(errno.ENOSYS))
    assert caught.value.errno == errno.ENOSYS
