import json
from pathlib import Path
from typing import Any

import pytest

from sysvitals.sources.pi.reset import POWER_CAUSES, PowerReset, ResetStatus, read_power_reset, read_reset_status
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

CHOSEN = "sys/firmware/devicetree/base/chosen"


def build(folder: Path, files: dict[str, str | bytes], **nodes: dict[str, Any]) -> RecordedHost:
    return build_host(folder, {"syscalls.json": json.dumps({"ioctl": nodes}), **files})


@pytest.mark.parametrize(
    ("register", "reasons"),
    [
        (0x1000, ("power_on",)),
        (0x20, ("watchdog",)),
        (0x1020, ("power_on", "watchdog")),
        (0x200, ("software",)),
        (0x2, ("debugger",)),
        (0x0, ()),
        (0x555, ()),  # partition 63: the mark that a board was halted
        (0x575, ("watchdog",)),
    ],
)
def test_the_register_tells_why(register: int, reasons: tuple[str, ...]) -> None:
    assert ResetStatus(register).reasons == reasons


def test_the_bootloaders_note_is_enough(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {f"{CHOSEN}/bootloader/rsts": bytes.fromhex("00001020")}
    host = build(tmp_path, files, vcio={"errno": "EACCES"})
    assert read_reset_status(host) == ResetStatus(0x1020)


def test_the_firmware_is_asked_where_there_is_no_note() -> None:
    assert read_reset_status(RecordedHost(HOSTS / "pi-4b-fine")) == ResetStatus(0x20)


def test_a_host_that_has_neither_tells_nothing() -> None:
    assert read_reset_status(RecordedHost(HOSTS / "nuc")) is None


def test_a_firmware_that_does_not_tell_it_has_none(tmp_path: Path) -> None:
    assert read_reset_status(build(tmp_path, {}, vcio={})) is None


def test_a_missing_permission_is_said() -> None:
    with pytest.raises(PermissionError, match="group video"):
        read_reset_status(RecordedHost(HOSTS / "pi-cm4-emmc"))


def test_a_register_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not a reset status"):
        read_reset_status(build(tmp_path, {}, vcio={"get_rsts": "get_rsts=?"}))


@pytest.mark.parametrize(("bit", "cause"), list(enumerate(POWER_CAUSES)))
def test_each_cause_that_the_power_controller_notes_has_its_bit(tmp_path: Path, bit: int, cause: str) -> None:
    host = build_host(tmp_path, {f"{CHOSEN}/power/power_reset": (1 << bit).to_bytes(4, "big")})
    power = read_power_reset(host)
    assert power == PowerReset(1 << bit)
    assert power is not None
    assert {c for c in POWER_CAUSES if power.noted(c)} == {cause}


def test_a_board_without_that_note_has_none() -> None:
    assert read_power_reset(RecordedHost(HOSTS / "pi-4b-fine")) is None
