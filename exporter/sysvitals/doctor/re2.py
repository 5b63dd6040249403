"""Regular expressions as Prometheus and Alertmanager understand them (RE2, in Go), for Python's `re`.

The two languages look alike and differ in the small: where flags may stand, what `$`, `.` and the classes of letters
mean. What cannot be said in Python is refused, never guessed.
"""

import re
import string
from dataclasses import dataclass, field

from sysvitals.doctor.effort import limited_effort

_TOP = "\U0010ffff"
_PERL = {
    "d": "0-9",
    "D": f"\x00-/:-{_TOP}",
    "w": "0-9A-Z_a-z",
    "W": rf"\x00-/:-@\[-\^`{{-{_TOP}",
    "s": r"\t\n\f\r ",
    "S": rf"\x00-\x08\x0b\x0e-\x1f!-{_TOP}",
}
"""ASCII only, and no vertical tab among the spaces."""

_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": r"\x00-\x7f",
    "blank": r"\t ",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_CONTROLS = {"a": "\a", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}
_REPETITION = re.compile(r"[*+?]|\{[0-9]+(?:,[0-9]*)?\}")
_FLAGS = re.compile(r"\(\?([imsU]*)(-[imsU]+)?([:)])")
_NAMED = re.compile(r"\(\?P?<([A-Za-z_][A-Za-z0-9_]*)>")


_CPU_SECONDS = 1.0


class Unsupported(ValueError):  # noqa: N818  # no error of the pattern: Python cannot say it
    """This pattern cannot be evaluated here."""


