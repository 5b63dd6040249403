"""Changes of the history as what lasted: an undervoltage from its beginning to its end, a link while it was down."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Subject = tuple[str, ...]

_BEYOND = 1e15
"""No count and no duration of ours comes near."""


class Occurrence(NamedTuple):
    """A change as the history holds it, at a time in Unix seconds, which was `placed` where the clock was wrong then.

    `uptime` is in seconds since boot. `data` is of any content: it comes from a file.
    """

    at: float
    name: str
    boot: str
    uptime: float
    data: Mapping[str, Any]
    placed: bool = False


class Episode(NamedTuple):
    """Something that lasted, in Unix seconds. `end` is None while it goes on.

    `seconds` is how long it lasted as far as the exporter saw, 0 where it goes on. `changes` began and ended it.
    """

    subject: Subject
    begin: float
    end: float | None
    seconds: float
    boot: str
    changes: tuple[Occurrence, ...] = ()
    placed: bool = False


class Edge(NamedTuple):
    """A change that begins (`starts`) or ends what lasts. `seconds` is how long it lasted, where the change says so."""

    subject: Subject
    starts: bool
    seconds: float | None = None


def get_text(occurrence: Occurrence, field: str) -> str:
    """The text of a field; empty where there is none."""
    value = occurrence.data.get(field)
    return value if isinstance(value, str) else ""


def get_number(occurrence: Occurrence, field: str) -> float | None:
    """The number of a field; None where there is none that makes sense."""
    value = occurrence.data.get(field)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return float(value) if abs(value) < _BEYOND else None


def get_flag(occurrence: Occurrence, field: str) -> bool | None:
    """The yes or no of a field; None where there is none."""
    value = occurrence.data.get(field)
    return value if isinstance(value, bool) else None


def find_episodes(
    occurrences: Iterable[Occurrence],
    read_edge: Callable[[Occurrence], Edge | None],
    last_seen: Mapping[str, float],
    now_boot: str,
) -> list[Episode]:
    """What lasted, by when it began. `occurrences` are in order of time.

    What has no end in a boot that is over ended when that boot was last seen, by `last_seen` in Unix seconds; in the
    boot that we are in, `now_boot`, it goes on.
    """
    open_ones: dict[Subject, Occurrence] = {}
    found: list[Episode] = []
    for occurrence in occurrences:
        edge = read_edge(occurrence)
        if edge is None:
            continue
        begun = open_ones.get(edge.subject)
        if edge.starts:
            if begun is not None and begun.boot == occurrence.boot:
                continue  # it went on when the exporter started again
            if begun is not None:
                found.append(_break_off(edge.subject, begun, last_seen))
            open_ones[edge.subject] = occurrence
        elif begun is not None or edge.seconds is not None:
            open_ones.pop(edge.subject, None)
            found.append(_end(edge, begun, occurrence))
    for subject, begun in open_ones.items():
        if begun.boot == now_boot:
            found.append(Episode(subject, begun.at, None, 0.0, begun.boot, (begun,), begun.placed))
        else:
            found.append(_break_off(subject, begun, last_seen))
    return sorted(found, key=lambda episode: episode.begin)


def _end(edge: Edge, begun: Occurrence | None, ended: Occurrence) -> Episode:
    seconds = max(0.0, edge.seconds or 0.0)
    begin = ended.at - seconds if begun is None else begun.at
    # one that ended with its boot is reported in the next one; its length says when it ended
    over = begun is not None and begun.boot != ended.boot and edge.seconds is not None
    end = max(begin, min(ended.at, begin + seconds) if over else ended.at)
    boot = ended.boot if begun is None else begun.boot
    changes = (ended,) if begun is None else (begun, ended)
    return Episode(edge.subject, begin, end, seconds or end - begin, boot, changes, any(one.placed for one in changes))


def _break_off(subject: Subject, begun: Occurrence, last_seen: Mapping[str, float]) -> Episode:
    end = max(begun.at, last_seen.get(begun.boot, begun.at))
    return Episode(subject, begun.at, end, end - begun.at, begun.boot, (begun,), begun.placed)


def throttling_edge(occurrence: Occurrence) -> Edge | None:
    """Causes of throttling; the subject is the cause."""
    cause = (get_text(occurrence, "cause"),)
    if occurrence.name == "system.throttling.started":
        return Edge(cause, starts=True)
    if occurrence.name == "system.throttling.cleared":
        return Edge(cause, starts=False, seconds=get_number(occurrence, "seconds"))
    return None


def failure_edge(occurrence: Occurrence) -> Edge | None:
    """What could not be read; the subject is the collector and its thing."""
    subject = (get_text(occurrence, "collector"), get_text(occurrence, "thing"))
    if occurrence.name == "collector.failed":
        return Edge(subject, starts=True)
    if occurrence.name == "collector.recovered":
        return Edge(subject, starts=False, seconds=get_number(occurrence, "seconds"))
    if occurrence.name == "collector.unavailable":
        return Edge(subject, starts=False)
    return None


def link_edge(occurrence: Occurrence) -> Edge | None:
    """Links that are down; the subject is the device."""
    if occurrence.name != "system.network.link.changed":
        return None
    is_up = get_flag(occurrence, "carrier") is True
    return Edge((get_text(occurrence, "device"),), starts=not is_up, seconds=0.0 if is_up else None)


class RemountEdges:
    """Mounts that are not as they were first: writable ones that are read-only, and the other way round.

    The subject is where it is mounted, and `read-only` or `writable`. A system that is mounted read-only is made
    writable for an update, and that it is read-only again is its end.
    """

    def __init__(self) -> None:
        self._usual: dict[str, bool] = {}

    def __call__(self, occurrence: Occurrence) -> Edge | None:
        """The edge of one change, in order of time."""
        read_only = get_flag(occurrence, "read_only")
        if occurrence.name != "system.disk.remounted" or read_only is None:
            return None
        mount = get_text(occurrence, "mountpoint")
        usual = self._usual.setdefault(mount, not read_only)
        return Edge((mount, "writable" if usual else "read-only"), starts=read_only != usual)


def seconds_between(episode: Episode, begin: float, end: float) -> float:
    """How much of it lies between these Unix times; what goes on lasts until the end of them."""
    if episode.end is not None and begin <= episode.begin and episode.end <= end:
        return episode.seconds
    inside = max(0.0, (end if episode.end is None else min(episode.end, end)) - max(episode.begin, begin))
    return inside if episode.end is None else min(inside, episode.seconds)


def clip(episodes: Iterable[Episode], begin: float, end: float) -> Iterator[Episode]:
    """Those that touch this time."""
    return (each for each in episodes if each.begin <= end and (each.end is None or each.end >= begin))
