"""The exporter that runs on this host: whether it answers, is fresh, and keeps its history."""

import contextlib
import grp
import os
import pwd
import re
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sysvitals import __version__
from sysvitals.client.address import Address, parse_address
from sysvitals.config.errors import ConfigError
from sysvitals.config.settings import Settings
from sysvitals.config.values import is_loopback
from sysvitals.config.web_config import load_web_config
from sysvitals.doctor.check import Check, absent, broken, ok, warning
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.readings import Look
from sysvitals.doctor.samples import Samples, identify, read_samples
from sysvitals.doctor.trouble import Trouble
from sysvitals.doctor.words import format_count, format_span
from sysvitals.history.segments import find_last_segment
from sysvitals.judgement.thresholds import COLLECTOR_STALE
from sysvitals.model.event import parse_time
from sysvitals.model.visible import visible

_LEAST_PATIENCE_SECONDS = 30.0
_OURS = (401, 421)
"""With these an exporter of sysvitals refuses to say who it is: no other server is looked for."""


@dataclass(frozen=True, slots=True)
class Running:
    """What the exporter says of itself. `boot` is that of the host it runs on, `last_event` is in Unix seconds.

    `process` says under which user and service it runs, where that can be seen; else it is empty. `config_file` is the
    file that it was started with, if any.
    """

    url: str
    version: str
    ready: bool
    host: str
    boot: str
    last_event: float | None
    process: str
    samples: Samples
    config_file: str = ""

    def collectors(self) -> Mapping[str, str]:
        """Its collectors: `ok`, `unavailable` or `failed`."""
        states = {}
        for labels, available in self.samples.find("sysvitals_collector_available"):
            name = labels["collector"]
            success = self.samples.total("sysvitals_collector_success", collector=name)
            states[name] = "unavailable" if not available else "ok" if success else "failed"
        return states


