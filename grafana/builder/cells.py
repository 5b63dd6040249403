"""Cells of tables: coloured only where a value is trouble, and a dash where it is not known."""

from grafana.builder.colours import CLEAR
from grafana.builder.hosts import NOBODY_KNOWS
from grafana.builder.judging import Json, Steps, value_mappings
from grafana.builder.panels import Column
from grafana.builder.units import COUNT

NO_COLOUR: Steps = ((None, CLEAR),)

_MISSING: list[Json] = value_mappings({}, missing=(NOBODY_KNOWS, CLEAR))


def measured(  # noqa: PLR0913  # what may differ is named where it is used
    place: str, title: str, width: int, *, unit: str = COUNT, decimals: int = 0, steps: Steps = NO_COLOUR
) -> Column:
    """The value of the query at this place."""
    return Column(
        name=f"Value #{place}",
        title=title,
        width=width,
        unit=unit,
        decimals=decimals,
        thresholds=steps,
        mappings=_MISSING,
        cell="color-background",
        align="center",
        missing=NOBODY_KNOWS,
    )


def stated(place: str, title: str, width: int, words: list[Json]) -> Column:
    """The state that the query at this place gives, in words."""
    return Column(
        name=f"Value #{place}",
        title=title,
        width=width,
        mappings=[*words, *_MISSING],
        cell="color-background",
        align="center",
        missing=NOBODY_KNOWS,
    )
