"""What users leave alone or expect to be full: which things those are, and settings that match none."""

import os
from collections.abc import Iterator
from typing import NamedTuple

from sysvitals.collectors.disk import Disk
from sysvitals.collectors.filesystem import Filesystem
from sysvitals.collectors.network import Network
from sysvitals.collectors.temperature import Temperature
from sysvitals.config.settings import Settings
from sysvitals.doctor.check import Check, absent, warning
from sysvitals.doctor.readings import Look
from sysvitals.model.pattern import choose_by
from sysvitals.model.reading import Reading

_SHOWN_NAMES = 5


class Choice(NamedTuple):
    """A collector's setting that names things by a pattern.

    `kind` is the reading of such a thing, `field` says there whether it is named, and `names` together are its name.
    """

    collector: str
    option: str
    thing: str
    kind: type[Reading]
    field: str
    names: tuple[str, ...]

    def pattern(self, settings: Settings) -> str:
        """What the user wrote; empty where nothing, or where the collector is off."""
        found = (getattr(one.options, self.option) for one in settings.collector if one.name == self.collector)
        return next(found, "")

    def name(self, reading: Reading) -> str:
        """The name that the pattern is compared with."""
        return " ".join(getattr(reading, name) for name in self.names)


LEFT_ALONE = (
    Choice("temperature", "leave_alone", "sensor", Temperature, "left_alone", ("chip", "sensor")),
    Choice("disk", "leave_alone", "disk", Disk, "left_alone", ("device",)),
    Choice("network", "leave_alone", "network device", Network, "left_alone", ("device",)),
)
FULL = Choice("filesystem", "full_expected", "mount point", Filesystem, "full_expected", ("mountpoint",))


def check_left_alone(look: Look, settings: Settings) -> Iterator[Check]:
    """What no alert judges because of a setting, and settings that name nothing."""
    for choice in LEFT_ALONE:
        yield from _check(choice, look, settings, "host.left_alone", f"left alone ({choice.thing})")
    yield from _check(FULL, look, settings, "host.full_expected", "meant to be full")


def _check(choice: Choice, look: Look, settings: Settings, name: str, words: str) -> Iterator[Check]:
    pattern = choice.pattern(settings)
    readings = look.all(choice.kind) if pattern else []
    chosen = [choice.name(one) for one in readings if getattr(one, choice.field)]
    if chosen:
        yield absent(name, f"{words}: {_enumerate(chosen)}")
    elif pattern and _is_whole(look, choice.collector):
        known = _enumerate([choice.name(one) for one in readings])
        yield warning(
            name,
            f"collector.{choice.collector}.{choice.option} {pattern!r} matches no {choice.thing} of this host",
            f"it must match a whole name: {known}" if known else "this host has none: remove the setting",
        )


def is_meant_full(folder: str, settings: Settings) -> bool:
    """Whether this folder, which exists, is on a mount that is meant to be full."""
    pattern = FULL.pattern(settings)
    place = os.path.realpath(folder)
    while pattern and not os.path.ismount(place):
        place = os.path.dirname(place)
    return bool(choose_by(pattern)(place))


def _is_whole(look: Look, collector: str) -> bool:
    """Whether all that there is was read: what could not be may be what the pattern means."""
    outcome = look.outcomes.get(collector)
    return outcome is not None and outcome.status != "failed" and (outcome.status != "ok" or not outcome.message)


def _enumerate(names: list[str]) -> str:
    more = len(names) - _SHOWN_NAMES
    return ", ".join(names[:_SHOWN_NAMES]) + (f" and {more} more" if more > 0 else "")
