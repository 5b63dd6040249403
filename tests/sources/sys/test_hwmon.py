from pathlib import Path

import pytest

from sysvitals.model.collector import Fault
from sysvitals.sources.sys.hwmon import Chip, chips_of, find_chip, is_asleep, read_chips, read_labels, read_values
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

ROOT = "sys/class/hwmon"


def build_chip(number: int, driver: str, *, bus: str = "platform", device: str = "", **files: str) -> dict[str, str]:
    """The files of one chip; with a device its links too."""
    folder = f"{ROOT}/hwmon{number}"
    made = {f"{folder}/{name}": f"{text}\n" for name, text in {"name": driver, **files}.items()}
    if device:
        made[f"{folder}/device"] = f"->../../../devices/{device}"
        made[f"sys/devices/{device}/subsystem"] = f"->../../bus/{bus}"
    return made


def labels_of(host: RecordedHost) -> dict[str, str]:
    return {Path(chip.folder).name: chip.label for chip in chips_of(read_chips(host))}


def test_a_host_without_hwmon_has_no_chips(tmp_path: Path) -> None:
    assert read_chips(build_host(tmp_path, {"proc/loadavg": ""})) == []


def test_a_platform_chip_is_known_by_its_driver(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip(3, "rpi_volt", device="raspberrypi-hwmon", in0_lcrit_alarm="0"))
    assert read_chips(host) == [
        Chip(
            folder=f"{host.sysfs}/class/hwmon/hwmon3",
            driver="rpi_volt",
            device="raspberrypi-hwmon",
            label="rpi_volt",
            files=frozenset({"name", "device", "in0_lcrit_alarm"}),
            subsystem="platform",
            path="devices/raspberrypi-hwmon",
        )
    ]


def test_like_chips_are_told_apart_by_where_they_are(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        build_chip(2, "lm75", bus="i2c", device="platform/soc/3f804000.i2c/i2c-1/1-0048")
        | build_chip(3, "amdgpu", bus="pci", device="pci0000:00/0000:00:01.0/0000:01:00.0")
        | build_chip(4, "w1_slave_temp", bus="w1", device="w1_bus_master1/28-000005e2fdc3"),
    )
    assert labels_of(host) == {
        "hwmon2": "lm75_1-0048",
        "hwmon3": "amdgpu_0000:01:00.0",
        "hwmon4": "w1_slave_temp_28-000005e2fdc3",
    }


def test_the_only_nvme_drive_is_called_as_the_kernel_calls_it(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip(7, "nvme", bus="nvme", device="pci0000:00/0000:01:00.0/nvme/nvme0"))
    assert labels_of(host) == {"hwmon7": "nvme0"}


def build_disk(number: int, device: str, serial: str) -> dict[str, str]:
    bus, driver, file = ("nvme", "nvme", "serial") if "nvme" in device else ("scsi", "drivetemp", "wwid")
    named = {f"sys/devices/{device}/{file}": f"{serial}\n", f"sys/devices/{device}/model": "ST4000 VN008\n"}
    return build_chip(number, driver, bus=bus, device=device) | named


DISKS = [
    ("pci0000:00/0000:01:00.0/nvme/nvme{}", "pci0000:00/0000:02:00.0/nvme/nvme{}"),
    ("pci0000:00/0000:00:17.0/ata1/host{0}/target{0}:0:0/{0}:0:0:0", "pci0000:80/0000:81:00.0/host{0}/{0}:0:0:0"),
]


@pytest.mark.parametrize("disks", DISKS, ids=["nvme", "scsi"])
@pytest.mark.parametrize("serials", [("one", "two"), ("", ""), ("same", "same")])
def test_each_disk_keeps_its_label_when_the_kernel_numbers_disks_otherwise(
    tmp_path: Path, disks: tuple[str, str], serials: tuple[str, str]
) -> None:
    def boot(name: str, first: int, second: int) -> tuple[str, str]:
        devices = disks[0].format(first), disks[1].format(second)
        host = build_host(
            tmp_path / name,
            build_disk(first, devices[0], serials[0]) | build_disk(second, devices[1], serials[1]),
        )
        labels = labels_of(host)
        return labels[f"hwmon{first}"], labels[f"hwmon{second}"]

    labels = boot("a", 0, 13)
    assert labels == boot("b", 13, 0)
    assert labels[0] != labels[1]


