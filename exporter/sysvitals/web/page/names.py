"""Names and texts from outside as a page may show them: every letter seen, and long names cut in their middle."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

LONG = 22
"""Letters that a column has room for."""

_TAIL = 9


class Name(NamedTuple):
    """A name in the parts that it is drawn of: whole, or head and tail, or what differs between the two.

    The head gives way where there is no room.
    """

    parts: tuple[str, ...]

    @property
    def whole(self) -> str:
        """The name in one piece."""
        return "".join(self.parts)


def show(text: str) -> str:
    """The text with a number for what cannot be seen: ⟨202E⟩ for a mark that turns the direction of writing."""
    return text if text.isprintable() else "".join(_letters(text))


def split_name(text: str) -> Name:
    """One name by itself."""
    return split_names([text])[text]


def split_names(texts: Iterable[str]) -> Mapping[str, Name]:
    """The names of one table. Of long ones that begin and end alike, the part that differs always stays in sight."""
    alike: dict[str, list[tuple[str, list[str]]]] = {}
    found: dict[str, Name] = {}
    for text in dict.fromkeys(texts):
        letters = _letters(text)
        if len(letters) <= LONG:
            found[text] = Name(("".join(letters),))
        else:
            alike.setdefault("".join(letters[-_TAIL:]), []).append((text, letters))
    for group in alike.values():
        head, tail = _common_ends([letters for _, letters in group])
        for text, letters in group:
            found[text] = Name(tuple(filter(None, map("".join, _cut(letters, head, tail)))))
    return found


def _letters(text: str) -> list[str]:
    return [letter if letter.isprintable() else f"⟨{ord(letter):04X}⟩" for letter in text]


def _common_ends(names: list[list[str]]) -> tuple[int, int]:
    """How many letters of these names, all longer than a tail, are the same at the beginning and at the end."""
    if len(names) == 1:
        return len(names[0]) - _TAIL, _TAIL
    head = _count_same(names)
    while head and names[0][head - 1] != "/":  # a differing part is easier to read from the beginning of its word
        head -= 1
    tail = _count_same([name[::-1] for name in names])
    return head, min(tail, min(map(len, names)) - head)


def _count_same(names: list[list[str]]) -> int:
    columns = enumerate(zip(*names, strict=False))
    return next((number for number, letters in columns if len(set(letters)) > 1), min(map(len, names)))


def _cut(letters: list[str], head: int, tail: int) -> tuple[list[str], list[str], list[str]]:
    end = len(letters) - tail
    return letters[:head], letters[head:end], letters[end:]
