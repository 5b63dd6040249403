"""The configuration file: YAML along the settings."""

import difflib
from collections.abc import Mapping

import yaml

from sysvitals.config.found import Found
from sysvitals.config.settings import Leaf

_STANDARD = "tag:yaml.org,2002:"
_MERGE = f"{_STANDARD}merge"
_PLAIN = frozenset(_STANDARD + kind for kind in ("str", "bool", "int", "float", "timestamp", "value"))


def load_file(file: str, leaves: Mapping[tuple[str, ...], Leaf], found: Found) -> None:
    """Take what the file says. One problem where it cannot be read."""
    raw, problems = b"", found.problems
    try:
        with open(file, "rb") as stream:
            raw = stream.read()
        root = yaml.SafeLoader(raw.decode("utf-8-sig")).get_single_node()
        if root is not None and not _is_empty(root):
            _Tree(file, leaves, found).walk(root, ())
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problems.append(f"{file}:{line}: is not UTF-8 text: {error.reason}")
    except yaml.reader.ReaderError as error:
        line = raw.decode("utf-8-sig").count("\n", 0, error.position) + 1
        problems.append(f"{file}:{line}: is not YAML: the character U+{error.character:04X} is not allowed")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        said = ", ".join(part for part in (error.context, error.problem) if part)
        problems.append(f"{where}: is not YAML: {said}")
    except RecursionError:
        problems.append(f"{file}: is nested too deeply")


class _Tree:
    """Walks a YAML document along the settings."""

    def __init__(self, file: str, leaves: Mapping[tuple[str, ...], Leaf], found: Found) -> None:
        self._file = file
        self._leaves = leaves
        self._found = found
        self._problems = found.problems

    def walk(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        here = self._where(node, path)
        leaf = self._leaves.get(path)
        if leaf is not None:
            self._take(leaf, node, path)
            return
        known = sorted(
            {leaf[len(path)] for leaf in self._leaves if leaf[: len(path)] == path and len(leaf) > len(path)}
        )
        if _is_empty(node):
            return
        if not isinstance(node, yaml.MappingNode):
            self._problems.append(f"{here}: wants keys below it: {', '.join(known)}")
            return
        seen: dict[str, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self._problems.append(f"{self._where(key_node, path)}: {_kind(key_node)} is no key")
                continue
            key = key_node.value
            there = self._where(key_node, (*path, key))
            if key_node.tag == _MERGE:
                self._problems.append(f"{there}: keys are not merged; give an alias (*NAME) as the whole value")
            elif key in seen:
                self._problems.append(f"{there}: is there twice, first on line {seen[key]}")
            elif key not in known:
                self._problems.append(f"{there}: {_unknown(key, known)}")
            else:
                self.walk(value_node, (*path, key))
            seen.setdefault(key, key_node.start_mark.line + 1)

    def _take(self, leaf: Leaf, node: yaml.Node, path: tuple[str, ...]) -> None:
        """A value as it is written: what YAML 1.1 would make of `off`, `1:30` or `010` is not what people mean."""
        many = leaf.many and isinstance(node, yaml.SequenceNode) and node.value
        for item in node.value if many else [node]:
            here = self._where(item, path)
            if _is_empty(item) or item.value == []:
                self._problems.append(f"{here}: is empty; it wants {_wanted(leaf)}")
            elif not isinstance(item, yaml.ScalarNode):
                self._problems.append(f"{here}: {_kind(item)} will not do; it wants {_wanted(leaf)}")
            elif item.tag not in _PLAIN:
                self._problems.append(f"{here}: the tag {item.tag!r} is not taken; it wants {_wanted(leaf)}")
            else:
                self._found.take(leaf, item.value, here)

    def _where(self, node: yaml.Node, path: tuple[str, ...]) -> str:
        # the bare name in the file, and one line a problem
        steps = (step if step.isprintable() else repr(step) for step in path)
        return f"{self._file}:{node.start_mark.line + 1}: {'.'.join(steps)}".removesuffix(": ")


def _wanted(leaf: Leaf) -> str:
    try:
        leaf.setting.parse(None)  # no setting takes nothing
    except ValueError as error:
        return str(error)
    return "a value"


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"is no setting.{hint} Valid here: {', '.join(known)}"


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_STANDARD}null"


def _kind(node: yaml.Node) -> str:
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"
