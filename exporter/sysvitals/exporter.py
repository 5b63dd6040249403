"""The running exporter, from collectors to outputs: built from its settings, without the HTTP server."""

import contextlib
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from sysvitals import __version__
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.config.differences import compare_settings
from sysvitals.config.errors import ConfigError
from sysvitals.config.host import build_host
from sysvitals.config.logs import configure_logging, dropped_messages, log_handler
from sysvitals.config.settings import Settings
from sysvitals.history.buffer import Buffer, open_buffer, rescue_buffer
from sysvitals.history.lock import Claim
from sysvitals.history.previous_boot import remember_endings, settle_endings
from sysvitals.history.remembered import Remembered, read_remembered
from sysvitals.history.standing import Record
from sysvitals.history.summaries.writing import Summaries
from sysvitals.history.writer import HistoryRules, JsonlSink
from sysvitals.host.host import Host
from sysvitals.host.side_process import SideProcess, Withdrawal
from sysvitals.judgement.engine import LEAST_SECONDS, Engine
from sysvitals.judgement.judgements import JUDGEMENTS
from sysvitals.judgement.verdict import LEVELS, Level, Verdict
from sysvitals.model.changes import CHANGES, Reloaded, Started, Stopped
from sysvitals.model.event import SCHEMA_VERSION, Event, Stamp
from sysvitals.model.reading import Body, Change
from sysvitals.model.samples import Current, Samples
from sysvitals.model.state import State
from sysvitals.model.status import (
    Build,
    ConfigStatus,
    EventCount,
    LogStatus,
    ProcessStatus,
    Refused,
    SinkStatus,
    VerdictLevel,
    VerdictReasons,
    VerdictSince,
)
from sysvitals.outputs.console import STANDARD_OUTPUT, ConsoleSink, encode_visibly
from sysvitals.outputs.exposition import Exposition
from sysvitals.pipeline.bus import Bus, first_seq
from sysvitals.pipeline.clock import Clock, by_clock_now, keep_for
from sysvitals.pipeline.inbox import Inbox
from sysvitals.pipeline.interpret import Outcome
from sysvitals.pipeline.losses import LossReporter
from sysvitals.pipeline.scheduler import Scheduler
from sysvitals.sources.os.kernel import read_hostname
from sysvitals.sources.os.names import read_names
from sysvitals.sources.os.timekeeping import read_boot_id, read_clock
from sysvitals.sources.os.zone import Zone, read_zone
from sysvitals.sources.proc.own_process import read_own_process
from sysvitals.threads import Duty, Keeper

if TYPE_CHECKING:
    from sysvitals.history.asking import Source
    from sysvitals.history.recalling import Recent
    from sysvitals.outputs.live import LiveHub
    from sysvitals.web.trends import Trends

_log = logging.getLogger(__name__)

HISTORY_INBOX_EVENTS = 8192
CONSOLE_INBOX_EVENTS = 2048
_HISTORY_STOP_SECONDS = 5.0
"""Milliseconds as a rule; where a board is just compressing a segment, its history weighs more than haste."""
_CONSOLE_STOP_SECONDS = 0.5
_ANSWER_SECONDS = 1.0
_SYNCED_SECONDS = 1.0
_NAMES_SECONDS = 60.0
_JUDGED_SECONDS = 15.0
"""How old the verdict may be that a scrape shows: it is judged so often anyway."""
_CATALOG = "sysvitals.collectors.catalog"
_TAKE_UP_AGAIN_SECONDS = 300.0
_SHORTAGES = (OSError, ImportError, MemoryError)
"""What is raised where there is no file descriptor, process or memory left; a module that is loaded late needs some."""
_THIS_MACHINE = Host()
_SETTLE_SECONDS = 0.05
"""How long something is shown later where the disk hangs; a write takes a millisecond."""


