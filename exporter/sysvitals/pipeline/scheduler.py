"""Reads things: each in its own rhythm, again when a scrape wants it fresh, and none twice at a time.

One thread, the loop, owns all that changes here, so that there is no lock. Others post what they want done and wait,
where they must, for their own answer. The loop asks the plan what is due, gives it to the crew as one batch, and lets
the reporter publish what it meant. It never reads anything itself, and waits for nothing but its inbox and the kernel.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from threading import Event, Thread

from sysvitals.host.files import error_class
from sysvitals.host.host import Host
from sysvitals.host.threads import start_thread
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable, Watch
from sysvitals.model.reading import Reading
from sysvitals.model.status import CollectorStatus, ReadErrors, WatchWakes
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.crew import LOOK_STALL_SECONDS, Crew, Run
from sysvitals.pipeline.dispatcher import Dispatcher
from sysvitals.pipeline.file_watcher import Watched
from sysvitals.pipeline.interpret import Conclusion, Outcome, Span, classify_run, describe_faults
from sysvitals.pipeline.kernel_notices import NoticeSocket, open_notices
from sysvitals.pipeline.limits import take_beyond
from sysvitals.pipeline.plan import FIND, LOOK, READ, Key, Plan, Slot
from sysvitals.pipeline.reporter import Reporter
from sysvitals.pipeline.tickets import Ticket, Tickets
from sysvitals.pipeline.watching import Watching

_log = logging.getLogger(__name__)

FIND_SECONDS = 60.0
"""How often collectors look for things that came or went, and for what to watch."""

FIND_NOTICED_SECONDS = 600.0
"""The same where the kernel gives notice of devices that come and go."""

ROUND_SECONDS = 2.0
"""Looks that come at least so often go round by themselves, without the loop: half the wake-ups."""

PAUSE_SECONDS = 1.0
"""A loop that goes on later than planned by more than this was stopped: by a signal, or for want of a processor."""

_STOP_SECONDS = 1.0
_NEVER = float("-inf")

_ANSWER_SECONDS = 1.0
"""So long after its deadline one who waits gives the loop up."""


class Scheduler:
    """Runs these collectors on this host and publishes what they read.

    `remembered` are readings of before the exporter started, by collector, to compare the first ones with.
    """

    def __init__(
        self,
        collectors: Iterable[Collector],
        *,
        host: Host,
        bus: Bus,
        clock: Clock,
        remembered: Mapping[str, Iterable[Reading]] | None = None,
    ) -> None:
        self.thread = Thread(target=self._work, name="scheduler", daemon=True)
        self._host = host
        self._clock = clock
        self._posted: deque[Callable[[], None]] = deque()
        self._stopping = Event()
        # what the loop owns
        self._collectors: dict[str, Collector] = {}
        self._probes: dict[Key, Probe] = {}
        self._left: dict[Key, tuple[Run, bool]] = {}
        self._plan = Plan()
        self._watching = Watching()
        self._crew = Crew(clock=clock.monotonic, wake=self._watching.files.wake)
        self._reporter = Reporter(bus=bus, clock=clock, remembered=remembered or {})
        self._tickets = Tickets(self._plan, self._crew)
        self._dispatcher = Dispatcher(
            self._plan, self._crew, self._tickets, build=self._build_run, refuse=self._refuse, drop=self._drop
        )
        self._paused_at = _NEVER
        self._set_collectors(tuple(collectors))

    # what any thread may call

    def start(self) -> None:
        """Begin to read, everything immediately."""
        self.listen(open_notices(self._host))
        start_thread(self.thread)

    def listen(self, sources: Iterable[NoticeSocket]) -> None:
        """Learn of links and devices from these. Before `start`."""
        self._watching.listen(sources)
        self._set_find_seconds()

    def stop(self) -> None:
        """Read nothing any more. A read that is under way is left behind."""
        self._stopping.set()
        self._watching.files.wake()
        if self.thread.ident is not None:
            self.thread.join(_STOP_SECONDS)
        for ticket in self._tickets:
            ticket.done.set()
        if not self.thread.is_alive():
            self._crew.stop()
            self._watching.files.close()
            for slot in self._plan.slots.values():
                if slot.key.kind == LOOK and (slot.run is None or slot.run.ended is not None):
                    self._watching.watched[slot.key.thing].close()

    def refresh(self, names: frozenset[str] | None = None, *, seconds: float, slow: bool = False) -> bool:
        """Read those of these collectors' things (None: all) that are too old, and wait for them up to `seconds`.

        Slow things keep to their own rhythm and are waited for only if asked for. False where the loop does not answer.
        Raises NoThreadError where there is no room for a thread that reads, unless the loop runs and goes on trying.
        """
        return self._wait(Ticket(names, self._clock.monotonic() + seconds, slow=slow))

    def settle(self, seconds: float) -> bool:
        """Do what is due by now, and wait until nothing quick is under way, up to `seconds`."""
        return self._wait(Ticket(frozenset(), self._clock.monotonic() + seconds, rest=True))

    def answers(self, seconds: float) -> bool:
        """Whether the loop answers within about so many seconds. One that was not started has nothing to answer."""
        return self.thread.ident is None or self.refresh(frozenset(), seconds=seconds)

    def note_pause(self) -> None:
        """The process was stopped, and goes on: what was between is not known."""
        self._post(self._set_paused)

    def wake(self, name: str) -> None:
        """Read this collector's things as soon as may be, before those that wait."""
        self._post(partial(self._wake_collector, name))

    def replace(self, collectors: Iterable[Collector], seconds: float = 5.0) -> frozenset[str]:
        """Run these from now on; who stays keeps its state. Returns the names of those that are gone."""
        fresh = tuple(collectors)
        gone = frozenset(self._collectors) - {collector.name for collector in fresh}
        done = Event()

        def change() -> None:
            self._set_collectors(fresh)
            done.set()

        if self.thread.is_alive():
            self._post(change)
            done.wait(seconds)
        else:
            change()
        return gone

    def statuses(self, names: frozenset[str] | None = None) -> list[CollectorStatus | ReadErrors]:
        """How the collectors stand."""
        wanted = [name for name in self._collectors if names is None or name in names]
        return self._reporter.ledger.statuses(wanted, self._clock.wall(), self._clock.uptime())

    def outcomes(self) -> dict[str, Outcome | None]:
        """How each collector stands; None where nothing of it has run."""
        return self._reporter.ledger.outcomes(tuple(self._collectors))

    def wakes(self) -> list[WatchWakes]:
        """How often each collector that watches something was woken, by how."""
        return [
            WatchWakes(collector=name, how="notice" if notified else "look", total=total)
            for (name, notified), total in sorted(self._watching.wakes.copy().items())
        ]

    # the loop

    def _post(self, call: Callable[[], None]) -> None:
        self._posted.append(call)
        self._watching.files.wake()

    def _wait(self, ticket: Ticket) -> bool:
        self._post(lambda: self._tickets.admit(ticket, self._clock.monotonic()))
        if self.thread.ident is None:  # nothing runs by itself: a single look, or a driver that holds the clock
            until = self._clock.monotonic()
            while not ticket.done.is_set() and not self._stopping.is_set():
                until = self._turn(self._watching.files.wait(until - self._clock.monotonic()))
                self._crew.require_worker()
            return True
        while not ticket.done.wait(_ANSWER_SECONDS):
            if self._stopping.is_set():
                return True
            if not self.thread.is_alive() or self._clock.monotonic() > ticket.deadline + _ANSWER_SECONDS:
                return False
        return True

    def _work(self) -> None:
        until = self._clock.monotonic()
        while not self._stopping.is_set():
            noticed = self._watching.files.wait(until - self._clock.monotonic())
            if self._clock.monotonic() - until > PAUSE_SECONDS:
                self._set_paused()
            until = self._turn(noticed)

    def _set_paused(self) -> None:
        self._paused_at = self._clock.monotonic()

    def _turn(self, noticed: Iterable[Watched | NoticeSocket]) -> float:
        """One round of the loop. Returns until when there is nothing to do."""
        now = self._clock.monotonic()
        for watched in noticed:
            if isinstance(watched, NoticeSocket):
                self._hear(watched, now)
                continue
            # those that watch it are woken when it was looked at, which for a file of sysfs takes the notice back
            self._plan.wake(Key("", watched.watch.name, LOOK), now)
        while self._posted:
            self._posted.popleft()()
        for run in self._crew.collect():
            self._end(run)
        now = self._clock.monotonic()
        for slot in self._plan.overdue(now):
            self._give_up(slot)
        for slot in self._plan.missed(now):
            if slot.key.kind != LOOK:  # which is of no collector alone
                self._reporter.ledger.count(slot.key.collector, ["timeout"])
        for key in self._reporter.too_old(now):
            self._expire(key)
        self._reporter.publish()
        self._dispatcher.dispatch(now, watches=self.thread.ident is not None or self._tickets.follow)
        return min(
            self._dispatcher.relieve(now),
            self._tickets.serve(now),
            self._plan.next_time(now),
            self._reporter.next_time,
        )

    # what is run

    def _build_run(self, key: Key) -> Run:
        if key.kind == LOOK:
            watched = self._watching.watched[key.thing]
            slot = self._plan.slots[key]
            # frequent looks go round by themselves, but for the first ones, which show whether notices come
            goes_round = slot.proven and slot.interval <= ROUND_SECONDS and not watched.waited_for
            every = slot.interval if goes_round and self.thread.is_alive() and not self._tickets.follow else 0.0
            # a look that saw nothing new is not worth a wake-up, unless somebody waits for it
            return Run(
                key,
                watched.look,
                lambda run: run.items != [watched.content] or (not every and bool(self._tickets)),
                stall=LOOK_STALL_SECONDS,
                every=every,
            )
        if key.kind == FIND:
            return Run(key, partial(_search, self._collectors[key.collector], self._host))
        return Run(key, self._probes[key].read)

    def _end(self, run: Run) -> None:
        key: Key = run.key
        slot = self._plan.slots.get(key)
        if key.kind == LOOK and run.read != self._look_of(key):  # it is watched no more, or by another
            self._watching.files.drop(run.read.__self__)  # type: ignore[attr-defined]  # the Watched whose look it was
        if slot is None or slot.run is not run:  # it was switched off, or is gone
            self._left.pop(key, None)
            return
        before = None if slot.fresh_at == _NEVER else slot.fresh_at
        longest_gap, woken = self._plan.longest_gap(slot), slot.woken
        if not self._plan.end(slot, self._clock.monotonic()):
            return
        if key.kind == LOOK:
            self._end_look(slot, run, woken=woken)
        elif key.kind == FIND:
            self._end_search(slot, run, woken=woken)
        else:
            watched_since = max(slot.fresh_at - longest_gap, self._paused_at)
            self._end_read(slot, run, Span(slot.fresh_at, before, watched_since))

    def _end_read(self, slot: Slot, run: Run, span: Span) -> None:
        collector = self._collectors[slot.key.collector]
        conclusion = self._reporter.take(collector, run, span)
        if conclusion.outcome.status == "ok":
            slot.proven, slot.read_at = True, slot.fresh_at
        status = conclusion.outcome.status
        self._plan.settle(
            slot,
            readings=len(conclusion.readings),
            absent=status == "unavailable",
            noticed=status == "ok" and self._watching.is_noticed(*slot.key[:2]),
        )
        pace, until = self._plan.pace(slot), slot.fresh_at + self._plan.limit(slot)
        self._reporter.conclude(slot.key, conclusion, took=slot.took, pace=pace, until=until)
        if slot.bus and pace is not None:
            for other in self._plan.slots.values():
                if other.bus == slot.bus:
                    self._reporter.set_pace(other.key, self._plan.pace(other))
        if conclusion.changes and collector.watch is not None:
            self._plan.recheck(slot, self._clock.monotonic())

    def _give_up(self, slot: Slot) -> None:
        """A run hangs: say so once, show what is known without it, and leave it alone until it returns."""
        slot.stuck = True
        key = slot.key
        if slot.run is not None and slot.run.every:
            self._crew.recall(slot.run.every)
        if slot.run is not None and slot.run.lane:
            self._dispatcher.try_those_behind(slot.run.lane, self._clock.monotonic())
        words = f"no answer within {slot.timeout:.3g} s; it is read again when the kernel returns"
        if key.kind == READ:
            self._fail(slot, words)
            self._reporter.show_otherwise(key, self._probes[key].otherwise)
        elif key.kind == FIND:
            self._conclude_search(slot, Outcome("failed", "timeout", words))
        else:
            fault = Fault(key.thing, "timeout", words)
            for owner in self._watching.owners(key.thing):
                self._reporter.note_faults(owner, [fault])

    def _refuse(self, slot: Slot, words: str) -> None:
        """There is no worker for it."""
        if slot.key.kind == READ:
            self._fail(slot, words)

    def _drop(self, run: Run) -> None:
        """What was switched off before it began is not left behind."""
        self._left.pop(run.key, None)

    def _fail(self, slot: Slot, words: str) -> None:
        conclusion = Conclusion(Outcome("failed", "timeout", words))
        self._reporter.conclude(slot.key, conclusion, took=slot.took, pace=None, until=float("inf"))

    def _expire(self, key: Key) -> None:
        """What the thing showed is too old, unless its bus has become busier since, and it is read more rarely."""
        slot = self._plan.slots[key]
        until = slot.read_at + self._plan.limit(slot)
        if self._clock.monotonic() < until:
            self._reporter.prolong(key, until)
            return
        self._reporter.expire(key, self._why_not_read(key))
        if self._plan.slots[key].stuck:
            self._reporter.show_otherwise(key, self._probes[key].otherwise)

    def _why_not_read(self, key: Key) -> str:
        slot = self._plan.slots[key]
        ahead = self._crew.waiting().get(key)
        behind = f": {ahead.key.thing or ahead.key.collector} is read before it" if ahead is not None else ""
        return f"not read for {self._plan.limit(slot):.3g} s{behind}"

    # what is found

    def _end_search(self, slot: Slot, run: Run, *, woken: bool) -> None:
        slot.proven = True
        collector = self._collectors[slot.key.collector]
        probes, watches, faults, left_out = _sort(collector.name, run.items)
        error = run.error
        is_whole = error is None or isinstance(error, Unavailable)
        if error is not None and not isinstance(error, Unavailable):
            faults.append(Fault(f"what {collector.name} reads", error_class(error), f"{error}" or type(error).__name__))
        had_things = self._has_things(collector)
        unread = {key.thing for key in take_beyond(collector, probes)}
        words = self._reporter.note_left_out(collector, slot.key, len(unread))
        left_out = "; ".join(filter(None, (left_out, words)))
        self._set_watches(collector.name, (watch for watch in watches if watch.thing not in unread))
        # what was found before may be there still: only a whole list shows what is gone
        self._set_things(collector, probes, is_whole=is_whole)
        self._reporter.tidy(collector.name)
        if isinstance(error, Unavailable):
            outcome = Outcome("unavailable", message=error.reason)
        elif not probes:
            outcome = classify_run((), faults, left_out)
        else:
            outcome = Outcome("ok", message=describe_faults(faults), left_out=left_out)
        self._conclude_search(slot, outcome, faults, had_things=had_things)
        if woken:
            for thing in probes:
                self._plan.wake(thing, self._clock.monotonic())

    def _conclude_search(
        self, slot: Slot, outcome: Outcome, faults: Sequence[Fault] = (), *, had_things: bool = True
    ) -> None:
        collector = self._collectors[slot.key.collector]
        if collector.find is None:  # it only watches
            self._reporter.note_faults(collector.name, faults)
            return
        speaks = not (had_things and self._has_things(collector))
        self._reporter.conclude_search(slot.key, outcome, faults, took=slot.took, speaks=speaks)

    def _has_things(self, collector: Collector) -> bool:
        return any(key.collector == collector.name for key in self._probes)

    def _set_things(self, collector: Collector, probes: Mapping[Key, Probe], *, is_whole: bool) -> None:
        for key, probe in probes.items():
            self._add(collector, key, probe)
        mine = [key for key in self._probes if key.collector == collector.name and key.thing]
        for key in mine:
            if is_whole and key not in probes:
                self._remove(key, gone=True)

    def _add(self, collector: Collector, key: Key, probe: Probe) -> None:
        self._probes[key] = probe
        is_left = key in self._left
        slot = self._add_slot(key, collector.interval)
        slot.interval, slot.max_age, slot.bus = collector.interval, collector.max_age, probe.bus
        slot.patience = collector.timeout if probe.timeout is None else probe.timeout
        if is_left and slot.stuck:  # it hangs still, which is to be said again
            self._give_up(slot)

    def _add_slot(self, key: Key, interval: float, max_age: float = float("inf")) -> Slot:
        slot = self._plan.slots.get(key)
        if slot is None:
            slot = Slot(key, interval, max_age)
            if (left := self._left.pop(key, None)) is not None:  # it was switched off while it was read
                slot.run, slot.stuck = left
            self._plan.add(slot)
        return slot

    def _remove(self, key: Key, *, gone: bool = False) -> None:
        self._remove_slot(key)
        self._probes.pop(key, None)
        self._reporter.remove(key, gone=gone)

    def _remove_slot(self, key: Key) -> None:
        slot = self._plan.remove(key)
        if slot is not None and slot.run is not None:
            self._left[key] = slot.run, slot.stuck  # should it come back, it is still not read twice at a time
            if slot.run.every:
                self._crew.recall(slot.run.every)

    def _set_collectors(self, collectors: tuple[Collector, ...]) -> None:
        fresh = {collector.name: collector for collector in collectors}
        gone, stays = self._collectors.keys() - fresh.keys(), self._collectors.keys() & fresh.keys()
        for name in gone:
            for slot in self._plan.of(name):
                self._remove(slot.key)
            self._set_watches(name, ())
        self._reporter.ledger.forget_errors(gone)
        self._collectors = fresh
        self._watching.set_collectors(name for name, collector in fresh.items() if collector.watch is not None)
        for name, collector in fresh.items():
            if (table := collector.table(self._host)) is not None:
                self._add(collector, Key(name), table)
            if collector.find is not None or collector.watch is not None:
                self._add_slot(Key(name, kind=FIND), self._find_seconds(collector))
        for name in stays:
            self._wake_collector(name)  # its settings may be others

    # what is watched

    def _set_watches(self, collector: str, watches: Iterable[Watch]) -> None:
        new, gone = self._watching.set_watches(collector, watches)
        for watched in gone:
            key = Key("", watched.watch.name, LOOK)
            self._remove_slot(key)
            if key not in self._left:
                self._watching.files.drop(watched)
        self._add_looks(new)

    def _add_looks(self, watched: Iterable[Watched]) -> None:
        for one in watched:
            if self._watching.needs_looks(one.watch):
                self._add_slot(Key("", one.watch.name, LOOK), one.watch.seconds)

    def _look_of(self, key: Key) -> Callable[[], Iterable[object]] | None:
        watched = self._watching.watched.get(key.thing)
        return None if watched is None else watched.look

    def _end_look(self, slot: Slot, run: Run, *, woken: bool) -> None:
        """What it saw. It was woken where the kernel gave notice of a change, else a change is found by looking."""
        if not run.items:  # the thread that looked died
            return
        watched = self._watching.watched[slot.key.thing]
        is_first, slot.proven = not slot.proven, True
        changed = self._watching.files.settle(watched, run.items[0])
        slot.interval = watched.seconds
        if self._watching.files.register(watched):
            self._plan.set_due(slot, self._clock.monotonic())
        # a first look that fails is no change: the collector that reads it says what is wrong
        if woken or (changed and not (is_first and watched.fails)):
            self._wake_owners(watched, notified=woken)

    def _wake_owners(self, watched: Watched, *, notified: bool) -> None:
        for owner in self._watching.changed(watched, notified=notified):
            thing = Key(owner, self._watching.thing_of(owner, watched))
            if thing.thing and thing in self._probes and not watched.fails:
                self._plan.wake(thing, self._clock.monotonic())
            else:
                self._wake_collector(owner)

    def _wake_collector(self, name: str) -> None:
        now = self._clock.monotonic()
        collector = self._collectors.get(name)
        if collector is not None and collector.find is not None:
            self._plan.wake(Key(name, kind=FIND), now)  # its things are woken when they are found
        self._plan.wake(Key(name), now)

    # notices of links and devices

    def _set_find_seconds(self) -> None:
        for collector in self._collectors.values():
            if (slot := self._plan.slots.get(Key(collector.name, kind=FIND))) is not None:
                slot.interval = self._find_seconds(collector)

    def _find_seconds(self, collector: Collector) -> float:
        return FIND_NOTICED_SECONDS if self._watching.hears(collector.subsystems) else FIND_SECONDS

    def _hear(self, source: NoticeSocket, now: float) -> None:
        try:
            heard = self._watching.hear(source)
        except OSError as error:
            _log.warning("no further notices of a %s from the kernel: %s", source.kind, error)
            self._stop_listening(source)
            return
        for thing in heard.things:
            self._plan.wake(thing, now)
        for collector in self._collectors.values():
            subsystems = collector.subsystems
            if subsystems and (heard.subsystems is None or not heard.subsystems.isdisjoint(subsystems)):
                self._search_soon(collector.name, now)

    def _search_soon(self, name: str, now: float) -> None:
        slot = self._plan.slots.get(Key(name, kind=FIND))
        if slot is not None and slot.recheck_at is None:  # a storm does not put it off
            self._plan.recheck(slot, now)

    def _stop_listening(self, source: NoticeSocket) -> None:
        """Look, and look for devices, as if there had never been notices."""
        self._watching.stop_listening(source)
        self._add_looks(self._watching.watched.values())
        now = self._clock.monotonic()
        for slot in self._plan.slots.values():
            if slot.noticed or slot.key.kind == FIND:
                slot.noticed = False
                self._plan.set_due(slot, min(slot.due, now))
        self._set_find_seconds()


def _search(collector: Collector, host: Host) -> Iterable[Probe | Fault | Unavailable | Watch]:
    """What the collector watches, and its things; an error in the one does not take the other."""
    try:
        yield from collector.watches(host)
    except Exception as error:  # noqa: BLE001  # what cannot be watched is still read
        yield Fault("what it watches", error_class(error), f"{error}" or type(error).__name__)
    yield from collector.things(host)


def _sort(collector: str, found: Iterable[object]) -> tuple[dict[Key, Probe], list[Watch], list[Fault], str]:
    probes: dict[Key, Probe] = {}
    watches: list[Watch] = []
    faults: list[Fault] = []
    reasons: list[str] = []
    for item in found:
        if isinstance(item, Watch):
            watches.append(item)
        elif isinstance(item, Fault):
            faults.append(item)
        elif isinstance(item, Unavailable):
            reasons.append(item.reason)
        elif not isinstance(item, Probe):
            faults.append(Fault(f"what {collector} reads", "garbage", f"not a thing: {item!r}"))
        elif (key := Key(collector, item.name)) in probes or not item.name:
            faults.append(Fault(item.name, "duplicate", "two things have the same name"))
        else:
            probes[key] = item
    return probes, watches, faults, "; ".join(reasons)
