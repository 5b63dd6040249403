"""What sysvitals wrote into a folder, so that it can tell its own files from those that the user has changed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sysvitals.provision.files import read_file, write_file

_NOTE = "What sysvitals wrote here (SHA-256), so that an update leaves alone what you change. Keep this file."
_HIGHEST_BYTES = 1 << 20
_PARTS = ("written", "pending", "folders")


@dataclass(frozen=True, slots=True)
class Memory:
    """Digests by path. `pending` is what a run was about to write or to remove: it may be there or not.

    `folders` are those that were made for these files, with nothing to tell of them.
    """

    written: Mapping[str, str] = field(default_factory=dict)
    pending: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, str] = field(default_factory=dict)

    def is_ours(self, path: str, content: bytes) -> bool:
        """Whether the file is as we wrote it."""
        return digest(content) in (self.written.get(path), self.pending.get(path))


def digest(content: bytes) -> str:
    """The content's SHA-256."""
    return hashlib.sha256(content).hexdigest()


def memory_file(folder: Path, kind: str) -> Path:
    """Each kind has its own, since several may share a folder (Debian has two in /etc/prometheus)."""
    return folder / f".sysvitals-{kind}.json"


def load_memory(file: Path) -> Memory:
    """Nothing where there is no such file. Raises OSError; ValueError where it is not as we wrote it."""
    try:
        content = read_file(file, _HIGHEST_BYTES)
    except FileNotFoundError:
        return Memory()
    try:
        data = json.loads(content)
    except RecursionError:
        data = None
    parts = [_checked(data.get(name, {})) for name in _PARTS] if isinstance(data, dict) else [None]
    if None in parts:
        raise ValueError("is not as sysvitals wrote it")
    return Memory(*(part or {} for part in parts))


def save_memory(file: Path, memory: Memory) -> None:
    """Raises OSError."""
    data = {"note": _NOTE} | {name: getattr(memory, name) for name in _PARTS}
    write_file(file, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())


def _checked(part: object) -> dict[str, str] | None:
    # these paths are joined to a folder and removed there: none may lead out of it
    if not isinstance(part, dict):
        return None
    for path, value in part.items():
        pure = PurePosixPath(path)
        if not isinstance(value, str) or pure.is_absolute() or ".." in pure.parts or str(pure) != path or path == ".":
            return None
    return part
