"""What users leave alone or expect to be full: which things those are, and settings that match none."""

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import NamedTuple

from sysvitals.config.settings import Settings
from sysvitals.doctor.check import Check, absent, warning
from sysvitals.doctor.exporter import Running
from sysvitals.doctor.readings import Look
from sysvitals.judgement import left_alone
from sysvitals.model.samples import sample_bodies

_SHOWN_NAMES = 5


class Choice(NamedTuple):
    """A collector's setting that names things by a pattern, and its gauge, which is 1 for those and 0 for others.

    `id` is the check's, `words` say what it means to be named. `names` are the labels that together are a thing's name.
    """

    id: str
    words: str
    collector: str
    option: str
    thing: str
    gauge: str
    names: tuple[str, ...]


SENSORS, DISKS, LINKS = (
    Choice("host.left_alone", f"left alone ({thing})", collector, "leave_alone", thing, *left)
    for collector, thing, left in (
        ("temperature", "sensor", left_alone.SENSOR),
        ("disk", "disk", left_alone.DISK),
        ("network", "network device", left_alone.LINK),
    )
)
MOUNTS = Choice(
    "host.full_expected",
    "meant to be full",
    "filesystem",
    "full_expected",
    "mount point",
    left_alone.FULL.gauge,
    ("mountpoint",),
)


def check_left_alone(look: Look, running: Running | None, settings: Settings) -> Iterator[Check]:
    """What no alert judges because of a setting, and settings that match nothing."""
    for choice in (SENSORS, DISKS, LINKS, MOUNTS):
        pattern = _read_pattern(choice, settings)
        if named := find_named(choice, look, running):
            yield absent(choice.id, f"{choice.words}: {_enumerate(named)}")
        elif pattern and _is_whole(look, choice.collector):
            others = _enumerate(_name(choice, sample_bodies(look.bodies).get(choice.gauge, []), 0))
            yield warning(
                choice.id,
                f"collector.{choice.collector}.{choice.option} {pattern!r} matches no {choice.thing} of this host",
                f"it must match a whole name: {others}" if others else "this host has none: remove the setting",
            )


def find_named(choice: Choice, look: Look, running: Running | None) -> list[str]:
    """The names of what the running exporter's settings name, or else the doctor's."""
    theirs = running.samples.find(choice.gauge) if running else []
    return _name(choice, theirs, 1) or _name(choice, sample_bodies(look.bodies).get(choice.gauge, []), 1)


def is_meant_full(folder: str, mounts: Collection[str]) -> bool:
    """Whether this folder, which exists, is on one of these mounts."""
    place = os.path.realpath(folder)
    while mounts and not os.path.ismount(place):
        place = os.path.dirname(place)
    return place in mounts


def _name(choice: Choice, rows: Iterable[tuple[Mapping[str, str], float]], value: float) -> list[str]:
    return [" ".join(labels[name] for name in choice.names) for labels, is_named in rows if is_named == value]


def _read_pattern(choice: Choice, settings: Settings) -> str:
    """What the user wrote; empty where nothing, or where the collector is off."""
    found = (str(getattr(one.options, choice.option)) for one in settings.collector if one.name == choice.collector)
    return next(found, "")


def _is_whole(look: Look, collector: str) -> bool:
    """Whether all that there is was read: what could not be may be what the pattern means."""
    outcome = look.outcomes.get(collector)
    return outcome is not None and outcome.status != "failed" and not (outcome.status == "ok" and outcome.message)


def _enumerate(names: list[str]) -> str:
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
