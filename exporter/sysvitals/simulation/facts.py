"""What a board's tree tells of the board: which files show what, and where it started from."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sysvitals.simulation.boards import BoardFiles

_HOT = ("cpu", "soc", "gpu", "tj", "core", "pkg")


@dataclass(frozen=True, slots=True)
class Temperature:
    """A file with thousandths of degrees. `follows`: how much of the processor's change it shows."""

    path: str
    recorded: int
    follows: float


@dataclass(frozen=True, slots=True)
class Policy:
    """A cpufreq policy; kilohertz."""

    folder: str
    lowest: int
    highest: int


@dataclass(frozen=True, slots=True)
class Interface:
    """A network device's folder below sys/devices."""

    name: str
    folder: str
    is_wifi: bool


@dataclass(frozen=True, slots=True)
class Fan:
    """Files of fans: `pwm` and `speed` (revolutions a minute), with the speed per step of 255 as it was recorded."""

    pwm: str | None
    speed: str | None
    speed_per_step: float


@dataclass(frozen=True, slots=True)
class Facts:
    """Paths are below the tree's root; what the board lacks is empty or None."""

    cpus: int
    temperatures: tuple[Temperature, ...]
    processor: Temperature | None
    passive: float
    policies: tuple[Policy, ...]
    interfaces: tuple[Interface, ...]
    wifi_level: int | None
    fan: Fan | None
    fan_trips: tuple[float, ...]
    cooling: Mapping[str, tuple[str, int]]
    rpi_volt: str | None
    throttled: str | None
    mount_points: tuple[str, ...]
    root_number: str
    root_disks: tuple[str, ...]


def find_facts(tree: BoardFiles) -> Facts:
    """Look through a board's tree."""
    files = tree.files
    temperatures = tuple(_temperatures(files))
    processor = next((one for one in temperatures if one.follows == 1.0), next(iter(temperatures), None))
    points, number, source = _mounts(files["proc/1/mountinfo"].decode())
    rpi_volt = next((folder for folder, name in _chips(files) if name == "rpi_volt"), None)
    return Facts(
        cpus=sum(line.startswith("cpu") for line in files["proc/stat"].decode().split("\n")) - 1,
        temperatures=temperatures,
        processor=processor,
        passive=_passive(files, processor),
        policies=tuple(_policies(files)),
        interfaces=tuple(_interfaces(tree)),
        wifi_level=_wifi_level(files),
        fan=_fan(files),
        fan_trips=tuple(_trips(files, processor, "active")),
        cooling=dict(_cooling(files)),
        rpi_volt=rpi_volt,
        throttled=next((path for path in files if path.endswith("/get_throttled")), None) if rpi_volt else None,
        mount_points=points,
        root_number=number,
        root_disks=tuple(_root_disks(files, source)),
    )


def number_of(files: Mapping[str, bytes], path: str) -> int | None:
    """The whole number in a file; None where there is none."""
    try:
        return int(files[path])
    except (KeyError, ValueError):
        return None