class Exporter:
    """The running parts, from collectors to outputs, without the HTTP server. `load` reads the settings again.

    `claim` is that on the storage, which the history renews where the folder is moved.

    `refused` is what was wrong with the configuration when it was last read again; `names()` are those of this host.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], Settings],
        host: Host,
        clock: Clock,
        claim: Claim | None = None,
    ) -> None:
        self.settings = settings
        self.hostname = _known(lambda: read_hostname(host)) or "unknown"
        self.catalog = build_full_catalog()
        self._load = load
        self._clock = clock
        self.refused: tuple[str, ...] = ()
        self._config_read_at = (clock.wall(), clock.uptime())
        self._state = State(self.catalog.owners)
        self._exposition = Exposition(self.catalog)
        self._history_folder = os.path.join(settings.storage.path, "history")
        self._host = host
        self.names = keep_for(_NAMES_SECONDS, lambda: read_names(host), clock.monotonic)
        self._boot = boot = _known(lambda: read_boot_id(host)) or ""
        self._bus = Bus(clock=clock, host=self.hostname, boot=boot, next_seq=first_seq(clock.uptime()))
        self._bus.subscribe(_Fold(self._state))
        self._claim = claim
        self._buffer = self._rescue_buffer()
        remembered = self._remember() if settings.history.enabled else Remembered({}, [])
        self._ended = remembered.ended
        self._scheduler = Scheduler(
            settings.collector, host=host, bus=self._bus, clock=clock, remembered=remembered.readings
        )
        self._inboxes: list[Inbox] = []
        self._hubs: list[LiveHub] = []
        self._refused: Callable[[], dict[str, int]] = dict
        self._sinks: list[JsonlSink | ConsoleSink] = []
        self.summaries = Summaries(os.path.join(settings.storage.path, "summaries"))
        self._history = self._add_history() if settings.history.enabled else None
        self._console = self._add_console() if settings.console.enabled else None
        self._engine = Engine(
            JUDGEMENTS,
            self.catalog.families,
            clock=clock,
            boot=boot,
            read=self._judged,
            ready=self.ready,
            restores=self._history is not None,
        )
        self._bus.subscribe(self._engine)
        self._standing = Record(settings.storage.path)
        self._kept = self._standing.read(boot) if self._history is not None else None
        self._took_up_by_wrong_clock = False
        self._lacks_summaries = False
        self._take_up_at = float("inf")
        self.scraped: Callable[[], object] = lambda: None
        """Called when everything was exposed."""
        self._reader = SideProcess("sysvitals.history.child")
        self._rebuilder = SideProcess("sysvitals.history.child")  # apart: who looks need not wait for it
        self.is_summarised = False
        self._losses = LossReporter(self._bus, self._inboxes)
        self._keeper = Keeper(self._duties(), clock.monotonic)

    def start(self) -> None:
        """Begin: from here on events flow."""
        beginning: list[Change] = [Started(version=__version__, schema=SCHEMA_VERSION, pid=os.getpid())]
        if self._history is not None:  # before it begins to tidy up what is to be read here
            beginning += settle_endings(
                self._history_folder, self.catalog, self._host, hostname=self.hostname, boot=self._boot
            )
        beginning += self._ended
        self._bus.publish(beginning)  # before the history says what it repaired: this is the first event of a run
        for sink in self._sinks:
            sink.start()
        self._scheduler.start()

    def note_pause(self) -> None:
        """The process was stopped (SIGSTOP) until now: what happened meanwhile was not watched."""
        self._scheduler.note_pause()

    def show(self, hub: "LiveHub", trends: "Trends") -> None:
        """Let viewers have the events, and the page what happened. Before `start`."""
        self._hubs.append(hub)
        self._bus.subscribe(trends)  # first: what viewers begin with must hold what was spread before
        self._bus.subscribe(hub)

    def show_refused(self, totals: Callable[[], dict[str, int]]) -> None:
        """Expose what the server refused, by reason."""
        self._refused = totals

    def stop_reading(self) -> None:
        """Read nothing any more. A scrape that waits for readings is answered at once with what there is."""
        self._scheduler.stop()

    def stop(self, reason: str) -> int:
        """End within a second: nothing is read any more, and what was read reaches the history.

        Returns how many events are lost by that.
        """
        self.stop_reading()
        self._keep_verdict(is_last=True)
        self._losses.tell()
        self._bus.publish([Stopped(reason=reason)])
        lost = self._history.stop(_HISTORY_STOP_SECONDS) if self._history is not None else 0
        for sink in self._sinks:
            if sink is not self._history:
                sink.stop(_CONSOLE_STOP_SECONDS)
        return lost

    def tend(self) -> list[str]:
        """Every few seconds: report losses, judge, start threads again. Names those that died and cannot be."""
        self._losses.tell()
        self.verdict()
        remember_endings(self._host)
        self._keep_verdict()
        return self._keeper.mend()

    def refresh(self, seconds: float, names: frozenset[str] | None = None, *, slow: bool = False) -> None:
        """Take one round of readings of these collectors (None: of all), for those who look now."""
        self._scheduler.refresh(names, seconds=seconds, slow=slow)

    def metrics(self, names: frozenset[str] | None, seconds: float, accept: str = "") -> tuple[bytes, str]:
        """The exposition of these collectors (None: of everything), read again where too old, and its content type."""
        exposition = self._exposition.render(self.bodies(names, seconds), accept)
        if names is None:
            self.scraped()
        return exposition

    def bodies(self, names: frozenset[str] | None, seconds: float) -> list[Body]:
        """What is exposed of these collectors (None: everything), read again where too old within these seconds."""
        answered = self._scheduler.refresh(names, seconds=seconds)
        snapshot = self._state.snapshot()
        bodies: list[Body] = [
            event.body
            for (collector, _), run in sorted(snapshot.runs.items())  # in an order that no thread decides
            if answered and (names is None or collector in names)  # else what is known may be of long ago
            for event in run
        ]
        bodies += self._scheduler.statuses(names)
        self._settle(self._bus.last_seq)
        if names is not None:
            return bodies
        bodies += self._statuses()
        counts = {**dict.fromkeys(self._countable(), 0), **snapshot.counts}
        bodies += [EventCount(event=name, total=total) for name, total in sorted(counts.items())]
        return bodies

    def collectors(self) -> dict[str, str]:
        """How each enabled collector's last run ended, in words."""
        return {name: _describe(outcome) for name, outcome in self._scheduler.outcomes().items()}

    def latest_readings(self) -> tuple[Event, ...]:
        """The latest reading of each subject."""
        return tuple(event for run in self._state.snapshot().runs.values() for event in run)

    def latest_events(self) -> tuple[Event, ...]:
        """The latest event of each subject."""
        snapshot = self._state.snapshot()
        return (*(event for run in snapshot.runs.values() for event in run), *snapshot.changes.values())

    def verdict(self, oldest: float = LEAST_SECONDS) -> Verdict:
        """The verdict on this host, judged again where it is so many seconds old. A change of it becomes an event."""
        verdict = self._engine.judge(oldest)
        if changes := self._engine.take_changes():
            self._bus.publish(changes)
        return verdict

    def _keep_verdict(self, *, is_last: bool = False) -> None:
        """Let the next exporter know what stands."""
        if self._history is not None and self._engine.known:
            self._standing.write(self._engine.keep(), is_last=is_last)

    def judge_soon(self, hurry: Callable[[], object]) -> None:
        """Call this where something urgent happened: it must not wait."""
        self._engine.hurry = hurry

    def rebuild(self) -> None:
        """Summarise what of the history is not, as after a kill. Takes up to a minute, and goes on there the next time.

        `is_summarised` says whether it is done.
        """
        if self._history is None:
            self.is_summarised = True
            return
        with contextlib.suppress(*_SHORTAGES):  # later there may be room for the process
            from sysvitals.history.asking import ask_rebuild  # noqa: PLC0415  # once, at the start

            folders = os.path.abspath(self._history_folder), os.path.abspath(self.summaries.folder)
            self._rebuilder.ask(ask_rebuild(*folders, _CATALOG, self._history.stems))
            self.is_summarised = True

    def take_up(self) -> None:
        """Let the verdict know what happened within the last day, before this exporter started. It takes a while."""
        if self._history is None:
            return
        clock = self._clock
        now = Stamp(clock.wall(), self.hostname, self._boot, clock.uptime(), clock.synced())
        self._lacks_summaries = not self.is_summarised
        self._took_up_by_wrong_clock = now.synced is False
        self._take_up_at = clock.uptime() + _TAKE_UP_AGAIN_SECONDS
        try:
            recent = self._recall(now, lacks_summaries=self._lacks_summaries)
            kept, self._kept = self._kept, None
            then = now.time + clock.uptime() - now.uptime
            self._engine.restore(recent.rows, recent.changes, now=then, kept=kept)
            self._lacks_summaries = False
            self._take_up_at = float("inf")
        except _SHORTAGES as error:
            words = f"The history of the last day could not be read: {getattr(error, 'strerror', None) or error}"
            _log.warning("%s", words)
            self._engine.give_up(words)
        except Exception:  # noqa: BLE001  # whatever the history holds, it must not end each exporter that starts
            _log.exception("the history of the last day could not be read")
            self._engine.give_up("The history of the last day could not be read (see the exporter's log)")
        self.verdict()

    def _recall(self, now: Stamp, *, lacks_summaries: bool) -> "Recent":
        """Read what the verdict asks of the history. Raises OSError, and where something is short, what Python does."""
        # once, at the start
        from sysvitals.history.recalling import Missing, Wanted, ask_recent, read_recent  # noqa: PLC0415

        stems = self._history.stems if self._history is not None else []
        question = ask_recent(
            os.path.abspath(self.summaries.folder),
            Wanted(self._engine.wanted, self._engine.wanted_changes),
            now=now,
            current=self.summaries.snapshot(),
            missing=Missing(os.path.abspath(self._history_folder), _CATALOG, stems) if lacks_summaries else None,
        )
        return read_recent(self._reader, question, self.catalog.bodies)

    @property
    def should_take_up_again(self) -> bool:
        """Whether what was before can be placed in time by now, as the clock was set, or read, as it is summarised.

        What could not be read is tried again after a while: what was short may be there again.
        """
        if self._lacks_summaries and self.is_summarised:
            return True
        is_set = self._took_up_by_wrong_clock and self._clock.synced() is True
        return is_set or self._clock.uptime() >= self._take_up_at

    def timeline(self, begin: float, end: float, points: int, withdrawal: Withdrawal | None = None) -> bytes:
        """The time line between these Unix times as JSON. It takes as long as reading the history takes."""
        # most exporters are only scraped
        from sysvitals.history.asking import read_timeline  # noqa: PLC0415
        from sysvitals.history.past import View  # noqa: PLC0415
        from sysvitals.judgement.heat.limits import list_high_limits  # noqa: PLC0415

        verdict = self.verdict()
        samples = Current(self.catalog.families, (event.body for event in self.latest_readings()))
        view = View(
            begin=begin,
            end=end,
            now=self._clock.wall(),
            points=points,
            boot=self._boot,
            level=verdict.level.name.lower(),
            since=verdict.since,
            limits=list_high_limits(samples),
        )
        return read_timeline(self._reader, self._past(), view, self.zone(), withdrawal)

    def zone(self) -> Zone:
        """The board's time zone."""
        return read_zone(self._host, os.environ.get("TZ", ""))

    def words(self) -> dict[str, str]:
        """How each enabled collector's last run ended, in one word; empty where it has not run."""
        return {name: outcome.status if outcome else "" for name, outcome in self._scheduler.outcomes().items()}

    def faults(self) -> list[str]:
        """What of the exporter itself does not work: threads that died, or a scheduler that does not answer."""
        faults = [f"the thread {name} has died" for name in self._keeper.dead()]
        if not faults and not self._scheduler.answers(_ANSWER_SECONDS):
            faults.append("the scheduler does not answer")
        return faults

    def ready(self) -> bool:
        """Whether each collector has run at least once."""
        return all(outcome is not None for outcome in self._scheduler.outcomes().values())

    def reload(self) -> tuple[str, ...]:
        """Read the configuration again. What is wrong with it, in which case the old one stays in force.

        One call at a time.
        """
        try:
            fresh = self._load()
        except ConfigError as error:
            for problem in error.problems:
                _log.error("reload: %s", problem)  # the problems are the message
            self.refused = error.problems
            return error.problems
        differences = compare_settings(self.settings, fresh)
        for key in differences.needs_restart:
            _log.warning("reload: %s takes effect at the next start", key)
        self.settings = fresh
        configure_logging(fresh.log)
        if self._history is not None:
            self._history.rules = history_rules(fresh)
        switched_off = ", ".join(sorted(self._scheduler.replace(fresh.collector))) or None
        self._config_read_at = (self._clock.wall(), self._clock.uptime())
        self.refused = ()
        if differences.changed:  # else anyone who may ask for a reload could fill the disk
            self._bus.publish([Reloaded(changed=", ".join(differences.changed), switched_off=switched_off)])
        _log.info("reloaded: %s", ", ".join(differences.changed) or "nothing changed")
        return ()

    def _past(self) -> "Source":
        from sysvitals.history.asking import Source  # noqa: PLC0415  # as in `timeline`

        if self._history is None:
            return Source("", missing="There is no history: history.enabled is false")
        return Source(os.path.abspath(self.summaries.folder), self.summaries.snapshot())

    def _settle(self, seq: int) -> None:
        """Let the history have written what is about to be shown."""
        if self._history is not None:
            self._history.settle(seq, _SETTLE_SECONDS)

    def _duties(self) -> Iterator[Duty]:
        yield Duty("scheduler", lambda: self._scheduler.thread)
        history = self._history
        if history is not None:
            yield Duty("history", lambda: history.thread, history.restart)
        log = log_handler()
        if log is not None:
            yield Duty("log", lambda: log.thread, log.start)
        console = self._console
        if console is not None:
            yield Duty("console", lambda: console.thread, console.start)

    def _rescue_buffer(self) -> Buffer | None:
        """The history's buffer, emptied before anything is read back."""
        history = self.settings.history
        # a service manager's, which outlives a process that was killed (systemd.exec(5), RuntimeDirectory=)
        memory = history.buffer or os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
        buffer = open_buffer(memory, self._history_folder) if history.enabled and memory else None
        if buffer is not None:
            rescue_buffer(buffer, self._history_folder, self._clock.wall())
        return buffer

    def _remember(self) -> Remembered:
        collectors = self.settings.collector
        now = self._clock.wall() if self._clock.synced() is not False else float("inf")
        return read_remembered(
            self._history_folder, collectors, self.catalog.bodies, host=self.hostname, boot=self._boot, now=now
        )

    def _countable(self) -> list[str]:
        # what may happen, from the start: a counter that first appears with its first event hides that event from
        # rate(). Readings come all the time, or never on this host
        reports = [body for collector in self.settings.collector for body in collector.reports]
        return [body.event_name for body in (*reports, *CHANGES)]

    def _statuses(self) -> list[Body]:
        statuses: list[Body] = [Build(version=__version__, python=sys.version.partition(" ")[0])]
        config_read_at = by_clock_now(self._config_read_at, (self._clock.wall(), self._clock.uptime()))
        statuses.append(ConfigStatus(successful=not self.refused, at=config_read_at))
        consumers: list[Inbox | LiveHub] = [*self._inboxes, *self._hubs]
        statuses += [SinkStatus(sink=one.name, dropped=one.dropped, waiting=one.waiting) for one in consumers]
        statuses += self._verdict_statuses()
        statuses += self._scheduler.wakes()
        statuses += self._keeper.statuses()
        statuses.append(LogStatus(dropped=dropped_messages()))
        statuses += [Refused(reason=reason, total=total) for reason, total in self._refused().items()]
        statuses += _read_process()
        if self._history is not None:
            statuses.append(self._history.status())
        return statuses

    def _verdict_statuses(self) -> list[Body]:
        verdict = self.verdict(_JUDGED_SECONDS)
        statuses: list[Body] = [VerdictLevel(level=name, present=name == verdict.name) for name in LEVELS]
        reasons = () if verdict.level is Level.UNKNOWN else verdict.reasons  # the next look may find others
        present = Counter((one.alert, one.level.name.lower()) for one in reasons if one.last is None)
        statuses += [VerdictReasons(alert=name, level=level, count=n) for (name, level), n in present.items()]
        if verdict.since is not None:
            statuses.append(VerdictSince(since=round(verdict.since, 3)))
        return statuses

    def _judged(self) -> Samples:
        """What the verdict is made of: the latest readings, and how the exporter itself is."""
        bodies: list[Body] = [event.body for run in self._state.snapshot().runs.values() for event in run]
        bodies += self._scheduler.statuses()
        bodies += [SinkStatus(sink=one.name, dropped=one.dropped, waiting=one.waiting) for one in self._inboxes]
        bodies += self._keeper.statuses()
        bodies.append(ConfigStatus(successful=not self.refused, at=self._config_read_at[0]))
        if self._history is not None:
            bodies.append(self._history.status())
        return Current(self.catalog.families, bodies)

    def _add_history(self) -> JsonlSink:
        inbox = self._add_inbox("history", HISTORY_INBOX_EVENTS)
        rules = history_rules(self.settings)
        sink = JsonlSink(
            self._history_folder,
            inbox=inbox,
            rules=rules,
            clock=self._clock,
            publish=self._bus.publish,
            owners=self.catalog.owners,
            buffer=self._buffer,
            claim=self._claim,
            summaries=self.summaries,
        )
        self._sinks.append(sink)
        return sink

    def _add_console(self) -> ConsoleSink:
        form = self.settings.console.format
        readable = form == "text" or (form == "auto" and sys.stdout.isatty())
        inbox = self._add_inbox("console", CONSOLE_INBOX_EVENTS)
        encoding = sys.stdout.encoding
        describe: Callable[[tuple[Event, ...]], list[str]] = encode_visibly
        if readable:
            # sentences are for people who look
            from sysvitals.model.choice import choose_changes, choose_names  # noqa: PLC0415
            from sysvitals.outputs.event_lines import build_lines  # noqa: PLC0415
            from sysvitals.outputs.terminal import has_colours  # noqa: PLC0415

            is_wanted = choose_names(()) if self.settings.console.readings else choose_changes(())
            describe = build_lines(is_wanted, colours=has_colours(sys.stdout))
        sink = ConsoleSink(STANDARD_OUTPUT, inbox=inbox, describe=describe, encoding=encoding, settle=self._settle)
        self._sinks.append(sink)
        return sink

    def _add_inbox(self, name: str, limit: int) -> Inbox:
        inbox = Inbox(name, limit=limit)
        self._inboxes.append(inbox)
        self._bus.subscribe(inbox)
        return inbox


