"""`sysvitals history`: what it prints, and what it says where it cannot."""

import csv
import io
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sysvitals.cli import main
from sysvitals.model.changes import Reloaded
from sysvitals.model.event import Event, Stamp
from sysvitals.outputs.live import Line
from sysvitals.report import history
from sysvitals.report.progress import ProgressLine
from sysvitals.web.live import format_line
from tests.client.hostile import HEAD, answer
from tests.history.stored import BEGAN, ENDED, line_of, store
from tests.history.writing import NOON

EVIL = "\x1b]0;owned\x07\x9b2J\u202e\r\n"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def show(storage: Path, *arguments: str) -> int:
    return main(["history", f"--storage.path={storage}", "--since=all", *arguments])


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """A brownout."""
    lines = [
        line_of("system.temperature.updated", at=NOON - 1, seq=1, chip="cpu", sensor="temp1", celsius=61.25),
        line_of(BEGAN, seq=2, cause="undervoltage"),
        line_of(ENDED, at=NOON + 5.1, seq=3, cause="undervoltage", seconds=5.1),
        line_of(BEGAN, at=NOON + 9, seq=4, cause="throttled"),
    ]
    store(tmp_path / "history", lines)
    return tmp_path


def test_what_happened_is_one_plain_line_each(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(storage) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "2026-09-20 12:00:00  Undervoltage began",
        "2026-09-20 12:00:05  Undervoltage ended after 5.1 s",
        "2026-09-20 12:00:09  Throttling began",
    ]
    assert printed.err == ""