def _chips(files: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    for path, content in files.items():
        folder, name = os.path.split(path)
        if name == "name" and "/hwmon" in folder:
            yield folder, content.decode().strip()


def _temperatures(files: Mapping[str, bytes]) -> Iterator[Temperature]:
    chips = dict(_chips(files))
    for path in sorted(files):
        folder, name = os.path.split(path)
        if name == "temp" and "/thermal_zone" in folder:
            kind = files.get(f"{folder}/type", b"").decode()
        elif name.startswith("temp") and name.endswith("_input") and folder in chips:
            kind = chips[folder]
        else:
            continue
        recorded = number_of(files, path)
        if recorded is not None:
            yield Temperature(path, recorded, 1.0 if any(word in kind for word in _HOT) else 0.3)


def _trips(files: Mapping[str, bytes], processor: Temperature | None, kind: str) -> Iterator[float]:
    if processor is None:
        return
    folders = {os.path.dirname(processor.path), os.path.dirname(os.path.dirname(processor.path))}
    for folder in sorted(folders):
        number = 0
        while (found := files.get(f"{folder}/trip_point_{number}_type")) is not None:
            temperature = number_of(files, f"{folder}/trip_point_{number}_temp")
            if found.decode().strip() == kind and temperature is not None:
                yield temperature / 1000
            number += 1


def _passive(files: Mapping[str, bytes], processor: Temperature | None) -> float:
    return min([trip for trip in _trips(files, processor, "passive") if trip > 50], default=95.0)


def _policies(files: Mapping[str, bytes]) -> Iterator[Policy]:
    for path in sorted(files):
        folder, name = os.path.split(path)
        if name == "scaling_cur_freq":
            lowest, highest = (number_of(files, f"{folder}/cpuinfo_{end}_freq") for end in ("min", "max"))
            if lowest and highest:
                yield Policy(folder, lowest, highest)


def _interfaces(tree: BoardFiles) -> Iterator[Interface]:
    for path in sorted(tree.files):
        folder, name = os.path.split(path)
        if name == "operstate":
            device = os.path.basename(folder)
            is_wifi = f"{folder}/phy80211" in tree.links
            # bridges, tunnels and the loopback have no device behind them; a port without a cable stays without one
            if "/virtual/" not in folder and (is_wifi or tree.files.get(f"{folder}/carrier", b"").strip() == b"1"):
                yield Interface(device, folder, is_wifi)


def _wifi_level(files: Mapping[str, bytes]) -> int | None:
    rows = files.get("proc/net/wireless", b"").decode().split("\n")[2:]
    levels = [int(row.split()[3].rstrip(".")) for row in rows if row.strip()]
    return next((level for level in levels if level < 0), None)


def _fan(files: Mapping[str, bytes]) -> Fan | None:
    chips = dict(_chips(files))
    in_chips = [path for path in sorted(files) if os.path.dirname(path) in chips]
    pwm = next((path for path in in_chips if os.path.basename(path) in {"pwm1", "pwm2"}), None)
    speed = next((path for path in in_chips if os.path.basename(path) in {"fan1_input", "rpm"}), None)
    if pwm is None and speed is None:
        return None
    steps = number_of(files, pwm) if pwm else None
    turns = number_of(files, speed) if speed else None
    return Fan(pwm, speed, turns / steps if turns and steps else 30.0)


def _cooling(files: Mapping[str, bytes]) -> Iterator[tuple[str, tuple[str, int]]]:
    for path in sorted(files):
        folder, name = os.path.split(path)
        if name == "cur_state" and "/cooling_device" in folder:
            kind = files.get(f"{folder}/type", b"").decode().strip()
            most = number_of(files, f"{folder}/max_state")
            if kind and most:
                yield path, (kind, most)


def _mounts(table: str) -> tuple[tuple[str, ...], str, str]:
    points, number, source = [], "", ""
    for line in table.strip().split("\n"):
        head, _, tail = line.partition(" - ")
        fields = head.split(" ")
        point = fields[4].replace("\\040", " ").replace("\\134", "\\")
        if point == "/":
            number, source = fields[2], tail.split(" ")[1]
        elif not point.startswith(("/proc", "/sys", "/dev")):
            points.append(point[1:])
    return tuple(points), number, source


def _root_disks(files: Mapping[str, bytes], source: str) -> Iterator[str]:
    names = [line.split()[2] for line in files["proc/diskstats"].decode().strip().split("\n")]
    device = os.path.basename(source)
    if device not in names:
        device = next((name for name in names if not name.startswith(("loop", "ram", "zram"))), "")
    for name in names:
        # mmcblk0 and mmcblk0p2, sda and sda1
        rest = device.removeprefix(name)
        if name == device or (rest != device and rest.lstrip("p").isdigit()):
            yield name
