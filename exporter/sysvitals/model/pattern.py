"""A user's choice among things by a pattern."""

import re
from collections.abc import Callable


def choose_by(pattern: str) -> Callable[[str], bool | None]:
    """Return a function that says whether a name matches the pattern as a whole.

    Without a pattern nothing was chosen, and it says None: no series shows a choice that was not made.
    """
    if not pattern:
        return lambda _name: None
    matches = re.compile(pattern).fullmatch
    return lambda name: matches(name) is not None
