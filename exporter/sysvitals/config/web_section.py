"""Sections of the web configuration file: their keys, and values as text, each problem with its place."""

import re
from collections.abc import Collection, Mapping

import yaml

from sysvitals.config.values import parse_bool
from sysvitals.config.yaml_nodes import describe_place, is_empty, is_plain, kind, read_pairs

Nodes = Mapping[str, yaml.Node]

_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_LONGEST_DURATION = 40
_LONGEST_COUNT = 9


class Reader:
    """Reads sections of one file and gathers what is wrong with them, one line a problem."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[str] = []

    def note(self, node: yaml.Node, place: tuple[str, ...], text: str) -> None:
        """What is wrong at this place."""
        self.problems.append(f"{describe_place(self.file, node, *place)}: {text}")

    def section(self, node: yaml.Node | None, place: tuple[str, ...], known: Collection[str] = ()) -> Nodes:
        """The values by their keys, which are `known` ones, or any where none are. What is there twice is left out."""
        if node is None or is_empty(node):
            return {}
        hint = f"Valid here: {', '.join(known)}" if known else "Give one KEY: VALUE a line"
        if not isinstance(node, yaml.MappingNode):
            self.note(node, place, f"expected keys below it, found {kind(node)}. {hint}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, key_node, value, fault in read_pairs(node):
            here = (*place, key) if key else place
            if fault:
                self.note(key_node, here, fault)
                found.pop(key, None)
            elif known and key not in known:
                self.note(key_node, here, f"unknown key. {hint}")
            else:
                found[key] = value
        return found

    def text(self, found: Nodes, place: tuple[str, ...]) -> str:
        """The value of the last step of `place` as it is written, empty where there is none or it is wrong."""
        node = found.get(place[-1])
        return "" if node is None else self.scalar(node, place)

    def scalar(self, node: yaml.Node, place: tuple[str, ...]) -> str:
        """One value as text."""
        if is_empty(node):
            return ""
        if not isinstance(node, yaml.ScalarNode):
            self.note(node, place, f"expected text, found {kind(node)}")
            return ""
        if not is_plain(node):
            self.note(node, place, f"the tag {node.tag!r} is not supported: give plain text")
            return ""
        text: str = node.value
        return text

    def choice(self, found: Nodes, place: tuple[str, ...], choices: Collection[str], default: str) -> str:
        """One of these words."""
        text = self.text(found, place)
        if not text or text in choices:
            return text or default
        self.note(found[place[-1]], place, f"{shorten(text)} is not valid. Valid here: {', '.join(choices)}")
        return default

    def texts(self, found: Nodes, place: tuple[str, ...]) -> list[str] | None:
        """A list of texts, None where there is none. An empty one is a problem: it may mean all or nothing."""
        node = found.get(place[-1])
        if node is None or is_empty(node):
            return None
        if not isinstance(node, yaml.SequenceNode):
            self.note(node, place, f"expected a list, found {kind(node)}")
            return None
        texts = [self.scalar(item, place) for item in node.value]
        if not texts or "" in texts:
            self.note(node, place, "the list or an item of it is empty: leave it out, or fill it in")
        return [text for text in texts if text]

    def switch(self, found: Nodes, place: tuple[str, ...], *, default: bool) -> bool:
        """True or false."""
        text = self.text(found, place)
        try:
            return parse_bool(text) if text else default
        except ValueError as error:
            self.note(found[place[-1]], place, f"{shorten(text)} is not valid. Expected {error}")
            return default

    def count(self, found: Nodes, place: tuple[str, ...]) -> int:
        """A whole number, 0 where there is none."""
        text = self.text(found, place)
        if not text:
            return 0
        if text.isascii() and text.isdigit() and len(text) <= _LONGEST_COUNT:
            return int(text)
        self.note(found[place[-1]], place, f"{shorten(text)} is not a whole number from 0 to 999999999")
        return 0

    def duration(self, found: Nodes, place: tuple[str, ...]) -> float:
        """Seconds of a duration as Go writes it, such as `1m30s`; 0 where there is none.

        A bare number means nanoseconds there, and seconds to most people: only 0 goes without a unit.
        """
        text = self.text(found, place)
        if text in ("", "0"):
            return 0.0
        if len(text) <= _LONGEST_DURATION and not _PART.sub("", text):
            return sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
        self.note(found[place[-1]], place, f"{shorten(text)} is not a duration with a unit, such as 100ms, 1s or 1m30s")
        return 0.0


def shorten(text: str) -> str:
    """A value in a message."""
    most = 60
    return repr(text) if len(text) <= most else f"{text[:most]!r}…"
