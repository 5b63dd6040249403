"""Minutes and hours of what was read, and when what happened."""

import json
import math
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.memory import MemoryUsage
from sysvitals.collectors.network import LinkChanged, Network
from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.throttling import Throttling
from sysvitals.history.summaries.compacting import compact_lines
from sysvitals.history.summaries.files import file_name, members, read_clocks, read_file
from sysvitals.history.summaries.folding import MOST_CHANGES, MOST_SUBJECTS, Fold
from sysvitals.history.summaries.plans import plan_of
from sysvitals.history.summaries.reading import read_changes, read_coverage, read_stretches
from sysvitals.history.summaries.rebuilding import rebuild
from sysvitals.model.changes import CollectorUnavailable
from sysvitals.model.event import Stamp
from sysvitals.model.summary import Series
from tests.history.summarising import FAR, Board, load
from tests.history.writing import NOON, RELOADED

DAY = "2026-09-20"
WRONG = 1_735_689_600.0  # 2025-01-01


def network(received: int) -> Network:
    return Network(device="eth0", receive_bytes=received)


def throttling(*, active: bool) -> Throttling:
    return Throttling(cause="undervoltage", active=active)


class TestReadings:
    def test_a_minute_has_the_least_the_mean_the_most_and_the_last_of_its_readings(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0), load(4.0), load(2.0), load(3.0), load(9.0)])
        first, second = board.one("load1")
        assert first == (NOON, 60.0, 4, 1.0, 2.5, 4.0, 3.0, None)
        assert second == (NOON + 60, 60.0, 1, 9.0, 9.0, 9.0, 9.0, None)

    def test_a_reading_counts_for_as_long_as_it_held(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(0.0)], every=45.0)
        board.read([load(4.0)], every=15.0)
        board.read([load(0.0)])
        assert board.one("load1")[0].mean == pytest.approx(1.0)

    def test_an_hour_says_the_same_as_its_minutes(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read(load(number % 7) for number in range(240))
        minutes, [hour] = board.one("load1"), board.one("load1", "hours")
        assert (hour.begin, hour.seconds, hour.readings) == (NOON, 3600.0, 240)
        assert (hour.least, hour.most) == (0.0, 6.0)
        assert hour.mean == pytest.approx(sum(one.mean for one in minutes) / 60, rel=1e-4)

    def test_what_is_unknown_is_no_reading(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(None), load(2.0), load(None), load(4.0), load(None)])
        [minute] = board.one("load1")
        assert (minute.readings, minute.least, minute.mean, minute.most) == (2, 2.0, 3.0, 4.0)

    def test_what_was_never_known_has_no_series(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(None)] * 8)
        assert {series.field for series in board.stretches()} == {"load5"}

    def test_a_yes_counts_from_the_moment_that_it_was_seen_until_a_no(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([throttling(active=False)], every=50.0)
        board.read([throttling(active=True)], every=16.0)
        board.read([throttling(active=False)], every=54.0)
        board.read([throttling(active=False)])
        first, second, _ = board.one("active")
        assert first.mean == pytest.approx(10 / 60, rel=1e-4)
        assert second.mean == pytest.approx(6 / 60, rel=1e-4), "it went on until the second minute's first reading"
        assert (first.most, second.most, second.last) == (1.0, 1.0, 0.0)

    def test_each_subject_has_its_own_series(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        for sensor in ("temp1", 'new\nline"'):
            board.publish(Temperature(chip="cpu", sensor=sensor, celsius=50.0))
        assert set(board.stretches()) == {
            Series("system.temperature.updated", ("cpu", sensor), "celsius") for sensor in ("temp1", 'new\nline"')
        }

    def test_subjects_beyond_the_limit_are_left_out_and_counted(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        for number in range(MOST_SUBJECTS + 3):
            board.publish(Temperature(chip="cpu", sensor=f"temp{number}", celsius=50.0))
        assert len(board.stretches()) == MOST_SUBJECTS
        head = json.loads(board.summaries.snapshot()["hours"][0])
        assert head["left_out"] == {"system.temperature.updated": 3}

    def test_subjects_that_are_gone_make_room_for_others(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        for name in ("veth", "other"):
            for number in range(MOST_SUBJECTS):
                board.publish(Temperature(chip=name, sensor=f"temp{number}", celsius=50.0))
            board.close()
            board.pass_by(3600)
            board.read([load(1.0)])
            board.close()
        assert len({series.labels for series in board.stretches() if series.labels}) == 2 * MOST_SUBJECTS

    def test_only_wanted_series_are_read(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0), network(5)])
        board.close()
        wanted = {("system.load.updated", "load5")}
        found = read_stretches(board.folder, NOON - FAR, NOON + FAR, wanted=wanted)
        assert [series.field for series in found] == ["load5"]

    def test_only_the_times_asked_for_are_read(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 400)
        board.close()
        [*_, found] = read_stretches(board.folder, NOON + 600, NOON + 1199).values()
        assert [one.begin for one in found] == [NOON + 600 + 60 * number for number in range(10)]

    def test_a_minute_that_two_segments_share_is_one_stretch(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0), load(3.0)])
        board.close()
        board.read([load(5.0), load(7.0)])
        [minute] = board.one("load1")
        assert (minute.readings, minute.least, minute.most, minute.last) == (4, 1.0, 7.0, 7.0)

    def test_every_field_that_asks_for_a_summary_is_a_number_of_a_reading(self) -> None:
        planned = [plan for body in build_full_catalog().bodies.values() if (plan := plan_of(body))]  # type: ignore[arg-type]
        assert len(planned) > 15

    @settings(max_examples=60, deadline=None)
    @given(
        st.lists(
            st.tuples(st.floats(0.5, 100), st.one_of(st.none(), st.floats(-1e6, 1e6, allow_nan=False))),
            min_size=1, max_size=60,
        )
    )  # fmt: skip
    def test_least_mean_and_most_are_in_order_and_hold_all_readings(self, rounds: list[tuple[float, Any]]) -> None:
        fold, time, known = Fold(), 0.0, []
        plan = plan_of(type(load(1)))  # type: ignore[arg-type]
        assert plan is not None
        for pause, value in rounds:
            time += pause
            part = fold.move(Stamp(NOON + time, "pi4", "boot", time, synced=True))
            fold.add(part, plan, plan.subject(load(value)), plan.values(load(value)))
            known += [] if value is None else [value]
        fold.end()
        columns = [rows.columns[0] for part in fold.ended for rows in part.rows]
        assert sum(sum(column.count) for column in columns) == len(known)
        for column in columns:
            least, mean, most, last = column.parts
            assert all(a <= b <= c and a <= d <= c for a, b, c, d in zip(least, mean, most, last, strict=True))
        if known:
            assert min(min(column.parts[0]) for column in columns if column.at) == min(known)
            assert max(max(column.parts[2]) for column in columns if column.at) == max(known)


