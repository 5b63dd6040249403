import contextlib
import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.pi.gencmd import (
    Adc,
    parse_adc,
    parse_clock,
    parse_config,
    parse_rsts,
    parse_temperature,
    parse_throttled,
    parse_volts,
)
from sysvitals.sources.pi.throttle_word import ThrottleWord

PI_5 = """\
 3V7_WL_SW_A current(0)=0.07709848A
   3V3_SYS_A current(1)=0.04782057A
   1V8_SYS_A current(2)=0.11515970A
  DDR_VDD2_A current(3)=0.00780744A
  DDR_VDDQ_A current(4)=0.00000000A
   1V1_SYS_A current(5)=0.17664330A
    0V8_SW_A current(6)=0.33084030A
  VDD_CORE_A current(7)=0.94657990A
   3V3_DAC_A current(17)=0.00146520A
   3V3_ADC_A current(18)=0.00140415A
   0V8_AON_A current(16)=0.00494505A
      HDMI_A current(22)=0.01697190A
 3V7_WL_SW_V volt(8)=3.69049700V
  VDD_CORE_V volt(15)=0.72041560V
     EXT5V_V volt(24)=5.11478000V
      BATT_V volt(25)=0.01880340V"""


def config(text: str) -> int | None:
    return parse_config(text, "temp_limit")


ALL: list[Callable[[str], object]] = [
    parse_adc, parse_clock, config, parse_rsts, parse_temperature, parse_throttled, parse_volts
]  # fmt: skip


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_throttled, "throttled=0x50005", ThrottleWord(0x50005)),
        (parse_throttled, "throttled=0x0", ThrottleWord(0)),
        (parse_throttled, "throttled=0xe0008", ThrottleWord(0xE0008)),
        (parse_temperature, "temp=47.8'C", 47.8),
        (parse_temperature, "temp=-5.0'C", -5.0),
        (parse_temperature, "temp=47'C", 47.0),
        (parse_volts, "volt=1.2000V", 1.2),
        (parse_volts, "volt=1.20V", 1.2),
        (parse_volts, "volt=0.0000V", 0.0),
        (parse_clock, "frequency(48)=900000000", 900_000_000),
        (parse_clock, "frequency(45)=600117184", 600_117_184),
        (parse_clock, "frequency(0)=2400010752", 2_400_010_752),
        (config, "temp_limit=85", 85),
        (config, "temp_limit=0", 0),
        (config, "temp_limit is unknown", None),
        (parse_rsts, "get_rsts=1000", 0x1000),
        (parse_rsts, "get_rsts=20", 0x20),
        (parse_rsts, "get_rsts=0x1020", 0x1020),
    ],
)
def test_each_answer_is_read(parse: Callable[[str], object], text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_throttled, "throttled="),
        (parse_throttled, "throttled=0x"),
        (parse_throttled, "throttled"),
        (parse_throttled, "0x50005"),
        (parse_throttled, "temp=47.8'C"),
        (parse_throttled, "throttled=0x500050005"),
        (parse_temperature, "temp=47.8"),
        (parse_temperature, "temp='C"),
        (parse_temperature, "temp=nan'C"),
        (parse_temperature, "temp=inf'C"),
        (parse_temperature, "temp=1e3'C"),
        (parse_temperature, "temp=4_7.8'C"),
        (parse_temperature, "temp=--7'C"),
        (parse_temperature, "temp=4.7.8'C"),
        (parse_temperature, "temp=\uff14\uff17'C"),
        (parse_temperature, "temp= 47'C"),
        (parse_temperature, f"temp={'9' * 400}'C"),
        (parse_volts, "volt=1.2000"),
        (parse_volts, "volt=.5V"),
        (parse_clock, "frequency(48)="),
        (parse_clock, "frequency(48)=-1"),
        (parse_clock, "frequency(48)=1.5"),
        (parse_clock, "frequency(48=900000000"),
        (parse_clock, "frequency=900000000"),
        (parse_clock, "900000000"),
        (config, "temp_soft_limit=60"),
        (config, "temp_limit=-1"),
        (config, "temp_limit"),
        (config, "other is unknown"),
        (parse_rsts, "get_rsts=xyz"),
        (parse_rsts, "get_rsts="),
        (parse_rsts, "get_rsts=123456789"),
        (parse_rsts, "1000"),
    ],
)
def test_what_is_no_such_answer_is_refused(parse: Callable[[str], object], text: str) -> None:
    with pytest.raises(ValueError, match=r"not |below"):
        parse(text)


