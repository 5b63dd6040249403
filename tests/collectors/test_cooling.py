from pathlib import Path

import pytest

from sysvitals.collectors.cooling import COLLECTOR, CoreThrottles, HeatLimit, PackageThrottles
from sysvitals.model.collector import Fault, Probe, Unavailable
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

THERMAL = "sys/class/thermal"
CPU = "sys/devices/system/cpu"


def throttling(cpu: int, *, core: int, episodes: str, milliseconds: str = "188\n") -> dict[str, str]:
    folder = f"{CPU}/cpu{cpu}"
    return {
        f"{folder}/topology/physical_package_id": "0\n",
        f"{folder}/topology/core_id": f"{core}\n",
        f"{folder}/thermal_throttle/core_throttle_count": episodes,
        f"{folder}/thermal_throttle/core_throttle_total_time_ms": milliseconds,
        f"{folder}/thermal_throttle/package_throttle_count": "44\n",
        f"{folder}/thermal_throttle/package_throttle_total_time_ms": "1102\n",
    }


def test_threads_of_one_core_are_one_core(tmp_path: Path) -> None:
    files = throttling(0, core=0, episodes="12\n") | throttling(1, core=0, episodes="12\n")
    assert list(COLLECTOR.run(build_host(tmp_path, files))) == [
        CoreThrottles(package="0", core="0", episodes=12, seconds=0.188),
        PackageThrottles(package="0", episodes=44, seconds=1.102),
    ]


def test_a_cpu_that_is_offline_answers_nothing_and_is_passed_over(tmp_path: Path) -> None:
    offline = {name: "" for name in throttling(1, core=1, episodes="") if "thermal_throttle" in name}
    readings = list(COLLECTOR.run(build_host(tmp_path, throttling(0, core=0, episodes="3\n") | offline)))
    assert [type(reading) for reading in readings] == [CoreThrottles, PackageThrottles]


def test_an_old_kernel_counts_and_does_not_time(tmp_path: Path) -> None:
    files = {name: text for name, text in throttling(0, core=0, episodes="3\n").items() if "time" not in name}
    assert CoreThrottles(package="0", core="0", episodes=3) in list(COLLECTOR.run(build_host(tmp_path, files)))


def test_a_count_that_makes_no_sense_is_a_fault_of_that_cpu_alone(tmp_path: Path) -> None:
    files = throttling(0, core=0, episodes="many\n") | throttling(1, core=1, episodes="2\n")
    found = list(COLLECTOR.run(build_host(tmp_path, files)))
    assert {item.what for item in found if isinstance(item, Fault)} == {"cpu0 thermal_throttle"}
    assert CoreThrottles(package="0", core="1", episodes=2, seconds=0.188) in found


@pytest.mark.parametrize(("states", "limited"), [(("0", "0"), False), (("0", "3"), True)])
def test_a_host_is_held_back_while_one_of_its_cooling_devices_acts(
    tmp_path: Path, states: tuple[str, ...], limited: bool
) -> None:
    files = {f"{THERMAL}/cooling_device9/type": "pwm-fan\n", f"{THERMAL}/cooling_device9/cur_state": "4\n"}
    for number, state in enumerate(states):
        files |= {
            f"{THERMAL}/cooling_device{number}/type": f"cpufreq-cpu{number}\n",
            f"{THERMAL}/cooling_device{number}/cur_state": f"{state}\n",
            f"{THERMAL}/cooling_device{number}/max_state": "7\n",
        }
    host = build_host(tmp_path, files)
    assert list(COLLECTOR.run(host)) == [HeatLimit(component="cpu", limited=limited, state=int(states[1]), devices=2)]


def test_a_cooling_device_that_fails_takes_no_other_with_it() -> None:
    found = list(COLLECTOR.run(RecordedHost(HOSTS / "jetson")))
    assert {reading.component for reading in found if isinstance(reading, HeatLimit)} == {"cpu", "gpu"}


def test_a_component_that_hangs_hides_no_other() -> None:
    probes = COLLECTOR.things(RecordedHost(HOSTS / "jetson"))
    assert [probe.name for probe in probes if isinstance(probe, Probe)] == ["cpu", "gpu"]


def test_a_component_whose_cooling_devices_give_no_state_is_not_called_unlimited(tmp_path: Path) -> None:
    folder = f"{THERMAL}/cooling_device0"
    files = {
        f"{folder}/type": "devfreq-17000000.gpu\n",
        f"{folder}/cur_state.ERRNO-EINVAL": "",
        f"{folder}/max_state": "6\n",
    }
    assert list(COLLECTOR.run(build_host(tmp_path, files))) == []


def test_a_host_with_neither_has_no_such_thing(tmp_path: Path) -> None:
    host = build_host(tmp_path, {f"{THERMAL}/cooling_device0/type": "pwm-fan\n"})
    with pytest.raises(Unavailable, match="no thermal cooling devices"):
        list(COLLECTOR.run(host))
