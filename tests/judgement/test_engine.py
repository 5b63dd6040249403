"""The engine: what must last has lasted, what is over stays for a day, and no clock can change that."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sysvitals.judgement.engine import MOST_FINDINGS, MOST_REASONS
from sysvitals.judgement.judgement import Facts, Finding, Judgement
from sysvitals.judgement.kept import decode_kept, encode_kept
from sysvitals.judgement.verdict import Level, encode_verdict
from sysvitals.judgement.windows import Watch
from sysvitals.model.changes import Started, VerdictChanged
from sysvitals.model.event import Event, Stamp
from sysvitals.model.summary import Series, Stretch
from tests.judgement.judging import UPTIME, Board, alerts, texts
from tests.recorded import NOW

DAY = 86_400.0


def state(alert: str, metric: str, *, lasts: float = 0, keeps: float = 0) -> Judgement:
    """A judgement that finds what is not 0."""

    def find(facts: Facts) -> Iterator[Finding]:
        for sample in facts.all(metric):
            if sample.value:
                yield Finding(tuple(sample.labels.values()), f"{alert} of {' '.join(sample.labels.values())}")

    return Judgement(
        alert=alert, severity="warning", area="network", find=find, lasts=lasts, keeps=keeps, remedy="Mend it."
    )


WEAK = state("Weak", "system_network_carrier", keeps=60)
DOWN = state("Down", "system_network_up", lasts=180)
FULL = state("Full", "system_filesystem_readonly", lasts=600, keeps=300)


LOST = replace(FULL, alert="Lost", severity="critical", lasts=0)


def board(*judgements: Judgement) -> Board:
    """A board that has been judged for a while, so that what is found now begins now."""
    made = Board(judgements)
    made.after(60)
    return made


def change(name: str, at: float, *, level: str = "warning", boot: str = "now") -> Event:
    body = VerdictChanged(level=level, before="good", alerts=name, reasons="")
    return Event(Stamp(at, "board", boot, UPTIME - (NOW - at), synced=True), int(at), body)


def load(at: float) -> tuple[Series, list[Stretch]]:
    return Series("system.load.updated", (), "load1"), [Stretch(at, 60, 4, 1, 1, 1, 1)]


class TestDurations:
    def test_what_does_not_last_is_not_said(self) -> None:
        it = board(FULL)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        assert it.after(590).level is Level.GOOD
        assert alerts(it.after(30)) == [("Full", "warning")]

    def test_a_reason_knows_since_when_and_outlives_its_end_for_a_while(self) -> None:
        it = board(FULL)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        began = it.time + 15
        (reason,) = it.after(615).reasons
        assert (reason.since, reason.last) == (began, None)
        it.shows("system_filesystem_readonly", 0, mountpoint="/")
        over = it.time
        (reason,) = it.after(285).reasons
        assert (reason.since, reason.last) == (began, over)
        assert it.engine.firing
        it.after(30)
        assert not it.engine.firing

    def test_what_comes_and_goes_begins_again(self) -> None:
        it = board(FULL)
        for _ in range(5):
            it.shows("system_filesystem_readonly", 1, mountpoint="/")
            it.after(300)
            it.shows("system_filesystem_readonly", 0, mountpoint="/")
            assert it.after(15).level is Level.GOOD

    def test_a_clock_that_jumps_changes_nothing(self) -> None:
        it = board(FULL)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.after(300)
        for jump in (-NOW, 10 * DAY, 0):
            it.time = NOW + jump
            assert it.judged().level is Level.GOOD
        assert it.after(330).level is Level.WARNING

    def test_what_is_found_at_the_first_look_may_have_lasted_since_boot_and_no_longer(self) -> None:
        for uptime, level in ((300, Level.GOOD), (3600, Level.WARNING)):
            it = Board([FULL], uptime=uptime)
            it.shows("system_filesystem_readonly", 1, mountpoint="/")
            assert it.judged().level is level

    def test_a_host_that_slept_did_not_watch_meanwhile(self) -> None:
        it = board(FULL)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.after(300)
        it.passes(8 * 3600)
        assert it.judged().level is Level.GOOD
        assert it.after(615).level is Level.WARNING
        it.passes(8 * 3600)
        assert it.judged().level is Level.WARNING

    def test_what_was_critical_and_is_over_is_a_warning_for_a_day(self) -> None:
        it = board(LOST)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.after(30)
        it.shows("system_filesystem_readonly", 0, mountpoint="/")
        over = it.time
        assert it.after(285).level is Level.CRITICAL
        verdict = it.after(45)
        assert alerts(verdict) == [("Lost", "warning")]
        assert verdict.reasons[0].last == over
        assert texts(verdict)[0].startswith("Until ")
        assert verdict.now.startswith("Running well now")
        assert it.after(DAY - 400).level is Level.WARNING
        assert it.after(120).level is Level.GOOD

    def test_what_is_over_says_the_worst_that_it_was(self) -> None:
        def find(facts: Facts) -> Iterator[Finding]:
            for _, value in facts.all("system_temperature_celsius"):
                if value > 80:
                    yield Finding((), f"{value:.0f} °C", value)

        it = board(Judgement(alert="Hot", severity="warning", area="heat", find=find, remedy="Cool it."))
        for celsius in (85, 112, 82, 50):
            it.shows("system_temperature_celsius", celsius, chip="a", sensor="b")
            it.after(15)
        (text,) = texts(it.judged())
        assert text.endswith(": 112 °C")

    def test_what_comes_again_is_one_reason_and_is_so_now(self) -> None:
        it = board(FULL)
        for read_only in (1, 0, 1):
            it.shows("system_filesystem_readonly", read_only, mountpoint="/")
            it.after(1200)
        (reason,) = it.judged().reasons
        assert reason.last is None

    def test_what_is_taken_for_intended_after_a_day_is_not_over(self) -> None:
        for fades, expected in ((True, []), (False, [("Full", "warning")])):
            it = board(replace(FULL, fades=fades))
            it.shows("system_filesystem_readonly", 1, mountpoint="/")
            it.after(DAY)
            it.shows("system_filesystem_readonly", 0, mountpoint="/")
            assert alerts(it.after(600)) == expected

    def test_what_was_only_assumed_to_have_lasted_leaves_no_trace(self) -> None:
        it = Board([FULL])
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        assert [reason.since for reason in it.judged().reasons] == [None]
        it.shows("system_filesystem_readonly", 0, mountpoint="/")
        assert it.after(15).level is Level.GOOD

    def test_it_does_not_get_better_when_it_gets_worse(self) -> None:
        it = board(WEAK, DOWN)
        it.shows("system_network_carrier", 1, device="wlan0")
        it.after(15)
        it.loses("system_network_carrier", device="wlan0")
        it.shows("system_network_up", 1, device="wlan0")
        seen = [alerts(it.after(15)) for _ in range(16)]
        assert [("Weak", "warning")] in seen
        assert seen[-1][0] == ("Down", "warning")
        assert [] not in seen

    def test_what_is_about_another_subject_holds_nothing_up(self) -> None:
        it = board(WEAK, DOWN)
        it.shows("system_network_carrier", 1, device="wlan0")
        it.after(15)
        it.loses("system_network_carrier", device="wlan0")
        it.shows("system_network_up", 1, device="eth0")
        it.after(75)
        assert not it.engine.firing


class TestLines:
    def test_findings_of_one_cause_are_one_line_the_worst_of_them(self) -> None:
        def find(_: Facts) -> Iterator[Finding]:
            yield from (Finding((f"core {n}",), f"Core {n}: {80 + n} °C", 80 + n, "heat") for n in range(6))

        it = Board([Judgement(alert="Hot", severity="critical", area="heat", find=find, remedy="Cool it.")])
        assert texts(it.judged()) == ["Core 5: 85 °C, and 5 more like it"]

    def test_the_worst_comes_first_and_what_is_over_is_a_warning_at_most(self) -> None:
        def find(_: Facts) -> Iterator[Finding]:
            yield Finding(("a",), "It was", last=NOW - 60)
            yield Finding(("b",), "It is")

        it = Board([Judgement(alert="Bad", severity="critical", area="cpu", find=find, remedy="Mend it.")])
        assert [(reason.text, reason.level.name) for reason in it.judged().reasons] == [
            ("It is", "CRITICAL"),
            ("It was", "WARNING"),
        ]

    def test_what_only_follows_is_never_the_line_beside_its_cause_but_makes_it_as_bad_as_it_is(self) -> None:
        def find(_: Facts) -> Iterator[Finding]:
            yield Finding((), "It was weak", cause="the same", last=NOW - 60)

        def find_slow(_: Facts) -> Iterator[Finding]:
            yield Finding((), "It is slow", 9.0, "the same", follows=True)

        weak = Judgement(alert="Weak", severity="critical", area="power", find=find, remedy="Mend it.")
        it = Board([weak, replace(weak, alert="Slow", find=find_slow)])
        verdict = it.judged()
        assert [(reason.text, reason.level.name, reason.last) for reason in verdict.reasons] == [
            ("It was weak", "CRITICAL", None)
        ]
        assert verdict.now == "It is slow."

    def test_of_what_is_equally_bad_power_and_heat_come_first_though_they_are_over(self) -> None:
        def find(_: Facts) -> Iterator[Finding]:
            yield Finding((), "It was", last=NOW - 60)

        power, heat, old = (
            Judgement(alert=f"Old {area}", severity="warning", area=area, find=find, remedy="Mend it.")
            for area in ("power", "heat", "clock")
        )
        it = Board([state("A", "system_network_carrier"), old, heat, power])
        it.shows("system_network_carrier", 1, device="wlan0")
        assert [reason.area for reason in it.judged().reasons] == ["power", "heat", "network", "clock"]
        assert it.judged().now == "Needs attention now: network. What else is listed is over."

    def test_a_verdict_of_past_reasons_alone_says_that_it_runs_well_now(self) -> None:
        def find(_: Facts) -> Iterator[Finding]:
            yield Finding((), "It was", last=NOW - 60)

        it = Board([Judgement(alert="Bad", severity="critical", area="cpu", find=find, remedy="Mend it.")])
        assert it.judged().level is Level.WARNING
        assert "Running well now" in it.judged().now

    def test_a_note_spoils_no_verdict(self) -> None:
        def find(_: Facts) -> Iterator[Finding]:
            yield Finding((), "Good to know")

        it = Board([Judgement(alert="Note", severity="info", area="cpu", find=find, remedy="Nothing.")])
        verdict = it.judged()
        assert (verdict.level, alerts(verdict)) == (Level.GOOD, [("Note", "note")])
        assert verdict.now == "Nothing to do."

    def test_a_hostile_host_gets_no_endless_list(self) -> None:
        it = Board([WEAK])
        for n in range(1000):
            it.shows("system_network_carrier", 1, device=f"veth{n}")
        reasons = it.judged().reasons
        assert len(reasons) == MOST_REASONS + 1
        assert reasons[-1].text == f"{MOST_FINDINGS - MOST_REASONS} more"


class TestUnknown:
    def test_it_is_unknown_until_everything_was_read_once(self) -> None:
        it = Board([WEAK])
        it.is_ready = False
        assert (it.judged().level, bool(it.judged().unknown)) == (Level.UNKNOWN, True)
        it.is_ready = True
        assert (it.judged().level, it.judged().unknown) == (Level.GOOD, "")

    def test_it_is_unknown_until_the_last_day_is_taken_up(self) -> None:
        it = Board([WEAK], restores=True)
        it.shows("system_network_carrier", 1, device="wlan0")
        assert it.after(60).level is Level.UNKNOWN
        assert not it.engine.known
        it.engine.restore([], [])
        assert it.judged().level is Level.WARNING
        assert it.engine.known

    def test_without_the_history_it_is_not_good_for_a_day_but_what_is_bad_is_said(self) -> None:
        it = Board([WEAK], restores=True)
        it.engine.give_up("The history cannot be read: EIO")
        assert (it.judged().level, it.judged().unknown) == (Level.UNKNOWN, "The history cannot be read: EIO")
        it.shows("system_network_carrier", 1, device="wlan0")
        assert it.after(15).level is Level.WARNING
        it.loses("system_network_carrier", device="wlan0")
        assert it.after(90).level is Level.WARNING
        assert it.after(DAY - 200).level is Level.WARNING
        it.passes(200)
        assert it.judged().level is Level.GOOD

    def test_a_history_that_is_read_at_last_ends_what_was_not_known(self) -> None:
        it = Board([WEAK], restores=True)
        it.engine.give_up("The history cannot be read: EIO")
        assert it.judged().level is Level.UNKNOWN
        it.engine.restore([], [])
        assert it.judged().level is Level.GOOD

    @pytest.mark.fault(
        "process",
        "a bug in a judgement",
        seen="an error in the log, and a verdict that is not known instead of good",
        heals="by itself where the values change, else with the next version",
    )
    def test_a_judgement_that_fails_silences_no_other(self, caplog: pytest.LogCaptureFixture) -> None:
        def find(facts: Facts) -> Iterator[Finding]:
            raise ZeroDivisionError(str(facts.value("system_load1")))

        broken = Judgement(alert="Broken", severity="warning", area="cpu", find=find, remedy="Report it.")
        it = Board([broken, WEAK])
        with caplog.at_level(logging.ERROR):
            assert it.after(60).level is Level.UNKNOWN
        assert "Broken" in it.judged().unknown
        assert len(caplog.records) == 1
        it.shows("system_network_carrier", 1, device="wlan0")
        assert alerts(it.after(15)) == [("Weak", "warning")]


class TestRestarts:
    @pytest.mark.fault(
        "process",
        "what was wrong when the power went, such as a processor that was too hot, and is not after the start",
        seen="the reason, with the time until which it was so, for a day",
        heals="after a day",
    )
    def test_what_was_so_when_the_host_went_down_is_a_reason_for_a_day(self) -> None:
        before = Board([LOST], boot="before", wall=NOW - 8 * 3600)
        before.after(60)
        before.shows("system_filesystem_readonly", 1, mountpoint="/")
        before.after(600)
        before.happens(*before.engine.take_changes())
        it = Board([LOST], uptime=60, restores=True)
        it.judged()
        it.engine.restore([], before.events)
        verdict = it.after(15)
        assert alerts(verdict) == [("Lost", "warning")]
        assert verdict.reasons[0].subject == ("/",)
        assert verdict.reasons[0].last == pytest.approx(before.time)
        assert [change.event_name for change in it.engine.take_changes()][:1] == ["sysvitals.alert.ended"]
        assert it.after(DAY).level is Level.GOOD

    def test_what_was_over_before_a_restart_is_over_since_then(self) -> None:
        before = Board([LOST], uptime=UPTIME - 7200, wall=NOW - 7200)
        before.after(60)
        before.shows("system_filesystem_readonly", 1, mountpoint="/")
        before.after(600)
        before.loses("system_filesystem_readonly", mountpoint="/")
        over = before.time
        before.after(600)
        before.happens(*before.engine.take_changes())
        it = Board([LOST], restores=True)
        it.judged()
        for _ in range(2):
            it.engine.restore([], before.events)
            (reason,) = it.judged().reasons
            assert reason.last == pytest.approx(over)

    def test_what_goes_on_over_a_restart_has_not_ended(self) -> None:
        before = Board([LOST], uptime=UPTIME - 600, wall=NOW - 600)
        before.after(60)
        before.shows("system_filesystem_readonly", 1, mountpoint="/")
        before.after(525)
        before.happens(*before.engine.take_changes())
        it = Board([LOST], restores=True)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.judged()
        it.engine.restore([], before.events)
        verdict = it.after(30)
        assert [reason.last for reason in verdict.reasons] == [None]
        assert [change.event_name for change in it.engine.take_changes()] == ["sysvitals.verdict.changed"]

    def test_what_was_said_before_a_restart_is_said_again_without_waiting(self) -> None:
        it = Board([FULL], restores=True)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.judged()
        it.engine.restore([load(NOW - 90)], [change("Full", NOW - 7200)])
        verdict = it.judged()
        assert alerts(verdict) == [("Full", "warning")]
        assert verdict.since == NOW - 7200
        assert verdict.reasons[0].since == NOW - 7200

    def test_what_was_not_said_before_a_brief_restart_has_only_begun(self) -> None:
        it = Board([FULL], restores=True)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.judged()
        it.engine.restore([load(NOW - 90)], [change("", NOW - 7200, level="good")])
        assert it.judged().level is Level.GOOD
        assert it.after(615).level is Level.WARNING

    def test_after_a_long_silence_what_is_found_may_have_lasted(self) -> None:
        it = Board([FULL], restores=True)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.judged()
        it.engine.restore([load(NOW - 7200)], [change("", NOW - 7200, level="good")])
        assert it.judged().level is Level.WARNING

    def test_events_are_taken_up_once_each_though_the_history_has_those_since_the_start_too(self) -> None:
        seen: list[int] = []

        def find(facts: Facts) -> Iterator[Finding]:
            seen.append(len(facts.events("sysvitals.started", DAY)))
            return iter(())

        counts = Judgement(
            alert="Counts", severity="info", area="cpu", find=find, events=("sysvitals.started",), remedy=""
        )
        it = Board([counts], uptime=1800, restores=True)
        it.happens(Started(version="1", schema=1, pid=1))
        old = Event(Stamp(NOW - 3600, "board", "before", 10.0, synced=True), 7, Started(version="1", schema=1, pid=1))
        for _ in range(2):
            it.engine.restore([], [old, *it.events])
            it.judged()
        assert seen == [2, 2]

    def test_a_series_with_other_labels_than_this_version_has_is_passed_over(self) -> None:
        seen: list[float | None] = []

        def find(facts: Facts) -> Iterator[Finding]:
            seen.append(facts.average("system_load1", {}, 3600))
            return iter(())

        watch = Watch("system_load1", 3600)
        asks = Judgement(alert="Asks", severity="info", area="cpu", find=find, watches=(watch,), remedy="")
        it = Board([asks], restores=True)
        series, stretches = load(NOW - 90)
        it.engine.restore([(series._replace(labels=("other",)), stretches), (series, stretches)], [])
        it.judged()
        assert seen == [1.0]


def restart(before: Board, *, gap: float = 10.0) -> Board:
    """The next exporter of this boot, which takes up what stood and what the history holds."""
    kept = decode_kept(encode_kept(before.engine.keep()))
    last = before.time
    it = Board(before.judgements, uptime=before.up + gap, wall=last + gap, restores=True)
    it.values = before.values
    it.judged()
    it.after(30)
    it.engine.restore([load(last - 75), load(it.time - 60)], before.events, kept=kept)
    return it


class TestWhatStood:
    def test_what_was_on_its_way_goes_on_after_each_restart_of_the_exporter(self) -> None:
        it = board(FULL)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        began = it.time + 15
        it.after(240)
        it = restart(it)
        assert it.after(120).level is Level.GOOD
        it = restart(it)
        (reason,) = it.after(200).reasons
        assert reason.since == began

    def test_what_was_not_on_its_way_has_only_begun_whatever_else_the_alert_stood_for(self) -> None:
        it = board(FULL)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.after(900)
        it.shows("system_filesystem_readonly", 1, mountpoint="/srv")
        it.after(60)
        it = restart(it)
        assert [reason.subject for reason in it.judged().reasons] == [("/",)]
        assert [reason.subject for reason in it.after(600).reasons] == [("/",), ("/srv",)]

    def test_what_fires_as_long_as_it_is_so_still_fires(self) -> None:
        def find(facts: Facts) -> Iterator[Finding]:
            began = facts.value("system_load1") == 1
            if facts.value("system_filesystem_readonly") and (began or facts.is_firing("Turned", "critical", ())):
                yield Finding((), "It turned")

        it = board(Judgement(alert="Turned", severity="critical", area="storage", find=find, remedy="Mend it."))
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.shows("system_load1", 1)
        it.after(60)
        it.shows("system_load1", 0)
        assert it.after(60).level is Level.CRITICAL
        for gap in (10.0, 20 * 3600.0):
            it = restart(it, gap=gap)
            assert it.judged().level is Level.CRITICAL
        it.shows("system_filesystem_readonly", 0, mountpoint="/")
        it.after(15)
        assert not it.engine.firing

    def test_after_a_long_silence_nothing_is_on_its_way(self) -> None:
        it = board(FULL)
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.after(240)
        it.shows("system_filesystem_readonly", 0, mountpoint="/")
        it = restart(it, gap=3600)
        assert it.engine.keep().findings == ()

    def test_a_damaged_record_restores_what_is_whole(self) -> None:
        whole = ["Full", "warning", ["/"], "Full of /", "", 1.0, 2.0, 3.0, False]
        rows: list[object] = [whole, [], None, {}, 7, [*whole[:5], 3.0, 2.0, 1.0, False], ["Gone", *whole[1:]]]
        kept = decode_kept(json.dumps({"boot": "now", "at": 4.0, "findings": rows}))
        assert [one.alert for one in kept.findings] == ["Full", "Gone"]
        it = Board([FULL], restores=True)
        it.engine.restore([], [], kept=kept)
        assert it.judged().level is Level.GOOD
        for text in ("", "[]", "{", "[" * 100_000, '{"boot": "now", "at": "x", "findings": []}'):
            with pytest.raises(ValueError, match=r"."):
                decode_kept(text)


class TestChanges:
    def test_the_first_verdict_and_each_other_one_are_events(self) -> None:
        it = Board([WEAK])
        it.judged()
        it.after(60)
        it.shows("system_network_carrier", 1, device="wlan0")
        it.after(60)
        it.loses("system_network_carrier", device="wlan0")
        it.after(DAY + 120)
        assert [(c.before, c.level, c.alerts, c.reasons) for c in it.turned()] == [
            ("unknown", "good", "", ""),
            ("good", "warning", "Weak", "Weak of wlan0"),
            ("warning", "warning", "", "Until 12:02: Weak of wlan0"),
            ("warning", "good", "", ""),
        ]
        assert it.turned() == []

    def test_nothing_is_an_event_before_it_is_known_and_the_first_one_follows_the_run_before(self) -> None:
        it = Board([WEAK], restores=True)
        it.after(60)
        assert it.turned() == []
        it.engine.restore([], [change("Weak", NOW - 60)])
        it.judged()
        assert [(c.before, c.level) for c in it.turned()] == [("warning", "good")]

    def test_the_reasons_of_a_hostile_host_are_cut(self) -> None:
        it = Board([WEAK])
        for n in range(200):
            it.shows("system_network_carrier", 1, device="x" * 50 + str(n))
        it.judged()
        (made,) = it.turned()
        assert len(made.reasons) <= 1000

    def test_who_asks_often_gets_the_same_verdict_for_a_second(self) -> None:
        it = Board([WEAK])
        first = it.engine.judge()
        it.shows("system_network_carrier", 1, device="wlan0")
        it.passes(0.5)
        assert it.engine.judge() is first
        it.passes(0.5)
        assert it.engine.judge().level is Level.WARNING

    def test_the_verdict_is_written_the_same_while_nothing_changes_though_clocks_are_never_read_together(
        self,
    ) -> None:
        def find(facts: Facts) -> Iterator[Finding]:
            for event in facts.events("sysvitals.started", DAY):
                yield Finding((), "It started", last=event.stamp.time)

        starts = Judgement(
            alert="Starts", severity="warning", area="power", find=find, events=("sysvitals.started",), remedy="Wait."
        )
        it = Board([starts, FULL], uptime=5 * DAY + 0.123)
        it.judged()
        it.happens(Started(version="1", schema=1, pid=1))
        it.shows("system_filesystem_readonly", 1, mountpoint="/")
        it.after(900)
        written = set()
        for n in range(20):
            it.time += 0.0001 * (-1) ** n
            written.add(encode_verdict(it.after(15)))
        assert len(written) == 1
        (reason,) = [reason for reason in it.judged().reasons if reason.alert == "Full"]
        assert reason.since == NOW + 15

    def test_an_urgent_change_asks_to_be_judged_soon(self) -> None:
        it = Board([WEAK])
        asked: list[bool] = []
        it.engine.hurry = lambda: asked.append(True)
        it.dips(1)
        assert asked
