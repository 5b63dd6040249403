"""`/sys/class/hwmon`: chips that measure temperatures, voltages, currents, power and fans.

A chip's number (`hwmon3`) changes from boot to boot, so nothing here is known by it. A chip is known by its driver,
and where one host may well have several alike (disks, I²C chips, PCI cards) by its device too: what it is, where the
kernel gives a serial number, else where it is plugged in.
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sysvitals.host.files import attempt, optional, read_int
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names, read_label
from sysvitals.model.collector import Fault
from sysvitals.sources.sys.devices import find_bus, find_place, read_identity, resolve_device

_ONE_OF_A_KIND = frozenset({"", "platform", "thermal"})
"""Buses whose devices are named by address or by nothing useful, and rarely come twice: there the driver is enough."""
_SLEEPY = frozenset({"pci", "scsi"})
"""Buses whose devices the kernel may put to sleep, and whose chips a read wakes: graphics cards and disks."""
_COUNTED = re.compile(r"(iwlwifi|mt[0-9a-z]+)_(?:phy)?[0-9]+([._][0-9]+)?")
"""Drivers that add to their name how often they began (iwlwifi mvm/tt.c, mt76), and which of a card's radios it is."""


class Chip(NamedTuple):
    """One chip. `label` tells it from all others of the host and is the same after a reboot.

    `driver` is the chip's own name (`nvme`), `device` the name of the device behind it (`nvme0`, `thermal_zone0`,
    `1-0048`), empty where it has none; `files` are the names in its folder; `subsystem` is the device's (`scsi`), and
    `path` is where it really is, below sysfs.
    """

    folder: str
    driver: str
    device: str
    label: str
    files: frozenset[str]
    subsystem: str = ""
    path: str = ""

    @property
    def bus(self) -> str:
        """The bus whose chips are read one after the other, or empty."""
        return find_bus(self.path)

    def sensors(self, kind: str, attribute: str) -> list[str]:
        """Names such as `temp1` of which the chip has this attribute, in the order of their numbers.

        The empty attribute stands for the file that is named as the sensor itself (`pwm1`).
        """
        end = f"_{attribute}" if attribute else ""
        numbers = (
            file[len(kind) : len(file) - len(end)]
            for file in self.files
            if file.startswith(kind) and file.endswith(end)
        )
        return [f"{kind}{number}" for number in sorted(filter(_is_number, numbers), key=int)]


def read_chips(host: Host) -> list[Chip | Fault]:
    """All chips, and a Fault for each that is there and cannot be looked at. Raises OSError for the class's folder."""
    root = f"{host.sysfs}/class/hwmon"
    found = [(name, attempt(name, _read_chip, host, f"{root}/{name}")) for name in list_names(host, root)]
    chips = _tell_apart(host, [chip for _, chip in found if isinstance(chip, Chip)])
    return [*chips, *(fault for _, fault in found if isinstance(fault, Fault))]


def find_chip(host: Host, driver: str) -> str | None:
    """The folder of the first chip of this driver, or None. A chip whose name cannot be read is none."""
    root = f"{host.sysfs}/class/hwmon"
    key = f"hwmon {driver}"
    names = [host.kept[key]] if key in host.kept else []
    for name in (*names, *list_names(host, root)):
        if attempt(name, optional, read_label, host, f"{root}/{name}/name") == driver:
            host.kept[key] = name
            return f"{root}/{name}"
    return None


def is_asleep(host: Host, chip: Chip) -> bool:
    """Whether the kernel has put the chip's device to sleep. Reading it would wake it, and keep it awake."""
    path = f"{chip.folder}/device/power/runtime_status"
    return chip.subsystem in _SLEEPY and attempt(chip.label, optional, read_label, host, path) == "suspended"


def read_values(host: Host, chip: Chip, sensor: str, attributes: Iterable[str]) -> tuple[dict[str, int], list[Fault]]:
    """The numbers of those attributes that the sensor has, and a Fault for each that cannot be read.

    In the kernel's units: thousandths of degrees, volts and amperes, millionths of watts, revolutions a minute.
    """
    values: dict[str, int] = {}
    faults: list[Fault] = []
    for attribute in attributes:
        file = f"{sensor}_{attribute}" if attribute else sensor
        if file not in chip.files:
            continue
        value = attempt(f"{chip.label} {file}", optional, read_value, host, f"{chip.folder}/{file}")
        if isinstance(value, Fault):
            faults.append(value)
        elif value is not None and not _is_error_number(chip, value):
            values[attribute] = value
    return values, faults


def read_value(host: Host, path: str) -> int:
    """One attribute's number. Raises ValueError beyond the signed 64 bits that hwmon's values have."""
    value = read_int(host, path)
    if value >= 1 << 63:
        raise ValueError(f"no measurement: {value}")
    return value


