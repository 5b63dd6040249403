"""Which worker gets what is due, and what becomes of what waits behind a read that hangs. Used by the loop alone."""

from collections.abc import Callable, Collection, Iterable

from sysvitals.pipeline.crew import HANGING_LIMIT, STALL_SECONDS, TRIAL, TRIAL_LIMIT, Crew, Run
from sysvitals.pipeline.plan import LOOK, READ, Key, Plan, Slot
from sysvitals.pipeline.tickets import Tickets

_BUS_WORKERS = 4
"""How many workers reads of one bus may hold: where as many hang, it is the bus that does."""


class Dispatcher:
    """Hands what is due to the crew.

    `build` makes the run of a key, `refuse` says why a slot is not read, and `drop` forgets a run that is not wanted.
    """

    def __init__(  # noqa: PLR0913  # it stands between all of these
        self,
        plan: Plan,
        crew: Crew,
        tickets: Tickets,
        *,
        build: Callable[[Key], Run],
        refuse: Callable[[Slot, str], None],
        drop: Callable[[Run], None],
    ) -> None:
        self._plan = plan
        self._crew = crew
        self._tickets = tickets
        self._build = build
        self._refuse = refuse
        self._drop = drop

    def dispatch(self, now: float, *, watches: bool) -> None:
        """Give the crew what is due: quick things as one batch, each slow one apart, those of a bus together.

        What is watched is looked at only if this `watches`.
        """
        batch: list[Run] = []
        rounds: dict[float, list[Run]] = {}
        apart: list[tuple[str, Run]] = []
        held = self._crew.held(now)
        suspects = self._find_suspects(held, now)
        for slot in self._plan.due(now):
            if slot.key.kind == LOOK and not watches:  # who reads once follows nothing
                self._plan.set_due(slot, now + slot.interval)
                continue
            is_suspect = suspects is not None and _may_hang(slot, suspects)
            if is_suspect and held >= TRIAL_LIMIT:
                self._hold_back(slot, now)
                continue
            run = self._build(slot.key)
            self._plan.begin(slot, run, now)
            self._tickets.note(slot)
            if is_suspect:
                apart.append((TRIAL, run))
            elif slot.bus or slot.slow:
                apart.append((slot.bus, run))
            elif run.every:
                rounds.setdefault(run.every, []).append(run)
            else:
                batch.append(run)
        for runs in (batch, *rounds.values()):
            self._crew.give(runs)
        for bus, run in apart:
            self._crew.give((run,), bus=bus)

    def relieve(self, now: float) -> float:
        """Move what waits behind reads that take their time to other workers. Returns when to look again.

        To twice as many as there were before, so that many reads which hang at a time are soon found.
        """
        stalled, look_again = self._crew.take_stalled(now)
        if not stalled:
            return look_again
        held = self._crew.held(now)
        suspects = self._find_suspects(held, now)
        moved: list[Run] = []
        tried: list[Run] = []
        for run in stalled:
            slot = self._plan.slots.get(run.key)
            if run.every:
                self._crew.give((run,))
            elif slot is not None and suspects is not None and _may_hang(slot, suspects):
                tried.append(run)
            else:
                moved.append(run)
        lanes = max(1, min(2 * held, HANGING_LIMIT - held, len(moved)))
        for lane in range(lanes):
            if share := moved[lane::lanes]:
                self._crew.give(share)
        if held < TRIAL_LIMIT:
            self._crew.give(tried, bus=TRIAL)
        else:
            self._take_back(tried, now)
        return min(look_again, now + STALL_SECONDS)

    def _find_suspects(self, held: int, now: float) -> set[str] | None:
        """The collectors of which things hold threads, where as many are held as may be; else None.

        Before the timeout, too: a further thread each STALL_SECONDS until then would be more than there are.
        """
        if held < HANGING_LIMIT:
            return None
        return {slot.key.collector for slot in self._plan.running.values() if slot.stuck or _holds(slot.run, now)}

    def try_those_behind(self, lane: str, now: float) -> None:
        """What a lane is busy with hangs, perhaps alone: a further worker tries the others, if it may."""
        if lane == TRIAL:
            rest = self._crew.detach(lane)
            if self._crew.held(now) < TRIAL_LIMIT:
                self._crew.give(rest, bus=lane)
            else:
                self._take_back(rest, now)
        elif sum(slot.stuck and slot.bus == lane for slot in self._plan.running.values()) < _BUS_WORKERS:
            self._crew.give(self._crew.detach(lane), bus=lane)

    def _take_back(self, runs: Iterable[Run], now: float) -> None:
        """These runs have not begun, and may not now."""
        for run in runs:
            slot = self._plan.slots.get(run.key)
            if slot is not None and slot.run is run:
                self._plan.end(slot, now)
                self._hold_back(slot, now)
            else:  # it was switched off meanwhile
                self._drop(run)

    def _hold_back(self, slot: Slot, now: float) -> None:
        """The threads that are left are for what is known to answer."""
        slot.wake_at = slot.recheck_at = None
        self._plan.set_due(slot, now + slot.interval)
        self._refuse(slot, f"not read: {self._crew.held(now)} other reads hang")


def _holds(run: Run | None, now: float) -> bool:
    """Whether this run takes its time."""
    return run is not None and run.started is not None and run.ended is None and now - run.started >= STALL_SECONDS


def _may_hang(slot: Slot, suspects: Collection[str]) -> bool:
    """Whether this is a thing, or a search for things, that is not known to answer, or is like others that hang."""
    key = slot.key
    if not key.thing and key.kind == READ:  # a table of the kernel
        return False
    return not slot.proven or key.collector in suspects
