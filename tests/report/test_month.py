"""Thirty days of a board, as `history` and `report` show them, against what is true of them."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_core_python.selenium import Axe  # type: ignore[import-untyped]

from sysvitals.cli import main
from sysvitals.history.lanes import find_silence
from sysvitals.history.segments import Segment, list_segments
from sysvitals.history.summaries import rebuilding
from sysvitals.model.event import format_time, parse_time
from sysvitals.model.unit import format_duration
from sysvitals.report.figures import Section, list_sections
from sysvitals.report.gathering import Gathered, gather
from sysvitals.report.html import render_report
from tests.history.month import DIPPED_SECONDS, DIPS, Month, write_month
from tests.history.writing import NOON
from tests.web.browsing import complaints, open_browser


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("month")


@pytest.fixture(scope="module")
def month(storage: Path) -> Month:
    return write_month(str(storage), NOON)


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()


@pytest.fixture(scope="module")
def gathered(storage: Path, month: Month) -> Gathered:
    def fail(path: str, error: Exception) -> None:
        raise AssertionError(path) from error

    found = gather(str(storage / "history"), (month.begin, month.end), month.end, passed=fail, progress=lambda _: None)
    assert found is not None
    return found


def read(storage: Path, capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict]:  # type: ignore[type-arg]
    folder = f"--storage.path={storage}"
    assert main(["history", folder, "--since=all", "--format=json", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_history_has_each_dip_with_its_length(storage: Path, month: Month, capsys: pytest.CaptureFixture[str]) -> None:
    ended = read(storage, capsys, "--event=system.throttling.cleared", "--where=cause=undervoltage")
    assert [parse_time(event["time"]) for event in ended] == pytest.approx([dip.end for dip in month.dips], abs=0.01)
    assert [event["data"]["seconds"] for event in ended] == pytest.approx([dip.seconds for dip in month.dips], abs=0.01)


def test_history_has_each_start_at_its_true_time_whatever_the_clock_said(
    storage: Path, month: Month, capsys: pytest.CaptureFixture[str]
) -> None:
    started = read(storage, capsys, "--event=sysvitals.started")
    truth = [run.span.begin for run in month.runs]
    assert [parse_time(event["time"]) for event in started] == pytest.approx(truth, abs=1.5)
    assert [event.get("placed", False) for event in started] == [not run.knows_time for run in month.runs]


def test_history_of_a_time_has_no_more_than_that(
    storage: Path, month: Month, capsys: pytest.CaptureFixture[str]
) -> None:
    night = month.night
    assert main(
        ["history", f"--storage.path={storage}", "--event=system.throttling.started", "--where=cause=undervoltage",
         "--between", format_time(night.begin - 60).replace(".000", ""), format_time(night.begin + 600)]
    ) == 0  # fmt: skip
    inside = [dip for dip in month.dips if dip.begin < night.begin + 600]
    assert len(capsys.readouterr().out.splitlines()) == len(inside)


def section(gathered: Gathered, title: str) -> Section:
    (found,) = (one for one in list_sections(gathered.past, gathered.view) if one.title == title)
    return found


def test_the_report_has_the_night_the_cut_the_gaps_the_heat_and_the_space(gathered: Gathered, month: Month) -> None:
    assert gathered.host == "attic"
    total = format_duration(DIPPED_SECONDS)
    assert section(gathered, "Brownouts").said.startswith(f"{DIPS} times, {total} in all, the longest ")
    assert section(gathered, "Reboots").said == "1 unclean, 1 clean"
    when, celsius = month.hottest
    assert section(gathered, "Highest temperatures").said == f"{celsius:.1f} °C (cpu_thermal temp1)"
    assert time.strftime("%d %b %H", time.gmtime(when)) in section(gathered, "Highest temperatures").lines[0].said
    assert time.strftime("%d %b", time.gmtime(month.night.end)) in section(gathered, "Worst hour").said
    first, last = month.available
    mebibytes = (first - last) / 30 / 2**20
    assert f"growing by {mebibytes:.0f} MiB a day" in section(gathered, "Space").said
    # ordinary days are read each 120 s, so that a gap seems to begin earlier by up to that
    gaps = find_silence(gathered.past, gathered.view)
    assert [end for _, end in gaps] == pytest.approx([gap.end for gap in month.gaps], abs=2)
    assert [begin for begin, _ in gaps] == pytest.approx([gap.begin for gap in month.gaps], abs=121)
    assert len(section(gathered, "Gaps").lines) == len(month.gaps)


def test_of_a_month_only_segments_are_read_that_have_no_summary(
    storage: Path, month: Month, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    real = rebuilding._fold_segment

    def note(segment: Segment, *more: Any) -> Any:
        read.append(segment.stem)
        return real(segment, *more)

    monkeypatch.setattr(rebuilding, "_fold_segment", note)
    gather(str(storage / "history"), (month.begin, month.end), month.end, passed=print, progress=lambda _: None)
    assert len(list_segments(str(storage / "history"))) > 100
    deaths = [run for run in month.runs if run.ends in ("kill", "cut")]
    assert 0 < len(read) <= len(deaths) + 1  # and the one that goes on


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_the_month_is_accessible_and_fits_every_width(
    scheme: str, gathered: Gathered, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text(render_report(gathered, list_sections(gathered.past, gathered.view), []))
    with open_browser(tmp_path) as browser:
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
        )
        for width in (360, 768, 1440):
            browser.set_window_size(width, 1000)
            browser.get(page.as_uri())
            room, wide = browser.execute_script("return [innerWidth, document.documentElement.scrollWidth]")
            assert wide <= room
            assert [one["id"] for one in Axe().run(browser)["violations"]] == []
            assert complaints(browser) == []
