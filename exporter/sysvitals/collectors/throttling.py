"""Whether a Raspberry Pi is slowed down, and by what: supply voltage, heat, a capped clock; now and until now."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable, Watch
from sysvitals.model.metric import Counter, Detail, Gauge, Info, Label
from sysvitals.model.reading import Change, Reading, amend
from sysvitals.sources.pi.board import read_board
from sysvitals.sources.pi.firmware import FirmwareThrottling
from sysvitals.sources.pi.revision import detects_undervoltage
from sysvitals.sources.pi.throttle_word import CAUSES
from sysvitals.sources.pi.throttling import ThrottlingSources, read_throttling, watch_throttling

_ORIGIN = "/sys/class/hwmon/hwmon*/in0_lcrit_alarm of rpi_volt; get_throttled of the firmware or of the kernel"
_SEEN = "as far as the exporter saw; without a history, since it started."
_EVENTS_HELP = f"How often this cause began since boot, {_SEEN}"
_SECONDS_HELP = f"How long this cause lasted since boot, {_SEEN}"
_CAUSE = Label("What the firmware reports.", values=CAUSES)


class Throttling(Reading, event="system.throttling.updated"):
    """One cause of throttling. A cause of which nothing is known is not there: silence is not health."""

    cause: Annotated[str, _CAUSE]
    active: Annotated[
        bool,
        Gauge(
            "throttled",
            help="1 while the firmware reports this cause. Undervoltage counts for some seconds after it was seen, "
            "and is never 0 on a board that cannot detect it.",
            origin=_ORIGIN,
            summary=True,
        ),
    ]
    since_boot: Annotated[
        bool | None,
        Gauge(
            "throttled_since_boot",
            help="1 if the firmware reported this cause at any time since boot; absent where that cannot be known.",
            origin="get_throttled of the firmware",
        ),
    ] = None
    events: Annotated[
        int,
        Counter(
            "throttle_events",
            help=_EVENTS_HELP,
            origin=_ORIGIN,
            summary=True,
        ),
    ] = 0
    seconds: Annotated[
        float,
        Counter(
            "throttle",
            unit="seconds",
            help=_SECONDS_HELP,
            origin=_ORIGIN,
            summary=True,
        ),
    ] = 0.0
    last: Annotated[
        float | None,
        Gauge(
            "throttle_last",
            unit="timestamp_seconds",
            help="When this cause was last seen by this exporter, in Unix time; absent if never.",
            origin=_ORIGIN,
        ),
    ] = None
    episode_seconds: Annotated[
        float, Detail("How long the episode that goes on, or just ended, lasted.", unit="seconds")
    ] = 0.0


class ThrottlingSource(Reading, event="system.throttling.source.updated"):
    """Where the host's knowledge of throttling comes from."""

    undervoltage_detectable: Annotated[
        bool | None,
        Gauge(
            "undervoltage_detectable",
            help="1 if this board has an undervoltage detector and it can be asked. 0: no undervoltage is ever seen, "
            "as on the Zero range, on Compute Modules and on the first boards. Absent for a board not known.",
            origin="board revision, /sys/class/hwmon",
        ),
    ]
    source: Annotated[str, Info("throttling_source", origin=_ORIGIN, help="What answered, or none.")]
    word: Annotated[str | None, Detail("The throttle word as its source gave it.")] = None
    hint: Annotated[str | None, Detail("What would let more be known.")] = None


class ThrottlingStarted(Change, event="system.throttling.started", urgent=True):
    """A cause of throttling began, or went on when the exporter started."""

    cause: Annotated[str, _CAUSE]


class ThrottlingCleared(Change, event="system.throttling.cleared", urgent=True):
    """A cause of throttling ended."""

    cause: Annotated[str, _CAUSE]
    seconds: Annotated[float, Detail("How long it lasted, as far as the exporter saw.", unit="seconds")]


