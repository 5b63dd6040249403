"""`/sys/block/nvme*/device`: which NVMe drives there are, as far as the kernel tells without privileges."""

import os
from typing import NamedTuple

from sysvitals.host.files import optional
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names, read_label
from sysvitals.sources.sys.hwmon import chips_of, read_chips


class Drive(NamedTuple):
    """One namespace (a disk) of an NVMe drive. `state` is the controller's, `live` when all is well.

    `chip` is the label of the drive's temperatures.
    """

    device: str
    model: str | None
    firmware: str | None
    state: str | None
    chip: str | None = None


def list_drives(host: Host) -> list[str]:
    """Names of all NVMe disks. Raises OSError."""
    return [name for name in list_names(host, f"{host.sysfs}/block") if is_namespace(name)]


def is_namespace(name: str) -> bool:
    """Whether it is named as `nvme0n1` is; `nvme0c1n1` is but one path of several to a disk."""
    controller, _, number = name.removeprefix("nvme").partition("n")
    return name.startswith("nvme") and controller.isdigit() and number.isdigit()


def read_drive(host: Host, device: str) -> Drive | None:
    """One disk, or None where it was just taken out. Raises OSError."""
    folder = f"{host.sysfs}/block/{device}/device"
    if not list_names(host, folder):
        return None
    controller = os.path.basename(host.resolve(folder))
    return Drive(
        device=device,
        model=optional(read_label, host, f"{folder}/model") or None,
        firmware=optional(read_label, host, f"{folder}/firmware_rev") or None,
        state=optional(read_label, host, f"{folder}/state") or None,
        chip=next((chip.label for chip in chips_of(read_chips(host)) if chip.device == controller), None),
    )
