"""Many hosts at once: which there are, one value for each, and the few that a chart has room for."""

from grafana.builder.colours import CLEAR, CRITICAL, UNKNOWN
from grafana.builder.judging import Json, value_mappings
from grafana.builder.panels import override
from grafana.builder.queries import OURS, select

CHARTED = 10
"""Series that a chart shows at most: more cannot be told apart, and a fleet has hundreds."""

NOBODY_KNOWS = "—"
"""What a table's cell says where there is no value."""

UP = select("up", OURS)
SEEN = f"({select('instance:up:max1d')} or {UP})"
"""One series for each host that was asked within a day, whether it still is or not."""


def _may_sleep(metric: str, *, sleeps: bool) -> str:
    matcher = f'sleeps{"=" if sleeps else "!="}"true"'
    return select(metric, f"{OURS}, {matcher}" if metric == "up" else matcher)


def _dropped(*, sleeps: bool) -> str:
    """Hosts that were asked within a day and are no longer targets; one that only changed its job still is."""
    return f"({_may_sleep('instance:up:max1d', sleeps=sleeps)} unless on (instance) {UP})"


DOWN = f"{_may_sleep('up', sleeps=False)} == 0"
DROPPED = _dropped(sleeps=False)
SILENT = f"({DOWN} or {DROPPED})"
ASLEEP = f"({_may_sleep('up', sleeps=True)} == 0 or {_dropped(sleeps=True)})"
"""Hosts that do not answer or are no longer targets: *no answer*, or *asleep* where they may sleep."""

NO_ANSWER, SLEEPS, NOT_MEASURED = -1000, -1001, -2000
"""What stands for a value in a tile of a host that does not answer, that is asleep, or that does not measure it."""

WITHOUT_VALUE = value_mappings(
    {
        NO_ANSWER: ("no answer", CRITICAL),
        SLEEPS: ("asleep", UNKNOWN),
        NOT_MEASURED: ("not measured", CLEAR),
    }
)
"""Words for these: mappings of a panel whose queries are `for_tile`."""


def answered(expr: str) -> str:
    """The values of hosts that answer: what rules recorded of one would be shown for five minutes more."""
    return f"{per_host(expr)}\nand on (job, instance) {UP} == 1"


def for_tile(expr: str) -> str:
    """One value for each host that is chosen: its value, or why there is none."""
    return f"""{answered(expr)}
or {per_host(SILENT)} * 0 - {-NO_ANSWER}
or {per_host(ASLEEP)} * 0 - {-SLEEPS}
or {per_host(UP)} * 0 - {-NOT_MEASURED}"""


def total(expr: str) -> str:
    """A sum over hosts for a tile. Of hosts that are all silent or asleep, 0 says nothing: the tile says that."""
    answers = f"count({UP} == 1)"
    return f"""({expr}) > 0
or (count({SILENT}) * 0 - {-NO_ANSWER} unless on () {answers})
or (count({ASLEEP}) * 0 - {-SLEEPS} unless on () {answers})
or ({expr})"""


def per_host(expr: str) -> str:
    """One value for each host, without labels that would keep a table's rows apart."""
    return f"max by (job, instance) ({expr})"


def over_range(function: str, expr: str) -> str:
    """One value for each series from the whole time range: `over_range("max_over_time", "x")`.

    It looks as often as the chart has points. All samples that hundreds of hosts have in a month would take long, and
    be more than Prometheus allows.
    """
    return f"{function}(({expr})[$__range:$__interval] @ end())"


def of_top(expr: str, rank: str, *, by: str = "job, instance", least: bool = False, charted: int = CHARTED) -> str:
    """The series of `expr` that rank highest, or lowest where the least is the worst.

    `rank` has to be the same at every step, as `over_range` is: so the choice is made once, where a plain topk() would
    make another for each step and end up with many series.
    """
    return f"{expr}\nand on ({by})\n{'bottomk' if least else 'topk'}({charted}, max by ({by}) ({rank}))"


def linked(*links: Json) -> Json:
    """Where a click on a value leads."""
    return override("byType", "number", links=list(links))
