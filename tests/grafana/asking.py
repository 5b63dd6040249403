"""Asks Prometheus what the dashboards would ask: their queries with everything filled in as Grafana does it."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.grafana.evaluation import parse_duration
from tests.grafana.server import Server

DASHBOARDS = tuple(sorted((Path(__file__).parents[2] / "grafana" / "dashboards").glob("*.json")))

ALL = "$__all"
WIDTH_PIXELS = 1920
_COLUMNS = 24
_ANNOTATION_SECONDS = 60.0
_MOST_POINTS = 11_000
_STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_VARIABLE = re.compile(r"\$\{(\w+)(?::(\w+))?\}|\[\[(\w+)(?::(\w+))?\]\]|\$(\w+)")
_LABEL_VALUES = re.compile(r"label_values\((?:(.+),)?\s*(\w+)\s*\)", re.DOTALL)
_SPECIAL = re.compile(r"[\\^$*+?.()|{}\[\]'\"]")

Json = dict[str, Any]
Chosen = Mapping[str, Sequence[str]]
"""The values that are chosen for each variable; `[ALL]` is All."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One query of a dashboard. `range_seconds` is how far it looks back, `points` how many fit into its panel.

    `keeps_range`: whatever range the dashboard is set to. `least_seconds` is the smallest step that it wants. `legend`
    is how its series are called. `is_visible` tells whether it is asked when the dashboard opens: not those in a row
    that is folded.
    """

    dashboard: str
    place: str
    query: str
    legend: str
    is_instant: bool
    range_seconds: float
    keeps_range: bool = False
    points: int
    least_seconds: float
    is_visible: bool

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.place}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Somebody who looks at a dashboard at a moment (`end`, in Unix seconds).

    `scrape_seconds` is what the data source is told of how often is scraped.
    """

    server: Server
    variables: Sequence[Json]
    chosen: Chosen
    end: float
    scrape_seconds: float

    def ask(self, question: Question, range_seconds: float | None = None) -> list[Json]:
        """The series that answer the question. Raises RuntimeError in Prometheus's words.

        `range_seconds`: look back so far instead of as far as the dashboard does by itself.
        """
        look_back = question.range_seconds
        if range_seconds is not None and not question.keeps_range:
            look_back = range_seconds
        scrape = max(self.scrape_seconds, question.least_seconds)
        step = find_step(look_back, question.points, scrape)
        builtin = {
            "__interval": _seconds(step),
            "__interval_ms": f"{step * 1000:.0f}",
            "__rate_interval": _seconds(max(step + scrape, 4 * scrape)),
            "__range": _seconds(look_back),
            "__range_s": f"{look_back:.0f}",
            "__range_ms": f"{look_back * 1000:.0f}",
        }
        query = fill_in(question.query, self.chosen, self.variables, builtin)
        if question.is_instant:
            return list(self.server.ask("query", query=query, time=self.end)["result"])
        end, start = (moment // step * step for moment in (self.end, self.end - look_back))
        return list(self.server.ask("query_range", query=query, start=start, end=end, step=step)["result"])


def open_dashboard(
    server: Server, path: Path, *, end: float, scrape_seconds: float, instances: Sequence[str] = ()
) -> Viewer:
    """Look at a dashboard as widely as it can be: All where there is one, otherwise all values; `instances` if given.

    Raises AssertionError where a variable finds nothing to choose from.
    """
    variables = read_variables(path)
    chosen: dict[str, list[str]] = {}
    for variable in variables:
        values = list_values(server, variable, chosen, variables, end=end)
        assert values, f"{path.name}: nothing to choose from for ${variable['name']}"
        if variable["name"] == "instance" and instances:
            chosen["instance"] = list(instances)
        elif variable.get("includeAll") and variable.get("allValue"):
            chosen[variable["name"]] = [ALL]
        elif variable.get("multi"):
            chosen[variable["name"]] = values
        else:
            current = variable.get("current", {}).get("value")
            chosen[variable["name"]] = [current if current in values else values[0]]
    return Viewer(server=server, variables=variables, chosen=chosen, end=end, scrape_seconds=scrape_seconds)


def read_questions(path: Path) -> list[Question]:
    """All queries of a dashboard but those of its variables: of panels, folded ones too, and of annotations."""
    dashboard = json.loads(path.read_text(encoding="utf-8"))
    look_back = parse_duration(dashboard["time"]["from"].removeprefix("now-"))
    questions = [
        Question(
            dashboard=path.name,
            place=f"annotation {annotation['name']}",
            query=annotation["expr"],
            legend=f"{annotation.get('titleFormat', '')} {annotation.get('textFormat', '')}",
            is_instant=False,
            range_seconds=look_back,
            points=WIDTH_PIXELS,
            least_seconds=_ANNOTATION_SECONDS,
            is_visible=bool(annotation.get("enable")),
        )
        for annotation in dashboard["annotations"]["list"]
        if "expr" in annotation
    ]
    for panel, is_visible in _panels(dashboard["panels"]):
        questions += _questions_of(panel, path.name, look_back, is_visible=is_visible)
    return questions


def read_variables(path: Path) -> list[Json]:
    """The dashboard's variables but for the one that chooses the data source."""
    listed = json.loads(path.read_text(encoding="utf-8"))["templating"]["list"]
    return [variable for variable in listed if variable["type"] != "datasource"]


def list_values(server: Server, variable: Json, chosen: Chosen, variables: Sequence[Json], *, end: float) -> list[str]:
    """The values that a variable offers."""
    query = variable["query"]
    text = query["query"] if isinstance(query, dict) else query
    if variable["type"] != "query":
        return [part.strip() for part in text.split(",")]
    match = _LABEL_VALUES.fullmatch(fill_in(text, chosen, variables))
    assert match is not None, f"{text}: only label_values is known here"
    selector, label = match[1], match[2]
    look = {"start": end - 3600, "end": end, **({"match[]": selector.strip()} if selector else {})}
    return [str(value) for value in server.get(f"label/{label}/values", **look)]


def fill_in(text: str, chosen: Chosen, variables: Sequence[Json], builtin: Mapping[str, str] | None = None) -> str:
    """The text with each variable's value in its place, as Grafana writes it into PromQL. Raises KeyError."""
    known = {variable["name"]: variable for variable in variables}

    def replace(match: re.Match[str]) -> str:
        name = next(filter(None, (match[1], match[3], match[5])))
        if name.isdigit():  # what label_replace found
            return match[0]
        if builtin is not None and name in builtin:
            return builtin[name]
        values, variable = chosen[name], known[name]
        if list(values) == [ALL]:
            return str(variable["allValue"])
        if not variable.get("multi") and not variable.get("includeAll"):
            return values[0]
        escaped = [_SPECIAL.sub(lambda special: f"\\\\{special[0]}", value) for value in values]
        return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"

    return _VARIABLE.sub(replace, text)


def find_step(range_seconds: float, points: int, least_seconds: float) -> float:
    """Seconds from point to point."""
    wanted = max(range_seconds / points, least_seconds, range_seconds / _MOST_POINTS)
    return float(next((step for step in _STEPS if step >= wanted), wanted))


def _seconds(seconds: float) -> str:
    return f"{seconds:.0f}s"


def _panels(panels: Sequence[Json]) -> Iterator[tuple[Json, bool]]:
    """Each panel that asks something, and whether it is unfolded."""
    for panel in panels:
        if panel["type"] == "row":
            yield from ((hidden, not panel["collapsed"]) for hidden in panel["panels"])
        elif panel.get("targets"):
            yield panel, True


def _questions_of(panel: Json, dashboard: str, look_back: float, *, is_visible: bool) -> Iterator[Question]:
    least = panel.get("interval") or ""
    for target in panel.get("targets", ()):
        own_least = target.get("interval") or least
        for is_instant in _kinds(target):
            yield Question(
                dashboard=dashboard,
                place=f"{panel['title']} [{target['refId']}]",
                query=target["expr"],
                # a table has heads, and no legend
                legend="" if target.get("format") == "table" else target.get("legendFormat", ""),
                is_instant=is_instant,
                range_seconds=parse_duration(panel["timeFrom"]) if panel.get("timeFrom") else look_back,
                keeps_range=bool(panel.get("timeFrom")),
                points=panel.get("maxDataPoints") or WIDTH_PIXELS * panel["gridPos"]["w"] // _COLUMNS,
                least_seconds=parse_duration(own_least) if own_least else 0.0,
                is_visible=is_visible,
            )


def _kinds(target: Json) -> tuple[bool, ...]:
    if target.get("instant"):
        return (True, False) if target.get("range") else (True,)
    return (False,)