class Expression:
    """A regular expression of another server, which is given up after a second: RE2 never takes long, `re` may."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """The match of the whole text, if any. Raises Unsupported."""
        with limited_effort(_CPU_SECONDS, Unsupported("a regular expression takes too long here")):
            return self._pattern.fullmatch(text)


def compile_re2(pattern: str) -> Expression:
    """The pattern, for `fullmatch`. Raises Unsupported."""
    try:
        return Expression(re.compile(_Translation(pattern).whole()))
    except (re.error, OverflowError, RecursionError, IndexError) as error:
        raise Unsupported(f"{pattern}: {error}") from None


@dataclass(slots=True)
class _Group:
    """A group that is open: the flags in force, and how many groups of our own were opened in it to set them."""

    flags: frozenset[str]
    reopened: list[str] = field(default_factory=list)


class _Translation:
    """One pass from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._out: list[str] = []
        self._groups = [_Group(frozenset())]

    def whole(self) -> str:
        """The pattern in Python's language."""
        while self._at < len(self._pattern):
            self._step()
        if len(self._groups) != 1:
            raise Unsupported(f"{self._pattern}: a parenthesis is not closed")
        self._out.append(")" * len(self._groups[0].reopened))
        return "".join(self._out)

    def _step(self) -> None:
        letter = self._pattern[self._at]
        handle = {"\\": self._escape, "[": self._class, "(": self._open, ")": self._close, "|": self._branch}.get(
            letter
        )
        if handle:
            handle()
            return
        repetition = _REPETITION.match(self._pattern, self._at)
        if repetition:
            self._out.append(repetition[0])
            self._at = repetition.end()
            return
        flags = self._groups[-1].flags
        special = {
            "^": "(?m:^)" if "m" in flags else r"\A",
            "$": "(?m:$)" if "m" in flags else r"\Z",
            ".": "(?s:.)" if "s" in flags else r"[^\n]",
        }
        self._out.append(special.get(letter) or re.escape(letter))
        self._at += 1

    def _branch(self) -> None:
        reopened = self._groups[-1].reopened
        self._out.append(")" * len(reopened) + "|" + "".join(reopened))
        self._at += 1

    def _open(self) -> None:
        flags = self._groups[-1].flags
        if found := _FLAGS.match(self._pattern, self._at):
            added, removed = set(found[1]), set(found[2] or "")
            fresh = frozenset((flags | added) - removed)
            start = ("(?i:" if "i" in fresh else "(?-i:") if ("i" in fresh) != ("i" in flags) else "(?:"
            self._out.append(start)
            self._at = found.end()
            if found[3] == ":":
                self._groups.append(_Group(fresh))
            else:  # from here to the end of the group, and in its further branches
                self._groups[-1].flags = fresh
                self._groups[-1].reopened.append(start)
            return
        if self._pattern.startswith("(?", self._at):
            named = _NAMED.match(self._pattern, self._at)
            if named is None:
                raise Unsupported(f"{self._pattern}: (? begins nothing that RE2 knows")
            self._out.append(f"(?P<{named[1]}>")
            self._at = named.end()
        else:
            self._out.append("(")
            self._at += 1
        self._groups.append(_Group(flags))

    def _close(self) -> None:
        if len(self._groups) == 1:
            raise Unsupported(f"{self._pattern}: a parenthesis closes nothing")
        self._out.append(")" * (len(self._groups.pop().reopened) + 1))
        self._at += 1

    def _escape(self) -> None:
        letter = self._pattern[self._at + 1]
        if letter == "Q":
            end = self._pattern.find(r"\E", self._at)
            if end < 0:
                raise Unsupported(f"{self._pattern}: \\Q is not closed")
            self._out.append(re.escape(self._pattern[self._at + 2 : end]))
            self._at = end + 2
            return
        if letter in _PERL:
            self._out.append(f"[{_PERL[letter]}]")
        elif letter in "bB":
            self._out.append(rf"(?a:\{letter})")
        elif letter in "Az":
            self._out.append(r"\A" if letter == "A" else r"\Z")
        else:
            self._out.append(re.escape(self._literal()))
            return
        self._at += 2

    def _literal(self) -> str:
        r"""The one character that an escape stands for: \n, \x41, \x{1F600}, \101, \."""
        if found := re.compile(r"\\x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]+)\})").match(self._pattern, self._at):
            letter = chr(int(found[1] or found[2], 16))
        elif found := re.compile(r"\\(0[0-7]{0,2}|[1-7][0-7]{1,2})").match(self._pattern, self._at):
            letter = chr(int(found[1], 8))
        elif found := re.compile(r"\\(.)", re.DOTALL).match(self._pattern, self._at):
            if found[1] not in _CONTROLS and found[1] not in string.punctuation:
                raise Unsupported(f"{self._pattern}: \\{found[1]} cannot be evaluated")
            letter = _CONTROLS.get(found[1], found[1])
        else:
            raise Unsupported(f"{self._pattern}: nothing follows the last \\")
        self._at = found.end()
        return letter

    def _class(self) -> None:
        self._at += 1
        negated = self._pattern.startswith("^", self._at)
        self._at += negated
        parts: list[str] = []
        first = True
        while first or self._pattern[self._at] != "]":
            first = False
            parts.append(self._class_part())
        self._at += 1
        self._out.append(f"[{'^' if negated else ''}{''.join(parts)}]")

    def _class_part(self) -> str:
        if found := re.compile(r"\[:(\^?)([a-z]+):\]").match(self._pattern, self._at):
            if found[1] or found[2] not in _POSIX:
                raise Unsupported(f"{self._pattern}: {found[0]} cannot be evaluated")
            self._at = found.end()
            return _POSIX[found[2]]
        if self._pattern[self._at] == "\\" and (letter := self._pattern[self._at + 1]) in _PERL:
            self._at += 2
            return _PERL[letter]
        low = self._class_letter()
        is_range = self._pattern[self._at] == "-" and self._pattern[self._at + 1] != "]"
        if not is_range:
            return re.escape(low)
        self._at += 1
        return f"{re.escape(low)}-{re.escape(self._class_letter())}"

    def _class_letter(self) -> str:
        if self._pattern[self._at] == "\\":
            return self._literal()
        self._at += 1
        return self._pattern[self._at - 1]
