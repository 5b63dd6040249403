"""Serves the exporter over HTTP until a signal ends it: the only place that handles signals, once it serves."""

import contextlib
import errno
import faulthandler
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from sysvitals import __version__
from sysvitals.config.logs import STANDARD_ERROR, configure_logging, log_what_python_prints
from sysvitals.config.settings import Settings
from sysvitals.config.values import is_loopback
from sysvitals.exporter import Exporter, build_exporter
from sysvitals.history.lock import Claim
from sysvitals.host.heap import give_back_what_is_freed
from sysvitals.host.side_process import Withdrawal
from sysvitals.host.threads import NoThreadError
from sysvitals.judgement.engine import LEAST_SECONDS
from sysvitals.pipeline.clock import until_beat
from sysvitals.reloads import Problems, Reloads
from sysvitals.systemd import Supervisor, describe_collectors

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

    from sysvitals.outputs.live import LiveHub
    from sysvitals.web.door import Door
    from sysvitals.web.http.budget import Budget
    from sysvitals.web.http.server import Server
    from sysvitals.web.page.glance import Glance
    from sysvitals.web.routes import Services
    from sysvitals.web.timeline import Window

_log = logging.getLogger(__name__)

_TEND_SECONDS = 15.0
"""How often threads and losses are looked after: with the heartbeats."""

_FIRST_SCRAPE_SECONDS = 30.0
"""So long the history waits for the first scrape, before it is read for the verdict."""

_SUMMARISE_SECONDS = 120.0
_LONGEST_PAUSE_SECONDS = 3600.0
"""Between two tries to summarise a history that takes long, or whose disk refuses."""

_LIVE_SECONDS = 2.0
_FIRST_ROUND_SECONDS = 10.0
_LOOP_FILES = 3
"""How many files an event loop opens."""

_END_SECONDS = 9.0
"""Longer than an orderly end: 1 s for the server, 5 s for the history, half a second each for the console and the log.
Shorter than the 10 s after which Docker kills."""
LIVE_COLLECTORS = frozenset({"cpu", "load", "memory", "temperature", "fan", "network", "throttling", "wifi"})
"""What is read more often while somebody watches the page: what moves."""


def serve(settings: Settings, load: Callable[[], Settings]) -> NoReturn:
    """Run until SIGTERM or SIGINT, then end the process. SIGHUP reads the configuration again.

    SIGCONT comes after a stop, during which nothing was watched.

    Raises OSError where an address or the folder of the history is taken, ConfigError where the file for TLS and
    passwords is not valid.
    """
    # here and not above: looking once needs no server, and importing one takes a small board seconds
    from sysvitals.web.http.listening import listen  # noqa: PLC0415

    give_back_what_is_freed()
    configure_logging(settings.log)
    log_what_python_prints()
    door = _open_door(settings.web.config_file)
    sockets = listen(settings.web.listen_address)
    with Claim(settings.storage.path) if settings.history.enabled else contextlib.nullcontext() as claim:
        status = _serve(settings, load, door, sockets, claim)
        logging.shutdown()
        # Python itself would wait for threads that hang and flush to a terminal that was stopped. The claim goes with
        # the process, so no other exporter writes this history before the last thread has ended
        os._exit(status)


def _open_door(file: str) -> "Door | None":
    if not file:
        return None
    from sysvitals.web.door import Door  # noqa: PLC0415  # YAML and hashes take 6 MiB

    return Door(file)


