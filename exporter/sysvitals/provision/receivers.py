"""The keys for secrets that an Alertmanager knows: newer ones read them from files, older ones want them inline."""

import contextlib
import grp
import os
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from sysvitals.provision.files import Access, read_file
from sysvitals.provision.secrets import holds_secrets

Version = tuple[int, int]

FILE = "alertmanager.yml"
_GROUP = "prometheus"
_VERSION = re.compile(r"version (\d+)\.(\d+)")
_SECONDS = 10.0
_SECRET = re.compile(
    rb"(?m)^(?P<lead>[ #-]*)\w+: \S+ # secret\. From (?P<major>\d+)\.(?P<minor>\d+) on better (?P<newer>\w+: \S+)$"
)


def parse_version(text: str) -> Version:
    """`0.27` or `0.27.1`. Raises ValueError."""
    if not (found := re.fullmatch(r"v?(\d+)\.(\d+)(\.\d+)?", text)):
        raise ValueError("a version such as 0.27")
    return int(found[1]), int(found[2])


def find_version() -> Version | None:
    """The version of the Alertmanager that is installed here, by its tool amtool; None where that cannot say it."""
    if (tool := shutil.which("amtool")) is None:
        return None
    try:
        done = subprocess.run([tool, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    found = _VERSION.search(done.stdout + done.stderr)
    return (int(found[1]), int(found[2])) if found else None


def take_known_keys(content: bytes, version: Version | None) -> bytes:
    """The file with keys that read secrets from files, where this version has them; as it is where none is known."""

    def choose(line: re.Match[bytes]) -> bytes:
        known = version is not None and version >= (int(line["major"]), int(line["minor"]))
        return line["lead"] + line["newer"] if known else line[0]

    return _SECRET.sub(choose, content)


def close_secrets(files: Mapping[str, bytes]) -> dict[str, Access]:
    """Who may read those files into which secrets are to be written: Alertmanager's group, where there is one."""
    access = Access(0o640, _find_group())
    return {path: access for path, content in files.items() if _SECRET.search(content)}


def describe_access(folder: Path, access: Mapping[str, Access], version: Version | None) -> list[str]:
    """What a person should know about these files, which were written just now. Raises OSError."""
    lines = []
    for path, allowed in access.items():
        mode = read_file(folder, path).mode
        group = f"the group {_GROUP}" if allowed.group is not None else "its group"
        who = f"its owner and {group}" if mode & stat.S_IRGRP else "its owner"
        lines.append(f"{path} takes secrets inline, so only {who} may read it (mode {mode:04o}).")
        if allowed.group is None:
            lines.append("  Alertmanager must be able to: chgrp it to the group that Alertmanager runs as.")
        if not mode & stat.S_IRGRP:
            lines.append("  It keeps the mode that it had: chmod g+r it, unless Alertmanager is its owner.")
        if version is None:
            lines.append("  No amtool is here to say which keys it may have: --alertmanager.version=X.Y does, and from")
            lines.append("  0.28 on every secret is read from a file that only Alertmanager can read.")
    return lines


def describe_open(folder: Path) -> list[str]:
    """A line for each of the user's files with secrets, also those that were set aside, that everyone can read."""
    lines = []
    for path in sorted(folder.glob(f"{FILE}*")):
        with contextlib.suppress(OSError):
            found = read_file(folder, path.name)
            if found.mode & stat.S_IROTH and holds_secrets(found.content.decode("utf-8", "replace")):
                file = shlex.quote(str(path))
                mend = f"sudo chgrp {_GROUP} {file} && sudo chmod 640 {file} (the group that Alertmanager runs as)"
                lines.append(f"{path.name} holds secrets, and everyone on this host can read it: {mend}")
    return lines


def _find_group() -> int | None:
    try:
        return grp.getgrnam(_GROUP).gr_gid if os.geteuid() == 0 else None
    except KeyError:
        return None
