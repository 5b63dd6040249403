"""What the values of settings may look like."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.config.values import (
    format_value,
    parse_address,
    parse_addresses,
    parse_bool,
    parse_choice,
    parse_duration,
    parse_pattern,
    parse_positive_duration,
    parse_size,
    parse_text,
)

HUNDRED_YEARS = 36500 * 86400
PARSERS: list[Callable[[object], Any]] = [
    parse_addresses,
    parse_address,
    parse_bool,
    parse_choice("auto", "json"),
    parse_duration,
    parse_pattern,
    parse_positive_duration,
    parse_size,
    parse_text,
]
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text("0123456789.:[]-+eE KMGTiBmshdw(){}*?\\", max_size=30),
    st.lists(st.text(max_size=5), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


@pytest.mark.parametrize("parse", PARSERS)
@given(value=anything)
def test_a_value_is_parsed_or_refused_in_one_line_whatever_it_is(parse: Callable[[object], Any], value: object) -> None:
    said = "nothing"
    try:
        parse(value)
    except ValueError as error:
        said = f"{error}" if type(error) is ValueError else ""
    assert said.isprintable()
    assert said


@pytest.mark.parametrize("parse", PARSERS)
def test_no_setting_takes_nothing(parse: Callable[[object], Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        parse(None)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("500ms", 0.5),
        ("5s", 5.0),
        ("2.5s", 2.5),
        ("10m", 600.0),
        ("1h", 3600.0),
        ("30d", 2592000.0),
        ("2w", 1209600.0),
        (" 5 s ", 5.0),
        ("36500d", HUNDRED_YEARS),
        (0, 0.0),
        (0.0, 0.0),
    ],
)
def test_a_duration_is_a_number_with_a_unit_or_nothing(text: object, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "5 parsecs", "-5s", "5S", "1h30m", "inf", "nan", "1e3", "5s\n6s", "٣s", "1:30", "9" * 400, True, "s"]
)
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a duration"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["90", 90, "0.5", 0.5, " 90 "])
def test_a_duration_without_a_unit_is_refused_and_said_how_to_write(text: object) -> None:
    number = str(text).strip()
    with pytest.raises(ValueError, match=f"with a unit, such as {number}s, {number}m, {number}h or {number}d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36501d", "999999999999999w", "3153600001s"])
def test_a_duration_that_no_timer_of_the_system_takes_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="at most 36500d"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["0", "0ms", "0.0s", 0])
def test_where_a_duration_must_be_above_zero_zero_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="above 0"):
        parse_positive_duration(text)


@given(milliseconds=st.integers(0, HUNDRED_YEARS * 1000))
def test_a_duration_that_is_shown_means_the_same_when_it_is_given(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    assert parse_duration(format_value(parse_duration, seconds)) == pytest.approx(seconds, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0ms"), (0.25, "250ms"), (5.0, "5s"), (90.0, "90s"), (600.0, "10m"), (3600.0, "1h"), (2592000.0, "30d")],
)
def test_a_duration_is_shown_in_the_largest_unit_that_is_exact(seconds: float, text: str) -> None:
    assert format_value(parse_duration, seconds) == text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("17", 17),
        ("17B", 17),
        ("500kB", 500_000),
        ("500KB", 500_000),
        ("1MB", 1_000_000),
        ("16MiB", 16 << 20),
        ("16 mib", 16 << 20),
        ("1.5GiB", 3 << 29),
        ("2G", 2_000_000_000),
        ("2Ti", 2 << 40),
        (4096, 4096),
    ],
)
def test_a_size_is_a_number_with_a_unit_or_of_bytes(text: object, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "16 MiBi", "1PB", "inf", "1e9", "MiB", "1,5G", "9" * 400, True, "0x10"])
def test_what_is_no_size_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="a size"):
        parse_size(text)


@given(size=st.integers(0, 10**18 - 1))
def test_a_size_is_exact_to_the_byte_and_means_the_same_as_it_is_shown(size: int) -> None:
    assert parse_size(str(size)) == size
    assert parse_size(format_value(parse_size, size)) == size


@given(number=st.integers(0, 10**6), unit=st.sampled_from(["KiB", "MiB", "GiB", "TiB"]))
def test_a_binary_unit_is_a_power_of_1024(number: int, unit: str) -> None:
    assert parse_size(f"{number}{unit}") == number * 1024 ** (["KiB", "MiB", "GiB", "TiB"].index(unit) + 1)


@pytest.mark.parametrize("value", [True, "true", "True", "yes", "on", "ON"])
def test_yes_and_on_are_true(value: object) -> None:
    assert parse_bool(value) is True


@pytest.mark.parametrize("value", [False, "false", "no", "off", "Off"])
def test_no_and_off_are_false(value: object) -> None:
    assert parse_bool(value) is False


@pytest.mark.parametrize("value", [1, 0, "1", "", "maybe", []])
def test_what_is_neither_true_nor_false_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="true or false"):
        parse_bool(value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:9877", ("127.0.0.1", 9877)),
        ("[::1]:9877", ("::1", 9877)),
        ("[fe80::1%eth0]:9877", ("fe80::1%eth0", 9877)),
        (":9877", ("", 9877)),
        ("board.local:0", ("board.local", 0)),
        (" 10.0.0.1:65535 ", ("10.0.0.1", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9877",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:٣",
        "::1:9877",
        "[::1:9877",
        "::1]:9877",
        "[[::1]]:9877",
        "[]:9877",
        "[board]:9877",
        "http://board:9877",
        "a b:9877",
        "board:" + "9" * 5000,
        9877,
        {"127.0.0.1": 9877},
    ],
)
def test_what_is_no_address_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="an address such as"):
        parse_address(text)


@given(host=st.ip_addresses(), port=st.integers(0, 65535))
def test_each_ip_address_with_a_port_is_an_address(host: Any, port: int) -> None:
    written = f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"
    assert parse_address(written) == (str(host), port)


def test_one_address_or_a_list_of_them_will_do_but_not_none_at_all() -> None:
    assert parse_addresses(":1") == (("", 1),)
    assert parse_addresses([":1", "[::1]:2"]) == (("", 1), ("::1", 2))
    with pytest.raises(ValueError, match="at least one"):
        parse_addresses([])


@pytest.mark.parametrize("text", ["(", "[", "*", "a{9999999999999999999999}", "(" * 5000 + ")" * 5000, "(?P<1>a)"])
def test_a_pattern_that_does_not_compile_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a regular expression"):
        parse_pattern(text)


@given(text=st.text())
def test_each_escaped_text_is_a_pattern_and_so_is_none(text: str) -> None:
    assert parse_pattern(re.escape(text)) == re.escape(text)
    assert parse_pattern("") == ""


@pytest.mark.parametrize("value", ["", "   ", "a\0b", 5, []])
def test_a_text_that_names_no_path_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^text$"):
        parse_text(value)


def test_a_choice_names_all_that_may_be_chosen() -> None:
    parse = parse_choice("auto", "json")
    assert parse("json") == "json"
    with pytest.raises(ValueError, match=r"^one of auto, json$"):
        parse("JSON")
