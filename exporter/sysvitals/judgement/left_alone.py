"""What users leave alone by their settings: the same join for both engines.

Each setting has a gauge, which is 1 for the things that it names. Their values stay visible, and nothing judges them.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sysvitals.model.samples import Samples  # not at run time: a reader of the history needs no samples


class LeftAlone(NamedTuple):
    """A setting's gauge, and the labels by which its things are known."""

    gauge: str
    labels: tuple[str, ...]

    @property
    def unless(self) -> str:
        """PromQL to stand behind an expression: it leaves out what the setting names."""
        return f"unless {self._named}"

    @property
    def only(self) -> str:
        """PromQL to stand behind an expression: it leaves nothing but what the setting names."""
        return f"and {self._named}"

    @property
    def _named(self) -> str:
        return f"on (job, instance, {', '.join(self.labels)}) {self.gauge} == 1"

    def find(self, samples: "Samples") -> list[Mapping[str, str]]:
        """The things that the setting names, each by these labels."""
        return [labels for labels, is_named in samples.get(self.gauge, ()) if is_named]

    def has(self, samples: "Samples", labels: Mapping[str, str]) -> bool:
        """Whether the setting names the thing with these labels, among which may be others."""
        return is_among(self.find(samples), labels)


def is_among(named: Iterable[Mapping[str, str]], labels: Mapping[str, str]) -> bool:
    """Whether a thing with these labels is one of those that are named by some of them."""
    return any(one.items() <= labels.items() for one in named)


DISK = LeftAlone("system_disk_left_alone", ("device",))
SENSOR = LeftAlone("system_temperature_left_alone", ("chip", "sensor"))
LINK = LeftAlone("system_network_left_alone", ("device",))
FULL = LeftAlone("system_filesystem_full_expected", ("device", "mountpoint"))
"""Mounts that are meant to be full: their space and inodes are left alone, and nothing else of them."""
