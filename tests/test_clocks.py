"""A running exporter whose wall clock is set, which begins in 1970, and whose host sleeps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.exporter import Exporter
from sysvitals.history.segments import list_segments
from sysvitals.pipeline.clock import Clock
from tests.collectors.test_throttling import build_pi
from tests.recorded import RecordedHost
from tests.test_exporter import metrics_of, stored

HOUR, DAY, YEAR = 3600.0, 86_400.0, 365.25 * 86_400.0
NOON = 1_789_905_600.0
"""2026-09-20 12:00 UTC."""

LOW, WAS_LOW = "throttled=0x10001", "throttled=0x10000"
UNDERVOLTAGE = 'cause="undervoltage"'


class Board(RecordedHost):
    """A Raspberry Pi 4 whose supply is too low until `recover`, its clocks, and an exporter of its throttling."""

    def __init__(self, folder: Path, wall: float, *, synced: bool) -> None:
        build_pi(folder / "board", files={"proc/sys/kernel/random/boot_id": "2a0b4c1e-0000-4000-8000-000000000001\n"})
        super().__init__(folder / "board")
        self.wall, self.uptime, self.monotonic, self.synced = wall, 600.0, 600.0, synced
        self.kept_in = folder / "data"
        self._set_word(LOW)
        self.start()

    def start(self) -> None:
        others = (collector.name for collector in COLLECTORS if collector.name != "throttling")
        flags: dict[str, Any] = {f"--collector.{name}": False for name in others}
        settings = load_settings(COLLECTORS, flags={**flags, "--storage.path": str(self.kept_in)})
        clock = Clock(lambda: self.wall, lambda: self.uptime, lambda: self.monotonic, lambda: self.synced)
        self.exporter = Exporter(settings, load=lambda: settings, host=self, clock=clock)
        self.exporter.start()
        self.values = metrics_of(self.exporter)

    def restart(self) -> None:
        self.exporter.stop("a restart")
        self.start()

    def time(self) -> float:
        return self.wall

    def recover(self) -> None:
        self._set_word(WAS_LOW)
        self.run(1)

    def _set_word(self, word: str) -> None:
        self.syscalls["ioctl"] = {"vcio": {"get_throttled": word}}

    def set_clock(self, wall: float, *, synced: bool = False) -> None:
        """The kernel does not trust a clock that was set by hand."""
        self.wall, self.synced = wall, synced

    def sleep(self, seconds: float) -> None:
        """The board sleeps, during which its monotonic clock stands still."""
        self.wall += seconds
        self.uptime += seconds

    def run(self, scrapes: int = 10, every: float = 1.0) -> None:
        """Scrapes come, one each second: after a longer step the exporter would have been stopped."""
        for _ in range(scrapes):
            self.wall += every
            self.uptime += every
            self.monotonic += every
            self.values = metrics_of(self.exporter)

    def value(self, name: str, labels: str = UNDERVOLTAGE) -> float:
        return self.values[name, labels]

    def ago(self, name: str, labels: str = "") -> float:
        """How long before now that time was."""
        return round(self.wall - self.value(name, labels), 1)

    def events(self) -> list[dict[str, Any]]:
        """What is stored after the stop, in the order of its numbers."""
        self.exporter.stop("the end")
        return sorted(stored(self.kept_in), key=lambda event: int(event["seq"]))

    def days(self) -> set[str]:
        return {segment.name.split("/")[0] for segment in list_segments(str(self.kept_in / "history"))}


@pytest.fixture
def board(tmp_path: Path) -> Iterator[Board]:
    board = Board(tmp_path, NOON, synced=True)
    yield board
    board.exporter.stop("the end")


@pytest.fixture
def board_in_1970(tmp_path: Path) -> Iterator[Board]:
    board = Board(tmp_path, 600.0, synced=False)
    yield board
    board.exporter.stop("the end")


STEPS = pytest.mark.parametrize(
    "step", [3 * HOUR, -3 * HOUR, 10 * YEAR, -30 * YEAR], ids=["+3h", "-3h", "+10y", "-30y"]
)


@STEPS
@pytest.mark.fault(
    "time",
    "a wall clock that is set by hours or years, forth or back",
    seen="events with the new time; `uptime` and `seq` go on",
    heals="by itself",
)
def test_counts_and_rhythms_do_not_go_by_the_wall_clock(board: Board, step: float) -> None:
    board.run()
    assert board.value("system_throttle_seconds_total") == 10.0
    board.set_clock(board.wall + step)
    board.run()
    assert board.value("system_throttle_seconds_total") == 20.0
    assert board.value("system_throttle_events_total") == 1.0
    board.run(1, every=0.5)
    assert board.value("system_throttle_seconds_total") == 20.0, "what is half a second old was read again"
    events = board.events()
    assert [event["seq"] for event in events] == list(range(events[0]["seq"], events[0]["seq"] + len(events)))
    uptimes = [event["uptime"] for event in events]
    assert (uptimes, uptimes[0], uptimes[-1]) == (sorted(uptimes), 600.0, 620.5)


@STEPS
@pytest.mark.fault(
    "time",
    "what happened before the wall clock was set by hours or years",
    seen="its time as a metric moves along; stored events keep the time that they had",
    heals="by itself",
)
def test_times_in_metrics_are_by_the_clock_as_it_is_now(board: Board, step: float) -> None:
    board.run()
    board.recover()
    assert board.ago("system_throttle_last_timestamp_seconds", UNDERVOLTAGE) == 0.0
    board.set_clock(board.wall + step)
    board.run()
    assert board.ago("system_throttle_last_timestamp_seconds", UNDERVOLTAGE) == 10.0
    assert board.ago("sysvitals_collector_last_success_timestamp_seconds", 'collector="throttling"') == 0.0
    assert board.ago("sysvitals_config_last_reload_success_timestamp_seconds") == 21.0


@pytest.mark.parametrize("restarts", [0, 1])
@pytest.mark.fault(
    "time",
    "a start in 1970 without a clock, and NTP that sets it later",
    seen="events of before with `synced` false",
    heals="by itself, when NTP has set the clock",
)
def test_what_happened_before_ntp_set_the_clock_is_dated_right_and_kept(board_in_1970: Board, restarts: int) -> None:
    board = board_in_1970
    board.recover()
    board.run()
    for _ in range(restarts):
        board.restart()
    board.set_clock(NOON, synced=True)
    board.run()
    board.run()
    assert board.ago("system_throttle_last_timestamp_seconds", UNDERVOLTAGE) == 30.0
    assert board.ago("sysvitals_config_last_reload_success_timestamp_seconds") == (20.0 if restarts else 31.0)
    (said,) = [reason.text for reason in board.exporter.verdict().reasons if "was too low" in reason.text]
    assert said.startswith("The 5 V supply was too low at 11:59")
    events = board.events()
    synced = [event["synced"] for event in events]
    assert (synced, synced[0], synced[-1]) == (sorted(synced), False, True)
    assert [event["time"][:4] for event in events] == ["2026" if trusted else "1970" for trusted in synced]
    assert board.days() == {"1970-01-01", "2026-09-20"}


@pytest.mark.fault(
    "time",
    "a suspend of eight hours",
    seen="events whose `uptime` jumps by the sleep",
    heals="by itself, at the next reading",
)
def test_a_sleep_counts_as_time_since_boot_and_not_as_time_that_was_watched(board: Board) -> None:
    board.run()
    board.sleep(8 * HOUR)
    board.run()
    assert board.value("system_throttle_seconds_total") == 20.0
    assert board.value("system_throttle_events_total") == 1.0
    assert board.ago("sysvitals_collector_last_success_timestamp_seconds", 'collector="throttling"') == 0.0
    board.recover()
    board.run()
    board.sleep(8 * HOUR)
    board.run()
    assert board.ago("system_throttle_last_timestamp_seconds", UNDERVOLTAGE) == 8 * HOUR + 20.0
    assert board.ago("sysvitals_config_last_reload_success_timestamp_seconds") == 16 * HOUR + 41.0
    uptimes = [event["uptime"] for event in board.events()]
    assert (uptimes, uptimes[-1]) == (sorted(uptimes), 600.0 + 16 * HOUR + 41.0)
