"""The real programs that some tests run."""

import os
import shutil
from typing import NoReturn

import pytest

NEWER_SERVERS = "SYSVITALS_NEWER_SERVERS"
"""Names the folder with the programs that `tests/fetch_servers.py` unpacks."""


def need_tool(name: str) -> str:
    """Path of a program. Where it is not installed the test is skipped, but in CI it fails: there it must be."""
    path = shutil.which(name)
    if path is None:
        _skip_or_fail(f"{name} is not installed; Debian has it (see CONTRIBUTING.md)")
    return path


def need_newer_tool(name: str) -> str:
    """Path of a server's program as newer Debian releases have it. Skips or fails as `need_tool` does."""
    path = shutil.which(name, path=os.environ.get(NEWER_SERVERS, os.devnull))
    if path is None:
        _skip_or_fail(f"no newer {name}: set {NEWER_SERVERS} (see CONTRIBUTING.md)")
    return path


def _skip_or_fail(reason: str) -> NoReturn:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
