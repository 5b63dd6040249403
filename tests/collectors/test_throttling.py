import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.collectors import throttling
from sysvitals.collectors.throttling import Throttling, ThrottlingCleared, ThrottlingSource, ThrottlingStarted
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.model.status import ReadErrors
from sysvitals.pipeline.scheduler import Scheduler
from sysvitals.sources.pi.firmware import HINT
from sysvitals.sources.pi.throttle_word import CAUSES
from tests.building import build_host
from tests.pipeline.rig import WALL, Rig
from tests.recorded import HOSTS, RecordedHost

PI_4 = b"Raspberry Pi 4 Model B Rev 1.5\0"
FIRMWARE = "sys/devices/platform/soc/soc:firmware"
ALARM = f"{FIRMWARE}/raspberrypi-hwmon/hwmon/hwmon1/in0_lcrit_alarm"


def active(host: RecordedHost) -> dict[str, bool]:
    return {r.cause: r.active for r in throttling.read(host) if isinstance(r, Throttling)}


def source(host: RecordedHost) -> ThrottlingSource:
    (found,) = (r for r in throttling.read(host) if isinstance(r, ThrottlingSource))
    return found


def recorded(name: str) -> RecordedHost:
    return RecordedHost(HOSTS / name)


def build_pi(
    folder: Path,
    *,
    model: bytes = PI_4,
    revision: bytes | None = None,
    files: Mapping[str, str] | None = None,
    **nodes: Any,
) -> RecordedHost:
    uname = {"sysname": "Linux", "nodename": "pi", "release": "6.12", "version": "#1", "machine": "aarch64"}
    tree: dict[str, str | bytes] = {"sys/firmware/devicetree/base/model": model}
    if revision:
        tree["sys/firmware/devicetree/base/system/linux,revision"] = revision
    return build_host(folder, {"syscalls.json": json.dumps({"uname": uname, "ioctl": nodes}), **tree, **(files or {})})


def rpi_volt(alarm: str | None, word: str | None = None) -> dict[str, str]:
    chip = f"{FIRMWARE}/raspberrypi-hwmon/hwmon/hwmon1"
    files = {
        f"{chip}/name": "rpi_volt\n",
        f"{chip}/device": "->../../../raspberrypi-hwmon",
        "sys/class/hwmon/hwmon1": "->../../devices/platform/soc/soc:firmware/raspberrypi-hwmon/hwmon/hwmon1",
    }
    if alarm is not None:
        files[f"{chip}/in0_lcrit_alarm"] = f"{alarm}\n"
    if word is not None:
        files[f"{FIRMWARE}/get_throttled"] = f"{word}\n"
    return files


def test_a_board_that_browns_out_says_so() -> None:
    host = recorded("pi-4b-browning-out")
    assert active(host) == {
        "undervoltage": True, "frequency_capped": False, "throttled": True, "soft_temperature_limit": False
    }  # fmt: skip
    assert source(host) == ThrottlingSource(undervoltage_detectable=True, source="rpi_volt+vcio", word="0x50005")


def since_boot(host: RecordedHost) -> dict[str, bool | None]:
    return {r.cause: r.since_boot for r in throttling.read(host) if isinstance(r, Throttling)}


def test_what_the_firmware_remembers_is_told_apart_from_what_happens_now() -> None:
    host = recorded("pi-4b-browned-out-earlier")
    assert set(active(host).values()) == {False}
    assert since_boot(host) == {
        "undervoltage": True, "frequency_capped": False, "throttled": True, "soft_temperature_limit": False
    }  # fmt: skip


def test_what_the_kernel_forgets_every_two_seconds_is_not_called_since_boot(tmp_path: Path) -> None:
    host = build_pi(tmp_path, files=rpi_volt("0", "f0000"))
    assert source(host).source == "rpi_volt+get_throttled"
    assert set(since_boot(host).values()) == {None}


def test_what_the_property_tag_remembers_is_not_called_since_boot(tmp_path: Path) -> None:
    host = build_pi(tmp_path, vcio={"tags": {"0x00030046": 0xF0001}})
    assert source(host).source == "vcio"
    assert active(host)["undervoltage"]
    assert set(since_boot(host).values()) == {None}


def test_a_board_without_detector_is_not_said_to_have_had_no_undervoltage_since_boot() -> None:
    assert "undervoltage" not in since_boot(recorded("pi-zero-w"))


