"""Small hosts made for one test."""

from collections.abc import Mapping
from pathlib import Path

from tests.recorded import RecordedHost


def build_host(folder: Path, files: Mapping[str, str | bytes]) -> RecordedHost:
    """A host of just these files. A value that begins with `->` becomes a symbolic link."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str) and content.startswith("->"):
            path.symlink_to(content.removeprefix("->").strip())
        else:
            path.write_bytes(content.encode() if isinstance(content, str) else content)
    return RecordedHost(folder)