def is_faulty(values: dict[str, int]) -> bool:
    """Whether the chip itself says of a sensor that what it gives is no measurement."""
    return values.get("fault") == 1


def is_switched_off(values: dict[str, int]) -> bool:
    """Whether the chip does not measure this sensor, so that what it gives means nothing.

    `enable` is 0 then (Documentation/ABI/testing/sysfs-class-hwmon), or `type`, which else says what kind of sensor is
    connected (it87.c).
    """
    return values.get("enable") == 0 or values.get("type") == 0


def report_faulty(what: str) -> Fault:
    """The Fault of a sensor that the chip calls faulty."""
    return Fault(what, "sensor_fault", "the chip reports this sensor as faulty: open, shorted or not connected")


def read_labels(host: Host, chip: Chip, sensors: Iterable[str]) -> tuple[dict[str, str], list[Fault]]:
    """A label for each sensor: the driver's own, or the sensor's name (`temp1`) where it gives none.

    Sensors to which the driver gives the same label get their name added.
    """
    labels: dict[str, str] = {}
    faults: list[Fault] = []
    for sensor in sensors:
        label: str | Fault | None = None
        if f"{sensor}_label" in chip.files:
            what = f"{chip.label} {sensor}_label"
            label = attempt(what, optional, read_label, host, f"{chip.folder}/{sensor}_label")
        if isinstance(label, Fault):
            faults.append(label)
            label = None
        labels[sensor] = label or sensor
    counts = Counter(labels.values())
    return {s: label if counts[label] == 1 else f"{label} {s}" for s, label in labels.items()}, faults


def chips_of(found: Iterable[Chip | Fault]) -> Iterator[Chip]:
    """Those that could be looked at."""
    return (chip for chip in found if isinstance(chip, Chip))


def _read_chip(host: Host, folder: str) -> Chip | None:
    files = list_names(host, folder)
    if not files:
        return None  # unplugged since the class was listed
    driver = optional(read_label, host, f"{folder}/name")
    if driver is None and (old := optional(read_label, host, f"{folder}/device/name")):
        # drivers of the oldest kind keep all their files with the device
        driver, folder = old, f"{folder}/device"
        files = list_names(host, folder)
    device = os.path.basename(_readlink(host, f"{folder}/device"))
    driver = driver or device or os.path.basename(folder)
    subsystem = os.path.basename(_readlink(host, f"{folder}/device/subsystem")) if device else ""
    path = resolve_device(host, f"{folder}/device") if device else ""
    chip = Chip(folder, driver, device, driver, frozenset(files), subsystem, path)
    return chip._replace(label=_label(host, chip))


def _label(host: Host, chip: Chip) -> str:
    counted = _COUNTED.fullmatch(chip.driver)
    name = counted[1] + (counted[2] or "").replace(".", "_") if counted else chip.driver
    if chip.subsystem in _ONE_OF_A_KIND:
        return name
    identity = attempt(name, read_identity, host, f"{chip.folder}/device", chip.subsystem)
    if isinstance(identity, str) and identity:
        return f"{name}_{identity}"
    return _join(name, find_place(host, chip.path) or chip.device)


def _tell_apart(host: Host, chips: list[Chip]) -> list[Chip]:
    drives = [chip for chip in chips if chip.subsystem == "nvme"]
    if len(drives) == 1:
        # the kernel cannot mix up the only one, and its disk is nvme0n1
        chips = [chip._replace(label=chip.device) if chip is drives[0] else chip for chip in chips]
    counts = Counter(chip.label for chip in chips)
    chips = [_lengthen(host, chip) if counts[chip.label] > 1 else chip for chip in chips]
    taken: set[str] = set()
    for index, chip in sorted(enumerate(chips), key=lambda found: found[1].path):
        label, number = chip.label, 1
        while label in taken:
            number += 1
            label = f"{chip.label}_{number}"
        taken.add(label)
        chips[index] = chip._replace(label=label) if number > 1 else chip
    return chips


def _lengthen(host: Host, chip: Chip) -> Chip:
    if chip.subsystem in _ONE_OF_A_KIND:
        return chip._replace(label=_join(chip.label, chip.device)) if chip.device else chip
    # two devices with one serial number, or two of one place
    place = find_place(host, chip.path)
    return chip if chip.label.endswith(place) else chip._replace(label=f"{chip.label}_{place}")


def _is_error_number(chip: Chip, value: int) -> bool:
    # this driver gives what went wrong as a value (nouveau_hwmon.c, Linux 6.12): -19 while the card is off
    return chip.driver == "nouveau" and -4096 < value < 0


def _join(driver: str, name: str) -> str:
    return name if name.startswith(driver) else f"{driver}_{name}"


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _readlink(host: Host, path: str) -> str:
    try:
        return host.readlink(path)
    except OSError:
        return ""  # no device, or none that may be known: the driver's name must do
