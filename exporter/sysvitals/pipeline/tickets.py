"""Who waits for fresh readings, and for how long that is worth it. Used by the loop alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from threading import Event

from sysvitals.pipeline.crew import Crew, Run
from sysvitals.pipeline.plan import FIRST_SECONDS, LOOK, SLOW_SECONDS, Key, Plan, Slot


@dataclass(slots=True, eq=False)
class Ticket:
    """Somebody waits for fresh readings of these collectors (None: all), until `deadline` at the latest.

    With `rest`, for everything that is under way or due; with `slow`, for what is slow too, until it counts as hanging.
    """

    names: frozenset[str] | None
    deadline: float
    rest: bool = False
    slow: bool = False
    waits: set[Key] = field(default_factory=set)
    done: Event = field(default_factory=Event)

    def wants(self, collector: str) -> bool:
        """Whether it is about this collector."""
        return self.names is None or collector in self.names


class Tickets:
    """All who wait."""

    def __init__(self, plan: Plan, crew: Crew) -> None:
        self._plan = plan
        self._crew = crew
        self._tickets: list[Ticket] = []

    def __iter__(self) -> Iterator[Ticket]:
        return iter(tuple(self._tickets))

    def __len__(self) -> int:
        return len(self._tickets)

    @property
    def follow(self) -> bool:
        """Whether somebody waits for all that is due, what is watched included."""
        return any(ticket.rest for ticket in self._tickets)

    def note(self, slot: Slot) -> None:
        """This slot is run now: who wants it waits for it."""
        for ticket in self._tickets:
            if ticket.rest or (slot.fresh_at == float("-inf") and ticket.wants(slot.key.collector)):
                ticket.waits.add(slot.key)

    def admit(self, ticket: Ticket, now: float) -> None:
        """Somebody waits from now on: what is too old is due."""
        slots = self._plan.slots.values()
        wanted = (slot for slot in slots if slot.key.kind != LOOK and ticket.wants(slot.key.collector))
        for slot in self._plan.stale(wanted, now):
            self._plan.set_due(slot, min(slot.due, now))
            ticket.waits.add(slot.key)
        for slot in self._plan.running.values():
            goes_on = slot.stuck or (slot.run is not None and slot.run.every)
            if not goes_on and (ticket.rest or (slot.key.kind != LOOK and ticket.wants(slot.key.collector))):
                ticket.waits.add(slot.key)
        self._tickets.append(ticket)

    def serve(self, now: float) -> float:
        """Answer those whose readings are there, or are not to be waited for. Returns when to look again."""
        look_again = float("inf")
        ahead = self._crew.waiting() if self._tickets else {}
        for ticket in list(self._tickets):
            until = max((self._worth_waiting_until(key, now, ticket, ahead) for key in ticket.waits), default=now)
            if now >= min(until, ticket.deadline):
                self._tickets.remove(ticket)
                ticket.done.set()
            else:
                look_again = min(look_again, until, ticket.deadline)
        return look_again

    def _worth_waiting_until(self, key: Key, now: float, ticket: Ticket, ahead: Mapping[Key, Run]) -> float:
        """When this run counts as slow. One that waits does so with the one before it, or with its whole bus."""
        slot = self._plan.slots.get(key)
        if slot is None or slot.run is None or slot.stuck:
            return now
        if ticket.slow:
            return ticket.deadline
        if slot.slow:
            return now
        run = slot.run
        started = run.given if run.lane else run.started
        if started is None:
            before = ahead.get(key)
            started = now if before is None or before.started is None else before.started
            started = min(started, now if run.given is None else run.given + FIRST_SECONDS)
        return started + (SLOW_SECONDS if slot.proven else FIRST_SECONDS)
