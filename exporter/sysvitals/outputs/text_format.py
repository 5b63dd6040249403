"""The Prometheus text format 0.0.4 and OpenMetrics 1.0: which of the two a scraper asks for, and their parts.

Samples look the same in both. What introduces a family differs, and OpenMetrics ends with `# EOF`.
"""

from collections.abc import Mapping
from math import inf
from typing import NamedTuple

from sysvitals.model.catalog import Family

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
_PLAIN_1 = "text/plain; version=1.0.0; charset=utf-8"
_OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
_ESCAPINGS = ("allow-utf-8", "underscores", "dots", "values")


class Format(NamedTuple):
    """A format and the content type that announces it."""

    content_type: str
    openmetrics: bool = False


def choose_format(accept: str) -> Format:
    """The first known format of an Accept header; plain text where there is none, or a version is not a number.

    The answer repeats the name of an escaping scheme, as scrapers expect. No name of ours needs escaping in any.
    """
    try:
        return _choose(accept)
    except TypeError:  # `version=abc` cannot be compared
        return Format(PLAIN)


def _choose(accept: str) -> Format:
    for offer in accept.split(","):
        media, *rest = offer.split(";")
        parameters = _parse_parameters(rest)
        version = parameters.get("version", "")
        escaping = parameters.get("escaping")
        suffix = f"; escaping={escaping if escaping in _ESCAPINGS else 'underscores'}"
        match media.strip():
            case "application/openmetrics-text" if not version:
                return Format(_OPENMETRICS, openmetrics=True)
            case "application/openmetrics-text" if _parse_version(version) >= (1, 0, 0):
                return Format(_OPENMETRICS + suffix, openmetrics=True)
            case "text/plain" if version and _parse_version(version) >= (1, 0, 0):
                return Format(_PLAIN_1 + suffix)
    return Format(PLAIN)


def _parse_parameters(texts: list[str]) -> dict[str, str]:
    """By name; of several with one name the first."""
    return dict(text.strip().split("=", 1) for text in reversed(texts) if "=" in text)


def _parse_version(text: str) -> tuple[int | str, ...]:
    return tuple(_parse_part(part) for part in text.split("."))


def _parse_part(text: str) -> int | str:
    try:
        return int(text)
    except ValueError:
        return text


def introduce_family(family: Family, *, openmetrics: bool) -> str:
    """The lines before a family's samples: its help, type and, in OpenMetrics, unit."""
    help_text = family.help.replace("\\", r"\\").replace("\n", r"\n")
    if not openmetrics:
        kind = "gauge" if family.kind == "info" else family.kind
        return f"# HELP {family.name} {help_text}\n# TYPE {family.name} {kind}\n"
    name = family.base_name
    help_text = help_text.replace('"', r"\"")
    unit = f"# UNIT {name} {family.base_unit}\n" if family.unit else ""
    return f"# HELP {name} {help_text}\n# TYPE {name} {family.kind}\n{unit}"


def format_series(name: str, labels: Mapping[str, str]) -> str:
    """A sample's name and labels, with the space before its value."""
    if not labels:
        return f"{name} "
    pairs = ",".join(f'{label}="{_escape(value)}"' for label, value in sorted(labels.items()))
    return f"{name}{{{pairs}}} "


def _escape(text: str) -> str:
    # a lone surrogate is no UTF-8, and would take all other samples with it
    text = text.encode(errors="backslashreplace").decode()
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def format_number(value: float) -> str:
    """A number as Go writes it: with an exponent from a million on, where Python has none."""
    text = repr(float(value))
    dot = text.find(".")
    if dot < 0:
        return _NO_POINT.get(text, text)
    if dot > 6 and value > 0:
        digits = f"{text[0]}.{text[1:dot]}{text[dot + 1 :]}".rstrip("0.")
        return f"{digits}e+{dot - 1:02d}"
    return text


_NO_POINT = {repr(inf): "+Inf", repr(-inf): "-Inf", "nan": "NaN"}
