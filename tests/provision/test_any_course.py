"""Whatever a user and our releases do to a folder in turns, what the user wrote is still there somewhere."""

import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sysvitals.provision.memory import memory_file
from sysvitals.provision.plan import Action, Manner
from sysvitals.provision.provision import provision

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
"""Hundreds of runs, each of which forces files to the disk."""

PATHS = ("a.yml", "rules/b.yml")
RELEASES = st.dictionaries(st.sampled_from(PATHS), st.sampled_from((b"1\n", b"2\n", b"3\n", b"4\n")))
"""What is shipped at a time: some of the files, each in one of some versions."""


class Killed(BaseException):
    """The run ended in the middle."""


class Course(RuleBasedStateMachine):
    """The user's texts are all different, so that each can be looked for."""

    @initialize()
    def begin(self) -> None:
        self.temporary = tempfile.TemporaryDirectory(dir=MEMORY)
        self.folder = Path(self.temporary.name)
        self.texts = 0
        self.mine: dict[str, bytes] = {}  # what the user wrote and has not removed, by its path
        self.aside: set[bytes] = set()  # what --overwrite set aside

    def teardown(self) -> None:
        if hasattr(self, "temporary"):
            self.temporary.cleanup()

    @rule(path=st.sampled_from(PATHS))
    def write(self, path: str) -> None:
        self.texts += 1
        self.mine[path] = f"mine {self.texts}\n".encode()
        (self.folder / path).parent.mkdir(exist_ok=True)
        (self.folder / path).write_bytes(self.mine[path])

    @rule(path=st.sampled_from(PATHS))
    def remove(self, path: str) -> None:
        (self.folder / path).unlink(missing_ok=True)
        self.mine.pop(path, None)

    @rule(release=RELEASES)
    def look(self, release: dict[str, bytes]) -> None:
        before = self.contents()
        provision(release, self.folder, kind="test", dry_run=True)
        assert self.contents() == before

    @rule(release=RELEASES)
    def update(self, release: dict[str, bytes]) -> None:
        before = self.contents()
        outcomes = {outcome.path: outcome for outcome in provision(release, self.folder, kind="test")}
        assert {outcome.action for outcome in outcomes.values()} <= set(Action) - {Action.FAILED, Action.REPLACED}
        for path, content in release.items():
            if path in self.mine:
                assert outcomes[path].action is Action.KEPT
            elif outcomes[path].action is Action.KEPT:
                assert path not in before, "only what was removed is kept so"
            else:
                assert (self.folder / path).read_bytes() == content
        for path in set(PATHS) - set(release) - set(self.mine):
            assert not (self.folder / path).exists(), "no file of ours is left behind"
        assert not [path for path in self.contents() if "sysvitals-new" in path], "nor a half one"
        again = provision(release, self.folder, kind="test")
        assert {outcome.action for outcome in again} <= {Action.SAME, Action.KEPT}

    @rule(release=RELEASES)
    def overwrite(self, release: dict[str, bytes]) -> None:
        provision(release, self.folder, kind="test", manner=Manner.OVERWRITE)
        for path, content in release.items():
            assert (self.folder / path).read_bytes() == content
            if path in self.mine:
                self.aside.add(self.mine.pop(path))
        # one that is no longer shipped was set aside too, if it was ever ours
        for path in [path for path in self.mine if not (self.folder / path).exists()]:
            self.aside.add(self.mine.pop(path))

    @rule()
    def take_away(self) -> None:
        outcomes = provision({}, self.folder, kind="test", manner=Manner.REMOVE)
        assert {outcome.action for outcome in outcomes} <= {Action.REMOVED, Action.KEPT}
        assert [path for path, content in self.contents().items() if not content.startswith(b"mine ")] == []
        assert not (self.folder / memory_file("test")).exists()
        assert provision({}, self.folder, kind="test", manner=Manner.REMOVE) == []

    @rule(
        release=RELEASES,
        step=st.integers(1, 16),
        manner=st.sampled_from((Manner.UPDATE, Manner.OVERWRITE, Manner.REMOVE)),
    )
    def be_killed(self, release: dict[str, bytes], step: int, manner: Manner) -> None:
        with pytest.MonkeyPatch.context() as patch:
            left = [step]
            for name in ("fsync", "replace", "link", "unlink", "rmdir"):
                patch.setattr(os, name, self.count_down(getattr(os, name), left))
            with contextlib.suppress(Killed):
                provision(release if manner is not Manner.REMOVE else {}, self.folder, kind="test", manner=manner)
        there = self.contents()
        for path in [path for path in self.mine if there.get(path) != self.mine[path]]:
            self.aside.add(self.mine.pop(path))

    @staticmethod
    def count_down(genuine: Callable[..., object], left: list[int]) -> Callable[..., object]:
        def act(*args: object, **more: object) -> object:
            left[0] -= 1
            if left[0] == 0:
                raise Killed
            return genuine(*args, **more)

        return act

    def contents(self) -> dict[str, bytes]:
        own = (self.folder / memory_file("test")).name
        return {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file() and own not in path.name
        }

    @invariant()
    def nothing_of_the_users_is_lost(self) -> None:
        if not hasattr(self, "folder"):
            return
        there = self.contents()
        assert {path: there.get(path) for path in self.mine} == self.mine
        assert self.aside <= set(there.values())


TestCourse = Course.TestCase
TestCourse.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
