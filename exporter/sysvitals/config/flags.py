"""The settings as flags of a command."""

import argparse
from collections.abc import Iterable, Mapping
from typing import Any

from sysvitals.config.load import load_settings
from sysvitals.config.settings import Settings, list_leaves
from sysvitals.model.collector import Collector


def add_flags(parser: argparse.ArgumentParser, collectors: Iterable[Collector]) -> None:
    """Let the command take a configuration file and a flag for each setting."""
    parser.add_argument("--config.file", dest="file", metavar="FILE", help="YAML file with the exporter's settings.")
    groups: dict[str, Any] = {}
    for leaf in list_leaves(collectors):
        title = ".".join(leaf.path[:-1])
        group = groups.get(title) or groups.setdefault(title, parser.add_argument_group(title))
        text = f"{leaf.setting.help} (default: {leaf.shown_default})".replace("%", "%%")
        if leaf.is_bool:
            group.add_argument(
                leaf.flag, dest=leaf.flag, action=argparse.BooleanOptionalAction, default=argparse.SUPPRESS, help=text
            )
        else:
            action = "append" if leaf.many else "store"
            kind = leaf.path[-1].rpartition("_")[2].upper()
            group.add_argument(
                leaf.flag, dest=leaf.flag, action=action, default=argparse.SUPPRESS, metavar=kind, help=text
            )


def settings_from(options: Mapping[str, Any], collectors: Iterable[Collector]) -> Settings:
    """Settings from the file and the flags that were given. Raises ConfigError."""
    flags = {name: value for name, value in options.items() if name.startswith("--")}
    return load_settings(collectors, file=options["file"], flags=flags)


def list_flags(collectors: Iterable[Collector]) -> list[str]:
    """All flags of settings."""
    leaves = list_leaves(collectors)
    return [leaf.flag for leaf in leaves] + [leaf.flag.replace("--", "--no-", 1) for leaf in leaves if leaf.is_bool]
