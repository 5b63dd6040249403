"""When earlier boots were, seen from the one that runs: pure, given the parts of summaries.

Within a boot the uptime says when something was, and no clock that is set can change that. A boot stands where its own
clock put it, unless it would not be over before the boot after it: then it is moved as a whole, to end before that.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import NamedTuple

from sysvitals.history.summaries.reading import Part


class Present(NamedTuple):
    """The Unix time by the clock, whether that is set, the boot that runs, and for how many seconds it is up."""

    time: float
    boot: str
    uptime: float
    is_set: bool = True


class Origin(NamedTuple):
    """When a boot began, in Unix seconds by the clock of now.

    `moved`: its own clock says otherwise and cannot be right, so that it is not known how long ago the boot was.
    """

    time: float
    moved: bool = False


class _Boot(NamedTuple):
    """A boot by its own clock: when it began, and from when to when it was recorded, in seconds since then."""

    name: str
    origin: float
    first: float
    until: float
    is_set: bool

    @property
    def end(self) -> float:
        return self.origin + self.until


def find_origins(parts: Iterable[Part], present: Present, successors: Mapping[str, str]) -> dict[str, Origin]:
    """When each boot of these parts began. `successors` says of a boot which one came after it, where that is known."""
    boots = _sum_up(parts)
    own = boots.pop(present.boot, None)
    origins = {present.boot: Origin(present.time - present.uptime)}
    # what is known of this boot: from its first event on
    limits = {present.boot: present.time - present.uptime + (own.first if own else present.uptime)}
    before = _find_order(boots, present.boot, successors)
    reached = [present.boot]
    for later in reached:  # which grows on the way
        for boot in before.pop(later, ()):
            ahead = boots[boot]
            shift = 0.0
            if not present.is_set and ahead.is_set and later in boots and boots[later].is_set:
                shift = (
                    origins[later].time - boots[later].origin
                )  # the clock of now is wrong: these keep their distance
            moved = shift != 0.0
            if ahead.end + shift > limits[later]:
                shift, moved = origins[later].time - ahead.end, True
            origins[boot] = Origin(ahead.origin + shift, moved)
            limits[boot] = ahead.origin + shift + ahead.first
            reached.append(boot)
    return origins


def place_parts(parts: Iterable[Part], origins: Mapping[str, Origin]) -> Iterator[Part]:
    """These parts, each where its boot was. One of a boot of which nothing is known is left out."""
    for part in parts:
        head = part.head
        if (origin := origins.get(head["boot"])) is not None:
            begin = origin.time + head["uptime"]
            yield Part(begin, origin.time + head["until"], begin - head["from"], head, part.lines)


def _sum_up(parts: Iterable[Part]) -> dict[str, _Boot]:
    boots: dict[str, _Boot] = {}
    for part in sorted(parts, key=lambda part: part.head["until"]):
        name, uptime, until = part.head["boot"], part.head["uptime"], part.head["until"]
        is_set = part.head["synced"] is not False or bool(part.shift or part.head.get("shift"))
        fresh = _Boot(name, part.begin - uptime, uptime, until, is_set)
        known = boots.get(name)
        if known is None:
            boots[name] = fresh
            continue
        # the clock of its end, of that part in which it was right
        clock = known if known.is_set and not is_set else fresh
        boots[name] = clock._replace(first=min(known.first, uptime), until=until)
    return boots


def _find_order(boots: Mapping[str, _Boot], now: str, successors: Mapping[str, str]) -> dict[str, list[str]]:
    """For each boot, those that were over when it began, as far as that is known."""
    after = dict.fromkeys(boots, now)
    in_order = sorted((boot for boot in boots.values() if boot.is_set), key=lambda boot: boot.end)
    after.update((one.name, other.name) for one, other in pairwise(in_order))
    after.update((boot, later) for boot, later in successors.items() if boot in boots and later in {*boots, now})
    _break_circles(after, now)
    before: dict[str, list[str]] = {}
    for boot, later in after.items():
        before.setdefault(later, []).append(boot)
    return before


def _break_circles(after: dict[str, str], now: str) -> None:
    """Let each boot lead to the one that runs: of a damaged history not all can be right."""
    sound = {now}
    for boot in [*after]:
        path: set[str] = set()
        while boot not in sound:
            if boot in path:
                after[boot] = now
                break
            path.add(boot)
            boot = after[boot]  # noqa: PLW2901  # the way from there
        sound |= path
