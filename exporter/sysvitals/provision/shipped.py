"""The files that a user needs beside the program: rules, dashboards, configuration."""

from pathlib import Path

_PACKAGE = Path(__file__).parent.parent


def shipped_folder(name: str) -> Path:
    """The folder `name` ("prometheus", "grafana"): of the installed wheel, or of the checkout it runs from.

    A checkout's folder holds more than what is shipped. Raises FileNotFoundError where neither is there.
    """
    packed = _PACKAGE / "shipped" / name
    if packed.is_dir():
        return packed
    checkout = _PACKAGE.parent.parent
    if (checkout / "pyproject.toml").is_file() and (checkout / name).is_dir():
        return checkout / name
    raise FileNotFoundError(f"this installation has no {name} files (looked at {packed}): install sysvitals again")


def read_shipped(name: str, patterns: tuple[str, ...]) -> dict[str, bytes]:
    """The files of that folder that match, by their paths in it. Raises FileNotFoundError, OSError."""
    folder = shipped_folder(name)
    found = sorted({path for pattern in patterns for path in folder.glob(pattern) if path.is_file()})
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}
