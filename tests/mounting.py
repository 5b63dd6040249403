"""Mounts in a mount namespace of their own: the tables that the kernel gives notice of, and nobody's mounts touched."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.patience import PATIENCE


class Mounts:
    """A shell in that namespace. `table` is its table of mounts."""

    def __init__(self, shell: subprocess.Popen[str]) -> None:
        self._shell = shell
        self.proc = f"/proc/{shell.pid}"
        self.table = f"{self.proc}/mountinfo"

    def run(self, *commands: str) -> None:
        """Run these commands one after another, and return when all are done."""
        assert self._shell.stdin
        assert self._shell.stdout
        self._shell.stdin.write("\n".join([*commands, "echo $?\n"]))
        self._shell.stdin.flush()
        assert self._shell.stdout.readline() == "0\n", commands

    def mount(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.run(f"mount -t tmpfs -o size=1m tmpfs {folder}")

    def remount(self, folder: Path, mode: str) -> None:
        self.run(f"mount -o remount,{mode} {folder}")

    def id_at(self, path: str) -> int | None:
        """The id of the mount that a path leads to in that namespace; None where there is no such path."""
        try:
            descriptor = os.open(f"{self.proc}/root{path}", os.O_PATH)
        except FileNotFoundError:
            return None
        try:
            lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text().splitlines()
        finally:
            os.close(descriptor)
        return next(int(line.split()[1]) for line in lines if line.startswith("mnt_id:"))


@contextmanager
def own_mounts() -> Iterator[Mounts]:
    """Skips the test, and says so, where namespaces may not be made."""
    require_namespaces("-m")
    with subprocess.Popen(
        ["unshare", "-m", "--propagation", "private", "sh"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as shell:
        mounts = Mounts(shell)
        mounts.run("true")  # by now it is in its namespace
        yield mounts
        shell.communicate("exit\n", timeout=PATIENCE)


def require_namespaces(*kinds: str) -> None:
    """Skip the test where this user may not make these."""
    if os.geteuid() != 0 or subprocess.run(["unshare", *kinds, "true"], capture_output=True, check=False).returncode:
        pytest.skip("NOT TESTED: a real notice of the kernel takes root and the right to make namespaces")
