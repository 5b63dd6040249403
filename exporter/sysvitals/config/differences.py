"""What differs between two readings of the configuration."""

from typing import NamedTuple

from sysvitals.config.settings import Settings, list_leaves


class Differences(NamedTuple):
    """Keys of the settings that changed, and which of them take effect only at the next start."""

    changed: tuple[str, ...]
    needs_restart: tuple[str, ...]


def compare_settings(old: Settings, new: Settings) -> Differences:
    """What changed from `old` to `new`."""
    changed: list[str] = []
    needs_restart: list[str] = []
    for leaf in list_leaves(()):
        section, name = leaf.path
        if getattr(getattr(old, section), name) != getattr(getattr(new, section), name):
            changed.append(leaf.key)
            if leaf.setting.restart:
                needs_restart.append(leaf.key)
    before = {collector.name: collector for collector in old.collector}
    after = {collector.name: collector for collector in new.collector}
    changed += [f"collector.{name}" for name in {**before, **after} if before.get(name) != after.get(name)]
    return Differences(tuple(changed), tuple(needs_restart))
