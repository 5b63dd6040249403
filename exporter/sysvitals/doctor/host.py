"""This host: what can be read here, whether an undervoltage would be seen at all, the clock, room for the history."""

import os
import re
from collections.abc import Collection, Iterator

from sysvitals.collectors.clock import Clock
from sysvitals.collectors.identity import Identity
from sysvitals.collectors.throttling import Throttling, ThrottlingSource
from sysvitals.config.settings import Settings
from sysvitals.doctor.check import Check, Verdict, absent, broken, ok, warning
from sysvitals.doctor.exporter import Running
from sysvitals.doctor.left_alone import MOUNTS, check_left_alone, find_named, is_meant_full
from sysvitals.doctor.readings import Look
from sysvitals.judgement.thresholds import (
    CLOCK_ERROR,
    FILESYSTEM_FULL,
    FILESYSTEM_LITTLE_ROOM,
    FILESYSTEM_NEARLY_FULL,
    FILESYSTEM_ROOM,
)
from sysvitals.pipeline.interpret import Outcome

_ORDER = (Verdict.OK, Verdict.ABSENT, Verdict.WARNING, Verdict.BROKEN)
_SHOWN_FAULTS = 3
_WITHOUT_HINT = "no device node of the firmware, and no kernel module raspberrypi_hwmon: one of them is needed"


def describe_host(look: Look) -> str:
    """Its name, board and system, for a heading."""
    identity = look.first(Identity)
    known = [identity.model, " ".join(filter(None, (identity.os, identity.os_version)))] if identity else []
    more = ", ".join(part for part in known if part)
    return (look.hostname or "of unknown name") + (f" ({more})" if more else "")


def check_host(look: Look, running: Running | None, settings: Settings) -> Iterator[Check]:
    """All checks of the host itself. `running` is the exporter that runs here; what it can read is what counts."""
    yield from sorted(check_collectors(look, running), key=lambda check: _ORDER.index(check.verdict))
    yield from check_container(look, settings)
    yield from check_left_alone(look, running, settings)
    yield check_undervoltage(look)
    yield check_clock(look)
    yield from check_storage(settings, find_named(MOUNTS, look, running))


def check_collectors(look: Look, running: Running | None) -> Iterator[Check]:
    """One check for each collector that is enabled here, or runs in the exporter."""
    names = dict.fromkeys([*look.outcomes, *(running.collectors() if running else ())])
    for name in names:
        own = look.outcomes.get(name)
        yield _compare(name, own, running) if running else _judge(name, own)


def _judge(name: str, outcome: Outcome | None) -> Check:
    """How a collector fared when the doctor itself ran it."""
    check = f"collector.{name}"
    if outcome is None:
        return broken(check, f"{name} was not read in time", "the kernel hangs on it: dmesg may say why")
    said = _plain(outcome.message)
    if outcome.status == "unavailable":
        return absent(check, f"{name} is not on this host: {said}")
    if outcome.status == "failed":
        text, remedy = _explain(name, outcome.error, said)
        return broken(check, f"{name} cannot be read: {text}", remedy)
    if said:
        faults = said.split("; ")
        more = len(faults) - _SHOWN_FAULTS
        shown = "; ".join(faults[:_SHOWN_FAULTS]) + (f"; and {more} more" if more > 0 else "")
        remedy = "nothing else is affected; `sysvitals collectors` has the whole list, dmesg may say why"
        return warning(check, f"{name}: not all of it can be read: {shown}", remedy)
    return ok(check, f"{name} is read")


def _plain(message: str) -> str:
    """The system's words without its numbers."""
    return re.sub(r"\[Errno \d+\] ", "", message)


def _explain(name: str, error: str, said: str) -> tuple[str, str]:
    """What is wrong, and what to do about it."""
    if error in ("EACCES", "EPERM"):
        text, _, remedy = said.partition(": ")
        if " " in remedy:
            return text, remedy
        return said, "give the user that the exporter runs as permission to read it"
    if error == "timeout":
        return said, "the kernel hangs on it: dmesg may say why; everything else is read all the same"
    return said, f"the device or its driver fails: dmesg may say why; --no-collector.{name} leaves it out"


def _compare(name: str, own: Outcome | None, running: Running) -> Check:
    """How a collector fares in the exporter, in the words of the doctor's own run where the two agree."""
    check = f"collector.{name}"
    state = running.collectors().get(name)
    mine = _judge(name, own)
    seen = own is not None and own.status == "ok"
    process = f" ({running.process})" if running.process else ""
    if state is None:
        return absent(check, f"{name} is switched off in the running exporter")
    if state == "ok":
        if mine.verdict is Verdict.BROKEN:
            return ok(check, f"{name} is read by the exporter, though you may not read it yourself")
        return mine if seen else ok(check, f"{name} is read")
    if seen:
        return _differ(check, name, process, state)
    if state == "unavailable":
        return mine if mine.verdict is Verdict.ABSENT else absent(check, f"{name} is not on this host")
    lost = broken(check, f"{name} cannot be read by the running exporter{process}", "its log says why")
    return mine if mine.verdict is Verdict.BROKEN else lost


