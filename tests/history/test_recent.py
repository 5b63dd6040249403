"""What the verdict takes up from the history, as a separate process answers it, by a clock that may be wrong."""

import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.throttling import ThrottlingStarted
from sysvitals.history.recalling import Recent, Wanted, ask_recent, read_recent
from sysvitals.history.summaries.files import CLOCKS
from sysvitals.history.summaries.writing import Summaries
from sysvitals.host.side_process import SideProcess
from sysvitals.model.changes import Started, UncleanShutdown, VerdictChanged
from sysvitals.model.event import Event, Stamp, encode_events
from sysvitals.model.reading import Body
from tests.judgement.judging import CATALOG
from tests.recorded import NOW

WANTED = Wanted({("system.temperature.updated", "celsius")}, {"sysvitals.started", "sysvitals.verdict.changed"})
HOUR = 3600.0
UPTIME = 900.0
STARTED = Started(version="1", schema=1, pid=1)


def tell(summaries: Summaries, stamp: Stamp, *bodies: Body) -> None:
    """These bodies were published then."""
    events = tuple(Event(stamp, int(100 * stamp.uptime) + n, body) for n, body in enumerate(bodies))
    summaries.add(events, encode_events(events))


def store(folder: Path, *moments: tuple[float, Iterable[Body]]) -> Summaries:
    """A history in which these bodies were published at these times, in the boot before."""
    summaries = Summaries(str(folder))
    for at, bodies in moments:
        tell(summaries, Stamp(at, "board", "before", 1000 + at - NOW + 100 * HOUR, synced=True), *bodies)
    return summaries


def recall(folder: Path, summaries: Summaries | None = None, *, now: float = NOW, synced: bool = True) -> Recent:
    current = summaries.snapshot() if summaries is not None else None
    stamp = Stamp(now, "board", "now", UPTIME, synced)
    question = ask_recent(str(folder), WANTED, now=stamp, current=current)
    return read_recent(SideProcess("sysvitals.history.child"), question, CATALOG.bodies)


def hot(celsius: float) -> Temperature:
    return Temperature(chip="cpu_thermal", sensor="temp1", celsius=celsius)


def test_what_is_in_no_file_yet_is_known_too(tmp_path: Path) -> None:
    summaries = store(tmp_path, (NOW - 60, [hot(61)]), (NOW - 45, [hot(63)]))
    ((series, stretches),) = recall(tmp_path, summaries).rows
    assert series == ("system.temperature.updated", ("cpu_thermal", "temp1"), "celsius")
    assert {stretch.seconds for stretch in stretches} == {60, 3600}
    assert {stretch.most for stretch in stretches} == {63}
    assert recall(tmp_path).rows == []


def test_minutes_are_of_the_last_two_hours_and_hours_of_the_last_day(tmp_path: Path) -> None:
    for hours in (30, 20, 5, 1):
        summaries = store(tmp_path, (NOW - hours * HOUR + 60, [hot(50 + hours)]))
        summaries.end_segment(f"segment {hours}")
        summaries.write()
    ((_, stretches),) = recall(tmp_path).rows
    assert sorted((stretch.seconds, stretch.last) for stretch in stretches) == [
        (60, 51),
        (3600, 51),
        (3600, 55),
        (3600, 70),
    ]


def test_only_the_changes_that_are_asked_for_are_given(tmp_path: Path) -> None:
    verdict = VerdictChanged(level="warning", before="good", alerts="LoadHigh", reasons="Overloaded")
    summaries = store(
        tmp_path, (NOW - 50 * HOUR, [verdict]), (NOW - 60, [STARTED, ThrottlingStarted(cause="throttled")])
    )
    assert [event.body for event in recall(tmp_path, summaries).changes] == [verdict, STARTED]


def cut(boot: str) -> UncleanShutdown:
    return UncleanShutdown(ended_boot=boot, last_seen=NOW, uptime=600, certain=True)


def run(summaries: Summaries, boot: str, *, began: float, lasts: float, synced: bool = True, after: str = "") -> None:
    """A boot that this clock put there, in which the exporter started after a minute and then wrote until the end.

    `after` is a boot that ended without a shutdown before it.
    """
    tell(summaries, Stamp(began + 60, "board", boot, 60.0, synced), STARTED, *([cut(after)] if after else []))
    for uptime in range(75, int(lasts) + 1, 15):
        tell(summaries, Stamp(began + uptime, "board", boot, float(uptime), synced), hot(60))
    summaries.end_segment(boot)
    summaries.write()


def starts(recent: Recent) -> dict[str, float]:
    """How many seconds ago each boot's exporter started."""
    return {event.stamp.boot: NOW - event.stamp.time for event in recent.changes if isinstance(event.body, Started)}


