from pathlib import Path

import pytest

from sysvitals.model.collector import Fault
from sysvitals.sources.sys.cooling_devices import (
    CoolingDevice,
    CoolingState,
    find_cooling_devices,
    read_cooling_state,
)
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

ROOT = "sys/class/thermal"


def devices(*types: str) -> dict[str, str]:
    return {f"{ROOT}/cooling_device{number}/type": f"{kind}\n" for number, kind in enumerate(types)}


def slowed(host: RecordedHost) -> list[str]:
    return [device.slows for device in find_cooling_devices(host) if isinstance(device, CoolingDevice)]


def read(folder: Path, kind: str, state: str, max_state: str = "4") -> CoolingState | None:
    files = {"cur_state": f"{state}\n", "max_state": f"{max_state}\n"}
    host = build_host(folder, {f"{ROOT}/cooling_device0/{name}": text for name, text in files.items()})
    return read_cooling_state(host, CoolingDevice(f"{host.sysfs}/class/thermal/cooling_device0", "x", kind))


@pytest.mark.parametrize(
    ("kind", "component"),
    [
        ("Processor", "cpu"),
        ("cpufreq-cpu0", "cpu"),
        ("thermal-cpufreq-0", "cpu"),
        ("idle-cpu3", "cpu"),
        ("thermal-idle-1", "cpu"),
        ("intel_powerclamp", "cpu"),
        ("heavy", "cpu"),
        ("cpu-throttle-alert", "cpu"),
        ("devfreq-fb000000.gpu", "gpu"),
        ("devfreq-17000000.gpu", "gpu"),
        ("devfreq-fde60000.gpu-panfrost", "gpu"),
        ("devfreq-ffa30000.mali", "gpu"),
        ("devfreq-57000000.gm20b", "gpu"),
        ("devfreq-gpu-gpc-0", "gpu"),
        ("devfreq-3d00000.qcom,kgsl-3d0", "gpu"),
        ("130000.gpu", "gpu"),
        ("gpu-throttle-alert", "gpu"),
        ("devfreq-6000c800.actmon", ""),
        ("devfreq-dmc", ""),
        ("devfreq-1d84000.ufshc", ""),
        ("devfreq-fdab0000.npu", ""),
        ("devfreq-gpubus", ""),
        ("emc", ""),
        ("pwm-fan", ""),
        ("Fan", ""),
        ("TCC Offset", ""),
        ("iwlwifi", ""),
        ("PCIe_Port_Link_Speed_0000:00:1c.0", ""),
        ("hot-surface-alert", ""),
        ("cpuidle-0", ""),
    ],
)
def test_what_a_cooling_device_slows_down_is_known_by_its_type(tmp_path: Path, kind: str, component: str) -> None:
    assert slowed(build_host(tmp_path, devices(kind))) == [component]


@pytest.mark.parametrize(
    ("frequencies", "component"),
    [
        (("ff9a0000.gpu",), "gpu"),
        (("dmc", "ff9a0000.gpu"), "gpu"),
        (("1d84000.ufshc", "dmc"), ""),
        ((), ""),
    ],
)
def test_an_old_devfreq_cooling_device_is_the_gpu_where_there_is_one(
    tmp_path: Path, frequencies: tuple[str, ...], component: str
) -> None:
    files = {f"sys/class/devfreq/{name}/governor": "simple_ondemand\n" for name in frequencies}
    assert slowed(build_host(tmp_path, devices("thermal-devfreq-0") | files)) == [component]


def test_which_of_more_old_devfreq_cooling_devices_is_the_gpu_is_not_guessed(tmp_path: Path) -> None:
    files = {"sys/class/devfreq/fb000000.gpu/governor": "", "sys/class/devfreq/fdab0000.npu/governor": ""}
    assert slowed(build_host(tmp_path, devices("thermal-devfreq-0", "thermal-devfreq-1") | files)) == ["", ""]


def test_a_type_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    files = {f"{ROOT}/cooling_device0/type.ERRNO-EIO": ""} | devices("", "pwm-fan")
    del files[f"{ROOT}/cooling_device0/type"]
    fault, fan = find_cooling_devices(build_host(tmp_path, files))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("cooling_device0 type", "EIO")
    assert isinstance(fan, CoolingDevice)
    assert fan.type == "pwm-fan"


def test_a_cooling_device_has_its_state_and_the_most_it_can_do(tmp_path: Path) -> None:
    assert read(tmp_path, "pwm-fan", "2") == CoolingState(2, 4)


@pytest.mark.parametrize("state", ["-1", "5", "", "x"])
def test_a_state_that_it_cannot_have_is_an_error(tmp_path: Path, state: str) -> None:
    with pytest.raises(ValueError, match=r"state|number"):
        read(tmp_path, "pwm-fan", state)


def test_a_power_clamp_that_does_nothing_is_in_no_state(tmp_path: Path) -> None:
    assert read(tmp_path, "intel_powerclamp", "-1") == CoolingState(0, 4)


def test_a_gpu_that_sleeps_has_no_state_and_that_is_no_error() -> None:
    host = RecordedHost(HOSTS / "jetson")
    (gpu,) = [d for d in find_cooling_devices(host) if isinstance(d, CoolingDevice) and d.type.startswith("devfreq")]
    assert read_cooling_state(host, gpu) is None


def test_a_cooling_device_that_is_gone_has_no_state(tmp_path: Path) -> None:
    host = build_host(tmp_path, {})
    assert read_cooling_state(host, CoolingDevice(f"{host.sysfs}/class/thermal/cooling_device0", "x", "Fan")) is None
