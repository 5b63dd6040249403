"""The real programs that some tests run."""

import os
import shutil

import pytest


def need_tool(name: str) -> str:
    """Path of a program. Where it is not installed the test is skipped, but in CI it fails: there it must be."""
    path = shutil.which(name)
    if path is not None:
        return path
    words = f"{name} is not installed; Debian has it (see CONTRIBUTING.md)"
    if os.environ.get("CI"):
        pytest.fail(words)
    pytest.skip(words)
