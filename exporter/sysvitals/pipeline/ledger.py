"""How each thing stands: its last outcome, what was published of it, its errors. Written by one thread, read by any."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sysvitals.model.changes import CollectorFailed, CollectorRecovered, CollectorUnavailable
from sysvitals.model.reading import Change, amend
from sysvitals.model.status import CollectorStatus, ReadErrors
from sysvitals.pipeline.clock import by_clock_now
from sysvitals.pipeline.interpret import Outcome
from sysvitals.pipeline.plan import READ, Key

FLAP_SECONDS = 600.0
"""A thing that fails again within this time of its recovery flaps: the events of one failure are followed by a single
one with the sum, when it has been well for so long. Its values leave when they are too old."""


class Standing(NamedTuple):
    """How one thing stands. Times are monotonic seconds; `succeeded_at` is by the wall clock, and since boot.

    `pace` is in how many seconds a slow thing is read again, and how old its value may become; None: it is not slow.
    `hidden` counts the failures since the last event, `broken` the seconds that they lasted.
    """

    outcome: Outcome
    took: float | None = None
    pace: tuple[float, float] | None = None
    succeeded_at: tuple[float, float] | None = None
    broken_since: float | None = None
    recovered_at: float | None = None
    hidden: int = 0
    broken: float = 0.0


class Ledger:
    """The standing of every thing, and the errors by collector and kind. The loop writes, any thread may read.

    `left_out` counts what is left out to stay within a limit of series, by the table, thing or search that has it.
    """

    def __init__(self) -> None:
        self.things: dict[Key, Standing] = {}
        self.left_out: dict[Key, int] = {}
        self.errors: dict[tuple[str, str], int] = {}

    def count(self, collector: str, errors: Iterable[str]) -> None:
        """Add these errors to the collector's."""
        for error in errors:
            self.errors[collector, error] = self.errors.get((collector, error), 0) + 1

    def forget_errors(self, collectors: Iterable[str]) -> None:
        """These collectors were switched off."""
        gone = set(collectors)
        self.errors = {key: total for key, total in self.errors.items() if key[0] not in gone}

    def outcomes(self, collectors: Iterable[str]) -> dict[str, Outcome | None]:
        """How each collector stands, all its things together; None where nothing of it has run."""
        things = self._by_collector()
        return {name: sum_up(things.get(name, ())) for name in collectors}

    def statuses(self, collectors: Iterable[str], wall: float, uptime: float) -> list[CollectorStatus | ReadErrors]:
        """The metrics of these collectors' standing. `wall` and `uptime` are now."""
        things = self._by_collector()
        left_out = self.left_out.copy()
        errors: dict[str, list[ReadErrors]] = {}
        for (name, error), total in sorted(self.errors.copy().items()):
            errors.setdefault(name, []).append(ReadErrors(collector=name, error=error, total=total))
        statuses: list[CollectorStatus | ReadErrors] = []
        for name in collectors:
            status = _build_status(name, things.get(name, ()), wall, uptime)
            if status is not None and left_out:
                total = sum(count for key, count in left_out.items() if key.collector == name)
                status = amend(status, left_out=total or None)
            statuses += [status] if status is not None else []
            statuses += errors.get(name, ())
        return statuses

    def _by_collector(self) -> dict[str, list[tuple[Key, Standing]]]:
        things: dict[str, list[tuple[Key, Standing]]] = {}
        for key, standing in self.things.copy().items():
            things.setdefault(key.collector, []).append((key, standing))
        return things


def _build_status(
    name: str, things: Sequence[tuple[Key, Standing]], wall: float, uptime: float
) -> CollectorStatus | None:
    word = _sum_up_word(things)
    if word is None:
        return None
    # where it has no things, it is the search for them that took its time
    mine = [one for key, one in things if key.kind == READ] or [one for _, one in things]
    took = [one.took for one in mine if one.took is not None]
    successes = [one.succeeded_at for one in mine if one.succeeded_at is not None]
    return CollectorStatus(
        collector=name,
        available=word != "unavailable",
        success=None if word == "unavailable" else word == "ok",
        duration=sum(took) if took else None,
        last_success=by_clock_now(max(successes, key=lambda at: at[1]), (wall, uptime)) if successes else None,
    )


def _sum_up_word(things: Sequence[tuple[Key, Standing]]) -> str | None:
    """How a collector stands in one word: ok where any thing was read, failed where none was, else unavailable."""
    words = {one.outcome.status for key, one in things if key.kind == READ or one.outcome.status != "ok"}
    return next((word for word in ("ok", "failed", "unavailable") if word in words), None)


def sum_up(things: Sequence[tuple[Key, Standing]]) -> Outcome | None:
    """One outcome for a collector, all its things together; None where nothing of it has run."""
    word = _sum_up_word(things)
    words = "; ".join(text for key, standing in things if (text := _describe(key, standing)))
    if word == "ok":
        left_out = [standing.outcome.left_out for _, standing in things if standing.outcome.left_out]
        slow = [pace for key, one in things if key.kind == READ and (pace := _describe_pace(key, one))]
        return Outcome("ok", message=words, left_out="; ".join(left_out), slow="; ".join(slow))
    outcome = next((standing.outcome for _, standing in things if standing.outcome.status == word), None)
    if outcome is None or word is None:
        return None
    return Outcome(word, outcome.error, words) if word == "failed" else Outcome(word, message=outcome.message)