def _describe(outcome: Outcome | None) -> str:
    if outcome is None:
        return "has not run yet"
    if outcome.status == "ok":
        fine = f"fine, but not all could be read: {outcome.message}" if outcome.message else "fine"
        fine += f"; slow: {outcome.slow}" if outcome.slow else ""
        return f"{fine}; left out: {outcome.left_out}" if outcome.left_out else fine
    return f"{'not on this host' if outcome.status == 'unavailable' else 'failed'}: {outcome.message}"


class _Fold:
    """Lets the state listen to the bus."""

    def __init__(self, state: State) -> None:
        self._state = state

    def offer(self, events: tuple[Event, ...]) -> None:
        self._state.apply(events)


def build_exporter(
    settings: Settings, load: Callable[[], Settings] | None = None, claim: Claim | None = None
) -> Exporter:
    """The exporter of the host that the settings point at, on this machine's clocks."""
    host = build_host(settings)
    # a scrape publishes several times, and asking the kernel costs more than a stamp otherwise
    clock = Clock(synced=keep_for(_SYNCED_SECONDS, lambda: _is_synced(host)))
    return Exporter(settings, load=load or (lambda: settings), host=host, clock=clock, claim=claim)


def history_rules(settings: Settings) -> HistoryRules:
    """How the settings want the history kept."""
    history = settings.history
    return HistoryRules(
        flush_seconds=history.flush_interval,
        fsync=history.fsync,
        rotate_seconds=history.rotate_interval,
        rotate_bytes=history.rotate_size,
        keep_seconds=history.keep_age,
        keep_bytes=history.keep_size,
        compress=history.compress,
        collector_bytes=history.collector_budget,
    )


def _read_process() -> list[ProcessStatus]:
    """What this process costs, whichever host it reads; empty where that cannot be read."""
    try:
        own = read_own_process(_THIS_MACHINE)
    except (OSError, ValueError):
        return []
    return [
        ProcessStatus(
            cpu=own.cpu,
            virtual=own.virtual,
            resident=own.resident,
            started=own.started,
            open_files=own.open_files,
            most_files=own.most_files,
        )
    ]


def _known(read: Callable[[], str | None]) -> str | None:
    try:
        return read()
    except (OSError, ValueError) as error:
        _log.warning("cannot read the name of this host: %s", error)
        return None


def _is_synced(host: Host) -> bool | None:
    try:
        return read_clock(host).synchronised
    except OSError:  # some containers may not ask
        return None
