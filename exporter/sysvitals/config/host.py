"""The host that the settings point at."""

import os
from collections.abc import Iterator, Mapping

from sysvitals.config.settings import Paths, Settings
from sysvitals.host.files import shorten
from sysvitals.host.host import Host

_SHOWN_CHARACTERS = 80


def build_host(settings: Settings) -> Host:
    """The host whose files are where the settings say."""
    return _build(settings.path, settings.storage.path)


def check_paths(paths: Paths, places: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with each path that was given. `places` says where, by the path's name."""
    for name, place in places.items():
        path = getattr(paths, name)
        try:
            os.stat(os.path.join(path, "."))  # whether it is there, is a folder, and may be entered
        except (OSError, ValueError) as error:
            if name == "devfs" and isinstance(error, FileNotFoundError) and _may_lack_devices(paths):
                continue
            shown = shorten(path if path.isprintable() else repr(path), _SHOWN_CHARACTERS)
            yield f"{place}: {shown} {_say(error)} {getattr(Paths(), name)} is"


def _say(error: OSError | ValueError) -> str:
    match error:
        case FileNotFoundError():
            wrong = "does not exist"
        case NotADirectoryError():
            wrong = "is not a folder"
        case PermissionError():
            return "may not be entered (permission denied): run as a user who may, or give the folder where the host's"
        case _:
            wrong = f"cannot be used ({getattr(error, 'strerror', None) or 'not a file name'})"
    return f"{wrong}: give the folder where the host's"


def _may_lack_devices(paths: Paths) -> bool:
    """Whether the host is a recording, which may have been made without its device nodes."""
    own = os.path.normpath(os.path.join(paths.rootfs, "dev"))
    return os.path.normpath(paths.devfs) == own and not _build(paths).is_live


def _build(paths: Paths, storage: str = "") -> Host:
    return Host(procfs=paths.procfs, sysfs=paths.sysfs, rootfs=paths.rootfs, devfs=paths.devfs, storage=storage)