def test_a_disk_keeps_its_label_when_another_is_added_or_it_is_plugged_in_elsewhere(tmp_path: Path) -> None:
    here, there = (f"pci0000:00/0000:00:17.0/ata{n}/host{n}/target{n}:0:0/{n}:0:0:0" for n in (1, 2))
    alone = labels_of(build_host(tmp_path / "a", build_disk(0, here, "naa.50014ee2b1d3f7a0")))
    moved = labels_of(
        build_host(
            tmp_path / "b", build_disk(0, here, "naa.5000c500a1b2c3d4") | build_disk(1, there, "naa.50014ee2b1d3f7a0")
        )
    )
    assert alone["hwmon0"] == moved["hwmon1"]
    assert "50014ee2b1d3f7a0" not in alone["hwmon0"]
    assert alone["hwmon0"].startswith("drivetemp_ST4000-VN008-")


@pytest.mark.parametrize(
    ("driver", "label"),
    [("iwlwifi_1", "iwlwifi"), ("mt7915_phy3", "mt7915"), ("mt7996_phy3.1", "mt7996_1"), ("mt_2x", "mt_2x")],
)
def test_what_a_driver_counts_is_no_part_of_the_label(tmp_path: Path, driver: str, label: str) -> None:
    assert labels_of(build_host(tmp_path, build_chip(0, driver))) == {"hwmon0": label}


def test_two_platform_chips_of_one_driver_get_their_device_added(tmp_path: Path) -> None:
    host = build_host(
        tmp_path, build_chip(0, "coretemp", device="coretemp.0") | build_chip(1, "coretemp", device="coretemp.1")
    )
    assert labels_of(host) == {"hwmon0": "coretemp.0", "hwmon1": "coretemp.1"}


def test_chips_that_nothing_tells_apart_are_numbered(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip(0, "twins") | build_chip(1, "twins") | build_chip(2, "twins_2"))
    assert labels_of(host) == {"hwmon0": "twins", "hwmon1": "twins_2", "hwmon2": "twins_2_2"}


def test_a_chip_of_an_unknown_bus_is_known_by_its_driver(tmp_path: Path) -> None:
    files = build_chip(0, "drivetemp", device="0:0:0:0")
    del files["sys/devices/0:0:0:0/subsystem"]
    host = build_host(tmp_path, files | {"sys/devices/0:0:0:0/model": "WD\n"})
    # without a bus nothing says that there are more of them
    assert labels_of(host) == {"hwmon0": "drivetemp"}


def test_a_disk_of_which_nothing_but_its_number_is_known_is_called_by_that(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip(0, "drivetemp", bus="scsi", device="0:0:0:0"))
    assert labels_of(host) == {"hwmon0": "drivetemp_0:0:0:0"}


def test_a_serial_number_that_cannot_be_read_leaves_the_disk_to_its_place(tmp_path: Path) -> None:
    device = "pci0000:00/0000:00:17.0/ata1/host0/target0:0:0/0:0:0:0"
    files = build_chip(0, "drivetemp", bus="scsi", device=device) | {f"sys/devices/{device}/wwid.ERRNO-EACCES": ""}
    assert labels_of(build_host(tmp_path, files)) == {"hwmon0": "drivetemp_0000:00:17.0"}


@pytest.mark.parametrize("bus", ["pci", "scsi"])
def test_a_chip_whose_device_sleeps_is_asleep(tmp_path: Path, bus: str) -> None:
    folder = "sys/devices/0000:01:00.0"
    host = build_host(
        tmp_path,
        build_chip(0, "amdgpu", bus=bus, device="0000:01:00.0") | {f"{folder}/power/runtime_status": "suspended\n"},
    )
    (chip,) = chips_of(read_chips(host))
    assert is_asleep(host, chip)
    (tmp_path / folder / "power/runtime_status").write_text("active\n")
    assert not is_asleep(host, chip)


