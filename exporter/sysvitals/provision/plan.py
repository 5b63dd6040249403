"""Decides what is to be done with each file of the user's folder. Changes nothing."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sysvitals.provision.files import LinkError, read_file
from sysvitals.provision.memory import Memory, digest
from sysvitals.provision.secrets import hide_secrets


class Action(StrEnum):
    """What is done with a file."""

    NEW = "new"
    SAME = "same"
    UPDATED = "updated"
    REPLACED = "replaced"
    REMOVED = "removed"
    KEPT = "kept"
    FAILED = "failed"


class Manner(StrEnum):
    """How what the user did is met: left alone; what was removed written again; what was changed replaced, too.

    REMOVE takes away what was written, and leaves what the user changed. So does WITHDRAW, which remembers that for the
    next time.
    """

    UPDATE = "update"
    RESTORE = "restore"
    OVERWRITE = "overwrite"
    REMOVE = "remove"
    WITHDRAW = "withdraw"


REMOVING = frozenset({Manner.REMOVE, Manner.WITHDRAW})

CHANGING = frozenset({Action.NEW, Action.UPDATED, Action.REPLACED, Action.REMOVED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one file, or would. `diff` leads from the user's text, without its secrets, to ours.

    `is_behind` tells of a file that was kept whether ours has changed since the user's was made of it.
    """

    path: str
    action: Action
    words: str = ""
    is_behind: bool = False
    diff: tuple[str, ...] = ()


def make_plan(files: Mapping[str, bytes], folder: Path, memory: Memory, manner: Manner) -> list[Outcome]:
    """What is to be done with each of these files, and with those that were shipped once."""
    paths = sorted({*files, *memory.written})
    steps = (_decide(folder, path, files.get(path), memory, manner) for path in paths)
    return [step for step in steps if step is not None]


@dataclass(frozen=True, slots=True)
class _There:
    """What is there: `content` is None where there is nothing, and empty for a link, which is not followed."""

    content: bytes | None
    is_link: bool = False


def _decide(folder: Path, path: str, ours: bytes | None, memory: Memory, manner: Manner) -> Outcome | None:
    """None where there is nothing to do nor to tell."""
    try:
        there = _look(folder, path)
    except OSError as error:
        return Outcome(path=path, action=Action.FAILED, words=f"cannot be read: {error.strerror or error}")
    if there.content is None:
        return _decide_missing(path, memory, manner) if ours is not None else None
    is_ours = not there.is_link and memory.is_ours(path, there.content)
    if ours is None:
        return _decide_orphan(path, manner, is_ours=is_ours)
    if there.content == ours and not there.is_link:
        return Outcome(path=path, action=Action.SAME)
    if is_ours:
        return Outcome(path=path, action=Action.UPDATED)
    return _decide_changed(path, there, ours, memory, manner)


def _look(folder: Path, path: str) -> _There:
    try:
        return _There(read_file(folder, path).content)
    except FileNotFoundError:
        return _There(None)
    except LinkError:
        return _There(b"", is_link=True)


def _decide_missing(path: str, memory: Memory, manner: Manner) -> Outcome:
    if path in memory.written and manner is Manner.UPDATE:
        return Outcome(path=path, action=Action.KEPT, words="you removed it; --overwrite writes it again")
    return Outcome(path=path, action=Action.NEW)


def _decide_changed(path: str, there: _There, ours: bytes, memory: Memory, manner: Manner) -> Outcome:
    if manner is Manner.OVERWRITE:
        return Outcome(path=path, action=Action.REPLACED)
    base = memory.written.get(path)
    is_behind = base != digest(ours)
    if there.is_link:
        words = "a symbolic link, and those are not followed"
    elif base is None:
        words = "it was here before, and is not ours"
    else:
        words = "you changed it, and so did we" if is_behind else "you changed it"
    diff = () if there.is_link else _diff(path, there.content or b"", ours)
    return Outcome(path=path, action=Action.KEPT, words=words, is_behind=is_behind, diff=diff)


def _decide_orphan(path: str, manner: Manner, *, is_ours: bool) -> Outcome:
    """Of a file that was shipped once and no longer is."""
    if is_ours:
        return Outcome(path=path, action=Action.REMOVED, words="" if manner in REMOVING else "no longer shipped")
    if manner is Manner.OVERWRITE:
        return Outcome(path=path, action=Action.REPLACED)
    words = "you changed it: it is yours from now on"
    words = words if manner in REMOVING else f"no longer shipped, but {words}"
    return Outcome(path=path, action=Action.KEPT, words=words)


def _diff(path: str, theirs: bytes, ours: bytes) -> tuple[str, ...]:
    before, after = (text.decode("utf-8", "backslashreplace").splitlines() for text in (theirs, ours))
    before = hide_secrets(before, known=frozenset(after))
    return tuple(difflib.unified_diff(before, after, f"{path} (yours)", f"{path} (ours)", lineterm=""))