def _serve(
    settings: Settings,
    load: Callable[[], Settings],
    door: "Door | None",
    sockets: list[socket.socket],
    claim: Claim | None,
) -> int:
    """Serve until a signal comes. Returns the exit status."""
    import asyncio  # noqa: PLC0415  # as in `serve`

    from sysvitals.outputs.live import LiveHub  # noqa: PLC0415
    from sysvitals.web.http.budget import fit_budget  # noqa: PLC0415

    exporter = build_exporter(settings, load, claim)
    budget = fit_budget()
    hub = LiveHub(viewers=min(settings.web.max_viewers, budget.streams))
    supervisor = Supervisor(os.environ, os.getpid())
    reloads = Reloads(partial(_reload, exporter, supervisor))
    server = _build_server(exporter, door, build_services(exporter, hub, reloads), budget)
    # should we hang, and the watchdog end us: where each thread stood is in the log
    emergencies = _open_without_waiting()
    faulthandler.enable(emergencies)
    endings: list[tuple[str, int]] = []
    """Why to end, and with which status. The first one holds."""
    tasks: list[asyncio.Task[None]] = []

    def end(reason: str, status: int) -> None:
        if not endings:
            _limit_end(emergencies)
        endings.append((reason, status))
        server.end()  # first: the port is free for the next exporter, whatever hangs
        supervisor.stopping()
        for task in tasks:
            task.cancel()
        exporter.stop_reading()  # first, or a scrape that waits for a slow collector would hold the server up
        reloads.end()
        hub.end()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        _handle_signals(loop, end, reloads.ask, exporter.note_pause)
        hub.attach(loop.call_soon_threadsafe)
        exporter.start()
        _announce(settings, sockets, door)
        duties = {"tend": _tend(exporter, end), "follow": _follow(exporter, hub), "judge": _judge(exporter)}
        duties |= {"summarise": _summarise(exporter)}
        duties |= {"door": door.watch(server.renew)} if door else {}
        duties |= {"report": _report(exporter, supervisor)} if supervisor.is_there else {}
        tasks.extend(_start_task(name, duty, end) for name, duty in duties.items())
        try:
            await server.serve(sockets)
        finally:
            if not endings:
                end("the server ended", 1)
            reason, status = endings[0]
            if exporter.stop(reason):
                endings[0] = reason, status or 1

    try:
        # not `asyncio.run`, which waits for the threads of `to_thread` even if one hangs
        _require_files(_LOOP_FILES)
        asyncio.new_event_loop().run_until_complete(run())
    except Exception as error:  # noqa: BLE001  # raised further, its traceback would be printed by Python, and waited for
        _log_end(error)
        return 1
    return endings[0][1]


def _handle_signals(
    loop: "AbstractEventLoop",
    end: Callable[[str, int], None],
    reload: Callable[[], object],
    note_pause: Callable[[], None],
) -> None:
    """Let the loop do this at SIGTERM and SIGINT, SIGHUP, and SIGCONT. However many come, a stop is not lost."""
    for number in (signal.SIGTERM, signal.SIGINT):
        # not by the loop's own handlers: it loses a signal whose number finds no room in its pipe
        signal.signal(number, lambda at, _: loop.call_soon_threadsafe(end, signal.Signals(at).name, 0))
    loop.add_signal_handler(signal.SIGHUP, reload)
    loop.add_signal_handler(signal.SIGCONT, note_pause)
    # a pipe that is full of these holds enough of them
    signal.set_wakeup_fd(signal.set_wakeup_fd(-1), warn_on_full_buffer=False)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # one may have waited since the process began


def _build_server(exporter: Exporter, door: "Door | None", services: "Services", budget: "Budget") -> "Server":
    """Build what serves all, behind the door, under the names of this host: strangers do not learn which these are."""
    from sysvitals.web.hosts import KnownHosts  # noqa: PLC0415  # as in `serve`
    from sysvitals.web.http.server import Server, no_tls  # noqa: PLC0415
    from sysvitals.web.routes import build_web_app  # noqa: PLC0415

    known = KnownHosts(build_web_app(services), lambda: exporter.settings.web.allowed_hosts, exporter.names)
    server = Server(door.guard(known) if door else known, (lambda: door.tls) if door else no_tls, budget)
    exporter.show_refused(lambda: server.refusals.totals)
    return server


def _require_files(count: int) -> None:
    """Raise OSError where so many files cannot be opened: a loop that is half made fails a second time, at its end."""
    with contextlib.ExitStack() as opened:
        for _ in range(count):
            opened.callback(os.close, os.dup(STANDARD_ERROR))


def _log_end(error: Exception) -> None:
    if shortage := _describe_shortage(error):
        _log.critical("the exporter ends: %s", shortage)
    else:
        _log.error("the exporter ends because of an error", exc_info=error)


