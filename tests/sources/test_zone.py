"""The time zone of a host."""

import os
import time
from pathlib import Path

import pytest

from sysvitals.host.host import Host
from sysvitals.sources.os.zone import UTC, Zone, read_zone

BERLIN = "Europe/Berlin"


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A host that knows the rules of Europe/Berlin."""
    zones = tmp_path / "usr/share/zoneinfo/Europe"
    zones.mkdir(parents=True)
    (zones / "Berlin").write_bytes(b"TZif")
    (tmp_path / "etc").mkdir()
    return Host(rootfs=str(tmp_path))


def own(host: Host) -> Zone:
    return Zone(BERLIN, f":{host.rootfs}/usr/share/zoneinfo/{BERLIN}")


@pytest.mark.parametrize("target", ["/usr/share/zoneinfo/Europe/Berlin", "../usr/share/zoneinfo/posix/Europe/Berlin"])
def test_the_zone_is_what_localtime_leads_to(host: Host, target: str) -> None:
    os.symlink(target, f"{host.rootfs}/etc/localtime")
    assert read_zone(host) == own(host)


def test_where_localtime_is_a_copy_debians_file_names_the_zone(host: Host) -> None:
    Path(host.rootfs, "etc/localtime").write_bytes(b"TZif")
    Path(host.rootfs, "etc/timezone").write_text(f"{BERLIN}\n")
    assert read_zone(host) == own(host)


@pytest.mark.parametrize("asked", [BERLIN, f":{BERLIN}"])
def test_the_variable_comes_first(host: Host, asked: str) -> None:
    os.symlink("/usr/share/zoneinfo/Etc/UTC", f"{host.rootfs}/etc/localtime")
    assert read_zone(host, asked) == own(host)


@pytest.mark.parametrize("asked", ["", "CET-1CEST", "/etc/passwd", "../../../etc/passwd", "Europe", "No/Where", "\0"])
def test_a_zone_that_is_not_known_is_utc(host: Host, asked: str) -> None:
    assert read_zone(host, asked) == UTC


@pytest.mark.parametrize("target", ["/etc/passwd", "/usr/share/zoneinfo/../../../etc/passwd", "/usr/share/zoneinfo/"])
def test_a_link_to_anything_else_is_utc(host: Host, target: str) -> None:
    os.symlink(target, f"{host.rootfs}/etc/localtime")
    assert read_zone(host) == UTC


def test_the_rule_is_one_that_the_c_library_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    zone = read_zone(Host(), BERLIN)
    monkeypatch.setenv("TZ", zone.rule)
    time.tzset()
    hour = time.localtime(1_767_268_800).tm_hour
    monkeypatch.undo()
    time.tzset()
    assert hour == (13 if zone.name == BERLIN else 12)
