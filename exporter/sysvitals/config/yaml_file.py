"""The configuration file: YAML along the settings."""

import difflib
from collections.abc import Mapping

import yaml

from sysvitals.config.errors import ConfigError
from sysvitals.config.found import Found
from sysvitals.config.settings import Leaf
from sysvitals.config.yaml_nodes import describe_place, is_empty, is_plain, kind, read_any, read_pairs, read_yaml


def load_file(file: str, leaves: Mapping[tuple[str, ...], Leaf], found: Found) -> None:
    """Take what the file says. One problem where it cannot be read."""
    try:
        root = read_yaml(file, read_any)
    except ConfigError as error:
        found.problems += error.problems
        return
    if root is None:
        return
    try:
        _Tree(file, leaves, found).walk(root, ())
    except RecursionError:  # an alias in a circle
        found.problems.append(f"{file}: is nested too deeply")


class _Tree:
    """Walks a YAML document along the settings."""

    def __init__(self, file: str, leaves: Mapping[tuple[str, ...], Leaf], found: Found) -> None:
        self._file = file
        self._leaves = leaves
        self._found = found
        self._problems = found.problems

    def walk(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        here = describe_place(self._file, node, *path)
        leaf = self._leaves.get(path)
        if leaf is not None:
            self._take(leaf, node, path)
            return
        known = sorted(
            {leaf[len(path)] for leaf in self._leaves if leaf[: len(path)] == path and len(leaf) > len(path)}
        )
        if is_empty(node):
            return
        if not isinstance(node, yaml.MappingNode):
            self._problems.append(f"{here}: expected keys below it: {', '.join(known)}")
            return
        for key, key_node, value, fault in read_pairs(node):
            if not fault and key in known:
                self.walk(value, (*path, key))
            else:
                there = describe_place(self._file, key_node, *path, *([key] if key else []))
                self._problems.append(f"{there}: {fault or _unknown(key, known)}")

    def _take(self, leaf: Leaf, node: yaml.Node, path: tuple[str, ...]) -> None:
        many = leaf.many and isinstance(node, yaml.SequenceNode) and node.value
        for item in node.value if many else [node]:
            here = describe_place(self._file, item, *path)
            if is_empty(item) or item.value == []:
                self._problems.append(f"{here}: is empty: expected {_wanted(leaf)}")
            elif not isinstance(item, yaml.ScalarNode):
                self._problems.append(f"{here}: {kind(item)} is not valid: expected {_wanted(leaf)}")
            elif not is_plain(item):
                self._problems.append(f"{here}: the tag {item.tag!r} is not supported: expected {_wanted(leaf)}")
            else:
                self._found.take(leaf, item.value, here)


def _wanted(leaf: Leaf) -> str:
    try:
        leaf.setting.parse(None)  # no setting takes nothing
    except ValueError as error:
        return str(error)
    return "a value"


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"unknown key.{hint} Valid here: {', '.join(known)}"