def _describe_shortage(error: Exception) -> str | None:
    """What the system has not enough of; None where it is another error."""
    if isinstance(error, NoThreadError):
        return error.strerror
    if isinstance(error, MemoryError):
        return "out of memory: raise the limit of memory (MemoryMax=, ulimit -v)"
    if isinstance(error, OSError) and error.errno in (errno.EMFILE, errno.ENFILE):
        return "too many open files: raise the limit (LimitNOFILE=, ulimit -n)"
    return None


def _open_without_waiting() -> int:
    """Open standard error once more for crash dumps, so that a stopped terminal or a full pipe does not keep them.

    What does not fit is lost. A socket, such as the journal's, cannot be opened: then it is standard error itself.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY
    with contextlib.suppress(OSError):
        return os.open(f"/proc/self/fd/{STANDARD_ERROR}", flags)
    return STANDARD_ERROR


def _limit_end(emergencies: int) -> None:
    """Cut an end that hangs short, and write where it hung."""
    with contextlib.suppress(OSError):  # a socket was not opened once more, and must not be waited for either
        os.set_blocking(emergencies, False)
    with contextlib.suppress(RuntimeError):  # no room for its thread: the end must still begin
        faulthandler.dump_traceback_later(_END_SECONDS, exit=True, file=emergencies)


def _start_task(name: str, duty: Coroutine[None, None, None], end: Callable[[str, int], None]) -> "Task[None]":
    """Start a task that goes on for as long as the exporter runs. If it fails, the exporter ends."""
    import asyncio  # noqa: PLC0415  # as in `serve`

    def check(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            error = task.exception()
            reason = f"the task {name} failed: {error!r}"
            _log.critical("the exporter ends, so that its supervisor starts it again: %s", reason, exc_info=error)
            end(reason, 1)

    task = asyncio.create_task(duty, name=name)
    task.add_done_callback(check)
    return task


async def _tend(exporter: Exporter, end: Callable[[str, int], None]) -> None:
    import asyncio  # noqa: PLC0415  # as in `serve`

    from sysvitals.web.http.pool import in_thread  # noqa: PLC0415

    while True:
        await asyncio.sleep(until_beat(time.monotonic(), _TEND_SECONDS))
        if lost := exporter.tend():
            reason = f"thread died and cannot be started again: {', '.join(lost)}"
            _log.critical("the exporter ends, so that its supervisor starts it again: %s", reason)
            end(reason, 1)
        if exporter.should_take_up_again:
            await in_thread(exporter.take_up)


async def _judge(exporter: Exporter) -> None:
    """Take up what the history knows, when the first scrape is served; then judge what is urgent without delay."""
    import asyncio  # noqa: PLC0415  # as in `serve`

    from sysvitals.web.http.pool import in_thread  # noqa: PLC0415

    loop = asyncio.get_running_loop()
    scraped, urgent = asyncio.Event(), asyncio.Event()
    exporter.scraped = lambda: loop.call_soon_threadsafe(scraped.set)
    exporter.judge_soon(lambda: loop.call_soon_threadsafe(urgent.set))
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(scraped.wait(), _FIRST_SCRAPE_SECONDS)
    exporter.scraped = lambda: None
    await in_thread(exporter.rebuild)  # first: the last hour before a power cut has no summary
    await in_thread(exporter.take_up)
    while True:
        await urgent.wait()
        urgent.clear()
        exporter.verdict(oldest=0)
        await asyncio.sleep(LEAST_SECONDS)


async def _summarise(exporter: Exporter) -> None:
    """Go on with what of the history was not summarised before the verdict took it up."""
    import asyncio  # noqa: PLC0415  # as in `serve`

    from sysvitals.web.http.pool import in_thread  # noqa: PLC0415

    pause = _SUMMARISE_SECONDS
    await asyncio.sleep(pause)
    while not exporter.is_summarised:
        await in_thread(exporter.rebuild)
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
    await asyncio.Event().wait()  # that it is done is no reason to end


async def _follow(exporter: Exporter, hub: "LiveHub") -> None:
    """Heartbeats are too slow for eyes: read what moves more often, as long as somebody looks at the page."""
    import asyncio  # noqa: PLC0415  # as in `serve`

    from sysvitals.web.http.pool import in_thread  # noqa: PLC0415

    while True:
        await hub.watched.wait()
        await in_thread(partial(exporter.refresh, _LIVE_SECONDS, LIVE_COLLECTORS))
        await asyncio.sleep(_LIVE_SECONDS)


async def _report(exporter: Exporter, supervisor: Supervisor) -> None:
    """Tell the service manager when we are ready, and from then on, as long as it is so, that nothing hangs."""
    import asyncio  # noqa: PLC0415  # as in `serve`

    from sysvitals.web.http.pool import in_thread  # noqa: PLC0415

    await in_thread(partial(exporter.refresh, _FIRST_ROUND_SECONDS))
    supervisor.ready(_status(exporter))
    before: list[str] = []
    while True:
        # asked in a thread: where the event loop or the scheduler hangs, the watchdog hears nothing and restarts us
        faults = await in_thread(exporter.faults)
        if not faults:
            supervisor.alive(_status(exporter))
        elif faults != before:
            _log.error("%s; if it stays so, the service's watchdog restarts the exporter", "; ".join(faults))
        before = faults
        await asyncio.sleep(until_beat(time.monotonic(), supervisor.interval_seconds))


def _reload(exporter: Exporter, supervisor: Supervisor) -> Problems:
    supervisor.reloading()
    try:
        return exporter.reload()
    finally:
        supervisor.ready(_status(exporter))


def _status(exporter: Exporter) -> str:
    if exporter.refused:
        return f"the new configuration was refused, the old one is in force: {exporter.refused[0]}"
    return describe_collectors(exporter.words())


def build_services(exporter: Exporter, hub: "LiveHub", reloads: Reloads) -> "Services":
    """What the web asks of this exporter, whose events from now on reach this hub."""
    from sysvitals.web.live import LiveServices, encode_glance  # noqa: PLC0415  # as in `serve`
    from sysvitals.web.routes import Services  # noqa: PLC0415
    from sysvitals.web.trends import Trends  # noqa: PLC0415

    trends = Trends()
    exporter.show(hub, trends)
    live = LiveServices(
        hub=hub,
        snapshot=lambda: encode_glance(exporter.hostname, __version__, exporter.latest_readings(), trends),
        verdict=exporter.verdict,
    )

    def glance(time_line: Mapping[str, Any]) -> "Glance":
        from sysvitals.web.page.glance import Glance  # noqa: PLC0415  # with the first page

        return Glance(
            host=exporter.hostname,
            version=__version__,
            now=time.time(),
            zone=exporter.zone(),
            readings=exporter.latest_readings(),
            busy=trends.busy(),
            verdict=exporter.verdict(),
            collectors=exporter.collectors(),
            time_line=time_line,
            grafana=exporter.settings.web.grafana_url,
        )

    def timeline(window: "Window", withdrawal: Withdrawal) -> bytes:
        return exporter.timeline(*window.span(time.time()), window.points, withdrawal)

    return Services(
        live=live,
        metrics=exporter.metrics,
        collectors=exporter.collectors,
        events=exporter.latest_events,
        faults=exporter.faults,
        ready=exporter.ready,
        reload=reloads.ask,
        may_reload=lambda: exporter.settings.web.enable_lifecycle,
        glance=glance,
        timeline=timeline,
    )


def _announce(settings: Settings, sockets: Iterable[socket.socket], door: "Door | None") -> None:
    scheme = "https" if door and door.tls else "http"
    for (host, _), listener in zip(settings.web.listen_address, sockets, strict=True):
        port = listener.getsockname()[1]  # where 0 was asked for, the system chose one
        shown = f"[{host}]" if ":" in host else host or "localhost"
        _log.info("page    %s://%s:%d/", scheme, shown, port)
        _log.info("metrics %s://%s:%d/metrics", scheme, shown, port)
        if is_loopback(host):
            _log.info("only this machine can reach it; --web.listen-address=:%d opens it to the network", port)
    _log.info("In force: %s", door.describe() if door else "no TLS, no passwords")
    if (door is None or door.is_open) and not all(is_loopback(host) for host, _ in settings.web.listen_address):
        how = "add basic_auth_users or client certificates to" if door else "protect it with"
        _log.warning(
            "everyone who reaches this port can read everything: %s --web.config-file=%s",
            how,
            settings.web.config_file or "FILE",
        )
    folder = os.path.join(os.path.abspath(settings.storage.path), "history")
    _log.info("history %s", folder if settings.history.enabled else "is off")
