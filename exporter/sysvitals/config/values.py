"""What a setting's value may look like: each parser takes a YAML value or a flag's text, or says what it expects."""

import re
from collections.abc import Callable
from typing import Any

_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)\s*(ms|s|m|h|d|w)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_LONGEST_SECONDS = 100 * 365 * 86400.0  # longer than the system's timers take is for ever
_SIZE = re.compile(r"([0-9]{1,18})(\.[0-9]{1,15})?\s*([KMGT]i?)?B?", re.IGNORECASE)
_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40}
_ADDRESS = re.compile(r"(?:\[(?P<six>[^\s\[\]]*:[^\s\[\]]*)\]|(?P<host>[^\s\[\]:]*)):(?P<port>[0-9]{1,5})")

_HOST = re.compile(r"\*|(?:\*\.)?[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")


def parse_duration(value: object) -> float:
    """Seconds of `500ms`, `5s`, `10m`, `1h`, `30d`. Only 0 needs no unit: a bare 90 may be meant in any."""
    match = _DURATION.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError("a duration such as 500ms, 5s, 10m, 1h or 30d")
    number, unit = float(match[1]), match[2]
    if unit is None and number:
        raise ValueError(f"a duration with a unit, such as {match[1]}s, {match[1]}m, {match[1]}h or {match[1]}d")
    seconds = number * _SECONDS[unit or "s"]
    if seconds > _LONGEST_SECONDS:
        raise ValueError("a duration of at most 36500d")
    return seconds


def parse_positive_duration(value: object) -> float:
    """A duration that is not 0."""
    seconds = parse_duration(value)
    if seconds <= 0:
        raise ValueError("a duration above 0, such as 500ms, 5s or 10m")
    return seconds


def parse_size(value: object) -> int:
    """Bytes of `16MiB`, `500MB`, or of a plain number."""
    match = _SIZE.fullmatch(str(value).strip()) if not isinstance(value, bool) else None
    if match is None:
        raise ValueError("a size such as 500kB, 16MiB or 2GiB")
    unit = _BYTES[(match[3] or "").lower()]
    return int(match[1]) * unit + int(float(match[2] or 0) * unit)  # whole numbers stay exact


def parse_count(value: object) -> int:
    """A whole number from 0 to 9999."""
    text = str(value).strip()
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise ValueError("a whole number up to 9999")
    return int(text)


def parse_bool(value: object) -> bool:
    """True or false."""
    if isinstance(value, bool):
        return value
    if str(value).lower() in ("true", "yes", "on"):
        return True
    if str(value).lower() in ("false", "no", "off"):
        return False
    raise ValueError("true or false")


def parse_text(value: object) -> str:
    """Any text that is not empty."""
    if not isinstance(value, str) or not value.strip() or "\0" in value:
        raise ValueError("text")
    return value


def parse_path(value: object) -> str:
    """The path of a file, or nothing."""
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("the path of a file")
    return value.strip()


def parse_url(value: object) -> str:
    """An address that a browser may follow, or nothing."""
    text = value.strip() if isinstance(value, str) else ""
    if value != "" and not re.fullmatch(r"https?://[^\s/][^\s]*", text):
        raise ValueError("an address such as http://grafana:3000/d/sysvitals-host")
    return text


def parse_pattern(value: object) -> str:
    """A regular expression; empty text is one that is never used."""
    if not isinstance(value, str):
        raise ValueError("a regular expression")  # noqa: TRY004  # a ValueError, as of all parsers here
    try:
        re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        said = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in str(error))
        raise ValueError(f"a regular expression ({said})") from None
    return value


def parse_compression(value: object) -> str:
    """How the history is compressed; true and false are what it once took."""
    words = {"true": "segments", "yes": "segments", "on": "segments", "false": "off", "no": "off"}
    text = str(value).lower()
    if (found := words.get(text, text)) not in ("segments", "stream", "off"):
        raise ValueError("one of segments, stream, off")
    return found


def parse_choice(*choices: str) -> Callable[[object], str]:
    """One of these words."""

    def parse(value: object) -> str:
        if value not in choices:
            raise ValueError(f"one of {', '.join(choices)}")
        return str(value)

    return parse


def parse_address(value: object) -> tuple[str, int]:
    """Host and port of `127.0.0.1:9877`, `[::1]:9877`, `board:9877`, or `:9877`, which is every address of the host."""
    match = _ADDRESS.fullmatch(str(value).strip())
    if match is None or int(match["port"]) > 65535:
        raise ValueError("an address such as 127.0.0.1:9877, [::1]:9877 or :9877 (every address of this host)")
    return match["six"] or match["host"] or "", int(match["port"])


def parse_addresses(value: object) -> tuple[tuple[str, int], ...]:
    """One address, or a list of them."""
    values: list[Any] = value if isinstance(value, list) else [value]
    if not values:
        raise ValueError("at least one address")
    return tuple(parse_address(one) for one in values)


def parse_hosts(value: object) -> tuple[str, ...]:
    """One name of a host, a list of them, or nothing; in lower case."""
    values: list[Any] = value if isinstance(value, list) else [value]
    return tuple(_parse_host(one) for one in values if one != "")


def _parse_host(value: object) -> str:
    text = str(value).strip().lower().removesuffix(".")
    if not isinstance(value, str) or not _HOST.fullmatch(text):
        raise ValueError("a name such as board.example.org (without a port), *.example.org, or * for any")
    return text


def format_value(parse: Callable[[object], Any], value: Any) -> str:
    """A value as its parser takes it: `10m` for 600 s, `16MiB`."""
    if parse in (parse_duration, parse_positive_duration):
        for unit, seconds in (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0)):
            if value >= seconds and value % seconds == 0:
                return f"{value / seconds:.0f}{unit}"
        return f"{value * 1000:.15g}ms"
    if parse is parse_size and value and value % 2**20 == 0:
        return f"{value >> 20}MiB"
    if parse is parse_addresses:
        return ", ".join(f"{host}:{port}" for host, port in value)
    if parse is parse_hosts:
        return ", ".join(value)
    return str(value)


def is_loopback(host: str) -> bool:
    """Whether only the machine itself can be meant by this host."""
    return host in ("localhost", "::1") or host.startswith("127.")
