"""What users leave alone by their settings: the same join for both engines.

Each setting has a gauge, which is 1 for the things that it names. Their values stay visible, and nothing judges them.
"""

from collections.abc import Mapping
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
        return f"unless on (job, instance, {', '.join(self.labels)}) {self.gauge} == 1"

    def has(self, samples: "Samples", labels: Mapping[str, str]) -> bool:
        """Whether the setting names the thing with these labels, among which may be others."""
        found = samples.get(self.gauge, ())
        return bool(found) and any(value and named.items() <= labels.items() for named, value in found)


DISK = LeftAlone("system_disk_left_alone", ("device",))
SENSOR = LeftAlone("system_temperature_left_alone", ("chip", "sensor"))
LINK = LeftAlone("system_network_left_alone", ("device",))
FULL = LeftAlone("system_filesystem_full_expected", ("device", "mountpoint"))
"""Mounts that are meant to be full: their space and inodes are left alone, and nothing else of them."""