def test_a_3b_plus_at_its_soft_limit_says_so() -> None:
    assert [cause for cause, now in active(recorded("pi-3b-plus")).items() if now] == ["soft_temperature_limit"]


@pytest.mark.parametrize("name", ["pi-zero-w", "pi-cm4-emmc"])
def test_a_board_without_detector_never_says_that_its_voltage_is_fine(name: str) -> None:
    host = recorded(name)
    assert source(host).undervoltage_detectable is False
    assert active(host) == {"frequency_capped": False, "throttled": False, "soft_temperature_limit": False}


def test_an_undervoltage_that_was_seen_is_believed_on_any_board(tmp_path: Path) -> None:
    host = build_pi(tmp_path, model=b"Raspberry Pi Zero W Rev 1.1\0", files=rpi_volt("1"))
    assert active(host) == {"undervoltage": True}


def test_of_a_board_not_known_neither_silence_nor_a_detector_is_told(tmp_path: Path) -> None:
    host = build_pi(tmp_path, model=b"Raspberry Pi 9 Model Z\0", files=rpi_volt("0"))
    assert active(host) == {}
    assert source(host).undervoltage_detectable is None


def test_a_mainline_kernel_tells_undervoltage_only() -> None:
    host = recorded("qemu-raspi4b")
    assert active(host) == {"undervoltage": False}
    assert source(host) == ThrottlingSource(undervoltage_detectable=True, source="rpi_volt", hint=HINT)


def test_the_alarm_counts_more_than_the_words_bit(tmp_path: Path) -> None:
    assert active(build_pi(tmp_path / "a", files=rpi_volt("1", "0")))["undervoltage"]
    assert not active(build_pi(tmp_path / "b", files=rpi_volt("0", "1")))["undervoltage"]
    assert active(build_pi(tmp_path / "c", files=rpi_volt(None, "1")))["undervoltage"]


@pytest.mark.parametrize("name", ["qemu-raspi3b", "container"])
def test_a_raspberry_pi_that_cannot_be_asked_is_not_healthy(name: str) -> None:
    host = recorded(name)
    assert active(host) == {}
    found = source(host)
    assert (found.undervoltage_detectable, found.source) == (False, "none")
    assert "raspberrypi_hwmon" in (found.hint or "")


def test_a_word_without_the_driver_that_refreshes_it_is_not_believed(tmp_path: Path) -> None:
    host = build_pi(tmp_path, files={f"{FIRMWARE}/get_throttled": "0\n"})
    assert active(host) == {}
    assert source(host).source == "none"


def test_a_word_that_fails_takes_nothing_from_the_alarm(tmp_path: Path) -> None:
    host = build_pi(tmp_path, files=rpi_volt("1") | {f"{FIRMWARE}/get_throttled.ERRNO-EIO": ""})
    (fault,) = (f for f in throttling.read(host) if isinstance(f, Fault))
    assert (fault.what, fault.error) == ("get_throttled", "EIO")
    assert active(host) == {"undervoltage": True}


def test_an_alarm_that_fails_takes_nothing_from_the_board(tmp_path: Path) -> None:
    host = build_pi(tmp_path, files=rpi_volt("yes"))
    (fault,) = (f for f in throttling.read(host) if isinstance(f, Fault))
    assert fault.error == "garbage"
    assert active(host) == {}
    assert source(host) == ThrottlingSource(undervoltage_detectable=True, source="none", hint=HINT)


def test_a_board_that_makes_no_sense_is_a_fault_and_its_alarm_still_counts(tmp_path: Path) -> None:
    host = build_pi(tmp_path, revision=b"\0\0\0", files=rpi_volt("1"))
    assert [f.what for f in throttling.read(host) if isinstance(f, Fault)] == ["board"]
    assert active(host) == {"undervoltage": True}


def test_a_detector_that_has_proven_itself_is_believed_when_the_undervoltage_is_over(tmp_path: Path) -> None:
    host = build_pi(tmp_path, model=b"Raspberry Pi 9 Model Z\0", files=rpi_volt("0"))
    assert active(host) == {}
    for alarm, now in (("1", True), ("0", False)):
        (tmp_path / ALARM).write_text(f"{alarm}\n")
        assert active(host) == {"undervoltage": now}
        assert source(host).undervoltage_detectable