def test_a_chip_of_a_bus_that_is_woken_for_each_read_is_never_asleep(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip(0, "x", device="a") | {"sys/devices/a/power/runtime_status": "suspended\n"})
    (chip,) = chips_of(read_chips(host))
    assert not is_asleep(host, chip)


def test_an_errors_number_in_place_of_a_value_is_no_value(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip(0, "nouveau", temp1_input="-19") | build_chip(1, "x", temp1_input="-19"))
    nouveau, other = chips_of(read_chips(host))
    assert read_values(host, nouveau, "temp1", ("input",)) == ({}, [])
    assert read_values(host, other, "temp1", ("input",)) == ({"input": -19}, [])


def test_a_driver_of_the_oldest_kind_has_its_files_with_the_device(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        {
            f"{ROOT}/hwmon0/device": "->../../../devices/applesmc.768",
            "sys/devices/applesmc.768/name": "applesmc\n",
            "sys/devices/applesmc.768/temp1_input": "40000\n",
            "sys/devices/applesmc.768/subsystem": "->../../bus/platform",
        },
    )
    (chip,) = chips_of(read_chips(host))
    assert chip.label == "applesmc"
    assert chip.sensors("temp", "input") == ["temp1"]
    assert read_values(host, chip, "temp1", ("input",)) == ({"input": 40000}, [])


def test_a_chip_whose_name_fails_is_a_fault_and_its_siblings_are_read(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip(1, "nvme") | {f"{ROOT}/hwmon0/name.ERRNO-EIO": ""})
    found = read_chips(host)
    assert [chip.label for chip in chips_of(found)] == ["nvme"]
    (fault,) = (thing for thing in found if isinstance(thing, Fault))
    assert (fault.what, fault.error) == ("hwmon0", "EIO")


def test_a_chip_that_is_unplugged_while_looking_is_not_there(tmp_path: Path) -> None:
    class Unplugged(RecordedHost):
        def names(self, path: str) -> list[str]:
            return [*super().names(path), "hwmon9"] if path.endswith("/hwmon") else super().names(path)

    build_host(tmp_path, build_chip(0, "nvme"))
    assert [chip.label for chip in chips_of(read_chips(Unplugged(tmp_path)))] == ["nvme"]


def test_sensors_are_those_with_a_number_in_its_order(tmp_path: Path) -> None:
    names = "temp10_input temp2_input temp1_input tempX_input temp_input temp1_input_old temp3_max pwm1 pwm1_enable"
    host = build_host(tmp_path, build_chip(0, "x", **dict.fromkeys(names.split(), "1")))
    (chip,) = chips_of(read_chips(host))
    assert chip.sensors("temp", "input") == ["temp1", "temp2", "temp10"]
    assert chip.sensors("temp", "max") == ["temp3"]
    assert chip.sensors("pwm", "") == ["pwm1"]


@pytest.mark.parametrize("error", ["EINVAL", "EIO", "EACCES", "ETIMEDOUT", "EREMOTEIO"])
def test_an_attribute_that_fails_is_a_fault_and_the_others_are_read(tmp_path: Path, error: str) -> None:
    host = build_host(
        tmp_path, build_chip(0, "x", temp1_crit="90000") | {f"{ROOT}/hwmon0/temp1_input.ERRNO-{error}": ""}
    )
    (chip,) = chips_of(read_chips(host))
    values, (fault,) = read_values(host, chip, "temp1", ("input", "crit", "max"))
    assert values == {"crit": 90000}
    assert (fault.what, fault.error) == ("x temp1_input", error)


