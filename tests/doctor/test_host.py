"""What the doctor says of the host itself."""

import os
from pathlib import Path

import pytest

from sysvitals.collectors.clock import Clock
from sysvitals.collectors.identity import Identity
from sysvitals.collectors.throttling import Throttling, ThrottlingSource
from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.host import (
    check_clock,
    check_collectors,
    check_container,
    check_host,
    check_storage,
    check_undervoltage,
    describe_host,
)
from sysvitals.doctor.readings import look_at_host
from sysvitals.pipeline.interpret import Outcome
from tests.doctor.hosts import DENIED, FINE, GONE, running, seen, settings_of

OK, ABSENT, WARNING, BROKEN = Verdict


def identity(container: str = "none") -> Identity:
    return Identity(
        hostname="pi4",
        model=None,
        host_type=None,
        os=None,
        os_version=None,
        kernel=None,
        architecture=None,
        virtualization=None,
        container=container,
    )


def by_id(checks: list[Check]) -> dict[str, Check]:
    assert len({check.id for check in checks}) == len(checks)
    return {check.id: check for check in checks}


def test_each_collector_of_a_recorded_board_has_its_verdict(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "pi-4b-fine")
    look = look_at_host(settings)
    checks = by_id(list(check_host(look, None, settings)))
    assert describe_host(look).startswith("pi4-fine (Raspberry Pi 4 Model B Rev 1.4, Debian GNU/Linux 12")
    assert checks["collector.temperature"].verdict is OK
    assert checks["collector.fan"].verdict is ABSENT
    assert "no fan found" in checks["collector.fan"].text
    assert {check.removeprefix("collector.") for check in checks if check.startswith("collector.")} == {
        collector.name for collector in settings.collector
    }
    assert checks["host.undervoltage"].verdict is OK
    assert checks["host.undervoltage"].text.startswith("an undervoltage would be seen (rpi_volt")
    assert look.boot_id is not None


@pytest.mark.parametrize(
    ("name", "verdict", "words"),
    [
        ("pi-4b-browning-out", WARNING, "NOW there is undervoltage"),
        ("pi-4b-browned-out-earlier", OK, "there is none now"),  # its firmware is not recorded as files
        ("pi-zero-w", WARNING, "no undervoltage detector: silence is not health"),
        ("nuc", ABSENT, "not a Raspberry Pi"),
    ],
)
def test_whether_an_undervoltage_would_be_seen(name: str, verdict: Verdict, words: str, tmp_path: Path) -> None:
    check = check_undervoltage(look_at_host(settings_of(tmp_path, name)))
    assert (check.id, check.verdict) == ("host.undervoltage", verdict)
    assert words in check.text


def test_a_board_whose_firmware_nobody_can_ask_is_broken_with_what_would_help() -> None:
    source = ThrottlingSource(undervoltage_detectable=False, source="none", hint="load the kernel module")
    check = check_undervoltage(seen({"throttling": FINE}, source))
    assert (check.verdict, check.remedy) == (BROKEN, "load the kernel module")


def test_throttling_that_fails_is_broken_and_a_board_not_known_is_open() -> None:
    assert check_undervoltage(seen({"throttling": DENIED})).verdict is BROKEN
    unknown = ThrottlingSource(undervoltage_detectable=None, source="rpi_volt")
    assert check_undervoltage(seen({"throttling": FINE}, unknown)).verdict is WARNING


def test_what_was_earlier_in_this_boot_is_said() -> None:
    source = ThrottlingSource(undervoltage_detectable=True, source="vcio")
    cause = Throttling(cause="undervoltage", active=False, since_boot=True)
    check = check_undervoltage(seen({"throttling": FINE}, source, cause))
    assert (check.verdict, check.text.partition("; ")[2]) == (OK, "there was undervoltage earlier in this boot")


def test_a_failed_collector_has_what_to_do_apart_from_what_is_wrong() -> None:
    [check] = check_collectors(seen({"firmware": DENIED}), None)
    assert check.verdict is BROKEN
    assert check.text == "firmware cannot be read: no permission to ask"
    assert check.remedy == "add its user to the group video"


