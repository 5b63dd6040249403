from pathlib import Path

import pytest

from sysvitals.collectors import wifi
from sysvitals.collectors.wifi import Wifi
from sysvitals.model.collector import Fault, Unavailable
from sysvitals.model.reading import amend
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

HEAD = "Inter-| sta-|   Quality |\n face | tus | link |\n"
ROW = " wlan0: 0000   59.  -51.  -256.       0      0      0      4     18        0\n"
ZEROS = " wlan0: 0000    0     0     0        0      0      0      0      0        0\n"
WLAN0 = Wifi(device="wlan0", associated=True, signal=-51, link_quality=59 / 70, discarded_retry=4, discarded_misc=18)


def build_wifi(folder: Path, rows: str, **files: str) -> RecordedHost:
    """`phy80211=""` makes wlan0 a Wi-Fi device, `carrier_EINVAL=""` makes the read of its carrier fail."""
    attributes = {f"sys/class/net/wlan0/{name.replace('_E', '.ERRNO-E')}": text for name, text in files.items()}
    return build_host(folder, {"proc/1/net/wireless": HEAD + rows} | attributes)


def read(host: RecordedHost) -> list[Wifi | Fault]:
    return list(wifi.read(host))


def test_a_connected_device_is_read_whole(tmp_path: Path) -> None:
    assert read(build_wifi(tmp_path, ROW, phy80211="", carrier="1\n")) == [WLAN0]


def test_noise_is_told_where_the_driver_knows_it(tmp_path: Path) -> None:
    (found,) = read(build_wifi(tmp_path, ROW.replace("-256.", " -92.")))
    assert isinstance(found, Wifi)
    assert found.noise == -92


def test_a_signal_that_no_receiver_measures_is_garbage_and_hides_nothing_else(tmp_path: Path) -> None:
    fault, found = read(build_wifi(tmp_path, ROW.replace(" -51.", "-200.").replace("-256.", " -90.")))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("wlan0 signal", "garbage")
    assert isinstance(found, Wifi)
    assert (found.signal, found.noise, found.discarded_retry) == (None, -90, 4)


@pytest.mark.parametrize("rows", ["", ZEROS], ids=["no row", "a row of zeros"])
def test_a_device_without_an_access_point_is_told_and_has_no_signal(tmp_path: Path, rows: str) -> None:
    for case, files in enumerate(({"carrier": "0\n"}, {"carrier_EINVAL": ""})):
        host = build_wifi(tmp_path / str(case), rows, phy80211="", **files)
        assert read(host) == [Wifi(device="wlan0", associated=False)]


@pytest.mark.parametrize("rows", ["", ZEROS], ids=["no row", "a row of zeros"])
def test_an_access_point_or_a_silent_driver_is_not_called_disconnected(tmp_path: Path, rows: str) -> None:
    assert read(build_wifi(tmp_path, rows, phy80211="", carrier="1\n")) == [Wifi(device="wlan0", associated=None)]


def test_a_carrier_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    fault, found = read(build_wifi(tmp_path, "", phy80211="", carrier_EIO=""))
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("wlan0 carrier", "EIO")
    assert found == Wifi(device="wlan0", associated=None)


def test_a_garbled_row_is_a_fault_and_hides_no_device(tmp_path: Path) -> None:
    fault, found = read(build_wifi(tmp_path, " wlan1: 0000   59.\n" + ROW))
    assert isinstance(fault, Fault)
    assert fault.error == "garbage"
    assert found == WLAN0


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("59.", "300.", {"link_quality": None}),
        ("-51.", "-999.", {"signal": None, "link_quality": None}),
        ("   4 ", "   x ", {"discarded_retry": None}),
    ],
)
def test_a_field_that_makes_no_sense_takes_no_other(
    tmp_path: Path, old: str, new: str, missing: dict[str, None]
) -> None:
    fault, found = read(build_wifi(tmp_path, ROW.replace(old, new)))
    assert isinstance(fault, Fault)
    assert fault.error == "garbage"
    assert found == amend(WLAN0, **missing)


def test_a_row_of_which_nothing_is_known_is_neither_connected_nor_not(tmp_path: Path) -> None:
    found = [
        one for one in read(build_wifi(tmp_path, ROW.replace("59", "x").replace("-51", "y"))) if isinstance(one, Wifi)
    ]
    assert found == [Wifi(device="wlan0", discarded_retry=4, discarded_misc=18)]


def test_a_kernel_without_the_file_lacks_the_subsystem(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="CONFIG_CFG80211_WEXT"):
        read(build_host(tmp_path, {"proc/uptime": "1 1"}))


def test_a_host_without_a_device_lacks_the_subsystem(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no Wi-Fi device"):
        read(build_wifi(tmp_path, ""))


def test_a_missing_permission_is_a_failure_and_not_absence(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        read(build_host(tmp_path, {"proc/net/wireless.ERRNO-EACCES": ""}))


def test_recorded_devices_are_as_recorded() -> None:
    assert read(RecordedHost(HOSTS / "pi-4b-browning-out")) == [
        Wifi(
            device="wlan0", associated=True, signal=-83, link_quality=27 / 70, discarded_retry=4120, discarded_misc=9034
        )
    ]
    station, access_point = read(RecordedHost(HOSTS / "qemu-x86-wifi-emmc"))
    assert station == Wifi(
        device="wlan1", associated=True, signal=-30, link_quality=1.0, discarded_retry=0, discarded_misc=6
    )
    assert access_point == Wifi(device="wlan0", associated=None)
    assert read(RecordedHost(HOSTS / "pi-3b-plus")) == [Wifi(device="wlan0", associated=False)]