@pytest.mark.parametrize("name", ["jetson", "nuc", "vm", "qemu-x86-wifi-emmc"])
def test_another_host_has_no_such_firmware(name: str) -> None:
    with pytest.raises(Unavailable, match="Raspberry Pi"):
        list(throttling.read(recorded(name)))


def test_its_families_are_the_headline_and_its_causes_a_closed_set() -> None:
    families = build_catalog([throttling.COLLECTOR]).families
    assert {name: family.labels for name, family in families.items()} == {
        "system_throttle_events_total": ("cause",),
        "system_throttle_last_timestamp_seconds": ("cause",),
        "system_throttle_seconds_total": ("cause",),
        "system_throttled": ("cause",),
        "system_throttled_since_boot": ("cause",),
        "system_throttling_source_info": ("source",),
        "system_undervoltage_detectable": (),
    }
    assert CAUSES == ("undervoltage", "frequency_capped", "throttled", "soft_temperature_limit")


# edges


class TimedHost(RecordedHost):
    """A recorded host whose wall clock is that of the rig."""

    rig: Rig

    def time(self) -> float:
        return WALL + self.rig.time.now


class Board:
    """A Raspberry Pi 4 whose firmware answers what it is told to, and the exporter that reads it, run by run."""

    def __init__(self, folder: Path, **board: Any) -> None:
        self.folder = folder
        self.rig = Rig(folder)
        build_pi(folder, **board)
        self.host = TimedHost(folder)
        self.host.rig = self.rig
        self.restart()

    def restart(self) -> None:
        """Start the exporter anew."""
        self.rig.close()
        self.rig.scheduler = Scheduler([COLLECTOR], host=self.host, bus=self.rig.bus, clock=self.rig.clock)
        self.rig.record.events.clear()

    def run(self, word: int | None, after: float = 0.0) -> dict[str, Throttling]:
        """What is known of each cause. Without a word the firmware may not be asked."""
        node = {"errno": "EACCES"} if word is None else {"get_throttled": f"throttled=0x{word:x}"}
        self.host.syscalls["ioctl"] = {"vcio": node}
        return self.read(after)

    def read(self, after: float = 0.0) -> dict[str, Throttling]:
        """What is known of each cause, after so many seconds."""
        self.rig.time.now += after
        before = len(self.rig.record.events)
        self.rig.refresh()
        events = self.rig.record.events[before:]
        return {event.body.cause: event.body for event in events if isinstance(event.body, Throttling)}

    @property
    def edges(self) -> list[ThrottlingStarted | ThrottlingCleared]:
        bodies = (event.body for event in self.rig.record.events)
        return [body for body in bodies if isinstance(body, ThrottlingStarted | ThrottlingCleared)]


# run by run, as the test says, and never too late
COLLECTOR = replace(throttling.COLLECTOR, max_age=0.0, watch=None, interval=600.0)
UNDERVOLTAGE, CAPPED, THROTTLED = 0x10001, 0x20002, 0x40004
STICKY = 0x10000


@contextmanager
def run_board(folder: Path, **board: Any) -> Iterator[Board]:
    made = Board(folder, **board)
    try:
        yield made
    finally:
        made.rig.close()


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    with run_board(tmp_path) as made:
        yield made


def test_an_episode_is_counted_timed_and_told_at_both_ends(board: Board) -> None:
    start = WALL + board.rig.time.now
    assert board.run(0)["undervoltage"] == Throttling(cause="undervoltage", active=False, since_boot=False)
    now = board.run(UNDERVOLTAGE, after=7.0)["undervoltage"]
    assert now == Throttling(cause="undervoltage", active=True, since_boot=True, events=1, last=start + 7.0)
    now = board.run(UNDERVOLTAGE, after=15.0)["undervoltage"]
    assert (now.seconds, now.episode_seconds, now.events, now.last) == (15.0, 15.0, 1, start + 22.0)
    now = board.run(STICKY, after=2.5)["undervoltage"]
    assert now == Throttling(
        cause="undervoltage",
        active=False,
        since_boot=True,
        events=1,
        seconds=17.5,
        last=start + 24.5,
        episode_seconds=17.5,
    )
    now = board.run(STICKY, after=15.0)["undervoltage"]
    assert (now.seconds, now.episode_seconds, now.last) == (17.5, 0.0, start + 24.5)
    assert board.edges == [
        ThrottlingStarted(cause="undervoltage"),
        ThrottlingCleared(cause="undervoltage", seconds=17.5),
    ]
    assert all(edge.urgent for edge in board.edges)


