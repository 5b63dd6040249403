"""Which lines of a configuration hold secrets, and its text without them, for terminals and logs."""

import re
from collections.abc import Container, Iterable

HIDDEN = "<secret>"

_LEAD = re.compile(r"[\s#-]*")
_SECRET = re.compile(
    r"""\w*(?:token|key|secret|passw(?:or)?d|passphrase|credentials?|authorization
            |secureJsonData|basic_auth_users|httpHeaderValue\d+)["']?
        \s* (?: :(?=[\s"'\[{]|$) | = ) \s*""",
    re.IGNORECASE | re.VERBOSE,
)
_ADDRESS = re.compile(r"(?<!\w)(?!runbook_)(?:\w*_)?url[\"']?\s*:(?:\s+|$)[\"']?", re.IGNORECASE)
_HOST = re.compile(r"[a-z]+://[^\s/?#\"']+", re.IGNORECASE)
_NO_PATH = re.compile(r"/?[\"']?(?:\s.*)?")
_USER = re.compile(r"(?<=://)[^\s/]+(?=@)")


def hide_secrets(lines: Iterable[str], known: Container[str] = ()) -> list[str]:
    """The lines with `HIDDEN` in place of each secret. Those that are `known` are shown as they are.

    It errs on the side of hiding: what follows a secret in its line, and the lines below it that are further in, may
    belong to it. An address is often a secret by its path: scheme and host are shown.
    """
    shown, column = [], None
    for line in lines:
        lead = _lead(line)
        if column is not None and len(lead) <= column and lead != line:
            column = None
        if line in known or (column is not None and lead == line):
            shown.append(line)
        elif column is not None:
            shown.append(lead + HIDDEN)
        else:
            clean, goes_on = _hide(line)
            shown.append(clean)
            column = len(lead) if goes_on else None
    return shown


def holds_secrets(text: str) -> bool:
    """Whether there is a secret outside of comments."""
    used = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return hide_secrets(used) != used


def _lead(line: str) -> str:
    found = _LEAD.match(line)
    return found[0] if found else ""


def _hide(line: str) -> tuple[str, bool]:
    """The line without secrets, and whether one may go on in the next."""
    goes_on = False
    if found := _SECRET.search(line):
        line, goes_on = _cut(line, found.end()), True
    if found := _ADDRESS.search(line):
        if host := _HOST.match(line, found.end()):
            line = line if _NO_PATH.fullmatch(line, host.end()) else f"{line[: host.end()]}/{HIDDEN}"
        else:
            line, goes_on = _cut(line, found.end()), True
    return _USER.sub(HIDDEN, line), goes_on


def _cut(line: str, end: int) -> str:
    return line[:end] + (HIDDEN if end < len(line) else "")
