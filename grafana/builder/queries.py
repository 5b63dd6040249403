"""Selectors and queries: every selector follows the variables, and names only what is declared."""

import re
from dataclasses import dataclass
from itertools import chain

from grafana.builder.units import CATALOG
from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.judgement.rule import Record

RATE = "$__rate_interval"
OURS = 'job=~"sysvitals.*"'
"""The job's name that the rules expect: Prometheus's own series are there for every other target, too."""

HOST = 'job=~"$job", instance=~"$instance"'

RECORDED = frozenset(rule.name for subject in SUBJECTS for rule in subject.rules if isinstance(rule, Record))
PROMETHEUS_OWN = frozenset(
    {
        "up",
        "ALERTS",
        "ALERTS_FOR_STATE",
        "scrape_duration_seconds",
        "scrape_samples_scraped",
        "scrape_samples_post_metric_relabeling",
        "scrape_series_added",
    }
)
PROCESS_METRICS = frozenset(
    {
        "process_cpu_seconds_total",
        "process_max_fds",
        "process_open_fds",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
        "process_virtual_memory_bytes",
    }
)
KNOWN = frozenset(chain(CATALOG.families, RECORDED, PROMETHEUS_OWN, PROCESS_METRICS))


def select(metric: str, matchers: str = "", *, over: str = "") -> str:
    """A selector of the chosen hosts: `select("system_throttled", 'cause="undervoltage"', over="1h")`.

    Raises ValueError for a metric that nothing exposes and for matchers that cannot be.
    """
    if metric not in KNOWN:
        raise ValueError(f"{metric} is neither in the catalog nor recorded")
    if matchers and not re.fullmatch(r'(\w+(=|!=|=~|!~)"[^"]*"(, )?)+', matchers):
        raise ValueError(f'{metric}: matchers are written a="b", c=~"d", not {matchers!r}')
    inside = f"{HOST}, {matchers}" if matchers else HOST
    return f"{metric}{{{inside}}}" + (f"[{over}]" if over else "")


def rate(counter: str, matchers: str = "") -> str:
    """What a counter grows by in a second."""
    return f"rate({select(counter, matchers, over=RATE)})"


def increase(counter: str, matchers: str = "", *, over: str = RATE) -> str:
    """What a counter grew by."""
    return f"increase({select(counter, matchers, over=over)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How the series of one query are drawn where they differ from the rest of the panel."""

    colour: str = ""
    dashed: bool = False
    below: bool = False
    """Drawn below zero, as what is sent is below what is received."""
    fill: int | None = None
    width: int | None = None
    unit: str = ""
    unnamed: bool = False
    """Not in the legend, where its name would crowd out the others."""
    shades: bool = False
    """Shades of the colour, where several series share it."""
    right: bool = False
    """On an axis of its own on the right."""
    stacked: bool | None = None
    bars: bool = False
    """One bar for the time after each point, of which the value tells."""


@dataclass(frozen=True, slots=True)
class Query:
    """One query. Panels that show one moment (stat, gauge, table) make it instant by themselves.

    `legend` is Grafana's format: `{{instance}} {{device}}`.
    """

    expr: str
    legend: str = "{{instance}}"
    look: Look | None = None
