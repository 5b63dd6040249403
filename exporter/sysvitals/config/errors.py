"""What is wrong with a configuration."""

from collections.abc import Iterable


class ConfigError(Exception):
    """All that is wrong with a configuration: one problem a line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))