def exporter_address(settings: Settings) -> Address:
    """Where the exporter of these settings is asked from its own machine."""
    host, port = settings.web.listen_address[0]
    host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    scheme = "https" if _speaks_tls(settings.web.config_file) else "http"
    return parse_address(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")


def _speaks_tls(web_config: str) -> bool:
    try:
        return bool(web_config) and load_web_config(web_config).tls is not None
    except ConfigError:  # it may be for the exporter's eyes only
        return os.path.exists(web_config)


def ask_exporter(server: Server) -> Running:
    """What the exporter says of itself. Raises Trouble where none answers, or something else does."""
    try:
        samples = read_samples(server)
    except Trouble as trouble:
        is_other = trouble.kind in ("status", "content") and trouble.status not in _OURS
        if is_other and (name := identify(server)):
            raise _other(server, name) from None
        raise
    builds = samples.find("sysvitals_build_info")
    if not builds:
        raise _other(server, identify(server) or "something else")
    events = server.get_json("/api/v1/state")["events"]
    last: Mapping[str, Any] = max(events, key=lambda event: str(event["time"]), default={})
    started = [event["data"].get("pid") for event in events if event["name"] == "sysvitals.started"]
    try:
        server.get_text("/-/ready")
        ready = True
    except Trouble as trouble:
        if trouble.status is None:
            raise
        ready = False
    return Running(
        url=server.address.url,
        version=builds[0][0].get("version", "unknown"),
        ready=ready,
        host=last.get("host", ""),
        boot=last.get("boot", ""),
        last_event=parse_time(last["time"]) if last else None,
        process=_describe_process(started[-1]) if started else "",
        samples=samples,
        config_file=_find_config_file(started[-1]) if started else "",
    )


def check_exporter(
    found: Running | Trouble, look: Look, settings: Settings, url: str, file: str | None = None
) -> Iterator[Check]:
    """All checks of the running exporter, which was asked at this address. `file` has our settings, if any."""
    if isinstance(found, Trouble):
        remedy = (
            "start it with `sysvitals serve`, or see `systemctl status sysvitals`;\n"
            "where it listens elsewhere, say so: --exporter URL, or --config.file=FILE"
        )
        refused = found.kind == "refused"
        text = f"no exporter answers at {url}" if refused else found.text
        yield broken("exporter.answers", text, remedy if refused else found.remedy)
        yield check_history(None, settings)
        return
    yield ok("exporter.answers", f"sysvitals {found.version} answers{f' ({found.process})' if found.process else ''}")
    if look.boot_id and found.boot and found.boot != look.boot_id:
        yield broken(
            "exporter.host",
            f"it reports another host, {found.host or 'without a name'}",
            "it reads a simulated board, or another machine's files: give the doctor the same --path.* settings",
        )
    if found.version != __version__:
        yield warning(
            "exporter.version",
            f"version {found.version} runs, {__version__} is installed",
            "restart the exporter, so that what is installed runs",
        )
    if not found.ready:
        yield warning("exporter.ready", "it has not taken its first readings yet", "ask again in half a minute")
    told = not found.config_file or (file is not None and os.path.realpath(file) == os.path.realpath(found.config_file))
    if not told:
        yield warning(
            "exporter.settings",
            f"its settings are in {found.config_file}, and the doctor was not given that file: what it says of history"
            " and addresses is by others",
            f"sudo sysvitals doctor --config.file={shlex.quote(visible(found.config_file))}",
        )
    yield check_freshness(found, settings)
    if found.samples.total("sysvitals_config_last_reload_successful") == 0:
        yield broken(
            "exporter.config",
            "its configuration was changed and is wrong: the old one is in force",
            "`sysvitals check-config FILE` names every error",
        )
    dropped = found.samples.total("sysvitals_events_dropped_total", sink="history")
    if dropped:
        yield warning(
            "exporter.drops",
            f"{format_count(dropped, 'event')} lost to the history since it started",
            "the disk is full, read-only or too slow; the log says which",
        )
    yield check_history(found, settings, is_told=told)
    if told and all(is_loopback(host) for host, _ in settings.web.listen_address):
        port = settings.web.listen_address[0][1]
        yield absent(
            "exporter.open",
            f"it listens on this machine only; for a Prometheus elsewhere: --web.listen-address=:{port}",
        )


def check_freshness(found: Running, settings: Settings) -> Check:
    """How old the latest event is."""
    name = "exporter.events"
    if found.last_event is None:
        return broken(name, "it has no event to show", "its log says why: journalctl -u sysvitals")
    age = max(0.0, time.time() - found.last_event)
    shortest = min((collector.interval for collector in settings.collector), default=0.0)
    if age > max(_LEAST_PATIENCE_SECONDS, COLLECTOR_STALE.value * shortest):
        return broken(name, f"its latest event is {format_span(age)} old", "it hangs: restart it, and keep its log")
    return ok(name, f"its latest event is {format_span(age)} old")


def check_history(found: Running | None, settings: Settings, *, is_told: bool = True) -> Check:
    """Whether a history is kept, and grows. `is_told`: these are the settings that the exporter has."""
    name = "exporter.history"
    folder = os.path.join(os.path.abspath(settings.storage.path), "history")
    if found is None:
        return _check_folder(name, folder, settings)
    writable = found.samples.total("sysvitals_history_writable")
    if writable is None:
        return absent(name, "it keeps no history: history.enabled is off")
    if not writable:
        return broken(
            name,
            "its history cannot be written: what happens now is lost with the next power cut",
            "is the disk full, read-only or not its own? its log says which: journalctl -u sysvitals",
        )
    size = (found.samples.total("sysvitals_history_size_bytes") or 0) / (1 << 20)
    count = found.samples.total("sysvitals_history_segments") or 0
    text = f"its history is written ({size:,.1f} MiB in {format_count(count, 'segment')})"
    growth = f"; {_describe_growth(folder, settings.history.flush_interval)}" if is_told else ""
    return ok(name, f"{text}{growth}")


def _describe_growth(folder: str, flush_seconds: float) -> str:
    """Whether this folder is the one that grows."""
    if _is_closed(folder):
        return f"you may not look into {folder}"
    written = _last_written(folder)
    if written is None:
        return f"not in {folder}: it was started with another storage.path"
    age = max(0.0, time.time() - written)
    if age <= max(_LEAST_PATIENCE_SECONDS, COLLECTOR_STALE.value * flush_seconds):
        return f"it grew {format_span(age)} ago"
    return f"not in {folder}, where it last grew {format_span(age)} ago"


def _check_folder(name: str, folder: str, settings: Settings) -> Check:
    """Nobody writes it now: whether it could be written."""
    if not settings.history.enabled:
        return absent(name, "no history is kept: history.enabled is off")
    place = folder
    while not os.path.exists(place):
        place = os.path.dirname(place)
    if not os.access(place, os.W_OK | os.X_OK):
        return warning(
            name,
            f"you may not write the history in {folder}",
            "if the exporter runs as another user, all may be well; else --storage.path=DIR names another place",
        )
    written = _last_written(folder)
    if written is None:
        return absent(name, f"there is no history in {folder} yet; it can be made")
    return absent(
        name, f"the history in {folder} is not being written; it last grew {format_span(time.time() - written)} ago"
    )


def _last_written(folder: str) -> float | None:
    """When the last segment was written, in Unix seconds."""
    with contextlib.suppress(OSError):
        if segment := find_last_segment(folder):
            return os.stat(segment.path).st_mtime
    return None


def _is_closed(folder: str) -> bool:
    """Whether permission is missing to see what is in it, or whether it is there."""
    try:
        os.listdir(folder)
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def _other(server: Server, name: str) -> Trouble:
    remedy = "the port is taken: give one of them another, or say where the exporter is: --exporter URL"
    return Trouble("content", f"at {server.address.url} it is not sysvitals that answers, but {name}", remedy)


def _read_arguments(pid: object) -> list[str]:
    """The arguments of an exporter's process; none where they cannot be seen, or where the number is another's."""
    if not isinstance(pid, int):  # it comes from the answer, and becomes part of a path
        return []
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            arguments = os.fsdecode(file.read()).split("\0")
    except OSError:
        return []
    # else it is the number of another namespace's process
    return arguments if "sysvitals" in map(os.path.basename, arguments) else []


def _find_config_file(pid: object) -> str:
    """The `--config.file` of that process, by its whole path; empty where there is none or it cannot be seen."""
    for argument, following in pairwise(_read_arguments(pid)):
        name, _, value = argument.partition("=")
        if name == "--config.file":
            with contextlib.suppress(OSError):  # a relative one is below a folder that only its owner may see
                return os.path.join(os.readlink(f"/proc/{pid}/cwd"), value or following)
            return value or following
    return ""


def _describe_process(pid: object) -> str:
    """Under which user, with which groups and in which service a process runs; empty where that cannot be seen."""
    if not _read_arguments(pid):
        return ""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            status = dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            units = re.findall(r"/([^/\n]+\.service)", file.read())
        user = pwd.getpwuid(int(status["Uid"].split()[0])).pw_name
        groups = [grp.getgrgid(int(number)).gr_name for number in status.get("Groups", "").split()]
    except (OSError, KeyError, ValueError):
        return ""
    more = [group for group in groups if group != user]
    words = f"as user {user}" + (f" with the groups {', '.join(more)}" if more and user != "root" else "")
    return words + (f", service {units[-1]}" if units else "")
