"""The time zone that a host keeps, by its own files."""

import os
import re
from typing import NamedTuple

from sysvitals.host.files import optional
from sysvitals.host.host import Host

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+)*")
_FOLDER = "/usr/share/zoneinfo"


class Zone(NamedTuple):
    """A time zone by its name, such as `Europe/Berlin`, and `rule`: what tzset(3) takes for it as TZ."""

    name: str
    rule: str


UTC = Zone("UTC", "UTC0")


def read_zone(host: Host, asked: str = "") -> Zone:
    """The zone asked for by the variable TZ, else that of /etc/localtime; UTC where neither is known here."""
    for name in (
        asked.removeprefix(":"),
        _read_link(host),
        optional(Host.read_plain_text, host, _timezone(host)) or "",
    ):
        for folder in (f"{host.rootfs}{_FOLDER}", _FOLDER):
            if _NAME.fullmatch(name) and os.path.isfile(f"{folder}/{name}"):
                return Zone(name, f":{folder}/{name}")
    return UTC


def _timezone(host: Host) -> str:
    """Debian's file with the name, where /etc/localtime is a copy and no link."""
    return f"{host.rootfs}/etc/timezone"


def _read_link(host: Host) -> str:
    """Which zone /etc/localtime leads to."""
    try:
        target = host.readlink(f"{host.rootfs}/etc/localtime")
    except OSError:  # a copy, or nothing
        return ""
    return target.partition("/zoneinfo/")[2].removeprefix("posix/")
