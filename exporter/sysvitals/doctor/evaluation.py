"""Why a rule cannot be evaluated, by the error of Prometheus or vmalert."""

import re

_INNERMOST = re.compile(r'.*\\": ', re.DOTALL)
"""vmalert quotes the whole answer, which quotes each part of the expression around the next; the reason comes last."""
_HEAD, _TAIL = 200, 350
_SERIES = re.compile(r"\{([^{}]*)\}")
_LABEL = re.compile(r'(\w+)="((?:\\.|[^"\\])*)"')
_TARGET = {"job", "instance"}
_TWICE = ("duplicate", "many-to-many", "same labelset")


def shorten_error(error: str) -> str:
    """What the error says, in one line without the expression around it."""
    inner = _INNERMOST.sub("", error, count=1)
    if inner != error:
        inner = inner.replace('\\"', '"').rstrip().removesuffix('"}')
    words = " ".join(inner.split())
    return words if len(words) <= _HEAD + _TAIL else f"{words[:_HEAD]} … {words[-_TAIL:]}"


def explain_error(error: str) -> str:
    """What to do about it. `error` is as `shorten_error` gives it."""
    if not any(sign in error for sign in _TWICE):
        return "the log of the server that evaluates it may say more"
    found = [dict(_LABEL.findall(series)) for series in _SERIES.findall(error)]
    if len(found) > 1:
        *_, one, other = found
        names = {name for name in one.keys() | other.keys() if one.get(name) != other.get(name)} - {"__name__"}
        if names and not names & _TARGET:
            return (
                f"both series are of {one.get('instance', 'one target')} and differ in {', '.join(sorted(names))}: were"
                " the labels of its target changed lately? Then it ends by itself, when the old series are older than"
                " the rule looks back. Else two targets have that name: give each its own"
            )
    return "a series is there twice: is a host scraped by two jobs?"
