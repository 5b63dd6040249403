"""A recorded host: a folder below `tests/hosts` that answers as the host did whose files it holds.

A file whose read failed is an empty `NAME.ERRNO-EINVAL` where NAME would be; `syscalls.json` holds what system calls
answered, those to the firmware's device nodes too (`tests.firmware_nodes`). Nothing of the machine that runs the tests
shows through.
"""

import errno
import json
import os
from pathlib import Path
from typing import Any

from sysvitals.host.host import Host, Timex
from tests.firmware_nodes import answer_ioctl

NOW = 1_789_905_600.0
"""2026-09-20 12:00 UTC: the wall clock of all recorded hosts."""

HOSTS = Path(__file__).parent / "hosts"
_MARK = ".ERRNO-"
_UNRECORDED = {
    "uname": {"sysname": "Linux", "nodename": "host", "release": "6.1.0", "version": "#1", "machine": "x86_64"},
    "adjtimex": {"errno": "EPERM"},
}
"""What system calls answer where nothing is recorded."""


class RecordedHost(Host):
    """Reads below one folder; failing reads and system calls answer as recorded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            procfs=str(folder / "proc"), sysfs=str(folder / "sys"), rootfs=str(folder), devfs=str(folder / "dev")
        )
        syscalls = folder / "syscalls.json"
        self.syscalls: dict[str, Any] = _UNRECORDED | (json.loads(syscalls.read_text()) if syscalls.exists() else {})

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        try:
            return super().read_bytes(path, limit)
        except FileNotFoundError:
            self._raise_recorded_error(os.fsdecode(path))
            raise

    def names(self, path: str) -> list[str]:
        names = {name.partition(_MARK)[0] for name in super().names(path)}
        return sorted(names, key=lambda name: (len(name), name))

    def exists(self, path: str) -> bool:
        folder, name = os.path.split(path)
        if folder == self.devfs and name in self.syscalls.get("ioctl", {}):
            return True
        return super().exists(path) or (os.path.isdir(folder) and name in self.names(folder))

    def statvfs(self, path: str | bytes) -> os.statvfs_result:
        inside = "/" + os.path.relpath(os.fsdecode(path), self.folder).removeprefix(".").lstrip("/")
        answer = self._answer("statvfs", inside)
        names = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "ffree", "flag")
        return os.statvfs_result([*(answer[name] for name in names), 255])

    def uname(self) -> os.uname_result:
        answer = self.syscalls["uname"]
        return os.uname_result([answer[name] for name in ("sysname", "nodename", "release", "version", "machine")])

    def time(self) -> float:
        return NOW

    def adjtimex(self) -> Timex:
        answer = self._answer("adjtimex")
        return Timex(
            answer["state"],
            answer["status"],
            answer["offset"],
            answer["freq"],
            answer["maxerror"],
            answer["esterror"],
            answer["tick"],
        )

    def ioctl(self, path: str, request: int, buffer: bytearray) -> None:
        folder, name = os.path.split(path)
        node = self.syscalls.get("ioctl", {}).get(name, {"errno": "ENOENT"}) if folder == self.devfs else {}
        answer_ioctl(path, node, request, buffer)

    def _answer(self, call: str, argument: str | None = None) -> dict[str, Any]:
        answer = self.syscalls.get(call, {})
        if argument is not None:
            answer = answer.get(argument, {"errno": "ENOENT"})
        if "errno" in answer:
            number = getattr(errno, answer["errno"])
            raise OSError(number, os.strerror(number), argument or call)
        return dict(answer)

    def _raise_recorded_error(self, path: str) -> None:
        folder, name = os.path.split(path)
        if not os.path.isdir(folder):
            return
        for entry in os.listdir(folder):
            if entry.startswith(name + _MARK):
                number = getattr(errno, entry.removeprefix(name + _MARK))
                raise OSError(number, os.strerror(number), path)


class FilesOfHost(RecordedHost):
    """A recorded host that is read as a living one is: what stands for failing reads is not looked for."""

    read_bytes = Host.read_bytes
    names = Host.names
    exists = Host.exists


def recorded_hosts() -> list[str]:
    """Names of all recorded hosts."""
    return sorted(folder.name for folder in HOSTS.iterdir() if (folder / "proc").is_dir())
