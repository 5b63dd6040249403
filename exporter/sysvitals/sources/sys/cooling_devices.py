"""`/sys/class/thermal/cooling_device*`: what cools, or makes less heat.

A cooling device is known by its type alone: its folder has no link to the device behind it.
"""

import errno
import re
from typing import NamedTuple

from sysvitals.host.files import attempt, optional, read_int
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names, read_label
from sysvitals.model.collector import Fault

_CPU = re.compile(
    r"Processor|cpufreq-.+|thermal-cpufreq-\d+|idle-cpu\d+|thermal-idle-\d+|intel_powerclamp|heavy|light|cpu-throttle.*"
)
"""Types of what slows the CPU down, from the sources of Linux 6.1 and 6.12, and the changes by which 5.13 renamed some.

`Processor` is ACPI's (drivers/acpi/processor_thermal.c), a device for each CPU. `cpufreq-cpu0` and `idle-cpu0` are the
names since 5.13, `thermal-cpufreq-0` and `thermal-idle-0` those before (drivers/thermal/cpufreq_cooling.c,
cpuidle_cooling.c). `heavy` and `light` are the Tegra's (drivers/thermal/tegra/soctherm.c), `cpu-throttle-alert` and
`gpu-throttle-alert` those of NVIDIA's own kernels. `TCC Offset` is a setting, not a state, and so left out.
"""

_GPU_NODE = r"([0-9a-f]+\.)?(gpu|mali|gm20b|gp10b|gv11b|ga10b|qcom,kgsl-3d\d)([-_]\w+)*"
"""Devices with a frequency of their own that are GPUs: `fb000000.gpu`, in older device trees `mali`, and what NVIDIA's
and Qualcomm's kernels call theirs. Others are memory (`dmc`, `actmon`), buses (`cci`), storage (`ufshc`)."""

_GPU = re.compile(rf"devfreq-{_GPU_NODE}|[0-9a-f]+\.gpu|gpu-throttle.*")
"""Types of what slows the GPU down. `devfreq-fb000000.gpu` is the name since 5.13 (drivers/thermal/devfreq_cooling.c);
the driver etnaviv gives the bare name of its device, `130000.gpu`."""

_OLD_DEVFREQ = "thermal-devfreq-"
"""The name before 5.13, with a running number, which does not say what it slows down."""


class CoolingDevice(NamedTuple):
    """One cooling device, such as `cooling_device0` of type `pwm-fan`.

    `slows` is what it slows down: `cpu` or `gpu`, empty for a fan, for memory, a bus, and what is not known.
    """

    folder: str
    name: str
    type: str
    slows: str = ""


class CoolingState(NamedTuple):
    """`state` 0 does nothing, `max_state` does most."""

    state: int
    max_state: int


def find_cooling_devices(host: Host) -> list[CoolingDevice | Fault]:
    """All cooling devices, and a Fault for each whose type cannot be read.

    Raises OSError where a class's folder cannot be read.
    """
    root = f"{host.sysfs}/class/thermal"
    names = [name for name in list_names(host, root) if name.startswith("cooling_device")]
    found = [(name, attempt(f"{name} type", optional, read_label, host, f"{root}/{name}/type")) for name in names]
    old = sum(1 for _, kind in found if isinstance(kind, str) and kind.startswith(_OLD_DEVFREQ))
    old_slow = "gpu" if old and old <= _count_gpus(host) else ""
    return [
        kind if isinstance(kind, Fault) else CoolingDevice(f"{root}/{name}", name, kind, _slowed(kind, old_slow))
        for name, kind in found
        if kind is not None
    ]


def read_cooling_state(host: Host, device: CoolingDevice) -> CoolingState | None:
    """How much it does. None where it is gone, or has no state at present.

    The most it can do may change: a processor gets its frequencies after its cooling device. Raises OSError, and
    ValueError for a state that it cannot have.
    """
    try:
        state = optional(read_int, host, f"{device.folder}/cur_state")
        max_state = optional(read_int, host, f"{device.folder}/max_state")
    except OSError as error:
        if error.errno == errno.EINVAL:  # what is behind sleeps, as the GPU of a Jetson, or firmware gives no state
            return None
        raise
    if state is None or max_state is None:
        return None
    if state == -1 and device.type == "intel_powerclamp":
        state = 0  # how Linux up to 6.2 says that it does nothing
    if not 0 <= state <= max_state:
        raise ValueError(f"state {state} of {max_state}")
    return CoolingState(state, max_state)


def _slowed(kind: str, old_devfreq: str) -> str:
    if _CPU.fullmatch(kind):
        return "cpu"
    if _GPU.fullmatch(kind):
        return "gpu"
    return old_devfreq if kind.startswith(_OLD_DEVFREQ) else ""


def _count_gpus(host: Host) -> int:
    # In mainline kernels that use the old name only GPUs have such a cooling device; vendors' kernels give one to
    # memory and neural processors too, and then there are more of them than GPUs.
    return sum(1 for name in list_names(host, f"{host.sysfs}/class/devfreq") if re.fullmatch(_GPU_NODE, name))