class TestPlaces:
    """The boot that runs is up for 15 minutes."""

    @pytest.mark.fault(
        "time",
        "a restart of the exporter while the clock is wrong or was set by days",
        seen="what happened since the boot, at its time by the uptime",
        heals="nothing is lost",
    )
    @pytest.mark.parametrize("off", [-200 * 24 * HOUR, -24 * HOUR, 24 * HOUR, 50 * 365 * 24 * HOUR])
    @pytest.mark.parametrize("synced", [True, False])
    def test_what_is_of_the_boot_that_runs_is_placed_by_uptime_whatever_its_clock_said(
        self, tmp_path: Path, off: float, *, synced: bool
    ) -> None:
        summaries = Summaries(str(tmp_path))
        run(summaries, "before", began=NOW - 5 * HOUR, lasts=600)
        run(summaries, "now", began=NOW - UPTIME + off, lasts=600, synced=synced)
        recent = recall(tmp_path)
        assert starts(recent)["now"] == pytest.approx(UPTIME - 60)
        ((_, stretches),) = recent.rows
        assert max(one.begin for one in stretches if one.seconds == 60) == pytest.approx(NOW - 300, abs=60)

    def test_a_boot_that_was_over_before_the_exporter_started_stays_though_the_uptime_is_another_machines(
        self, tmp_path: Path
    ) -> None:
        # in a container, or of a simulated board, boot and uptime need not belong together
        summaries = Summaries(str(tmp_path))
        run(summaries, "before", began=NOW - 1000, lasts=990)
        tell(summaries, Stamp(NOW - 5, "board", "now", UPTIME - 5, synced=True), STARTED)
        assert starts(recall(tmp_path, summaries)) == pytest.approx({"before": 940, "now": 5})

    def test_what_contradicts_is_moved_as_a_whole_to_before_the_boot_that_runs(self, tmp_path: Path) -> None:
        summaries = Summaries(str(tmp_path))
        run(summaries, "before", began=NOW - 2 * HOUR, lasts=HOUR)
        recent = recall(tmp_path, now=1000.0, synced=False)
        (event,) = recent.changes
        assert event.stamp.time == pytest.approx(1000 - UPTIME - HOUR + 60)

    def test_of_a_boot_at_a_time_that_is_not_known_no_minutes_are_taken_for_the_last_ones(self, tmp_path: Path) -> None:
        summaries = Summaries(str(tmp_path))
        run(summaries, "before", began=NOW - 2 * HOUR, lasts=HOUR)
        ((_, stretches),) = recall(tmp_path, now=1000.0, synced=False).rows
        assert {one.seconds for one in stretches} == {3600}
        ((_, stretches),) = recall(tmp_path).rows
        assert {one.seconds for one in stretches} == {60, 3600}

    @pytest.mark.fault(
        "time",
        "power cuts of a board whose clock is never set",
        seen="what happened in earlier boots, at the latest time at which it can have been",
        heals="when the clock is set",
    )
    def test_each_cut_makes_what_was_before_it_older_though_the_clock_is_never_set(self, tmp_path: Path) -> None:
        summaries, wrong = Summaries(str(tmp_path)), NOW - 200 * 24 * HOUR
        run(summaries, "a", began=NOW - 600, lasts=600)
        run(summaries, "b", began=wrong, lasts=600, synced=False, after="a")
        run(summaries, "c", began=wrong, lasts=600, synced=False, after="b")
        tell(summaries, Stamp(wrong + 60, "board", "now", 60.0, synced=False), cut("c"))
        recent = recall(tmp_path, summaries, now=wrong + UPTIME, synced=False)
        ago = {boot: past - (NOW - wrong - UPTIME) for boot, past in starts(recent).items()}
        assert ago == pytest.approx({"c": UPTIME + 540, "b": UPTIME + 1140, "a": UPTIME + 1740})

    def test_boots_with_a_clock_that_was_right_keep_their_distance(self, tmp_path: Path) -> None:
        summaries = Summaries(str(tmp_path))
        run(summaries, "a", began=NOW - 10 * HOUR, lasts=600)
        run(summaries, "b", began=NOW - 4 * HOUR, lasts=600)
        ago = starts(recall(tmp_path, now=1000.0, synced=False))
        assert ago["a"] - ago["b"] == pytest.approx(6 * HOUR)

    def test_a_clock_that_was_set_where_no_summary_says_so_puts_its_boot_right(self, tmp_path: Path) -> None:
        summaries = Summaries(str(tmp_path))
        run(summaries, "before", began=1000, lasts=600, synced=False)
        found = json.dumps({"boot": "before", "offset": NOW - 5 * HOUR})
        stamp = Stamp(NOW, "board", "now", UPTIME, synced=True)
        current = {"minutes": [], "hours": [], CLOCKS: [found]}
        question = ask_recent(str(tmp_path), WANTED, now=stamp, current=current)
        recent = read_recent(SideProcess("sysvitals.history.child"), question, CATALOG.bodies)
        assert starts(recent) == pytest.approx({"before": 5 * HOUR - 60})

    def test_reports_that_contradict_each_other_hide_nothing(self, tmp_path: Path) -> None:
        summaries = Summaries(str(tmp_path))
        run(summaries, "a", began=NOW - 3 * HOUR, lasts=600, after="b")
        run(summaries, "b", began=NOW - 2 * HOUR, lasts=600, after="a")
        assert starts(recall(tmp_path)).keys() == {"a", "b"}


def test_a_host_without_summaries_has_nothing_to_take_up(tmp_path: Path) -> None:
    assert recall(tmp_path / "none") == ([], [])
    assert recall(tmp_path / "none", synced=False) == ([], [])