class TestCounters:
    def test_a_counter_grows_by_what_it_grew(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read(network(100 * number) for number in range(12))
        assert [one.growth for one in board.one("receive_bytes")] == [300, 400, 400]
        assert sum(one.growth or 0 for one in board.one("receive_bytes", "hours")) == 1100

    def test_one_that_fell_has_begun_from_zero(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([network(100), network(150), network(20), network(50)])
        [minute] = board.one("receive_bytes")
        assert minute.growth == 50 + 20 + 30

    def test_nothing_is_lost_between_segments(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        for number in range(40):
            board.read([network(100 * number)])
            if number % 7 == 6:
                board.close()
        assert sum(one.growth or 0 for one in board.one("receive_bytes")) == 3900

    def test_what_grew_while_the_exporter_was_away_counts_when_it_is_back(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([network(100), network(200)])
        board.close()
        again = Board(tmp_path / "summaries", uptime=1600.0, wall=NOON + 600)
        again.read([network(1000), network(1100)])
        assert [one.growth for one in again.one("receive_bytes")] == [100, 900]

    def test_a_kill_for_memory_between_two_runs_is_seen(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([MemoryUsage(oom_kills=0)])
        board.close()
        again = Board(tmp_path / "summaries", uptime=1600.0, wall=NOON + 600)
        again.read([MemoryUsage(oom_kills=1)])
        assert sum(one.growth or 0 for one in again.one("oom_kills", "hours")) == 1

    def test_a_reboot_begins_from_zero(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([network(5000)])
        board.close()
        again = Board(tmp_path / "summaries", boot="boot-2", uptime=30.0, wall=NOON + 600)
        again.read([network(5100)])
        assert [one.growth for one in again.one("receive_bytes")] == [0, 5100]


class TestWhatHappened:
    def test_changes_are_kept_as_their_lines(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.publish(RELOADED, CollectorUnavailable(collector="fan", reason="none"))
        board.close()
        [change] = read_changes(board.folder, NOON - 1, NOON + 1)
        assert (change["name"], change["at"], change["uptime"]) == ("sysvitals.reloaded", NOON, 1000.0)
        assert "placed" not in change

    def test_of_a_link_that_flaps_all_day_no_more_than_the_limit_is_kept_an_hour(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([LinkChanged(device="eth0", carrier=True, changes=1)] * 1000, every=3.6)
        assert len(read_changes(board.folder, 0, NOON + FAR, current=board.summaries.snapshot())) == MOST_CHANGES
        head = json.loads(board.summaries.snapshot()["hours"][0])
        assert head["unkept"] == {"system.network.link.changed": 1000 - MOST_CHANGES}


class TestCoverage:
    def test_segments_that_follow_each_other_cover_one_time(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        for _ in range(3):
            board.read([load(1.0)] * 20)
            board.close()
        [found] = read_coverage(board.folder, NOON - FAR, NOON + FAR)
        assert (found.begin, found.end, found.boot, found.synced) == (NOON, NOON + 59 * 15, "boot-1", True)

    def test_a_time_without_events_is_silence_also_within_a_segment(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 4)
        board.pass_by(1000)
        board.read([load(1.0)] * 4)
        found = read_coverage(board.folder, NOON - FAR, NOON + FAR, current=board.summaries.snapshot())
        assert [(one.begin - NOON, one.end - NOON) for one in found] == [(0, 45), (1060, 1105)]

    def test_a_reboot_is_silence_however_short(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 4)
        board.close()
        again = Board(tmp_path / "summaries", boot="boot-2", uptime=10.0, wall=NOON + 75)
        again.read([load(1.0)] * 4)
        again.close()
        found = read_coverage(board.folder, NOON - FAR, NOON + FAR)
        assert [(one.boot, one.begin - NOON) for one in found] == [("boot-1", 0), ("boot-2", 75)]


class TestAWrongClock:
    """A board without a battery begins with any time."""

    def set_clock(self, board: Board) -> None:
        board.offset, board.synced = NOON - 1000.0, True

    def test_what_came_before_it_was_set_stands_where_it_belongs(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries", wall=WRONG)
        board.synced = False
        board.read([RELOADED, load(1.0), load(2.0), load(3.0)])
        self.set_clock(board)
        board.read([load(7.0)])
        board.close()
        assert [(one.begin, one.last) for one in board.one("load1")] == [(NOON, 3.0), (NOON + 60, 7.0)]
        [change] = read_changes(board.folder, NOON - 60, NOON + 60)
        assert (change["at"], change["placed"], change["time"]) == (NOON, True, "2026-09-20T12:00:00.000Z")
        [found] = read_coverage(board.folder, NOON - FAR, NOON + FAR)
        assert (found.begin, found.end, found.placed) == (NOON, NOON + 60, True)

    @pytest.mark.parametrize("level", ["minutes", "hours"])
    def test_also_where_it_was_written_before(self, tmp_path: Path, level: str) -> None:
        board = Board(tmp_path / "summaries", wall=WRONG + 17)
        board.synced = False
        board.read([RELOADED, load(1.0), load(2.0), load(3.0)])
        board.close()
        assert read_coverage(board.folder, WRONG, WRONG + 3600)[0].synced is False, "no one knows better yet"
        self.set_clock(board)
        board.read([load(7.0)])
        board.close()
        found = read_stretches(board.folder, NOON - 60, NOON + 7200, level)
        [series] = [series for series in found if series.field == "load1"]
        assert abs(found[series][0].begin - NOON) <= 60
        assert sum(one.readings for one in found[series]) == 4
        [change] = read_changes(board.folder, NOON - 60, NOON + 60)
        assert change["placed"]
        assert change["at"] == pytest.approx(NOON)

    def test_also_where_the_list_of_wrong_clocks_was_removed_and_summaries_are_made_again(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries", wall=WRONG)
        board.synced = False
        board.read([RELOADED, load(1.0)])
        board.close()
        self.set_clock(board)
        board.read([load(7.0)])
        board.close()
        entries = self.listed(board)
        (tmp_path / "summaries/clocks.jsonl").unlink()
        assert read_changes(board.folder, NOON - 60, NOON + 60) == []
        rebuild(str(tmp_path / "history"), board.folder, {})
        assert self.listed(board) == entries
        assert len(read_changes(board.folder, NOON - 60, NOON + 60)) == 1
        rebuild(str(tmp_path / "history"), board.folder, {})
        assert self.listed(board) == entries, "once"

    def listed(self, board: Board) -> list[tuple[Any, ...]]:
        return [(entry["boot"], entry.get("day"), entry.get("offset")) for entry in read_clocks(board.folder)]

    def test_also_where_another_run_learns_the_time(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries", wall=WRONG)
        board.synced = False
        board.read([load(1.0)] * 4)
        board.close()
        again = Board(tmp_path / "summaries", uptime=1100.0, wall=NOON + 100)
        again.read([load(2.0)] * 4)
        again.close()
        found = read_coverage(board.folder, NOON - 60, NOON + 600)
        assert [(one.begin - NOON, one.end - NOON) for one in found] == [(0, 145)]

    def test_one_that_was_never_set_is_left_as_it_is_and_said_to_be_wrong(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries", wall=WRONG)
        board.synced = False
        board.read([load(1.0)] * 4)
        board.close()
        [found] = read_coverage(board.folder, WRONG - 60, WRONG + 60)
        assert found.synced is False

    def test_a_clock_that_was_right_goes_on_well_without_its_server(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 4)
        board.synced = False
        board.read([load(1.0)] * 4)
        board.close()
        board.read([load(1.0)] * 4)
        board.close()
        assert {one.synced is False for one in read_coverage(board.folder, NOON - FAR, NOON + FAR)} == {False}

    def test_days_of_a_wrong_clock_are_as_old_as_when_it_was_set(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries", wall=WRONG)
        board.synced = False
        board.read([load(1.0)] * 4)
        board.close()
        self.set_clock(board)
        board.read([load(1.0)] * 4)
        board.close()
        board.summaries.prune(NOON + 86400, 30 * 86400.0, 0)
        assert (tmp_path / "summaries/2025-01-01.hours.jsonl.gz").exists()
        for day in range(40):  # else the clock would have leapt
            board.pass_by(86400)
            board.read([load(1.0)])
            board.close()
            board.summaries.prune(NOON + (day + 1) * 86400, 30 * 86400.0, 0)
        assert not (tmp_path / "summaries/2025-01-01.hours.jsonl.gz").exists()
        assert "2025-01-01" not in (tmp_path / "summaries/clocks.jsonl").read_text()


class TestADayThatIsOver:
    def test_is_one_part_and_says_the_same(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries", wall=NOON - 11.9 * 3600, uptime=1000.0)
        for number in range(11):
            board.read([load(number), network(number * 1000), throttling(active=number % 3 == 1), RELOADED] * 60)
            board.close()
        content = b"".join(member for member, _ in members(read_file(board.folder, file_name(DAY, "hours"))))
        assert content.count(b'{"version"') == 11
        before = (board.stretches("hours"), read_changes(board.folder, 0, 2e9), read_coverage(board.folder, 0, 2e9))
        board.pass_by(86400)
        board.publish(load(1.0))
        board.close()
        joined = b"".join(member for member, _ in members(read_file(board.folder, file_name(DAY, "hours"))))
        assert joined.count(b'{"version"') == 1
        until = NOON + 40000
        after = read_stretches(board.folder, 0, until, "hours")
        assert after.keys() == before[0].keys()
        for series, stretches in after.items():
            assert stretches == [pytest.approx(one) for one in before[0][series]]
        assert read_changes(board.folder, 0, until) == before[1]
        assert read_coverage(board.folder, 0, until) == before[2]

    def test_keeps_a_hole_that_may_be_filled_later(self, tmp_path: Path) -> None:
        board = Board(tmp_path / "summaries")
        board.read([load(1.0)] * 20)
        board.close()
        board.pass_by(3600)
        board.read([load(1.0)] * 20)
        board.close()
        content = b"".join(member for member, _ in members(read_file(board.folder, file_name(DAY, "hours"))))
        assert compact_lines(content.split(b"\n")) == []


def test_a_snapshot_disturbs_nothing(tmp_path: Path) -> None:
    watched, alone = Board(tmp_path / "watched"), Board(tmp_path / "alone")
    for number in range(100):
        for board in (watched, alone):
            board.read([load(number), network(number * 7), throttling(active=number % 5 == 0)])
        watched.summaries.snapshot()
    for board in (watched, alone):
        board.close()
    assert watched.stretches() == alone.stretches()


def test_a_snapshot_can_be_taken_by_another_thread_meanwhile(tmp_path: Path) -> None:
    board, failures, over = Board(tmp_path / "summaries"), [], threading.Event()

    def look() -> None:
        try:
            while not over.is_set():
                for level in board.summaries.snapshot().values():
                    assert not level or level[0].startswith('{"version"')
        except Exception as error:  # noqa: BLE001  # shown below
            failures.append(error)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        for number in range(400):
            board.read([load(number), network(number)])
            if number % 100 == 99:
                board.close()
    finally:
        over.set()
        thread.join()
    assert not failures


def test_a_part_is_never_long_though_its_segment_is(tmp_path: Path) -> None:
    board = Board(tmp_path / "summaries")
    board.read([load(1.0)] * 60 * 10, every=60.0)
    was_long = board.summaries.is_long
    board.summaries.write("goes-on")
    assert (was_long, board.summaries.is_long) == (True, False)
    content = b"".join(member for member, _ in members(read_file(board.folder, file_name(DAY, "hours"))))
    heads = [json.loads(line) for line in content.split(b"\n") if line.startswith(b'{"version"')]
    assert max(head["until"] - head["uptime"] for head in heads) <= 2 * 3600
    assert not any(head.get("closed") for head in heads)
    assert math.isclose(sum(one.readings for one in board.one("load1")), 600)