def judge(before: Standing | None, key: Key, outcome: Outcome, now: float) -> tuple[Standing, Change | None]:
    """How a thing stands after this outcome, and the event of it where there is one."""
    if outcome.status == "failed":
        return _judge_failure(before, key, outcome, now)
    if outcome.status == "unavailable":
        return _judge_absence(before, key, outcome, now)
    if before is None:
        return Standing(outcome), None
    return _judge_success(before, key, outcome, now)


def give_up(before: Standing, key: Key, outcome: Outcome, now: float) -> tuple[Standing, Change]:
    """The thing's last value is too old to be shown: it has failed, however often it has recovered lately."""
    failures = f"; failed {before.hidden} times" if before.hidden > 1 else ""
    standing = before._replace(
        outcome=outcome, broken_since=before.broken_since or now, recovered_at=None, hidden=0, broken=0.0
    )
    if outcome.status == "unavailable":
        return standing, CollectorUnavailable(collector=key.collector, thing=key.thing, reason=outcome.message)
    words = f"{outcome.message}{failures}"
    return standing, CollectorFailed(collector=key.collector, thing=key.thing, error=outcome.error, message=words)


def _judge_failure(before: Standing | None, key: Key, outcome: Outcome, now: float) -> tuple[Standing, Change | None]:
    change = CollectorFailed(collector=key.collector, thing=key.thing, error=outcome.error, message=outcome.message)
    if before is None:
        return Standing(outcome, broken_since=now), change
    broken_since = now if before.broken_since is None else before.broken_since
    if before.outcome.status == "failed":
        is_known = before.hidden > 0 or before.outcome.error == outcome.error
        return before._replace(outcome=outcome, broken_since=broken_since), None if is_known else change
    flaps = before.recovered_at is not None and now - before.recovered_at < FLAP_SECONDS
    hidden = before.hidden + 1 if flaps or before.hidden else 0
    return before._replace(outcome=outcome, broken_since=broken_since, hidden=hidden), None if flaps else change


def _judge_absence(before: Standing | None, key: Key, outcome: Outcome, now: float) -> tuple[Standing, Change | None]:
    if before is not None and _flaps(before, now):
        is_new = before.outcome.status == "ok"
        return before._replace(
            outcome=outcome, broken_since=before.broken_since or now, hidden=before.hidden + is_new
        ), None
    # what was never there is how the host is made, no change of it
    known = before is None or (before.outcome.status == "unavailable" and before.outcome.message == outcome.message)
    change = None if known else CollectorUnavailable(collector=key.collector, thing=key.thing, reason=outcome.message)
    broken_since = now if before is None or before.broken_since is None else before.broken_since
    return Standing(outcome, broken_since=broken_since), change


def _flaps(before: Standing, now: float) -> bool:
    """Whether its failures and recoveries are summed up, instead of each being an event."""
    if before.outcome.status != "ok":
        return before.hidden > 0
    return before.recovered_at is not None and now - before.recovered_at < FLAP_SECONDS


def _judge_success(before: Standing, key: Key, outcome: Outcome, now: float) -> tuple[Standing, Change | None]:
    if before.broken_since is not None:
        lasted = now - before.broken_since
        if before.hidden:  # one of many: the sum comes when it stays well
            return before._replace(
                outcome=outcome, broken_since=None, recovered_at=now, broken=before.broken + lasted
            ), None
        change = CollectorRecovered(collector=key.collector, thing=key.thing, seconds=round(lasted, 3), failures=1)
        return before._replace(outcome=outcome, broken_since=None, recovered_at=now), change
    if before.hidden and before.recovered_at is not None and now - before.recovered_at >= FLAP_SECONDS:
        change = CollectorRecovered(
            collector=key.collector, thing=key.thing, seconds=round(before.broken, 3), failures=before.hidden
        )
        return before._replace(outcome=outcome, recovered_at=None, hidden=0, broken=0.0), change
    return before._replace(outcome=outcome), None


def _describe(key: Key, standing: Standing) -> str:
    """What is to be said of a thing that is not simply well."""
    outcome = standing.outcome
    what = f"{key.thing}: " if key.thing and not outcome.message.startswith(f"{key.thing}: ") else ""
    if outcome.status == "failed" or (outcome.status == "ok" and outcome.message):
        return f"{what}{outcome.message}"
    return ""


def _describe_pace(key: Key, standing: Standing) -> str:
    if standing.pace is None or standing.took is None:
        return ""
    rhythm, limit = standing.pace
    name = key.thing or key.collector
    return f"{name} ({standing.took:.2g} s a read, every {rhythm:.0f} s, never shown older than {limit:.0f} s)"
