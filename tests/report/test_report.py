"""`sysvitals report`, over histories with and without summaries."""

import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sysvitals.cli import main
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history.summaries.rebuilding import read_missing, rebuild
from tests.history.stored import BEGAN, ENDED, line_of, store
from tests.history.writing import NOON

HOUR = 3600.0
BODIES = build_full_catalog().bodies
EVIL = "\x1b]0;owned\x07<script>alert(1)</script>\u202e\r\n"


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


def write_day(storage: Path, *, host: str = "cpu_thermal") -> None:
    """A day of one board with a brownout at noon, an hour a segment."""
    seq = 0
    for hour in range(24):
        lines = []
        for second in range(0, 3600, 60):
            when = NOON + HOUR * (hour - 12) + second
            seq += 10
            more: dict[str, Any] = {"at": when, "up": when - NOON + 90000}
            lines.append(
                line_of("system.temperature.updated", seq=seq, chip=host, sensor="temp1", celsius=50.0 + hour, **more)
            )
            lines.append(line_of("system.load.updated", seq=seq + 1, load1=0.5, **more))
            throttling: dict[str, Any] = {"cause": "undervoltage", "active": False, "events": 0, "seconds": 0.0}
            lines.append(line_of("system.throttling.updated", seq=seq + 2, **throttling, **more))
        if hour == 12:
            edge: dict[str, Any] = {"cause": "undervoltage", "up": 90600.0}
            lines[33:33] = [
                line_of(BEGAN, at=NOON + 600, seq=seq - 500, **edge),
                line_of(ENDED, at=NOON + 605.1, seq=seq - 499, seconds=5.1, **edge),
            ]
        store(storage / "history", lines, NOON + HOUR * (hour - 12), compress=hour < 23)


def report(storage: Path, *arguments: str) -> int:
    times = ("--between", "2026-09-20 00:00", "2026-09-21 00:00")
    return main(["report", f"--storage.path={storage}", *times, *arguments])


def test_a_report_is_the_same_with_all_summaries_some_or_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_day(tmp_path)
    assert report(tmp_path) == 0
    without = capsys.readouterr().out
    assert "Brownouts                 once, 5.1 s in all" in without
    assert "73.0 °C (cpu_thermal temp1)" in without
    assert not (tmp_path / "summaries").exists()
    stems = [f"2026-09-20/{hour:02}-00-00" for hour in range(24)]
    for skip in (stems[5:], stems[23:], []):
        rebuild(str(tmp_path / "history"), str(tmp_path / "summaries"), BODIES, skip=skip)
        assert report(tmp_path) == 0
        assert capsys.readouterr().out == without


def write_long_brownout(storage: Path, hours: int) -> None:
    """A brownout that began at noon, an hour a segment, in which each hour is hot in its eleventh minute."""
    for hour in range(hours + 2):
        lines = []
        for second in range(0, 3600, 60):
            since = hour * HOUR + second
            more: dict[str, Any] = {"at": NOON + since, "seq": 10 * int(since)}
            active = since < hours * HOUR
            lines.append(
                line_of("system.throttling.updated", cause="undervoltage", active=active, events=1, seconds=0.0, **more)
            )
            more["seq"] += 1
            celsius = 90.0 if second == 600 else 50.0
            lines.append(line_of("system.temperature.updated", chip="cpu", sensor="temp1", celsius=celsius, **more))
            more["seq"] += 1
            if since == 0:
                lines.append(line_of(BEGAN, cause="undervoltage", **more))
            elif since == hours * HOUR:
                lines.append(line_of(ENDED, cause="undervoltage", seconds=hours * HOUR, **more))
        store(storage / "history", lines, NOON + hour * HOUR, compress=True)


