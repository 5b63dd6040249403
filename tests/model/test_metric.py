import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.model.metric import Counter, Gauge, Info, Metric
from sysvitals.model.unit import BASE_UNITS


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        (Gauge("temperature", unit="celsius", help="x"), "system_temperature_celsius"),
        (Counter("cpu", unit="seconds", help="x"), "system_cpu_seconds_total"),
        (Counter("forks", help="x"), "system_forks_total"),
        (Gauge("load1", help="x"), "system_load1"),
        (Gauge("boot_time", unit="seconds", help="x"), "system_boot_time_seconds"),
        (Gauge("last_success", unit="timestamp_seconds", help="x"), "system_last_success_timestamp_seconds"),
        (Info("os", help="x"), "system_os_info"),
    ],
)
def test_the_full_name_is_prefix_name_unit_and_ending(metric: Metric, name: str) -> None:
    assert metric.full_name("system") == name


@pytest.mark.parametrize(
    "name",
    ["", "Load", "1load", "load__one", "_load", "load_", "load-1", "load:1", "lüfter", "load\n", "load one"],
)
def test_a_name_that_is_not_made_of_lower_case_words_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lower-case words"):
        Gauge(name, help="x")


@pytest.mark.parametrize("ending", ["total", "sum", "count", "bucket", "info", "created"])
def test_a_name_with_an_ending_that_prometheus_gives_a_meaning_is_refused(ending: str) -> None:
    with pytest.raises(ValueError, match="reserved ending"):
        Gauge(f"load_{ending}", help="x")


@pytest.mark.parametrize("unit", ["percent", "milliseconds", "kilobytes", "Bytes", "second", " "])
def test_a_unit_that_is_no_base_unit_is_refused(unit: str) -> None:
    with pytest.raises(ValueError, match="is none of"):
        Gauge("load", unit=unit, help="x")


@pytest.mark.parametrize(
    ("name", "unit"),
    [("read_bytes", "bytes"), ("read_bytes", ""), ("bytes", ""), ("up_seconds", "bytes"), ("at_timestamp_seconds", "")],
)
def test_a_unit_written_into_the_name_by_hand_is_refused(name: str, unit: str) -> None:
    with pytest.raises(ValueError, match="unit is given apart"):
        Gauge(name, unit=unit, help="x")


def test_fixed_labels_keep_everything_else_and_come_in_one_order() -> None:
    family = Counter("cpu", unit="seconds", help="Time.", origin="/proc/stat")
    user = family.at(mode="user", cpu="0")
    assert user.labels == (("cpu", "0"), ("mode", "user"))
    assert user == family.at(cpu="0", mode="user")
    assert type(user) is Counter
    assert (user.full_name("system"), user.help, user.origin) == ("system_cpu_seconds_total", "Time.", "/proc/stat")
    assert family.labels == ()


@settings(deadline=None)
@given(st.text(max_size=20), st.sampled_from(sorted(BASE_UNITS)), st.sampled_from([Gauge, Counter, Info]))
def test_any_text_is_either_refused_or_gives_a_name_that_prometheus_takes(
    text: str, unit: str, kind: type[Metric]
) -> None:
    try:
        name = kind(text, unit=unit, help="x").full_name("system")
    except ValueError:
        return
    assert name.isascii()
    assert name == name.lower()
    assert name.replace("_", "").isalnum()
    assert "__" not in name
    assert not name.endswith("_")
