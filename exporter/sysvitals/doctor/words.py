"""How things are said for people."""


def format_span(seconds: float) -> str:
    """How long: `45 s`, `3 min`, `5 h`, `12 days`."""
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


def format_count(number: float, noun: str) -> str:
    """How many: `1 segment`, `12 segments`."""
    return f"{number:,.0f} {noun}" + ("" if number == 1 else "s")