def test_what_goes_on_when_the_exporter_starts_is_told_and_timed_from_then(board: Board) -> None:
    now = board.run(UNDERVOLTAGE)["undervoltage"]
    assert (now.active, now.events, now.seconds) == (True, 1, 0.0)
    board.run(STICKY, after=3.0)
    assert board.edges == [
        ThrottlingStarted(cause="undervoltage"),
        ThrottlingCleared(cause="undervoltage", seconds=3.0),
    ]


def test_what_happened_before_the_exporter_started_is_told_from_what_happened_since(board: Board) -> None:
    stale = board.run(STICKY)["undervoltage"]
    assert (stale.active, stale.since_boot, stale.events, stale.last) == (False, True, 0, None)
    board.run(UNDERVOLTAGE, after=60.0)
    fresh = board.run(STICKY, after=4.0)["undervoltage"]
    assert (fresh.active, fresh.since_boot, fresh.events) == (False, True, 1)
    assert fresh.last == WALL + board.rig.time.now
    board.restart()
    stale = board.run(STICKY, after=60.0)["undervoltage"]
    assert (stale.since_boot, stale.events, stale.last) == (True, 0, None)


def test_each_cause_is_counted_by_itself(board: Board) -> None:
    board.run(UNDERVOLTAGE)
    board.run(UNDERVOLTAGE | THROTTLED, after=2.0)
    board.run(THROTTLED, after=3.0)
    found = board.run(0, after=4.0)
    assert {cause: (one.events, one.seconds) for cause, one in found.items()} == {
        "undervoltage": (1, 5.0),
        "frequency_capped": (0, 0.0),
        "throttled": (1, 7.0),
        "soft_temperature_limit": (0, 0.0),
    }


def test_a_sensor_that_vanishes_and_comes_back_keeps_its_counts_and_the_gap_counts_for_nothing(board: Board) -> None:
    board.run(UNDERVOLTAGE)
    board.run(UNDERVOLTAGE, after=5.0)
    seen = WALL + board.rig.time.now
    assert board.run(None, after=100.0) == {}
    now = board.run(STICKY, after=100.0)["undervoltage"]
    assert (now.active, now.events, now.seconds, now.last) == (False, 1, 5.0, seen)
    assert board.edges[1:] == [ThrottlingCleared(cause="undervoltage", seconds=5.0)]
    now = board.run(UNDERVOLTAGE, after=1.0)["undervoltage"]
    assert (now.events, now.seconds) == (2, 5.0)


def test_an_episode_that_goes_on_behind_a_gap_is_the_same(board: Board) -> None:
    board.run(UNDERVOLTAGE)
    board.run(UNDERVOLTAGE, after=5.0)
    board.run(None, after=100.0)
    assert board.run(UNDERVOLTAGE, after=100.0)["undervoltage"].events == 1
    now = board.run(0, after=2.0)["undervoltage"]
    assert (now.events, now.seconds) == (1, 7.0)
    assert [type(edge) for edge in board.edges] == [ThrottlingStarted, ThrottlingCleared]


def test_an_episode_on_a_board_not_known_has_an_end(tmp_path: Path) -> None:
    with run_board(tmp_path, model=b"Raspberry Pi 9 Model Z\0", files=rpi_volt("0")) as board:
        assert board.read() == {}
        (tmp_path / ALARM).write_text("1\n")
        assert board.read(after=5.0)["undervoltage"].active
        (tmp_path / ALARM).write_text("0\n")
        assert not board.read(after=2.0)["undervoltage"].active
        assert board.edges == [
            ThrottlingStarted(cause="undervoltage"),
            ThrottlingCleared(cause="undervoltage", seconds=2.0),
        ]


def test_a_board_without_detector_has_no_edges_of_undervoltage_and_keeps_the_others(tmp_path: Path) -> None:
    with run_board(tmp_path, model=b"Raspberry Pi Zero W Rev 1.1\0") as board:
        for word in (0, CAPPED, 0):
            assert "undervoltage" not in board.run(word, after=5.0)
        assert [edge.cause for edge in board.edges] == ["frequency_capped"] * 2


