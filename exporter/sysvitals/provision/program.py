"""Where the program that is installed lies, for a service that is to run it."""

import os
import re
import stat
import sys
import sysconfig
from pathlib import Path

_HOMES = ("/home", "/root", "/run/user")
_PLAIN = re.compile(r"[\w/.,+@-]+", re.ASCII)
_MEND = "install it with: sudo python3 -m venv /opt/sysvitals && sudo /opt/sysvitals/bin/pip install ."


def find_program(folder: Path) -> str:
    """The path by which a service of the system in `folder` starts this program.

    Raises FileNotFoundError where no command is installed, PermissionError where a service's user could not run it.
    """
    program = _installed()
    # the command is a script: its interpreter must be within reach, too
    for path in (program, Path(sys.executable).absolute(), Path(sys.executable).resolve()):
        _check(path)
    inside = folder.resolve()
    return f"/{program.relative_to(inside)}" if program.is_relative_to(inside) else str(program)


def _installed() -> Path:
    candidates = [Path(sysconfig.get_path("scripts")) / "sysvitals", Path(sys.argv[0])]
    for path in candidates:
        if path.name == "sysvitals" and path.is_file() and os.access(path, os.X_OK):
            return path.absolute()
    raise FileNotFoundError(f"no command sysvitals is installed (looked at {candidates[0]}): {_MEND}")


def _check(path: Path) -> None:
    real = path.resolve()
    for home in _HOMES:
        if path.is_relative_to(home) or real.is_relative_to(home):
            raise PermissionError(f"{path} lies below {home}, where no service should run programs from: {_MEND}")
    if not _PLAIN.fullmatch(str(path)):
        raise PermissionError(f"{path} has characters that mean something else in a unit: {_MEND}")
    for part in (real, *real.parents):
        if part.stat().st_mode & (stat.S_IWOTH | stat.S_ISVTX) == stat.S_IWOTH:
            raise PermissionError(f"{path} can be replaced by everyone, for {part} can be written: {_MEND}")
        if not part.stat().st_mode & stat.S_IXOTH:
            raise PermissionError(f"{path} is not for everyone to run, for {part} is not: {_MEND}")
