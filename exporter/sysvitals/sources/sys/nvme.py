"""`/sys/block/nvme*/device`: which NVMe drives there are, as far as the kernel tells without privileges."""

from dataclasses import dataclass

from sysvitals.host.files import attempt, optional
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names, read_label
from sysvitals.model.collector import Fault


@dataclass(frozen=True, slots=True)
class Drive:
    """One namespace (a disk) of an NVMe drive. `state` is the controller's, `live` when all is well."""

    device: str
    model: str | None
    firmware: str | None
    state: str | None


def read_drives(host: Host) -> list[Drive | Fault]:
    """All NVMe disks. Raises OSError; one that cannot be read is a Fault."""
    devices = [name for name in list_names(host, f"{host.sysfs}/block") if is_namespace(name)]
    return [attempt(device, _read_drive, host, device) for device in devices]


def is_namespace(name: str) -> bool:
    """Whether it is named as `nvme0n1` is; `nvme0c1n1` is but one path of several to a disk."""
    controller, _, number = name.removeprefix("nvme").partition("n")
    return name.startswith("nvme") and controller.isdigit() and number.isdigit()


def _read_drive(host: Host, device: str) -> Drive:
    folder = f"{host.sysfs}/block/{device}/device/"
    return Drive(
        device=device,
        model=optional(read_label, host, folder + "model") or None,
        firmware=optional(read_label, host, folder + "firmware_rev") or None,
        state=optional(read_label, host, folder + "state") or None,
    )