def test_a_missing_permission_is_said_with_its_remedy_and_costs_no_other_source(tmp_path: Path) -> None:
    with run_board(tmp_path, files=rpi_volt("1", "40004")) as board:
        found = board.run(None)
        assert {cause for cause, one in found.items() if one.active} == {"undervoltage", "throttled"}
        [told] = [event.body for event in board.rig.record.events if isinstance(event.body, ThrottlingSource)]
        assert told.source == "rpi_volt+get_throttled"
        assert "group video" in (told.hint or "")
        [errors] = [status for status in board.rig.scheduler.statuses() if isinstance(status, ReadErrors)]
        assert (errors.collector, errors.error, errors.total) == ("throttling", "EACCES", 1)


def test_a_source_that_takes_over_from_another_begins_no_new_episode(tmp_path: Path) -> None:
    with run_board(tmp_path, files=rpi_volt("1", "50005")) as board:
        board.run(UNDERVOLTAGE | THROTTLED)
        board.run(None, after=3.0)
        found = board.run(UNDERVOLTAGE | THROTTLED, after=3.0)
        assert {one.events for one in found.values() if one.active} == {1}
        assert found["throttled"].seconds == 6.0
        assert len(board.edges) == 2


Step = tuple[float, int | None]
STEPS = st.lists(
    st.tuples(st.floats(0.25, 30.0).map(lambda seconds: round(seconds * 8) / 8), st.none() | st.integers(0, 15)),
    min_size=1,
    max_size=15,
)


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_over_any_sequence_of_runs_events_are_onsets_and_seconds_the_time_seen_active(steps: list[Step]) -> None:
    with tempfile.TemporaryDirectory() as folder, run_board(Path(folder)) as board:
        last: dict[str, Throttling] = {}
        for after, word in steps:
            last.update(board.run(word, after))
        for number, cause in enumerate(CAUSES):
            states = [None if word is None else bool(word >> number & 1) for _, word in steps]
            known = [state for state in states if state is not None]
            onsets = sum(now and not before for before, now in pairwise([False, *known]))
            spans = [
                after for (before, now), (after, _) in zip(pairwise(states), steps[1:], strict=True)
                if before and now is not None
            ]  # fmt: skip
            edges = [edge for edge in board.edges if edge.cause == cause]
            if known:
                assert (last[cause].events, last[cause].seconds) == (onsets, sum(spans))
            kinds = [ThrottlingStarted, ThrottlingCleared] * len(edges)
            assert [type(edge) for edge in edges] == kinds[: len(edges)]
            assert sum(isinstance(edge, ThrottlingStarted) for edge in edges) == onsets
            told = sum(edge.seconds for edge in edges if isinstance(edge, ThrottlingCleared))
            goes_on = last[cause].episode_seconds if known and last[cause].active else 0.0
            assert told + goes_on == sum(spans)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(8, 160), st.integers(8, 160)), min_size=1, max_size=6),
    st.lists(st.integers(1, 2000), max_size=20),
)
def test_with_a_run_at_each_edge_the_time_is_exact_whatever_else_runs(
    pulses: list[tuple[int, int]], others: list[int]
) -> None:
    """Pulses as pauses and lengths, in eighths of a second; other runs at any time."""
    edges: dict[int, int] = {}
    moment = 0
    for pause, length in pulses:
        edges[moment + pause], edges[moment + pause + length] = UNDERVOLTAGE, STICKY
        moment += pause + length
    with tempfile.TemporaryDirectory() as folder, run_board(Path(folder)) as board:
        word = now = 0
        board.run(word)
        for moment in sorted({*edges, *others}):
            word = edges.get(moment, word)
            found = board.run(word, (moment - now) / 8)["undervoltage"]
            now = moment
        assert found.events == len(pulses)
        assert found.seconds == sum(length for _, length in pulses) / 8
        cleared = [edge.seconds for edge in board.edges if isinstance(edge, ThrottlingCleared)]
        assert cleared == [length / 8 for _, length in pulses]


@pytest.mark.parametrize(
    ("before", "now", "counted"), [(False, True, 1), (True, True, 0), (None, True, 0), (False, False, 0)]
)
def test_what_came_and_went_unwatched_is_counted_by_what_the_firmware_keeps_in_mind(
    before: bool | None, now: bool, counted: int
) -> None:
    first = Throttling(cause="undervoltage", active=False, since_boot=before)
    second = throttling.compare(Throttling(cause="undervoltage", active=False, since_boot=now), first, None)
    assert isinstance(second, Throttling)
    assert second.events == counted
