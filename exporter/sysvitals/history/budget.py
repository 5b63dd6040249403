"""What one collector may write a day, so that a host with a thousand links does not wear out its card: pure.

A round is what a collector reads in one go. Whole rounds are kept or left out, never parts of one; changes always stay.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sysvitals.model.changes import HistoryThinned
from sysvitals.model.event import Event

DAY_SECONDS = 86400.0
SAVED_SECONDS = 4 * 3600.0
"""What was not used is saved for so long: somebody who watches the page has everything read more often."""

ROUND_SECONDS = 10.0
PAUSE_SECONDS = 1.0
"""A round begins with the first reading that comes so long after the round before it began, and after such a pause."""

LONGEST_ROUND_SECONDS = 60.0
"""A round ends after so long without a pause too: a collector whose readings never pause is counted all the same."""


@dataclass(slots=True)
class _Account:
    """What a collector may still write. Times are seconds since boot."""

    bytes: float
    began: float
    last: float
    keeps: bool = True
    rounds: int = 0
    """How many were left out since the last one that was kept, and below how many events, and since when."""
    events: int = 0
    since: float = 0.0


class Budget:
    """Decides which events are kept. `owners` name the collector of each reading's event."""

    def __init__(self, owners: Mapping[str, str]) -> None:
        self.left_out = 0
        self._owners = owners
        self._accounts: dict[str, _Account] = {}
        self._reports: list[HistoryThinned] = []

    def sift(self, events: Iterable[Event], bytes_a_day: float) -> tuple[Event, ...]:
        """Those of these events that are kept."""
        return tuple(event for event in events if self._keeps(event, bytes_a_day))

    def spend(self, events: Iterable[Event], lines: Iterable[str]) -> None:
        """These were kept, and are so long."""
        for event, line in zip(events, lines, strict=True):
            account = self._accounts.get(self._owners.get(event.body.event_name, ""))
            if account is not None:
                account.bytes -= len(line) + 1

    def take_reports(self) -> list[HistoryThinned]:
        """What was left out before rounds that were kept since the last call."""
        reports, self._reports = self._reports, []
        return reports

    def _keeps(self, event: Event, bytes_a_day: float) -> bool:
        collector = self._owners.get(event.body.event_name)
        if collector is None:
            return True
        now = event.stamp.uptime
        account = self._accounts.get(collector)
        if account is None:
            saved = bytes_a_day * SAVED_SECONDS / DAY_SECONDS
            account = self._accounts[collector] = _Account(saved, began=now, last=now)
        elif now - account.began >= (ROUND_SECONDS if now - account.last >= PAUSE_SECONDS else LONGEST_ROUND_SECONDS):
            self._begin_round(account, collector, now, bytes_a_day)
        account.last = now
        if account.keeps:
            return True
        if not account.events:
            account.since = event.stamp.time
        account.events += 1
        self.left_out += 1
        return False

    def _begin_round(self, account: _Account, collector: str, now: float, bytes_a_day: float) -> None:
        rate = bytes_a_day / DAY_SECONDS
        account.bytes = min(account.bytes + (now - account.began) * rate, rate * SAVED_SECONDS)
        account.began = now
        account.keeps = account.bytes >= 0 or not bytes_a_day
        if not account.keeps:
            account.rounds += 1
        elif account.rounds:
            self._reports.append(
                HistoryThinned(collector=collector, rounds=account.rounds, events=account.events, since=account.since)
            )
            account.rounds = account.events = 0
