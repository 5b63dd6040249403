"""The system's log of boots and shutdowns. Records as glibc writes them, on amd64 and on arm64."""

import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.sources.os.wtmp import LoggedEnd, parse_logged_end, read_logged_end
from tests.building import build_host

NOON = 1_789_905_600


def write_record(kind: int, user: str, seconds: int, size: int = 384, line: str = "~") -> bytes:
    kernel = b"6.1.0-rpi8" if line == "~" else b""
    texts = line.encode().ljust(32, b"\0") + b"~~\0\0" + user.encode().ljust(32, b"\0") + kernel.ljust(256, b"\0")
    times = "iii" if size == 384 else "qqq"
    head = struct.pack("=hxxi", kind, 0) + texts + bytes(4) + struct.pack(f"={times}", 0, seconds, 123_456)
    return head.ljust(size, b"\0")


def boot(seconds: int, size: int = 384) -> bytes:
    return write_record(2, "reboot", seconds, size)


def shutdown(seconds: int, size: int = 384) -> bytes:
    return write_record(1, "shutdown", seconds, size)


def others(seconds: int, size: int = 384) -> bytes:
    """A runlevel and a login, which stand between boots and shutdowns."""
    return write_record(1, "runlevel", seconds, size) + write_record(7, "pi", seconds, size, "tty1")


SIZES = pytest.mark.parametrize("size", [384, 400], ids=["amd64 and arm", "arm64"])


@SIZES
def test_a_boot_that_was_shut_down_is_told_with_the_time(size: int) -> None:
    content = boot(NOON, size) + others(NOON, size) + shutdown(NOON + 60, size) + boot(NOON + 90, size)
    assert parse_logged_end(content + others(NOON + 91, size)) == LoggedEnd(NOON + 60)


@SIZES
def test_a_boot_that_follows_another_without_a_shutdown_between_them_tells_of_a_crash(size: int) -> None:
    content = shutdown(NOON - 60, size) + boot(NOON, size) + others(NOON, size) + boot(NOON + 90, size)
    assert parse_logged_end(content) == LoggedEnd(None)


@SIZES
@pytest.mark.parametrize("logins", range(80))
def test_the_layout_is_found_however_many_records_there_are(size: int, logins: int) -> None:
    log = boot(NOON, size) + write_record(7, "x", NOON, size, "tty1") * logins + shutdown(NOON + 5, size)
    assert parse_logged_end(log + boot(NOON + 9, size)) == LoggedEnd(NOON + 5)


def test_it_is_the_order_that_counts_and_not_the_clock() -> None:
    assert parse_logged_end(boot(0) + shutdown(NOON) + boot(0)) == LoggedEnd(NOON)
    assert parse_logged_end(boot(NOON) + shutdown(10) + boot(5)) == LoggedEnd(10)


def test_where_this_boot_is_not_in_the_log_yet_its_last_shutdown_is_that_of_the_boot_before() -> None:
    assert parse_logged_end(boot(NOON) + shutdown(NOON + 60)) == LoggedEnd(NOON + 60)


@pytest.mark.parametrize("content", [b"", boot(NOON), others(NOON), others(NOON) + boot(NOON)])
def test_a_log_that_begins_with_this_boot_tells_nothing_of_the_one_before(content: bytes) -> None:
    assert parse_logged_end(content) is None


@pytest.mark.parametrize("content", [boot(NOON)[:-1], bytes(384), b"x" * 384, boot(NOON) + bytes(384)])
def test_what_is_no_log_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="no log of boots"):
        parse_logged_end(content)


@settings(max_examples=60)
@given(st.lists(st.sampled_from([384, 400])).flatmap(lambda sizes: st.binary(min_size=sum(sizes), max_size=sum(sizes))))
def test_any_bytes_give_an_answer_or_a_value_error(content: bytes) -> None:
    try:
        end = parse_logged_end(content)
    except ValueError:
        return
    assert end is None or isinstance(end, LoggedEnd)


@settings(max_examples=60)
@given(st.lists(st.sampled_from([boot, shutdown, others])), st.sampled_from([384, 400]))
def test_the_last_of_each_pair_decides(marks: list[object], size: int) -> None:
    content = b"".join(mark(NOON, size) for mark in marks)  # type: ignore[operator]
    kinds = [mark for mark in marks if mark is not others]
    if kinds and kinds[-1] is boot:
        kinds.pop()
    expected = None if not kinds else LoggedEnd(NOON if kinds[-1] is shutdown else None)
    assert parse_logged_end(content) == expected


def test_a_host_without_the_log_or_with_an_empty_one_tells_nothing(tmp_path: Path) -> None:
    assert read_logged_end(build_host(tmp_path / "none", {"etc/hostname": "pi4"})) is None
    assert read_logged_end(build_host(tmp_path / "empty", {"var/log/wtmp": b""})) is None


def test_the_log_is_that_of_the_host_below_its_root(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"var/log/wtmp": boot(NOON) + shutdown(NOON + 1) + boot(NOON + 2)})
    assert read_logged_end(host) == LoggedEnd(NOON + 1)


def test_a_log_too_long_to_be_read_whole_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = build_host(tmp_path, {"var/log/wtmp": boot(NOON) + shutdown(NOON + 1) + boot(NOON + 2)})
    monkeypatch.setattr("sysvitals.sources.os.wtmp._LIMIT", 3 * 384)
    assert read_logged_end(host) is None