@pytest.mark.parametrize("summarised", [False, True])
@pytest.mark.parametrize(
    ("hours", "from_", "to", "line"),
    [
        (8, "2026-09-20 15:20", "2026-09-20 15:40", "since Sun 20 Sep 12:00  20 min, of 8 h in all"),
        (80, "2026-09-22 00:20", "2026-09-22 00:40", "before Tue 22 Sep 00:20 20 min"),
    ],
)
def test_a_time_within_a_long_brownout_is_one(  # noqa: PLR0917  # the cases
    hours: int,
    from_: str,
    to: str,
    line: str,
    summarised: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_long_brownout(tmp_path, hours)
    if summarised:
        rebuild(str(tmp_path / "history"), str(tmp_path / "summaries"), BODIES)
    assert main(["report", f"--storage.path={tmp_path}", "--between", from_, to]) == 0
    printed = capsys.readouterr().out
    assert "Brownouts                 once, 20 min in all" in printed
    assert line in printed
    assert "90.0 °C" not in printed, "the hour was as hot before"


def test_only_what_no_summary_holds_is_read_from_segments(tmp_path: Path) -> None:
    write_day(tmp_path)
    history, summaries = str(tmp_path / "history"), str(tmp_path / "summaries")
    everything = read_missing(history, summaries, BODIES)
    rebuild(history, summaries, BODIES, skip=["2026-09-20/23-00-00"])
    last = read_missing(history, summaries, BODIES)
    assert 0 < len("".join(last["minutes"])) < len("".join(everything["minutes"])) / 10
    rebuild(history, summaries, BODIES)
    assert read_missing(history, summaries, BODIES) == {"minutes": [], "hours": [], "clocks.jsonl": []}


def test_a_damaged_segment_is_named_unless_its_summary_is_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_day(tmp_path)
    rebuild(str(tmp_path / "history"), str(tmp_path / "summaries"), BODIES)
    damaged = tmp_path / "history/2026-09-20/12-00-00.jsonl.gz"
    content = damaged.read_bytes()
    damaged.write_bytes(content[: len(content) // 2])
    assert report(tmp_path) == 0
    assert "once, 5.1 s in all" in capsys.readouterr().out
    for file in (tmp_path / "summaries").iterdir():
        file.unlink()
    assert report(tmp_path) == 1
    assert capsys.readouterr().err == f"sysvitals: {damaged}: it ends too early; what comes behind is missing here\n"


def test_a_report_needs_no_list_of_wrong_clocks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history, summaries = str(tmp_path / "history"), tmp_path / "summaries"
    wrong = NOON - 300 * 24 * HOUR
    for begin, synced in ((wrong, False), (NOON + HOUR, True)):
        up = 1000.0 if begin == wrong else 1000.0 + HOUR
        edge: dict[str, Any] = {"cause": "undervoltage", "synced": synced}
        lines = [
            line_of(BEGAN, at=begin, up=up, seq=int(up), **edge),
            line_of(ENDED, at=begin + 5, up=up + 5, seq=int(up) + 1, seconds=5.0, **edge),
        ]
        store(tmp_path / "history", lines, begin)
        rebuild(history, str(summaries), BODIES)
    assert report(tmp_path) == 0
    before = capsys.readouterr().out
    assert "2 times" in before
    (summaries / "clocks.jsonl").unlink()
    assert report(tmp_path) == 0
    assert capsys.readouterr().out == before


class Reader(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def test_as_html_it_is_one_page_that_needs_nothing_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_day(tmp_path)
    page = tmp_path / "report.html"
    assert report(tmp_path, f"--html={page}") == 0
    assert re.fullmatch(rf"{page}: \d+ kB\n", capsys.readouterr().out)
    reader = Reader(page.read_text())
    tags = [tag for tag, _ in reader.tags]
    assert not {"script", "img", "link", "a", "iframe", "form", "button"} & {*tags}
    attributes = [(name, value or "") for _, given in reader.tags for name, value in given.items()]
    addresses = [value for name, value in attributes if name in ("src", "href")]
    assert [address for address in addresses if not address.startswith("#s-")] == []
    assert [name for name, _ in attributes if name.startswith("on") or name == "style"] == []
    assert tags.count("path") > 5
    for text in ("once, 5.1 s in all", "Temperature", "Undervoltage for 5.1 s", "Worst hour"):
        assert text in reader.text
    assert page.stat().st_size < 150_000


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_day(tmp_path)
    assert report(tmp_path, "--html=/dev/full") == 1
    assert capsys.readouterr().err == "sysvitals: /dev/full: No space left on device\n"
    assert report(tmp_path, "--html=") == 2
    assert capsys.readouterr().err.startswith("sysvitals: --html: expected the name of a file")


def test_a_page_goes_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_day(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert report(tmp_path, "--html=-") == 0
    assert capsys.readouterr().out.startswith("<!doctype html>")
    assert not (tmp_path / "-").exists()


@pytest.mark.parametrize("html", [False, True])
def test_what_a_history_holds_cannot_act_in_a_report(
    html: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_day(tmp_path, host=EVIL)
    page = tmp_path / "report.html"
    assert report(tmp_path, *([f"--html={page}"] if html else [])) == 0
    printed = capsys.readouterr().out
    assert [line for line in printed.split("\n") if not line.isprintable()] == []
    if html:
        assert "script" not in [tag for tag, _ in Reader(page.read_text()).tags]
        assert "\x1b" not in page.read_text()
        assert "alert(1)" in page.read_text()


def test_a_history_that_holds_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "history").mkdir()
    assert report(tmp_path) == 1
    assert capsys.readouterr().err == f"sysvitals: {tmp_path}/history: no data of this time\n"


def test_a_time_before_the_history_has_no_data_and_no_claims(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_day(tmp_path)
    assert main(["report", f"--storage.path={tmp_path}", "--between", "2026-08-01", "2026-08-02"]) == 1
    assert capsys.readouterr() == ("", f"sysvitals: {tmp_path}/history: no data of this time\n")