def read(host: Host) -> Iterator[Throttling | ThrottlingSource | Fault]:
    """One reading a cause that can be known, and one of the source."""
    board = attempt("board", read_board, host)
    found = read_throttling(host)
    if isinstance(board, Fault):
        yield board
    elif not found.offered and not board.is_raspberry_pi:
        raise Unavailable("no Raspberry Pi firmware: only Raspberry Pis report throttling")
    yield from found.faults
    detectable = None if isinstance(board, Fault) else detects_undervoltage(board.revision, board.model)
    detectable = detectable or found.undervoltage_seen or detectable
    yield ThrottlingSource(
        # a source that is there and fails is a fault, and takes nothing from the board
        undervoltage_detectable=detectable if found.offered else False,
        source="+".join(found.answered) or "none",
        word=None if found.word is None else f"0x{found.word.word:x}",
        hint=found.hint,
    )
    for cause in CAUSES:
        active = _is_active(found, cause, can_tell=detectable)
        if active is not None:
            yield Throttling(
                cause=cause,
                active=active,
                since_boot=_was_active(found.firmware, cause, can_tell=detectable),
                events=int(active),
                last=round(host.time(), 3) if active else None,
            )


def compare(
    now: Throttling | ThrottlingSource, before: Throttling, seconds: float | None
) -> Throttling | ThrottlingSource:
    """Carry the counts on: every edge makes a run of its own, so that between two runs nothing else happened.

    A time that was not watched counts for nothing, but the first event of a boot, which the firmware keeps in mind.
    """
    if isinstance(now, ThrottlingSource):
        return now
    lasted = seconds if before.active and seconds is not None else 0.0
    last = before.last if before.last is None else round(before.last + lasted, 3)
    came_and_went = bool(now.since_boot) and before.since_boot is False and not before.active
    return amend(
        now,
        events=before.events + ((now.active or came_and_went) and not before.active),
        seconds=round(before.seconds + lasted, 3),
        last=now.last or last,
        episode_seconds=round(before.episode_seconds + lasted, 3) if before.active else 0.0,
    )


def changes(now: Throttling | ThrottlingSource, before: Throttling | None) -> Iterator[Change]:
    """The edges between two readings of a cause."""
    if isinstance(now, Throttling):
        was_active = before is not None and before.active
        if now.active and not was_active:
            yield ThrottlingStarted(cause=now.cause)
        elif was_active and not now.active:
            yield ThrottlingCleared(cause=now.cause, seconds=now.episode_seconds)


def after_reboot(before: Throttling | ThrottlingSource) -> tuple[None, list[ThrottlingCleared]]:
    """What was going on when another boot ended has ended with it; the counts begin from 0."""
    if isinstance(before, Throttling) and before.active:
        return None, [ThrottlingCleared(cause=before.cause, seconds=before.episode_seconds)]
    return None, []


def watch(host: Host) -> Iterator[Watch]:
    """What tells of an edge: the kernel's notices on files, or a look at the firmware's word."""
    yield from watch_throttling(host)


def _is_active(found: ThrottlingSources, cause: str, *, can_tell: bool | None) -> bool | None:
    active = None if found.word is None else found.word.active(cause)
    if cause != "undervoltage":
        return active
    # the firmware's own word is fresher than the kernel's alarm, which comes of asking for it every two seconds
    if found.alarm is not None and (found.firmware is None or found.firmware.age_seconds > 0):
        active = found.alarm
    # without a detector only a yes can be believed
    return active if can_tell else active or None


def _was_active(firmware: FirmwareThrottling | None, cause: str, *, can_tell: bool | None) -> bool | None:
    if firmware is None or not firmware.sticky_since_boot:
        return None
    occurred = firmware.word.occurred(cause)
    return occurred if can_tell or cause != "undervoltage" else occurred or None


COLLECTOR = Collector(
    name="throttling",
    help="Undervoltage and throttling of Raspberry Pis",
    readings=(Throttling, ThrottlingSource),
    reports=(ThrottlingStarted, ThrottlingCleared),
    read=read,
    compare=compare,
    changes=changes,
    remembers=(Throttling,),
    after_reboot=after_reboot,
    watch=watch,
    interval=15.0,
)