def test_readings_have_their_units(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(storage, "--event=system.temperature.updated") == 0
    assert capsys.readouterr().out == (
        "2026-09-20 11:59:59  system.temperature.updated  chip=cpu  sensor=temp1  celsius=61.2 °C\n"
    )


def test_conditions_names_and_a_limit_choose(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(storage, "--where=cause=undervoltage", "--where=seconds>5") == 0
    assert show(storage, "--event=*.started", "--limit=1") == 0
    assert [line[21:] for line in capsys.readouterr().out.splitlines()] == [
        "Undervoltage ended after 5.1 s",
        "Throttling began",
    ]


def test_times_choose(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = f"--storage.path={storage}"
    assert main(["history", folder, "--between", "2026-09-20 12:00:01", "2026-09-20 12:00:08"]) == 0
    assert capsys.readouterr().out == "2026-09-20 12:00:05  Undervoltage ended after 5.1 s\n"
    assert main(["history", folder, "--since", "2026-09-20T12:00:08Z"]) == 0
    assert capsys.readouterr().out == "2026-09-20 12:00:09  Throttling began\n"


def test_json_is_the_lines_as_they_were_stored(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(storage, "--format=json", "--event=*.cleared") == 0
    assert capsys.readouterr().out == (line_of(ENDED, at=NOON + 5.1, seq=3, cause="undervoltage", seconds=5.1) + "\n")


def test_csv_has_a_column_for_each_field_of_what_was_asked_for(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(storage, "--format=csv", "--event=system.throttling.*") == 0
    heading, *rows = csv.reader(io.StringIO(capsys.readouterr().out))
    assert heading == ["time", "how", "name", "host", "boot", "seq", "uptime", "cause", "seconds"]
    assert [row[-2:] for row in rows] == [["undervoltage", ""], ["undervoltage", "5.1"], ["throttled", ""]]
    assert rows[0][:3] == ["2026-09-20T12:00:00.000Z", "", BEGAN]


def test_no_cell_of_the_csv_is_a_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store(tmp_path / "history", [line_of("sysvitals.reloaded", changed="=HYPERLINK(1)"), line_of("x.y", seq=1)])
    assert show(tmp_path, "--format=csv") == 0
    assert "'=HYPERLINK(1)" in capsys.readouterr().out


def test_a_time_that_was_put_right_is_marked_and_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        line_of(BEGAN, at=NOON - 30, up=10.0, synced=False, cause="undervoltage"),
        line_of("system.load.updated", seq=2, at=NOON, up=20.0),
    ]
    store(tmp_path / "history", lines)
    assert show(tmp_path) == 0
    printed = capsys.readouterr()
    assert printed.out == "2026-09-20 11:59:50~  Undervoltage began\n"
    assert printed.err == "sysvitals: ~ time by the uptime: the clock was not yet set then\n"
    assert show(tmp_path, "--format=json") == 0
    envelope = json.loads(capsys.readouterr().out)
    assert (envelope["time"], envelope["placed"]) == ("2026-09-20T11:59:50.000Z", True)
    assert show(tmp_path, "--format=csv") == 0
    assert "2026-09-20T11:59:50.000Z,placed," in capsys.readouterr().out


@pytest.mark.fault(
    "storage",
    "a history that holds terminal escapes",
    seen="the escapes as text, such as \\u001b, in tables, JSON and CSV",
    heals="-",
)
@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_what_a_history_holds_cannot_act_on_the_terminal(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        line_of(BEGAN, cause=EVIL),
        line_of(f"x.{EVIL}", seq=1, y=EVIL),
        line_of("a.updated", seq=2, x=EVIL),
    ]
    store(tmp_path / "history", lines)
    assert show(tmp_path, f"--format={form}", "--readings") == 0
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) >= 3
    assert [line for line in printed.split("\n") if not line.isprintable()] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since=soon"], "--since: expected a time such as yesterday"),
        (["--between", "now", "yesterday"], "--between: expected the earlier time first"),
        (["--where=undervoltage"], "--where: expected FIELD=VALUE"),
        (["--event=[x]"], "--event: expected a name such as"),
        (["--where=seconds>abc"], "--where: seconds>abc: expected a number"),
        (["--between", "yesterday", "now", "--follow"], "--follow goes on after now, and --between ends"),
        (["--follow", "--exporter=foo://x"], "--exporter: foo:// is not supported"),
        (["--follow", "--http.config.file=/nowhere"], "/nowhere"),
    ],
)
def test_what_was_asked_wrongly_is_said_in_one_line(
    arguments: list[str], said: str, storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["history", f"--storage.path={storage}", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"sysvitals: {said}")
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize("count", ["0", "-1", "some", "1.5", "\u0661"])
def test_a_limit_is_a_whole_number(count: str, storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        show(storage, f"--limit={count}")
    assert "argument --limit: expected a whole number from 1 on" in capsys.readouterr().err


def test_a_limit_may_be_larger_than_any_history(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for digits in (25, 5000):
        assert show(storage, f"--limit={'9' * digits}") == 0
    assert capsys.readouterr().out.count("\n") == 6


def test_of_a_name_that_no_event_has_those_that_are_like_it_are_named(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(storage, "--event=system.throtling.started") == 0
    assert "no event has this name; there are: system.throttling.started" in capsys.readouterr().err


def test_that_nothing_was_found_is_said_and_a_time_without_data_is_a_failure(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(storage, "--event=history.thinned") == 0
    assert capsys.readouterr() == ("", f"sysvitals: {storage}/history: no such events in this time\n")
    for year in (2020, 2030):
        times = ("--between", f"{year}-01-01", f"{year + 1}-01-01")
        assert main(["history", f"--storage.path={storage}", *times]) == 1
        assert capsys.readouterr() == ("", f"sysvitals: {storage}/history: no data of this time\n")


@pytest.mark.parametrize("form", ["table", "json", "csv"])
def test_no_time_and_no_number_of_a_line_ends_the_command(
    form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    early = line_of(BEGAN, at=NOON - 40, up=9.0, seq=1, synced=False, cause="undervoltage")
    lines = [
        line_of("system.load.updated", seq=0),
        line_of(BEGAN, at=NOON - 30, up=1e300, seq=2, synced=False, cause="undervoltage"),
        line_of(BEGAN, at=NOON - 30, up=1e12, seq=3, synced=False, cause="undervoltage"),
        line_of(ENDED, at=NOON - 30, up=10.0, seq=4, synced=False, cause="undervoltage", seconds=5).replace(
            '"seconds":5', '"seconds":1e999'
        ),
        line_of(ENDED, seq=5, cause="undervoltage", seconds=5).replace('"seconds":5', '"seconds":NaN'),
        *(early.replace("2026-09-20T11:59:20.000Z", time) for time in ("0001-01-01T00:00:00+14:00",)),
        early.replace("2026-09-20T11:59:20.000Z", "0001-02-03T00:00:00Z").replace("boot-1", "boot-0"),
    ]
    store(tmp_path / "history", lines)
    assert show(tmp_path, f"--format={form}") == 0
    printed = capsys.readouterr().out.splitlines()
    if form == "json":
        assert sorted(json.loads(line, parse_constant=pytest.fail)["seq"] for line in printed) == [1, 2, 3, 4]
    else:
        assert len(printed) == 4 + (form == "csv")
        assert any(line.startswith("0001-02-03") for line in printed)


def test_where_there_is_no_history_it_says_how_to_name_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(tmp_path) == 2
    assert (
        f"no history in {tmp_path}/history: name the exporter's folder with --storage.path" in capsys.readouterr().err
    )


def test_the_folder_comes_from_the_exporters_settings(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = storage / "sysvitals.yml"
    settings.write_text(f"storage: {{path: {storage}}}\n")
    assert main(["history", f"--config.file={settings}", "--since=all"]) == 0
    assert "Undervoltage began" in capsys.readouterr().out


@pytest.mark.fault(
    "storage",
    "a history that another user may not read",
    seen="one line: read it with sudo, or as a member of its group",
    heals="-",
)
@pytest.mark.parametrize("closed", ["history", "history/2026-09-20", "history/2026-09-20/12-00-00.jsonl"])
def test_what_another_user_may_not_read_is_one_clear_line(
    closed: str, storage: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.open

    def refuse(path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        if str(path) == closed.rpartition("/")[2]:
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, flags, mode, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    assert show(storage) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(
        f"sysvitals: {storage}/history: Permission denied: read it with sudo, or as a member of"
    )
    assert printed.err.count("\n") == 1


def test_a_damaged_segment_is_named_and_the_rest_is_shown(storage: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = store(storage / "history", [line_of(seq=9, at=NOON + 60)], NOON + 60, compress=True)
    path.write_bytes(path.read_bytes()[:30] + b"\x00\x01" * 20)
    assert show(storage) == 1
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 3
    assert f"{path}: " in printed.err
    assert "what comes behind is missing here" in printed.err


# ---- on from there


def stop(_seconds: float) -> None:
    raise KeyboardInterrupt


def test_following_goes_on_where_the_disk_ends_and_shows_each_event_once(
    storage: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stamp = Stamp(NOON + 20, "pi4", "boot-1", 1020.0, synced=True)
    sent = [Event(stamp, seq, Reloaded(changed=f"number-{seq}")) for seq in (4, 5)]
    head = HEAD + b"Connection: close\r\n\r\n"
    with answer(head + "".join(format_line(Line(event)) for event in sent).encode()) as (url, asked):
        options: dict[str, Any] = {
            "file": None, "--storage.path": str(storage), "since": "all", "between": None, "event": [], "where": [],
            "readings": False, "limit": None, "format": "table", "follow": True, "exporter": url, "http_config": None,
        }  # fmt: skip
        assert history.run(options, wait=stop) == 0
    assert b"last-event-id: boot-1/4\r\n" in asked[0].lower()
    assert b"changes=only" in asked[0]
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert lines[-1] == "2026-09-20 12:00:20  Configuration reloaded: changed number-5"


# ---- progress


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_shown_at_a_terminal_after_a_second_and_goes_away() -> None:
    now = [0.0]
    screen = Screen()
    progress = ProgressLine("Reading:", stream=screen, clock=lambda: now[0])
    progress.show(0.1)
    progress.clear()
    assert screen.getvalue() == ""
    now[0] = 1.0
    progress.show(0.42)
    progress.show(0.43)
    assert screen.getvalue() == "\r\x1b[KReading: 42 %"
    progress.clear()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_no_progress_goes_into_a_file() -> None:
    paper = io.StringIO()
    progress = ProgressLine("Reading:", stream=paper, clock=iter([0.0, 9.0, 9.0]).__next__)
    progress.show(0.5)
    progress.clear()
    assert paper.getvalue() == ""
