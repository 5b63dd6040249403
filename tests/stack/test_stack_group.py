"""The programs of the stack as one group, without the stack."""

import os
import signal
import sys
from pathlib import Path

import psutil
import pytest

from sysvitals.stack.group import Group, Part
from tests.stack.running import wait_until

PROGRAM = """\
import pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
pathlib.Path(sys.argv[1]).touch()
while True:
    signal.pause()
"""


@pytest.mark.fault(
    "process",
    "a program of the stack that was stopped (SIGSTOP)",
    seen="nothing: it ends in order with the stack",
    heals="by itself, at the end of the stack",
)
def test_a_program_that_was_stopped_ends_in_order_with_the_others(tmp_path: Path) -> None:
    group = Group(lambda *_: None)
    ready = tmp_path / "ready"
    command = [sys.executable, "-c", PROGRAM, str(ready)]
    with group.listening():
        group.start(Part(name="part", command=command, is_ready=ready.exists), tmp_path)
        assert group.wait_until_ready()
        process = psutil.Process(group._members[0].process.pid)
        os.kill(process.pid, signal.SIGSTOP)
        wait_until(lambda: process.status() == psutil.STATUS_STOPPED, "it is stopped")
        assert group.stop() == []
