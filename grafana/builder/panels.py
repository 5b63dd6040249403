"""Panels as Grafana's classic schema has them, without their place: `layout` gives that."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana.builder.judging import NEUTRAL, Json, Steps
from grafana.builder.queries import Look, Query
from grafana.builder.units import NONE
from sysvitals.judgement.links import PROJECT_URL

DOCS = f"{PROJECT_URL}/blob/main/"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What every panel tells: its question, what the answer means, where to read on, and what it says of nothing.

    `docs` is a file of this repository with an anchor: `exporter/POWER.md#undervoltage`. `missing` stands in the panel
    where there is no data: what absence means. `thresholds` are always given; `NEUTRAL` is one of them.
    """

    title: str
    description: str
    docs: str
    missing: str
    unit: str = NONE
    thresholds: Steps = NEUTRAL
    decimals: int | None = None
    minimum: float | None = None
    maximum: float | None = None
    mappings: Sequence[Json] = ()
    overrides: Sequence[Json] = ()
    links: Sequence[Json] = ()
    """In the panel's head."""
    value_links: Sequence[Json] = ()
    """Behind each value: no room in the head is lost."""
    interval: str = ""
    """The smallest step between points, such as 1m; empty is as the data source says."""
    time_from: str = ""
    """A time of its own instead of the dashboard's, such as 30d."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """How one column of a table is shown. `name` is what Grafana calls it: a label, or `Value #A`."""

    name: str
    title: str = ""
    unit: str = ""
    width: int | None = None
    min_width: int | None = None
    """Of a column without a fixed width, which shares what the others leave: on a phone that is nothing."""
    thresholds: Steps | None = None
    mappings: Sequence[Json] = ()
    cell: str = ""
    """auto, color-text, color-background or gauge."""
    minimum: float | None = None
    maximum: float | None = None
    decimals: int | None = None
    links: Sequence[Json] = ()
    align: str = ""
    missing: str = "-"
    """What stands in a row that has no value here."""
    wrapped: bool = False
    """A text that is too long for its column goes on in the next line."""
    hidden: bool = False
    """Not shown, but there for links of other columns."""


def time_series(  # noqa: PLR0913  # what may differ is named where it is used
    about: About,
    *queries: Query,
    calcs: Sequence[str] = (),
    stacked: bool = False,
    fill: int = 8,
    line: int = 1,
    thresholds_drawn: bool = False,
    steps_drawn: bool = False,
    at_least: float | None = None,
) -> Json:
    """Values over time. With `calcs` (lastNotNull, max, mean, min) the legend is a table of them.

    `thresholds_drawn` draws the thresholds as dashed lines, `steps_drawn` draws stairs for values that jump. The axis
    reaches `at_least` so far up, and to drawn thresholds, whatever the values.
    """
    custom: Json = {
        "axisBorderShow": False,
        "axisColorMode": "text",
        "axisPlacement": "auto",
        "drawStyle": "line",
        "fillOpacity": 35 if stacked else fill,
        "gradientMode": "none",
        "lineInterpolation": "stepAfter" if steps_drawn else "linear",
        "lineWidth": 0 if stacked else line,
        "pointSize": 4,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
        "thresholdsStyle": {"mode": "dashed" if thresholds_drawn else "off"},
    }
    drawn = [value for value, _ in about.thresholds if value is not None] if thresholds_drawn else []
    reached = drawn if at_least is None else [*drawn, at_least]
    if drawn and about.minimum is None:
        custom["axisSoftMin"] = min(drawn)
    if reached and about.maximum is None:
        custom["axisSoftMax"] = max(reached)
    options = {
        "legend": _legend(calcs),
        "tooltip": {"mode": "multi", "sort": "none" if stacked else "desc"},
    }
    colour = {"mode": "palette-classic"}
    return _panel("timeseries", about, queries, options=options, custom=custom, colour=colour)


def stat(about: About, *queries: Query, coloured: str = "value", text: str = "auto") -> Json:
    """One large value for each series, as of the end of the time range.

    `coloured` is value, background, background_solid or none; `text` is auto, value, value_and_name or name.
    """
    options = {
        "colorMode": coloured,
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showPercentChange": False,
        "textMode": text,
        "wideLayout": True,
    }
    return _panel("stat", about, queries, options=options, colour={"mode": "thresholds"}, instant=True)


def tiles(about: About, *queries: Query, named: bool = True, size: int = 30, below: bool = False) -> Json:
    """Large values side by side on plain colour, each with its name unless a title of the panel is enough.

    With `below` they stand one below the other. `size` is the values' height in pixels. A value that is good is faint,
    one that is not known has no colour.
    """
    panel = stat(about, *queries, coloured="background_solid", text="value_and_name" if named else "value")
    panel["options"] |= {
        "justifyMode": "center",
        "orientation": "horizontal" if below else "vertical",
        "text": {"titleSize": 13, "valueSize": size},
    }
    return panel


def bars(about: About, query: Query) -> Json:
    """A bar for each series, as long as its value, in the order of the query."""
    options = {
        "displayMode": "basic",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 26,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "auto",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "sizing": "auto",
        "text": {"titleSize": 12, "valueSize": 14},
        "valueMode": "color",
    }
    return _panel("bargauge", about, (query,), options=options, colour={"mode": "thresholds"}, instant=True)


def table(  # noqa: PLR0913  # what may differ is named where it is used
    about: About,
    *queries: Query,
    columns: Sequence[Column],
    sort: tuple[str, bool] | None = None,
    calculated: Sequence[Json] = (),
    frozen: int = 0,
    listed: bool = False,
) -> Json:
    """One row for each set of labels; the values of several queries stand side by side.

    `listed` makes it a list of what happened: a row for each point in time, with a column `Time`.

    Only `columns` are shown, in their order. `sort` is a column's title and whether the largest comes first.
    Queries must keep the same labels (`max by (job, instance) (…)`) to be merged.
    `calculated` are transformations between the merging and the choice of columns.
    """
    shown = [column.name for column in columns]
    transformations: list[Json] = []
    if len(queries) > 1:
        transformations.append({"id": "merge", "options": {}})
    transformations += calculated
    transformations += [
        {"id": "filterFieldsByName", "options": {"include": {"names": shown}}},
        {
            "id": "organize",
            "options": {
                "excludeByName": {},
                "indexByName": {name: place for place, name in enumerate(shown)},
                "renameByName": {column.name: column.title for column in columns if column.title},
            },
        },
    ]
    options: Json = {"cellHeight": "sm", "enablePagination": False, "showHeader": True}
    if frozen:
        options["frozenColumns"] = {"left": frozen}
    if sort is not None:
        options["sortBy"] = [{"desc": sort[1], "displayName": sort[0]}]
    panel = _panel(
        "table",
        about,
        queries,
        options=options,
        custom={"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "minWidth": 100},
        colour={"mode": "thresholds"},
        instant=not listed,
        table=True,
        more_overrides=[_column_override(column) for column in columns],
    )
    panel["transformations"] = transformations
    return panel


def state_timeline(about: About, *queries: Query, worded: bool = False) -> Json:
    """States over time, one line for each series; equal neighbours are one bar.

    `worded` writes its word into each bar that has room for it, and needs no legend.
    """
    options = {
        "alignValue": "left",
        "legend": {**_legend(()), "showLegend": not worded},
        "mergeValues": True,
        "rowHeight": 0.8,
        "showValue": "auto" if worded else "never",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel("state-timeline", about, queries, options=options, custom=_CELLS, colour={"mode": "thresholds"})


def status_history(about: About, *queries: Query) -> Json:
    """One cell with its value for each step of time: give an `interval` and a `time_from`, and it is a calendar."""
    options = {
        "colWidth": 0.9,
        "legend": _legend(()),
        "rowHeight": 0.9,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel("status-history", about, queries, options=options, custom=_CELLS, colour={"mode": "thresholds"})


_CELLS = {"fillOpacity": 85, "lineWidth": 0}


def _panel(  # noqa: PLR0913  # what may differ is named where it is used
    kind: str,
    about: About,
    queries: Sequence[Query],
    *,
    options: Json,
    colour: Json,
    custom: Json | None = None,
    instant: bool = False,
    table: bool = False,
    more_overrides: Sequence[Json] = (),
) -> Json:
    targets = [_target(query, chr(ord("A") + i), instant=instant, table=table) for i, query in enumerate(queries)]
    looks = [_look_override(chr(ord("A") + i), query.look) for i, query in enumerate(queries) if query.look]
    defaults: Json = {"color": colour}
    if custom is not None:
        defaults["custom"] = custom
    for key, value in (("decimals", about.decimals), ("min", about.minimum), ("max", about.maximum)):
        if value is not None:
            defaults[key] = value
    if about.value_links:
        defaults["links"] = list(about.value_links)
    defaults["mappings"] = list(about.mappings)
    defaults["noValue"] = about.missing
    defaults["thresholds"] = thresholds_of(about.thresholds)
    defaults["unit"] = about.unit
    panel: Json = {
        "type": kind,
        "title": about.title,
        "description": f"{about.description}\n\n[Read more]({DOCS}{about.docs})",
        "datasource": DATASOURCE,
        "fieldConfig": {"defaults": defaults, "overrides": [*looks, *more_overrides, *about.overrides]},
        "options": options,
        "targets": targets,
    }
    if about.links:
        panel["links"] = list(about.links)
    if about.interval:
        panel["interval"] = about.interval
    if about.time_from:
        panel["timeFrom"] = about.time_from
    return panel


def _target(query: Query, ref: str, *, instant: bool, table: bool) -> Json:
    return {
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "format": "table" if table else "time_series",
        "instant": instant,
        "legendFormat": "" if table else query.legend,
        "range": not instant,
        "refId": ref,
    }


def thresholds_of(steps: Steps) -> Json:
    """Threshold steps as Grafana has them."""
    return {"mode": "absolute", "steps": [{"color": colour, "value": value} for value, colour in steps]}


def _legend(calcs: Sequence[str]) -> Json:
    return {
        "calcs": list(calcs),
        "displayMode": "table" if calcs else "list",
        "placement": "bottom",
        "showLegend": True,
    }


def override(matcher: str, options: Any, **properties: Any) -> Json:
    """An exception for some fields: `override("byName", "limit", unit="celsius")`; `custom_x` becomes `custom.x`."""
    return {
        "matcher": {"id": matcher, "options": options},
        "properties": [{"id": _property(name), "value": value} for name, value in properties.items()],
    }


def painted(name: str, colour: str, **properties: Any) -> Json:
    """Series of this name, or of names like this pattern between slashes, in this colour."""
    return override(
        "byRegexp" if name.startswith("/") else "byName",
        name,
        color={"fixedColor": colour, "mode": "fixed"},
        **properties,
    )


def _property(name: str) -> str:
    return f"custom.{name.removeprefix('custom_')}" if name.startswith("custom_") else name


def _look_override(ref: str, look: Look) -> Json:
    stacking = {"group": "A", "mode": "normal" if look.stacked else "none"}
    properties: Json = {
        "color": {"fixedColor": look.colour, "mode": "shades" if look.shades else "fixed"} if look.colour else None,
        "custom_lineStyle": {"dash": [6, 6], "fill": "dash"} if look.dashed else None,
        "custom_fillOpacity": 0 if look.dashed else look.fill,
        "custom_lineWidth": 1 if look.bars else look.width,
        "custom_transform": "negative-Y" if look.below else None,
        "custom_drawStyle": "bars" if look.bars else None,
        "custom_barAlignment": 1 if look.bars else None,
        "custom_barMaxWidth": 40 if look.bars else None,
        "custom_stacking": stacking if look.stacked is not None else None,
        "custom_hideFrom": {"legend": True, "tooltip": False, "viz": False} if look.unnamed else None,
        "custom_axisPlacement": "right" if look.right else None,
        "unit": look.unit or None,
    }
    return override("byFrameRefID", ref, **_given(properties))


def _column_override(column: Column) -> Json:
    cells: dict[str, Json] = {
        "gauge": {"mode": "basic", "type": "gauge", "valueDisplayMode": "text"},
        "color-background": {"mode": "basic", "type": "color-background"},
    }
    properties: Json = {
        "unit": column.unit or None,
        "decimals": column.decimals,
        "min": column.minimum,
        "max": column.maximum,
        "thresholds": thresholds_of(column.thresholds) if column.thresholds is not None else None,
        "mappings": list(column.mappings) or None,
        "noValue": column.missing,
        "links": list(column.links) or None,
        "custom_cellOptions": cells.get(column.cell, {"type": column.cell}) if column.cell else None,
        "custom_width": column.width,
        "custom_minWidth": column.min_width,
        "custom_align": column.align or None,
        "custom_wrapText": column.wrapped or None,
        "custom_hideFrom": {"legend": False, "tooltip": False, "viz": True} if column.hidden else None,
    }
    return override("byName", column.title or column.name, **_given(properties))


def _given(properties: Json) -> Json:
    return {name: value for name, value in properties.items() if value is not None}
