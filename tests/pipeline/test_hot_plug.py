"""Sensors that are unplugged and plugged in again, by which the kernel gives them other numbers."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from sysvitals.collectors.temperature import COLLECTOR, Temperature
from sysvitals.model.changes import CollectorUnavailable
from sysvitals.pipeline.scheduler import FIND_SECONDS
from tests.building import build_host
from tests.pipeline.rig import Rig

PORT = "devices/pci0000:00/0000:00:14.0/usb1/1-9/1-9:1.1"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def plug_in(folder: Path, chip: str, device: str, temperature: int, driver: str = "octo") -> None:
    place = f"{PORT}/{device}/hwmon/{chip}"
    files = {"name": f"{driver}\n", "temp1_label": "Sensor 1\n", "temp1_input": f"{temperature}\n"}
    build_host(folder, {f"{place}/{name}": content for name, content in files.items()})
    build_host(folder, {f"{place}/device": f"->../../../{device}"})
    build_host(folder, {f"class/hwmon/{chip}": f"->../../{place}"})


def unplug(folder: Path, chip: str, device: str) -> None:
    shutil.rmtree(folder / PORT / device)
    (folder / "class/hwmon" / chip).unlink()


@pytest.mark.fault(
    "sources",
    "a sensor that is unplugged, and plugged in again under another number",
    seen="its values go, with an event and a line in the log, and come back under the same labels",
    heals="by itself, at the kernel's notice or within a minute",
)
def test_a_sensor_that_comes_back_under_another_number_is_the_one_that_it_was(rig: Rig, tmp_path: Path) -> None:
    plug_in(tmp_path, "hwmon3", "0003:0C70:F011.000B", 27000)
    plug_in(tmp_path, "hwmon4", "0003:1B1C:1C0B.0009", 50000, "corsairpsu")
    rig.use(COLLECTOR)
    rig.settle()
    [before] = [one for one in rig.record.bodies(Temperature) if one.celsius == 27]
    unplug(tmp_path, "hwmon3", "0003:0C70:F011.000B")
    rig.live(2 * FIND_SECONDS, step=5.0)
    assert len({change.thing for change in rig.record.bodies(CollectorUnavailable)}) == 1
    plug_in(tmp_path, "hwmon9", "0003:0C70:F011.000C", 28000)
    rig.live(2 * FIND_SECONDS, step=5.0)
    after = [one for one in rig.record.bodies(Temperature) if one.celsius == 28]
    assert after
    assert {(one.chip, one.sensor) for one in after} == {(before.chip, before.sensor)}
    assert rig.errors() == {}
