import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.pi.throttle_word import CAUSES, ThrottleWord, parse_throttle_word, read_throttle_word
from tests.building import build_host


@pytest.mark.parametrize(
    ("text", "active", "occurred"),
    [
        ("0", set(), set()),
        ("1", {"undervoltage"}, set()),
        ("2", {"frequency_capped"}, set()),
        ("4", {"throttled"}, set()),
        ("8", {"soft_temperature_limit"}, set()),
        ("10000", set(), {"undervoltage"}),
        ("20000", set(), {"frequency_capped"}),
        ("40000", set(), {"throttled"}),
        ("80000", set(), {"soft_temperature_limit"}),
        ("50000", set(), {"undervoltage", "throttled"}),
        ("50005", {"undervoltage", "throttled"}, {"undervoltage", "throttled"}),
        ("0x50005", {"undervoltage", "throttled"}, {"undervoltage", "throttled"}),
        ("20002", {"frequency_capped"}, {"frequency_capped"}),
        ("E0008", {"soft_temperature_limit"}, {"frequency_capped", "throttled", "soft_temperature_limit"}),
        ("fff0fff0", set(), set()),
    ],
)
def test_each_bit_has_its_meaning(text: str, active: set[str], occurred: set[str]) -> None:
    word = parse_throttle_word(text)
    assert {cause for cause in CAUSES if word.active(cause)} == active
    assert {cause for cause in CAUSES if word.occurred(cause)} == occurred


@pytest.mark.parametrize(
    "text", ["", "0x", "zz", "-1", "5_0", "+5", " 5", "123456789", "0x0x5", "\uff15", "throttled=0x0"]
)
def test_what_is_no_word_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a throttle word"):
        parse_throttle_word(text)


@given(st.integers(0, 2**32 - 1))
def test_any_word_that_the_kernel_prints_is_read(word: int) -> None:
    assert parse_throttle_word(f"{word:x}") == ThrottleWord(word)


@given(st.text(max_size=12))
def test_any_text_is_a_word_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert 0 <= parse_throttle_word(text).word < 2**32


@pytest.mark.parametrize("firmware", ["soc/soc:firmware", "soc@107c000000/soc@107c000000:firmware"])
def test_the_word_is_found_beside_the_chips_device(tmp_path: Path, firmware: str) -> None:
    device = f"devices/platform/{firmware}/raspberrypi-hwmon"
    host = build_host(
        tmp_path,
        {
            f"sys/{device}/hwmon/hwmon1/name": "rpi_volt\n",
            f"sys/{device}/hwmon/hwmon1/device": "->../../../raspberrypi-hwmon",
            f"sys/devices/platform/{firmware}/get_throttled": "50005\n",
            "sys/class/hwmon/hwmon1": f"->../../{device}/hwmon/hwmon1",
        },
    )
    assert read_throttle_word(host, f"{host.sysfs}/class/hwmon/hwmon1") == ThrottleWord(0x50005)


def test_a_mainline_kernel_has_no_word(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"sys/class/hwmon/hwmon1/name": "rpi_volt\n"})
    assert read_throttle_word(host, f"{host.sysfs}/class/hwmon/hwmon1") is None