def _differ(check: str, name: str, process: str, state: str) -> Check:
    """The doctor can read what the exporter cannot."""
    if state == "failed":
        remedy = "its user lacks a permission that you have, or its service's sandbox takes it; its log says which"
        return broken(check, f"{name} can be read here, but not by the running exporter{process}", remedy)
    remedy = (
        "what its service or container keeps from it: device nodes (PrivateDevices=, DevicePolicy=, --device),"
        " /sys, /proc; or it was plugged in a moment ago"
    )
    return warning(check, f"{name} can be read here, but the running exporter{process} does not find it", remedy)


def check_container(look: Look, settings: Settings) -> Iterator[Check]:
    """Whether a container's walls stand between the doctor and the host."""
    identity = look.first(Identity)
    kind = identity.container if identity else None
    if kind not in (None, "none"):
        yield warning(
            "host.container",
            f"this is a container ({kind}): what is read is the container's, not the board's",
            "mount the host's / at /host, and say so:\n"
            "  --path.procfs=/host/proc --path.sysfs=/host/sys --path.rootfs=/host --path.devfs=/host/dev"
            if settings.path.rootfs == "/"
            else f"{settings.path.rootfs} should be the host's /",
        )


def check_undervoltage(look: Look) -> Check:
    """Whether this board would notice an undervoltage, who answers, and whether there is one."""
    name = "host.undervoltage"
    source = look.first(ThrottlingSource)
    if source is not None:
        return _judge_source(name, source, look.all(Throttling))
    outcome = look.outcomes.get("throttling")
    if outcome is not None and outcome.status == "failed":
        return broken(name, "cannot check whether the voltage is too low", "see the collector throttling above")
    return absent(name, "no undervoltage detector: not a Raspberry Pi, so there will be no such alert")


def _judge_source(name: str, source: ThrottlingSource, causes: list[Throttling]) -> Check:
    if source.undervoltage_detectable is None:
        text = f"unknown board: it may not detect undervoltage ({source.source} answers)"
        return warning(name, text, "if it reports undervoltage, the alert fires")
    if source.source == "none":
        return broken(name, "undervoltage would not be noticed: no detector can be read", source.hint or _WITHOUT_HINT)
    if not source.undervoltage_detectable:
        return warning(
            name,
            "this board has no undervoltage detector: silence is not health",
            "a supply made for the board is the only safeguard; the alert UndervoltageUndetectable says the same",
        )
    now = [cause.cause for cause in causes if cause.active]
    before = [cause.cause for cause in causes if cause.since_boot and not cause.active]
    text = f"an undervoltage would be seen ({source.source})"
    if now:
        remedy = "first mend the supply or its cable; the runbook has more"
        return warning(name, f"{text}; NOW there is {', '.join(now)}", remedy)
    return ok(
        name, text + (f"; there was {', '.join(before)} earlier in this boot" if before else "; there is none now")
    )


def check_clock(look: Look) -> Check:
    """Whether the clock can be trusted."""
    name = "host.clock"
    clock = look.first(Clock)
    if clock is None:
        outcome = look.outcomes.get("clock")
        said = _plain(outcome.message) if outcome else "it was not asked"
        return warning(name, f"cannot check whether the clock is right: {said}", "run `timedatectl` on the host")
    if not clock.synchronised:
        return warning(
            name,
            "clock not synchronised (no NTP): the times of events may be wrong",
            "`sudo timedatectl set-ntp true` switches NTP on; `timedatectl` shows its state; is the network up?",
        )
    if clock.maximum_error > CLOCK_ERROR.value:
        return warning(
            name,
            f"the clock is synchronised, but may be wrong by {clock.maximum_error:.1f} s",
            "no time server has answered for long: see `timedatectl timesync-status` or `chronyc tracking`",
        )
    return ok(name, f"the clock is synchronised, to within {clock.maximum_error * 1000:.0f} ms")


def check_storage(settings: Settings, meant_full: Collection[str] = ()) -> Iterator[Check]:
    """Room where the history is kept. `meant_full` are mount points."""
    name = "host.storage"
    folder = nearest_folder(os.path.abspath(settings.storage.path))
    try:
        space = os.statvfs(folder)
    except OSError as error:
        yield broken(name, f"{folder} cannot be looked at: {error.strerror}", "is the disk all right? dmesg may say")
        return
    usable = space.f_blocks - space.f_bfree + space.f_bavail
    if not usable:
        return
    used = 1 - space.f_bavail / usable
    free = space.f_bavail * space.f_frsize
    text = f"{free / (1 << 20):,.0f} MiB free for the history in {folder} ({used:.0%} used)"
    remedy = "make room, or keep less: --history.keep-size, --history.keep-age"
    if is_meant_full(folder, meant_full):
        yield absent(name, f"{text}; this mount is meant to be full")
    elif used >= FILESYSTEM_FULL.value and free < FILESYSTEM_LITTLE_ROOM.value:
        yield broken(name, text, remedy)
    elif used >= FILESYSTEM_NEARLY_FULL.value and free < FILESYSTEM_ROOM.value:
        yield warning(name, text, remedy)
    else:
        yield ok(name, text)


def nearest_folder(path: str) -> str:
    """The folder, or the one above it that exists."""
    while not os.path.isdir(path) and os.path.dirname(path) != path:
        path = os.path.dirname(path)
    return path
