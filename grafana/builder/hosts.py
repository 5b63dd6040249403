"""Many hosts at once: which there are, one value for each, and the few that a chart has room for."""

from grafana.builder.colours import GOOD, PLAIN
from grafana.builder.judging import Json, Steps
from grafana.builder.panels import override
from grafana.builder.queries import select

CHARTED = 10
"""Series that a chart shows at most: more cannot be told apart, and a fleet has hundreds."""

NOBODY_KNOWS = "—"
"""What a table's cell says where there is no value."""

OURS = 'job=~"sysvitals.*"'
"""The job's name that the rules expect: Prometheus's own series are there for every other target, too."""

UP = select("up", OURS)
SEEN = f"({select('instance:up:max1d')} or {UP})"
"""One series for each host that was asked within a day, whether it still is or not."""

GONE = f"({SEEN} unless on (instance) {UP})"
"""Those that are no longer among the targets; one that only changed its job is not gone."""


def per_host(expr: str) -> str:
    """One value for each host, without labels that would keep a table's rows apart."""
    return f"max by (job, instance) ({expr})"


def over_range(function: str, expr: str) -> str:
    """One value for each series from the whole time range: `over_range("max_over_time", "x")`.

    It looks as often as the chart has points. All samples that hundreds of hosts have in a month would take long, and
    be more than Prometheus allows.
    """
    return f"{function}({expr}[$__range:$__interval] @ end())"


def of_top(expr: str, rank: str, *, by: str = "job, instance", least: bool = False) -> str:
    """The series of `expr` that rank highest, or lowest where the least is the worst.

    `rank` has to be the same at every step, as `over_range` is: so the choice is made once, where a plain topk() would
    make another for each step and end up with many series.
    """
    return f"{expr}\nand on ({by})\n{'bottomk' if least else 'topk'}({CHARTED}, max by ({by}) ({rank}))"


def quiet(steps: Steps) -> Steps:
    """The same, but good is no news: a table full of green would hide its red."""
    return tuple((value, PLAIN if colour == GOOD else colour) for value, colour in steps)


def linked(*links: Json) -> Json:
    """Where a click on a value leads."""
    return override("byType", "number", links=list(links))
