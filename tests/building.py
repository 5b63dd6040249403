"""Small hosts made for one test."""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from tests.recorded import RecordedHost

T = TypeVar("T")


def build_host(folder: Path, files: Mapping[str, str | bytes]) -> RecordedHost:
    """A host of just these files. A value that begins with `->` becomes a symbolic link."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("->"):
            path.symlink_to(content.removeprefix("->").strip())
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return RecordedHost(folder)


def known(value: T | None) -> T:
    """The value of a field that this host must have."""
    assert value is not None
    return value


def lxcfs_mounts(*names: str) -> str:
    """The mounts of a container's first process in which lxcfs serves these files of /proc."""
    rows = [
        f"24{number} 223 0:39 /proc/{name} /proc/{name} rw,nosuid,nodev,relatime - fuse.lxcfs lxcfs rw,user_id=0"
        for number, name in enumerate(names)
    ]
    return "\n".join(["223 210 0:48 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw", *rows]) + "\n"
