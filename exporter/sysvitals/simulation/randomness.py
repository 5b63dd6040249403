"""Chance that is the same each time."""

from random import Random


def seeded(*parts: object) -> Random:
    """A stream of random numbers of its own for each such name; the same in all runs and Python versions."""
    return Random("/".join(map(str, parts)))  # noqa: S311 - it shall be foreseeable
