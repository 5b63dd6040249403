"""What was read of a configuration so far."""

from typing import Any

from sysvitals.config.settings import Leaf

_SHOWN_CHARACTERS = 80


class Found:
    """Values by their settings, the place of each in the file or its flag, and what is wrong."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, ...], Any] = {}
        self.places: dict[tuple[str, ...], str] = {}
        self.problems: list[str] = []

    def take(self, leaf: Leaf, given: Any, where: str) -> None:
        """Take a value of this setting as it is written, or note what it expects instead."""
        try:
            value = leaf.setting.parse(given)
        except ValueError as error:
            shown = f"{given!r}"
            shown = shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"
            self.problems.append(f"{where}: {shown} is not valid: expected {error}")
        else:
            self.values[leaf.path] = (*self.values.get(leaf.path, ()), *value) if leaf.many else value
            self.places[leaf.path] = where
