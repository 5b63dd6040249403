"""YAML and flags into settings: every error at once, each with its place and what would be right."""

from collections.abc import Iterable, Mapping
from typing import Any

from sysvitals.config.errors import ConfigError
from sysvitals.config.found import Found
from sysvitals.config.host import check_paths
from sysvitals.config.settings import Settings, build_settings, list_leaves
from sysvitals.model.collector import Collector


def load_settings(
    collectors: Iterable[Collector], *, file: str | None = None, flags: Mapping[str, Any] | None = None
) -> Settings:
    """Settings from a YAML file, from flags (by their names, as given on the command line), and from defaults.

    A flag outweighs the file. Raises ConfigError with all problems, and with one where the file cannot be read. A path
    of the host's files that was given and is wrong is a problem too, or each sensor would seem to be missing.
    """
    collectors = tuple(collectors)
    leaves = {leaf.path: leaf for leaf in list_leaves(collectors)}
    found = Found()
    if file is not None:
        from sysvitals.config.yaml_file import load_file  # noqa: PLC0415  # YAML is 1.3 MiB, for those who use it

        load_file(file, leaves, found)
    by_flag = {leaf.flag: leaf for leaf in leaves.values()}
    for flag, given in (flags or {}).items():
        leaf = by_flag[flag]
        found.values.pop(leaf.path, None)
        for one in given if leaf.many else [given]:
            found.take(leaf, one, flag)
    settings = build_settings(found.values, collectors)
    given_paths = {path[1]: place for path, place in found.places.items() if path[0] == "path" and path in found.values}
    found.problems.extend(check_paths(settings.path, given_paths))
    if found.problems:
        raise ConfigError(found.problems)
    return settings