@pytest.mark.parametrize("error", ["ENODATA", "EAGAIN", "EBUSY", "ENETDOWN", "EOPNOTSUPP", "ENODEV", "ENXIO"])
def test_an_attribute_without_data_is_absent(tmp_path: Path, error: str) -> None:
    host = build_host(
        tmp_path, build_chip(0, "x", temp1_crit="90000") | {f"{ROOT}/hwmon0/temp1_input.ERRNO-{error}": ""}
    )
    (chip,) = chips_of(read_chips(host))
    assert read_values(host, chip, "temp1", ("input", "crit")) == ({"crit": 90000}, [])


def test_an_attribute_that_vanished_is_absent(tmp_path: Path) -> None:
    host = build_host(tmp_path, build_chip(0, "x", temp1_input="1000", temp1_crit="90000"))
    (chip,) = chips_of(read_chips(host))
    Path(chip.folder, "temp1_input").unlink()
    assert read_values(host, chip, "temp1", ("input", "crit")) == ({"crit": 90000}, [])


@pytest.mark.parametrize("text", ["", "nan", "0x1F", "4_5000", "45.5", "1e5", "45000\n46000", "18446744073709551615"])
def test_an_attribute_that_is_no_number_is_garbage(tmp_path: Path, text: str) -> None:
    host = build_host(tmp_path, build_chip(0, "x", temp1_input=text))
    (chip,) = chips_of(read_chips(host))
    values, (fault,) = read_values(host, chip, "temp1", ("input",))
    assert values == {}
    assert fault.error == "garbage"


def test_a_sensor_is_called_as_its_driver_labels_it(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        build_chip(0, "x", temp1_label="Composite", temp2_label="Ambient", temp3_label="Ambient", temp4_label="")
        | {f"{ROOT}/hwmon0/temp5_label.ERRNO-EIO": ""},
    )
    (chip,) = chips_of(read_chips(host))
    labels, (fault,) = read_labels(host, chip, [f"temp{number}" for number in range(1, 7)])
    assert labels == {
        "temp1": "Composite",
        "temp2": "Ambient temp2",
        "temp3": "Ambient temp3",
        "temp4": "temp4",
        "temp5": "temp5",
        "temp6": "temp6",
    }
    assert (fault.what, fault.error) == ("x temp5_label", "EIO")


def test_a_chip_is_found_by_its_name_whatever_its_number(tmp_path: Path) -> None:
    host = build_host(
        tmp_path, {f"{ROOT}/hwmon0/name.ERRNO-EIO": ""} | build_chip(4, "rpi_volt") | build_chip(1, "cpu_thermal")
    )
    assert find_chip(host, "rpi_volt") == f"{host.sysfs}/class/hwmon/hwmon4"
    assert find_chip(host, "nvme") is None


def test_recorded_drives_of_one_kind_are_two_chips() -> None:
    host = RecordedHost(HOSTS / "nuc")
    assert labels_of(host) == {
        "hwmon0": "acpitz",
        "hwmon1": "iwlwifi",
        "hwmon2": "pch_skylake",
        "hwmon3": "nvme_MADE-UP-NVME-1TB-90923336",
        "hwmon4": "nvme_MADE-UP-NVME-1TB-a8d8e637",
        "hwmon5": "coretemp",
        "hwmon6": "amdgpu_0000:01:00.0",
    }


def test_a_chip_is_found_again_where_its_number_has_changed(tmp_path: Path) -> None:
    folder = "sys/class/hwmon"
    host = build_host(tmp_path, {f"{folder}/hwmon0/name": "rpi_volt\n", f"{folder}/hwmon1/name": "nvme\n"})
    assert find_chip(host, "rpi_volt") == f"{host.sysfs}/class/hwmon/hwmon0"
    (tmp_path / folder / "hwmon0/name").write_text("nvme\n")
    (tmp_path / folder / "hwmon1/name").write_text("rpi_volt\n")
    assert find_chip(host, "rpi_volt") == f"{host.sysfs}/class/hwmon/hwmon1"
    (tmp_path / folder / "hwmon1/name").unlink()
    assert find_chip(host, "rpi_volt") is None
