"""How much of each list is on the page: a host may have thousands of mounts, each with a long name."""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from markupsafe import escape

Item = TypeVar("Item")


class Bound(NamedTuple):
    """As many items as fit into this many, and into this many characters of HTML."""

    items: int
    characters: int

    def keep(self, items: Sequence[Item], measure: Callable[[Item], int]) -> tuple[Sequence[Item], int]:
        """The first items that fit, and how many were left out."""
        left = self.characters
        for number, item in enumerate(items[: self.items]):
            left -= measure(item)
            if left < 0:
                return items[:number], len(items) - number
        return items[: self.items], max(0, len(items) - self.items)


def measure_texts(*texts: str) -> int:
    """How long these are in HTML."""
    return sum(len(escape(text).encode()) for text in texts)
