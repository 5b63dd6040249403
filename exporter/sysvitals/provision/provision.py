"""Writes files into a folder of the user's. What the user changed stays; a run that broke off can be repeated."""

import contextlib
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath

from sysvitals.provision.files import Access, discard_half, read_file, remove_file, remove_folder, set_aside, write_file
from sysvitals.provision.memory import Memory, digest, load_memory, memory_file, save_memory
from sysvitals.provision.plan import CHANGING, REMOVING, Action, Manner, Outcome, make_plan


def provision(  # noqa: PLR0913  # by their names
    files: Mapping[str, bytes],
    folder: Path,
    *,
    kind: str,
    within: str = "",
    covers: Callable[[str], bool] = lambda _: True,
    manner: Manner = Manner.UPDATE,
    dry_run: bool = False,
    access: Mapping[str, Access] | None = None,
) -> list[Outcome]:
    """Bring the folder up to these files, and tell of each by its path what was done, or would be.

    To remove or withdraw, give no files. What was written is remembered in the subfolder `within`; `covers` says if
    this program can ever have written a file of this path, or made a folder, whose path ends with a slash; `access`
    says who may read those that hold secrets.
    Raises OSError where nothing can be done at all: what fails for one file is in its outcome.
    """
    file = memory_file(kind, within)
    found, problems = _recall(folder, file, covers)
    memory = _settle(found, folder)
    plan = make_plan(files, folder, memory, manner)
    if dry_run:
        return problems + plan
    for path in (file, *found.pending):
        discard_half(folder, path)
    folders = dict(memory.folders) | dict.fromkeys(_missing_folders(folder, [*files, file]), "")
    memory = replace(memory, folders=folders)
    changing = any(step.action in CHANGING for step in plan)
    if changing:
        # told before it is done: should this break off, the next run knows both the old and the new as ours
        save_memory(folder, file, _foretell(memory, files, plan))
    done = [_carry_out(folder, step, files.get(step.path), (access or {}).get(step.path)) for step in plan]
    remembered = _remember(memory, files, {step.path: step.action for step in done}, manner)
    try:
        if manner in REMOVING and not remembered.written and not problems:
            _forget(folder, file, folders)
        elif changing or remembered != found:
            save_memory(folder, file, remembered)
    except OSError as error:
        done.append(Outcome(path=_name(file), action=Action.FAILED, words=_words("written", error)))
    return problems + done


def _missing_folders(folder: Path, paths: Iterable[str]) -> list[str]:
    parents = {parent.as_posix() for path in paths for parent in PurePosixPath(path).parents}
    return sorted(parent for parent in parents - {"."} if not os.path.lexists(folder / parent))


def _foretell(memory: Memory, files: Mapping[str, bytes], plan: Iterable[Outcome]) -> Memory:
    """What is known while it is being done. What is to go may be gone at any time, and was not removed by the user."""
    going = {step.path for step in plan if step.action is Action.REMOVED and step.path in memory.written}
    written = {path: value for path, value in memory.written.items() if path not in going}
    pending = {path: digest(content) for path, content in files.items()}
    return replace(memory, written=written, pending=pending | {path: memory.written[path] for path in going})


def _forget(folder: Path, file: str, folders: Iterable[str]) -> None:
    """Remove the memory, and the folders that were made if they are empty."""
    remove_file(folder, file)
    for path in sorted(folders, reverse=True):  # the inner ones first
        with contextlib.suppress(OSError):
            remove_folder(folder, path)


def _recall(folder: Path, file: str, covers: Callable[[str], bool]) -> tuple[Memory, list[Outcome]]:
    try:
        return load_memory(folder, file).within(covers), []
    except ValueError:
        words = "cannot be understood, so whatever differs here counts as yours"
        return Memory(), [Outcome(path=_name(file), action=Action.FAILED, words=words)]


def _settle(memory: Memory, folder: Path) -> Memory:
    """What a run that broke off was about to write is ours where it is there."""
    written = dict(memory.written)
    for path, value in memory.pending.items():
        with contextlib.suppress(OSError):
            if digest(read_file(folder, path).content) == value:
                written[path] = value
    return Memory(written, {}, memory.folders)


def _carry_out(folder: Path, step: Outcome, ours: bytes | None, access: Access | None) -> Outcome:
    words = step.words
    try:
        if step.action is Action.REPLACED:
            words = f"yours is {set_aside(folder, step.path)} now"
        if step.action in CHANGING and ours is not None:
            write_file(folder, step.path, ours, access=access)
        elif step.action in CHANGING:
            remove_file(folder, step.path)
    except OSError as error:
        verb = "written" if ours is not None else "removed"
        return replace(step, action=Action.FAILED, words=_words(verb, error))
    return replace(step, words=words)


def _remember(memory: Memory, files: Mapping[str, bytes], actions: Mapping[str, Action], manner: Manner) -> Memory:
    there = {Action.FAILED, Action.KEPT} if manner is Manner.WITHDRAW else {Action.FAILED}
    written: dict[str, str] = {}
    pending: dict[str, str] = {}
    for path in sorted(actions):
        action, ours = actions[path], files.get(path)
        if ours is not None and action not in (Action.KEPT, Action.FAILED):
            written[path] = digest(ours)
        elif path in memory.written and (ours is not None or action in there):
            written[path] = memory.written[path]
        if ours is not None and action is Action.FAILED:
            pending[path] = digest(ours)  # it may have come so far
    return Memory(written, pending, memory.folders)


def _name(file: str) -> str:
    return file.rpartition("/")[2]


def _words(verb: str, error: OSError) -> str:
    return f"cannot be {verb}: {error.strerror or error}"