@pytest.mark.parametrize(
    ("outcome", "verdict", "text", "remedy"),
    [
        (Outcome("failed", "EACCES", "[Errno 13] Permission denied: '/dev/x'"), BROKEN, "'/dev/x'", "permission"),
        (Outcome("failed", "timeout", "not done after 3 s"), BROKEN, "not done after 3 s", "the kernel hangs"),
        (Outcome("failed", "EIO", "[Errno 5] x: I/O"), BROKEN, "cannot be read: x: I/O", "--no-collector.disk"),
        (None, BROKEN, "not read in time", "hangs"),
        (GONE, ABSENT, "disk is not on this host: no such thing", ""),
        (Outcome("ok", message="a: [Errno 22] bad; b: bad"), WARNING, "a: bad; b: bad", "`sysvitals collectors`"),
        (Outcome("ok", message="; ".join("abcde")), WARNING, "a; b; c; and 2 more", "nothing else is affected"),
        (FINE, OK, "disk is read", ""),
    ],
)
def test_how_a_run_ended_in_words(outcome: Outcome | None, verdict: Verdict, text: str, remedy: str) -> None:
    [check] = check_collectors(seen({"disk": outcome}), None)
    assert (check.id, check.verdict) == ("collector.disk", verdict)
    assert text in check.text
    assert remedy in check.remedy
    assert bool(check.remedy) == (verdict in (WARNING, BROKEN))
    assert "Errno" not in check.text


@pytest.mark.parametrize(
    ("own", "state", "verdict", "words"),
    [
        (FINE, "ok", OK, "is read"),
        (DENIED, "ok", OK, "though you may not read it yourself"),
        (GONE, "ok", OK, "is read"),
        (Outcome("ok", message="one: bad"), "ok", WARNING, "not all of it"),
        (FINE, "failed", BROKEN, "can be read here, but not by the running exporter (as user vitals)"),
        (DENIED, "failed", BROKEN, "no permission to ask"),
        (GONE, "failed", BROKEN, "cannot be read by the running exporter (as user vitals)"),
        (FINE, "unavailable", WARNING, "does not find it"),
        (GONE, "unavailable", ABSENT, "no such thing"),
        (DENIED, "unavailable", ABSENT, "not on this host"),
        (FINE, None, ABSENT, "switched off in the running exporter"),
        (None, "ok", OK, "though you may not"),
    ],
)
def test_what_the_exporter_can_read_is_what_counts(
    own: Outcome | None, state: str | None, verdict: Verdict, words: str
) -> None:
    states = {} if state is None else {"firmware": state}
    [check] = check_collectors(seen({"firmware": own}), running(states, "as user vitals"))
    assert check.verdict is verdict
    assert words in check.text


def test_a_collector_that_only_the_exporter_has_is_told_as_well() -> None:
    assert [check.id for check in check_collectors(seen({}), running({"load": "failed"}))] == ["collector.load"]


def test_a_containers_walls_are_seen(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    [check] = check_container(seen({}, identity("docker")), settings)
    assert check.verdict is WARNING
    assert "--path.procfs=/host/proc" in check.remedy
    assert list(check_container(seen({}, identity()), settings)) == []


@pytest.mark.parametrize(
    ("synchronised", "error", "verdict"), [(True, 0.02, OK), (True, 3.0, WARNING), (False, 16.0, WARNING)]
)
def test_the_clock(synchronised: bool, error: float, verdict: Verdict) -> None:
    clock = Clock(
        synchronised=synchronised, offset=0.0, maximum_error=error, estimated_error=0.0, frequency_adjustment=1.0
    )
    assert check_clock(seen({"clock": FINE}, clock)).verdict is verdict


def test_a_clock_that_may_not_be_asked_says_why() -> None:
    check = check_clock(seen({"clock": Outcome("failed", "EPERM", "[Errno 1] adjtimex(2) is forbidden")}))
    assert (check.verdict, check.text.rpartition(": ")[2]) == (WARNING, "adjtimex(2) is forbidden")
    assert check.remedy


class Space:
    f_frsize = 4096

    def __init__(self, size: float, free: float) -> None:
        self.f_blocks, self.f_bfree = int(size / 4096), int(free / 4096)
        self.f_bavail = self.f_bfree


@pytest.mark.parametrize(
    ("size", "free", "verdict"),
    [
        (32e9, 16e9, OK),
        (32e9, 3e9, WARNING),
        (32e9, 0.5e9, BROKEN),
        (4e12, 100e9, OK),  # almost full, and a hundred gigabytes free
    ],
)
def test_room_for_the_history(
    size: float, free: float, verdict: Verdict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: Space(size, free))
    [check] = check_storage(settings_of(tmp_path / "not" / "there"))
    assert check.verdict is verdict
    assert f"free for the history in {tmp_path} (" in check.text


def test_room_on_a_mount_that_is_meant_to_be_full_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: Space(32e9, 0.5e9))
    monkeypatch.setattr(os.path, "ismount", lambda path: path in ("/", str(tmp_path)))
    for mounts, verdict in (([str(tmp_path)], ABSENT), (["/"], BROKEN), ([], BROKEN)):
        [check] = check_storage(settings_of(tmp_path / "data"), mounts)
        assert check.verdict is verdict
        assert check.text.endswith("; this mount is meant to be full") == (verdict is ABSENT)
