"""YAML of other programs, which may have been written to do harm."""

import math
from typing import Any

import yaml

_LOADER = getattr(yaml, "CBaseLoader", yaml.BaseLoader)  # PyYAML without libyaml takes 30 times as long
_MOST_VALUES = 1_000_000


def load_texts(text: str) -> Any:
    """What stands there, as texts: what YAML 1.1 makes of `on`, `1:30` or `2026-01-01` is not what stands there.

    Raises ValueError where it is no YAML, or where aliases of aliases make it larger than anything that people write.
    """
    try:
        tree = yaml.load(text, Loader=_LOADER)  # noqa: S506  # a safe loader: it makes nothing but texts
        size = _count(tree, {})
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"it is no YAML: {error}") from None
    if size > _MOST_VALUES:
        raise ValueError("its aliases are nested too deeply")
    return tree


def _count(tree: Any, known: dict[int, float]) -> float:
    """How many values there are for one who follows each alias; infinitely many where one is within itself."""
    if not isinstance(tree, dict | list):
        return 1
    if id(tree) not in known:
        known[id(tree)] = math.inf
        children = tree.values() if isinstance(tree, dict) else tree
        known[id(tree)] = 1 + sum(_count(child, known) for child in children)
    return known[id(tree)]
