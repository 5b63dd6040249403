"""What sysvitals wrote into a folder, so that it can tell its own files from those that the user has changed."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from sysvitals.provision.files import NotAFileError, read_file, write_file

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

    def within(self, covers: Callable[[str], bool]) -> "Memory":
        """Without what can never have been shipped: a user who can write here must not get other files removed.

        `covers` says so of a file, or of a folder by its path with a slash at its end.
        """
        written, pending = (
            {path: value for path, value in part.items() if covers(path)} for part in (self.written, self.pending)
        )
        return Memory(written, pending, {path: value for path, value in self.folders.items() if covers(f"{path}/")})

    def is_ours(self, path: str, content: bytes) -> bool:
        """Whether the file is as we wrote it."""
        return digest(content) in (self.written.get(path), self.pending.get(path))


def digest(content: bytes) -> str:
    """The content's SHA-256."""
    return hashlib.sha256(content).hexdigest()


def memory_file(kind: str, within: str = "") -> str:
    """Each kind has its own, since several may share a folder (Debian has two in /etc/prometheus)."""
    return f"{within}.sysvitals-{kind}.json"


def load_memory(folder: Path, file: str) -> Memory:
    """Nothing where there is no such file. Raises OSError; ValueError where it is not as we wrote it."""
    try:
        found = read_file(folder, file)
    except FileNotFoundError:
        return Memory()
    except NotAFileError as error:
        raise NotAFileError(f"{folder / file} {error}") from None
    if found.owner not in (0, os.geteuid(), os.stat(folder).st_uid):
        raise ValueError("belongs to another user")
    if len(found.content) > _HIGHEST_BYTES:
        raise ValueError("is longer than any that sysvitals writes")
    try:
        data = json.loads(found.content)
    except RecursionError:
        data = None
    parts = [_checked(data.get(name, {})) for name in _PARTS] if isinstance(data, dict) else [None]
    if None in parts:
        raise ValueError("is not as sysvitals wrote it")
    return Memory(*(part or {} for part in parts))


def save_memory(folder: Path, file: str, memory: Memory) -> None:
    """Raises OSError."""
    data = {"note": _NOTE} | {name: getattr(memory, name) for name in _PARTS}
    write_file(folder, file, (json.dumps(data, indent=1, sort_keys=True) + "\n").encode())


def _checked(part: object) -> dict[str, str] | None:
    # these paths are joined to a folder and removed there: none may lead out of it
    if not isinstance(part, dict):
        return None
    for path, value in part.items():
        pure = PurePosixPath(path)
        inside = not pure.is_absolute() and ".." not in pure.parts and str(pure) == path != "."
        if not isinstance(value, str) or not inside or not path.isprintable():
            return None
    return part
