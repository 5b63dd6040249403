"""What the sources of sysfs share: folders that may be absent, and text that is fit for a label."""

from sysvitals.host.files import optional, shorten
from sysvitals.host.host import Host


def list_names(host: Host, path: str) -> list[str]:
    """Names in a folder, none where it is not there. Raises OSError for a folder that is there and cannot be read."""
    return optional(_names, host, path) or []


def read_label(host: Host, path: str) -> str:
    """A file's text on one line, without control characters: drivers and firmware write what they like."""
    return tidy(host.read_text(path))


def tidy(text: str) -> str:
    """The text on one line of at most 100 printable characters."""
    if text.isprintable() and "  " not in text and len(text) <= 100:
        return text.strip()
    return shorten(" ".join("".join(c if c.isprintable() else " " for c in text).split()), 100)


def _names(host: Host, path: str) -> list[str]:
    return host.names(path)