def test_the_rails_of_a_raspberry_pi_5_are_read_and_joined() -> None:
    rails = {adc.rail: adc for adc in parse_adc(PI_5)}
    assert list(rails)[:2] == ["3V7_WL_SW", "3V3_SYS"]
    assert len(rails) == 14
    assert rails["VDD_CORE"] == Adc("VDD_CORE", 0.7204156, 0.9465799)
    assert rails["VDD_CORE"].watts == 0.681931
    assert rails["3V3_SYS"] == Adc("3V3_SYS", None, 0.04782057)
    assert rails["EXT5V"] == Adc("EXT5V", 5.11478)
    assert rails["EXT5V"].watts is None
    assert rails["3V3_SYS"].watts is None
    assert rails["DDR_VDDQ"].amperes == 0.0


def test_one_rail_alone_is_read() -> None:
    assert parse_adc("     EXT5V_V volt(24)=5.11478000V") == [Adc("EXT5V", 5.11478)]


def test_a_line_about_something_else_is_passed_over() -> None:
    assert parse_adc("  PMIC_T temp(3)=47.1C\n\nhello\n  EXT5V_V volt(24)=5.1V\n") == [Adc("EXT5V", 5.1)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "EXT5V_V",
        "EXT5V_V volt(24)",
        "EXT5V_V volt(24)=",
        "EXT5V_V volt(24)=5.11",
        "EXT5V_V volt(24)=5.11A",
        "EXT5V_V current(24)=5.11V",
        "EXT5V_A volt(24)=5.11A",
        "EXT5V_V volt24=5.11V",
        "EXT5V_V volt(24)=nanV",
        "EXT5V_V volt(24)=5.11V extra",
        "_V volt(24)=5.11V",
        "E\x1bV_V volt(24)=5.11V",
        "\u00c9_V volt(24)=5.11V",
        "EXT5V_V volt(24)=5.11V\nEXT5V_V volt(24)=5.12V",
        f"{PI_5}\nHDMI_V volt(23)=5.1",
    ],
)
def test_rails_that_make_no_sense_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a|no measurement"):
        parse_adc(text)


@given(st.text(max_size=60))
def test_any_text_is_a_value_or_refused(text: str) -> None:
    for parse in ALL:
        for prefix in ("", "temp=", "volt=", "throttled=0x", "frequency(1)=", "get_rsts=", "A_V volt(1)="):
            with contextlib.suppress(ValueError):
                value = parse(prefix + text)
                assert not isinstance(value, float) or math.isfinite(value)


rails = st.dictionaries(
    st.from_regex(r"[0-9A-Z]{1,4}(_[0-9A-Z]{1,4})?", fullmatch=True),
    st.tuples(st.none() | st.integers(0, 10**10), st.none() | st.integers(0, 10**10)).filter(any),
    min_size=1,
    max_size=8,
)


@given(rails)
def test_any_rails_are_read_as_the_firmware_prints_them(given: dict[str, tuple[int | None, int | None]]) -> None:
    lines = [f"{rail + '_A':>12} current(1)={a / 10**8:.8f}A" for rail, (_, a) in given.items() if a is not None]
    lines += [f"{rail + '_V':>12} volt(2)={v / 10**8:.8f}V" for rail, (v, _) in given.items() if v is not None]
    found = {adc.rail: (adc.volts, adc.amperes) for adc in parse_adc("\n".join(lines))}
    assert found == {
        rail: tuple(None if n is None else float(f"{n / 10**8:.8f}") for n in pair) for rail, pair in given.items()
    }
