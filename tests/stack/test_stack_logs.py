"""What the parts of the stack say: all of it on the disk, bounded; what counts before one's eyes."""

import errno
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sysvitals.stack.logs import Log, is_trouble, tidy

TROUBLE = [
    'ts=2026-01-01T00:00:00Z caller=main.go:1 level=warn msg="x"',
    'ts=2026-01-01T00:00:00Z caller=main.go:1 level=error msg="x"',
    'time=2026-01-01T00:00:00Z level=WARN source=main.go:1 msg="x"',
    'time=2026-01-01T00:00:00Z level=ERROR source=main.go:1 msg="x"',
    'logger=settings t=2026-01-01T00:00:00Z level=error msg="x"',
    't=2026-01-01T00:00:00+0000 lvl=eror msg="x"',
    '{"time":"2026-01-01T00:00:00.000Z","level":"warning","logger":"sysvitals.serve","message":"x"}',
    "12:00:00 WARNING x",
    "12:00:00 ERROR   x",
    "panic: runtime error: index out of range",
    "fatal error: out of memory",
]
FINE = [
    'ts=2026-01-01T00:00:00Z caller=main.go:1 level=info msg="no error"',
    'time=2026-01-01T00:00:00Z level=INFO source=main.go:1 msg="x"',
    '{"time":"2026-01-01T00:00:00.000Z","level":"info","message":"a WARNING that was"}',
    "12:00:00 INFO    page    http://127.0.0.1:9877/",
    'ts=2026-01-01T00:00:00Z caller=main.go:1 level=warn msg="Received SIGTERM, exiting gracefully..."',
    'time=2026-01-01T00:00:00Z level=WARN source=main.go:1 msg="Received an OS signal, exiting gracefully..." signal=x',
    "",
]


@pytest.fixture
def shown() -> list[str]:
    return []


@pytest.fixture
def log(tmp_path: Path, shown: list[str]) -> Iterator[Log]:
    log = Log(tmp_path / "logs/part.log", show=shown.append)
    yield log
    log.close()


@pytest.mark.parametrize("line", TROUBLE)
def test_a_warning_or_worse_is_shown_whoever_says_it(line: str) -> None:
    assert is_trouble(line)


@pytest.mark.parametrize("line", FINE)
def test_what_is_no_trouble_is_not_shown(line: str) -> None:
    assert not is_trouble(line)


def test_a_line_is_shown_without_time_and_place_and_without_what_a_terminal_would_obey() -> None:
    assert tidy('ts=2026-01-01T00:00:00Z caller=main.go:1 level=warn msg="x t=1"') == 'level=warn msg="x t=1"'
    assert tidy('time=2026-01-01T00:00:00Z level=WARN source=main.go:1 msg="x"') == 'level=WARN msg="x"'
    assert tidy("12:00:00 WARNING x") == "WARNING x"
    assert tidy("a\x1b[31mb\x07") == r"a\u001b[31mb\u0007"
    assert len(tidy("x" * 5000)) == 1001


def test_everything_is_kept_and_lines_may_come_in_pieces(log: Log, shown: list[str]) -> None:
    for chunk in (b"12:00:00 INFO x\n12:00:00 WAR", b"NING caf\xc3", b"\xa9\n12:00:00 ERROR no end"):
        log.take(chunk)
    assert shown == ["WARNING café"]
    log.close()
    assert shown == ["WARNING café", "ERROR no end"]
    assert log.file.read_bytes() == b"12:00:00 INFO x\n12:00:00 WARNING caf\xc3\xa9\n12:00:00 ERROR no end\n"
    assert list(log.last) == ["INFO x", "WARNING café", "ERROR no end"]


def test_the_last_words_are_few(log: Log) -> None:
    log.take(b"".join(b"line %d\n" % number for number in range(100)))
    assert list(log.last) == [f"line {number}" for number in range(94, 100)]


def test_the_files_stay_below_twice_their_limit(log: Log) -> None:
    for number in range(400):
        log.take(b"%06d " % number + b"x" * 9993)
    sizes = {path.name: path.stat().st_size for path in log.file.parent.iterdir()}
    assert set(sizes) == {"part.log", "part.log.1"}
    assert sum(sizes.values()) <= 2 * (1 << 20) + 20_000
    assert b"000399 " in log.file.read_bytes()


def test_a_flood_of_warnings_is_shown_in_part_and_the_rest_is_counted(
    log: Log, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    for number in range(50):
        log.take(b"12:00:00 WARNING %d\n" % number)
    assert shown == [f"WARNING {number}" for number in range(10)]
    now += 61
    log.take(b"12:00:00 WARNING again\n")
    assert shown[10:] == [f"40 more such lines are in {log.file}", "WARNING again"]


class FullDisk(io.RawIOBase):
    def write(self, _chunk: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_hides_no_warning(log: Log, shown: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(log, "_stream", FullDisk())
        log.take(b"12:00:00 WARNING x\n")
    log.take(b"12:00:00 WARNING y\n")
    assert shown == ["WARNING x", "WARNING y"]
    assert log.file.read_bytes() == b"12:00:00 WARNING y\n"


def test_a_log_that_is_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "part.log").symlink_to(tmp_path / "victim")
    with pytest.raises(OSError, match="symbolic links"):
        Log(tmp_path / "part.log", show=lambda _: None)
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_line_of_another_program_cannot_act_on_the_terminal() -> None:
    assert tidy("level=warn \x1b]0;x\x07\x9b2J\u202e\r").isprintable()
