"""Which events are asked for: by name, or by a pattern such as `system.throttling.*`."""

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cache

MOST_PATTERNS = 64
_READING = ".updated"
_PATTERN = re.compile(r"[A-Za-z0-9._*-]{1,128}")
_FORM = "a name such as system.throttling.started, or a pattern such as system.throttling.*, of at most 128 characters"


def choose_names(patterns: Collection[str]) -> Callable[[str], bool]:
    """Return whether an event's name is asked for, which is worked out once for each name; without patterns all are.

    Raises ValueError for what is not a pattern, and for more than 64.
    """
    if len(patterns) > MOST_PATTERNS:
        raise ValueError(f"event: expected at most {MOST_PATTERNS} names")
    if not all(map(_PATTERN.fullmatch, patterns)):
        raise ValueError(f"event: expected {_FORM}")
    split = [pattern.split("*") for pattern in patterns]
    return cache(lambda name: not split or any(_is_like(name, parts) for parts in split))


def choose_changes(patterns: Collection[str]) -> Callable[[str], bool]:
    """The same, but of readings only those for which a pattern asks by name: one that ends with `.updated`.

    Raises ValueError.
    """
    is_chosen = choose_names(patterns)
    readings = [pattern for pattern in patterns if pattern.endswith(_READING)]
    is_named = choose_names(readings) if readings else lambda _: False
    return cache(lambda name: is_named(name) if is_reading(name) else is_chosen(name))


def advise_names(patterns: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """What to say of names that no event has: only an exporter that is newer than this program could send some."""
    for pattern in patterns:
        if not any(map(choose_names([pattern]), known)):
            import difflib  # noqa: PLC0415  # for mistakes alone

            close = difflib.get_close_matches(pattern, known) or sorted(known)
            yield f"--event={pattern}: no event has this name; there are: {', '.join(close)}"


def is_reading(name: str) -> bool:
    """Whether the event says what was measured, not what happened."""
    return name.endswith(_READING)


def _is_like(name: str, parts: list[str]) -> bool:
    """Whether the name consists of these parts and anything between them. Each is looked for once only."""
    if len(parts) == 1:
        return name == parts[0]
    first, *inner, last = parts
    if not name.startswith(first):
        return False
    at = len(first)
    for part in inner:
        if (found := name.find(part, at)) < 0:
            return False
        at = found + len(part)
    return name.endswith(last) and len(name) - len(last) >= at
