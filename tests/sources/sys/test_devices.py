from pathlib import Path

import pytest

from sysvitals.sources.sys.devices import find_bus, find_place, read_identity, resolve_device
from tests.building import build_host


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("devices/pci0000:00/0000:00:01.0/0000:01:00.0", "0000:01:00.0"),
        ("devices/pci0000:00/0000:00:1b.0/0000:03:00.0/nvme/nvme7", "0000:03:00.0"),
        ("devices/pci0000:00/0000:00:17.0/ata9/host8/target8:0:0/8:0:0:0", "0000:00:17.0-2"),
        ("devices/pci0000:80/0000:81:00.0/host0/port-0:3/end_device-0:3/target0:0:5/0:0:5:0", "0000:81:00.0-0:5:0"),
        ("devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1.4/2-1.4:1.0/host4/target4:0:0/4:0:0:0", "0000:00:14.0-1.4"),
        ("devices/platform/soc/fe980000.usb/usb1/1-1/1-1:1.0/host0/target0:0:0/0:0:0:0", "fe980000.usb-1"),
        ("devices/pci0000:00/0000:00:14.0/usb1/1-9/1-9:1.0/0003:1E71:2007.0011", "0000:00:14.0-9"),
        ("devices/platform/soc/3f804000.i2c/i2c-1/1-0048", "1-0048"),
        ("devices/i2c-0/0-004c", "0-004c"),
        ("devices/platform/axi/1000120000.pcie/pci0002:00/0002:01:00.0/1f00074000.i2c/i2c-1/1-0048", "1-0048"),
        ("devices/pci0000:00/0000:00:1f.4/i2c-8/8-0018", "0000:00:1f.4-0018"),
        ("devices/pci0000:00/0000:00:15.0/i2c_designware.0/i2c-3/3-0048", "0000:00:15.0-0048"),
        ("devices/platform/soc/3f804000.i2c/i2c-1/i2c-22/22-0048", "1-channel2-0048"),
        ("devices/w1_bus_master1/28-000005e2fdc3", "28-000005e2fdc3"),
        ("devices/platform/soc/fe204000.spi/spi_master/spi0/spi0.0", "spi0.0"),
        ("devices/pci0000:00/0000:00:1c.0/0000:04:00.0/ieee80211/phy3", "0000:04:00.0"),
        ("devices/0:0:0:0", ""),
        ("", ""),
    ],
)  # fmt: skip
def test_a_place_holds_no_number_that_the_kernel_counts(tmp_path: Path, path: str, place: str) -> None:
    ata, switch = "devices/pci0000:00/0000:00:17.0/ata9", "devices/platform/soc/3f804000.i2c/i2c-1/i2c-22"
    host = build_host(
        tmp_path,
        {f"sys/{ata}/ata_port/ata9/port_no": "2\n", f"sys/{switch}/name": "i2c-1-mux (chan_id 2)\n"},
    )
    assert find_place(host, path) == place


@pytest.mark.parametrize(
    ("path", "bus"),
    [
        ("devices/w1_bus_master2/28-000005e2fdc3", "w1_bus_master2"),
        ("devices/platform/soc/3f804000.i2c/i2c-1/1-0018/w1_bus_master1/28-000005e2fdc3", "w1_bus_master1"),
        ("devices/platform/soc/3f804000.i2c/i2c-1/1-0048", "i2c-1"),
        ("devices/platform/soc/3f804000.i2c/i2c-1/i2c-22/22-0048", "i2c-1"),
        ("devices/pci0000:00/0000:00:15.0/i2c_designware.0", ""),
        ("devices/virtual/thermal/thermal_zone0", ""),
        ("", ""),
    ],
)
def test_the_bus_is_the_one_that_the_kernel_locks(path: str, bus: str) -> None:
    assert find_bus(path) == bus


def test_a_device_is_where_its_links_lead(tmp_path: Path) -> None:
    host = build_host(
        tmp_path,
        {
            "sys/class/hwmon/hwmon3": "->../../devices/i2c-1/1-0048/hwmon/hwmon3",
            "sys/devices/i2c-1/1-0048/hwmon/hwmon3/device": "->../../../1-0048",
        },
    )
    assert resolve_device(host, f"{host.sysfs}/class/hwmon/hwmon3/device") == "devices/i2c-1/1-0048"


@pytest.mark.parametrize("serial", ["", "00000000000000000000"])
def test_a_device_without_a_serial_number_has_no_identity(tmp_path: Path, serial: str) -> None:
    host = build_host(tmp_path, {"sys/nvme0/serial": serial, "sys/nvme0/model": "Disk"})
    assert read_identity(host, f"{host.sysfs}/nvme0", "nvme") == ""


def test_an_identity_is_readable_and_gives_no_serial_number_away(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"sys/nvme0/serial": "S4EWNX0M", "sys/nvme0/model": "Samsung SSD 970 EVO Plus 1TB   "})
    identity = read_identity(host, f"{host.sysfs}/nvme0", "nvme")
    model, _, digest = identity.rpartition("-")
    assert model == "Samsung-SSD-970-EVO-Plus-1TB"
    assert len(digest) == 8
    assert "S4EWNX0M" not in identity
    assert read_identity(host, f"{host.sysfs}/nvme0", "i2c") == ""
