"""Alertmanager's matchers: conditions on labels, as its configuration and its silences have them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sysvitals.doctor.re2 import compile_re2

_MATCHER = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^\s{}!=~,\\"\'`]+)\s*(=~|!=|!~|=)\s*(.*?)\s*', re.DOTALL)
_ESCAPE = re.compile(r'\\([\\"n])')

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition. A label that is not there is one that is empty."""

    name: str
    value: str
    is_regex: bool = False
    is_equal: bool = True

    def matches(self, labels: Labels) -> bool:
        """Whether these labels fulfil it. Raises Unsupported for a regular expression that cannot be evaluated."""
        value = labels.get(self.name, "")
        same = compile_re2(self.value).fullmatch(value) is not None if self.is_regex else value == self.value
        return same == self.is_equal

    def __str__(self) -> str:
        operator = ("=" if self.is_equal else "!") + ("~" if self.is_regex else "=" if not self.is_equal else "")
        return f'{self.name}{operator}"{self.value}"'


def matches_all(matchers: Iterable[Matcher], labels: Labels) -> bool:
    """Whether these labels fulfil all conditions. Raises Unsupported."""
    return all(matcher.matches(labels) for matcher in matchers)


def parse_matchers(text: str) -> list[Matcher]:
    """All conditions of a line such as `severity=critical` or `{team!="a,b", instance=~"pi.*"}`. Raises ValueError."""
    inner = text.strip().removeprefix("{").removesuffix("}")
    parts = [part for part in _split(inner) if part.strip()]
    return [_parse_matcher(part) for part in parts]


def parse_match(mapping: Labels, *, is_regex: bool) -> list[Matcher]:
    """The older form: `match` and `match_re`, a value for each label."""
    return [Matcher(name, value, is_regex) for name, value in mapping.items()]


def _split(text: str) -> list[str]:
    """At the commas outside of quotes."""
    parts, start, quoted, escaped = [], 0, False, False
    for at, letter in enumerate(text):
        if letter == '"' and not escaped:
            quoted = not quoted
        elif letter == "," and not quoted:
            parts.append(text[start:at])
            start = at + 1
        escaped = letter == "\\" and not escaped
    return [*parts, text[start:]]


def _parse_matcher(text: str) -> Matcher:
    found = _MATCHER.fullmatch(text)
    if found is None:
        raise ValueError(f"{text.strip()!r} is no matcher")
    name, operator, value = _unquote(found[1]), found[2], _unquote(found[3])
    return Matcher(name, value, is_regex="~" in operator, is_equal="!" not in operator)


def _unquote(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        text = text[1:-1]
    return _ESCAPE.sub(lambda found: "\n" if found[1] == "n" else found[1], text)
