"""YAML and flags into settings: every error at once, each with its place and what would be right."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import yaml

from sysvitals.config.settings import Leaf, Settings, build_settings, list_leaves
from sysvitals.model.collector import Collector


class ConfigError(Exception):
    """All that is wrong with a configuration: one problem a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


def load_settings(
    collectors: Iterable[Collector], *, file: str | None = None, flags: Mapping[str, Any] | None = None
) -> Settings:
    """Settings from a YAML file, from flags (by their names, as given on the command line), and from defaults.

    A flag outweighs the file. Raises ConfigError with all problems, and with one where the file cannot be read.
    """
    collectors = tuple(collectors)
    leaves = {leaf.path: leaf for leaf in list_leaves(collectors)}
    problems: list[str] = []
    values: dict[tuple[str, ...], Any] = {}
    if file is not None:
        _load_file(file, leaves, values, problems)
    by_flag = {leaf.flag: leaf for leaf in leaves.values()}
    for flag, given in (flags or {}).items():
        _parse(by_flag[flag], given, flag, values, problems)
    if problems:
        raise ConfigError(problems)
    return build_settings(values, collectors)


def _load_file(
    file: str, leaves: Mapping[tuple[str, ...], Leaf], values: dict[tuple[str, ...], Any], problems: list[str]
) -> None:
    try:
        with open(file, encoding="utf-8") as stream:
            loader = yaml.SafeLoader(stream)
            root = loader.get_single_node()
            if root is not None and not _is_empty(root):
                tree = _Tree(file, leaves, loader.construct_object, values, problems)
                tree.walk(root, ())
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        problems.append(f"{file}: is not UTF-8 text: {error.reason} at byte {error.start}")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        problems.append(f"{where}: is not YAML: {error.problem}")
    except yaml.YAMLError as error:
        problems.append(f"{file}: is not YAML: {error}")


class _Tree:
    """Walks a YAML document along the settings."""

    def __init__(
        self,
        file: str,
        leaves: Mapping[tuple[str, ...], Leaf],
        construct: Callable[..., Any],
        values: dict[tuple[str, ...], Any],
        problems: list[str],
    ) -> None:
        self._file = file
        self._leaves = leaves
        self._construct = construct
        self._values = values
        self._problems = problems

    def walk(self, node: yaml.Node, path: tuple[str, ...]) -> None:
        here = self._where(node, path)
        leaf = self._leaves.get(path)
        if leaf is not None:
            _parse(leaf, self._construct(node, deep=True), here, self._values, self._problems)
            return
        known = sorted(
            {leaf[len(path)] for leaf in self._leaves if leaf[: len(path)] == path and len(leaf) > len(path)}
        )
        if _is_empty(node):
            return
        if not isinstance(node, yaml.MappingNode):
            self._problems.append(f"{here}: wants keys below it: {', '.join(known)}")
            return
        seen: set[str] = set()
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in seen:
                self._problems.append(f"{self._where(key_node, (*path, key))}: is there twice")
            elif key not in known:
                self._problems.append(f"{self._where(key_node, (*path, key))}: {_unknown(key, known)}")
            else:
                self.walk(value_node, (*path, key))
            seen.add(key)

    def _where(self, node: yaml.Node, path: tuple[str, ...]) -> str:
        return f"{self._file}:{node.start_mark.line + 1}: {'.'.join(path)}".removesuffix(": ")


def _parse(leaf: Leaf, given: Any, where: str, values: dict[tuple[str, ...], Any], problems: list[str]) -> None:
    try:
        values[leaf.path] = leaf.setting.parse(given)
    except ValueError as error:
        problems.append(f"{where}: {given!r} will not do; it wants {error}")


def _unknown(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"is no setting.{hint} Valid here: {', '.join(known)}"


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null"
