"""Disks that refuse."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.history.writing import mounted


@pytest.fixture
def faults(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Which system calls of the history's thread fail, and with which errno."""
    failing: dict[str, int] = {}

    def make_fallible(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if name in failing and threading.current_thread().name == "history":
                raise OSError(failing[name], os.strerror(failing[name]))
            return real(*arguments, **options)

        monkeypatch.setattr(os, name, call)

    for name in ("open", "write", "fdatasync", "fsync", "scandir"):
        make_fallible(name)
    return failing


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", "-t", "tmpfs", "-o", "size=256k", "tmpfs"):
        yield tmp_path / "disk"
