"""`os-release`: the operating system's name and version, as its distribution gives them."""

from typing import NamedTuple

from sysvitals.host.files import optional, shorten
from sysvitals.host.host import Host
from sysvitals.host.sysfs import tidy


class OsRelease(NamedTuple):
    """`name` such as `Debian GNU/Linux`, `version` such as `12 (bookworm)` or None where it is rolling."""

    name: str
    version: str | None = None


def read_os_release(host: Host) -> OsRelease | None:
    """From /etc, else from /usr/lib, below the host's root; None where neither is there, as in an empty container."""
    for path in (f"{host.rootfs}/etc/os-release", f"{host.rootfs}/usr/lib/os-release"):
        text = optional(_read_text, host, path)
        if text is not None:
            return parse_os_release(text)
    return None


def parse_os_release(text: str) -> OsRelease:
    """From lines such as `NAME="Debian GNU/Linux"`, quoted as in a shell. Other lines are passed over, as in a shell.

    Where the name is missing it is `Linux`, as os-release(5) has it.
    """
    fields: dict[str, str] = {}
    for line in text.split("\n"):
        key, found, value = line.strip().partition("=")
        if not found or key not in _KEYS:
            continue
        try:
            fields[key] = tidy(parse_value(value))
        except ValueError:
            continue
    version = fields.get("VERSION") or fields.get("VERSION_ID")
    return OsRelease(fields.get("NAME") or "Linux", version or None)


def parse_value(text: str) -> str:
    """One value without its quotes and backslashes. Raises ValueError for what is not one word to a shell."""
    parts: list[str] = []
    quote = ""
    escaped = False
    for character in text:
        if escaped:
            parts.append(character if not quote or character in '"$`\\' else f"\\{character}")
            escaped = False
        elif character == "\\" and quote != "'":
            escaped = True
        elif character == quote:
            quote = ""
        elif quote:
            parts.append(character)
        elif character in "\"'":
            quote = character
        elif character.isspace() or character in ";&|<>()":
            raise ValueError(f"more than one word: {shorten(text)!r}")
        else:
            parts.append(character)
    if quote or escaped:
        raise ValueError(f"never closed: {shorten(text)!r}")
    return "".join(parts)


_KEYS = frozenset({"NAME", "VERSION", "VERSION_ID"})


def _read_text(host: Host, path: str) -> str:
    return host.read_plain_text(path)
