"""What Grafana's classic schema allows in the parts that our dashboards use, written down by hand.

Only what we mean to use is here, so that a misspelt key, or one of another panel type, is found without Grafana. A
specification is a type or several, a set of allowed texts, a list of one specification, a dictionary of the keys that
there may be, or a function that raises where the value is wrong.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Json = dict[str, Any]
NUMBER = (int, float)

COLOUR_MODES = {"thresholds", "fixed", "shades", "palette-classic", "palette-classic-by-name", "continuous-GrYlRd"}
COLOUR = {"mode": COLOUR_MODES, "fixedColor": str}
THRESHOLDS = {"mode": {"absolute"}, "steps": [{"color": str, "value": (int, float, type(None))}]}
RESULT = {"text": str, "color": str, "index": int}
DATA_SOURCE = {"type": {"prometheus"}, "uid": {"${datasource}"}}
GRID = {"x": int, "y": int, "w": int, "h": int}
LINK = {"title": str, "url": str, "targetBlank": bool}
REDUCE = {"calcs": [{"lastNotNull", "last", "max", "min", "mean", "sum", "count"}], "fields": str, "values": bool}
LEGEND = {
    "calcs": [{"lastNotNull", "max", "min", "mean", "sum"}],
    "displayMode": {"list", "table", "hidden"},
    "placement": {"bottom", "right"},
    "showLegend": bool,
    "sortBy": str,
    "sortDesc": bool,
    "width": NUMBER,
}
TOOLTIP = {
    "mode": {"single", "multi", "none"},
    "sort": {"none", "asc", "desc"},
    "maxHeight": NUMBER,
    "maxWidth": NUMBER,
}
ORIENTATION = {"auto", "horizontal", "vertical"}
TEXT_SIZES = {"titleSize": NUMBER, "valueSize": NUMBER}
VISIBILITY = {"auto", "always", "never"}
HIDE_FROM = {"legend": bool, "tooltip": bool, "viz": bool}


class _AnyOf:
    """One of several specifications, told apart by the value of a key."""

    def __init__(self, key: str, kinds: Mapping[str, Any]) -> None:
        self.key = key
        self.kinds = kinds


MAPPING = _AnyOf(
    "type",
    {
        "value": {"type": {"value"}, "options": {"*": RESULT}},
        "range": {
            "type": {"range"},
            "options": {"from": (int, float, type(None)), "to": (int, float, type(None)), "result": RESULT},
        },
        "regex": {"type": {"regex"}, "options": {"pattern": str, "result": RESULT}},
        "special": {
            "type": {"special"},
            "options": {"match": {"null+nan", "null", "nan", "empty", "true", "false"}, "result": RESULT},
        },
    },
)

CELL = _AnyOf(
    "type",
    {
        "auto": {"type": {"auto"}},
        "color-text": {"type": {"color-text"}},
        "color-background": {"type": {"color-background"}, "mode": {"basic", "gradient"}, "applyToRow": bool},
        "gauge": {
            "type": {"gauge"},
            "mode": {"basic", "gradient", "lcd"},
            "valueDisplayMode": {"text", "color", "hidden"},
        },
    },
)

STANDARD = {
    "color": COLOUR,
    "decimals": int,
    "displayName": str,
    "links": [LINK],
    "mappings": [MAPPING],
    "max": NUMBER,
    "min": NUMBER,
    "noValue": str,
    "thresholds": THRESHOLDS,
    "unit": str,
}

_AXIS = {
    "axisBorderShow": bool,
    "axisCenteredZero": bool,
    "axisColorMode": {"text", "series"},
    "axisGridShow": bool,
    "axisLabel": str,
    "axisPlacement": {"auto", "left", "right", "hidden"},
    "axisSoftMax": NUMBER,
    "axisSoftMin": NUMBER,
    "axisWidth": NUMBER,
    "hideFrom": HIDE_FROM,
}

CUSTOM: dict[str, Json] = {
    "timeseries": {
        **_AXIS,
        "barAlignment": NUMBER,
        "barMaxWidth": NUMBER,
        "barWidthFactor": NUMBER,
        "drawStyle": {"line", "bars", "points"},
        "fillBelowTo": str,
        "fillOpacity": NUMBER,
        "gradientMode": {"none", "opacity", "hue", "scheme"},
        "insertNulls": (bool, int),
        "lineInterpolation": {"linear", "smooth", "stepBefore", "stepAfter"},
        "lineStyle": {"fill": {"solid", "dash", "dot"}, "dash": [NUMBER]},
        "lineWidth": NUMBER,
        "pointSize": NUMBER,
        "scaleDistribution": {"type": {"linear", "log", "symlog"}, "log": NUMBER, "linearThreshold": NUMBER},
        "showPoints": VISIBILITY,
        "spanNulls": (bool, int),
        "stacking": {"group": str, "mode": {"none", "normal", "percent"}},
        "thresholdsStyle": {"mode": {"off", "line", "dashed", "area", "line+area", "dashed+area"}},
        "transform": {"constant", "negative-Y"},
    },
    "state-timeline": {**_AXIS, "fillOpacity": NUMBER, "lineWidth": NUMBER},
    "status-history": {**_AXIS, "fillOpacity": NUMBER, "lineWidth": NUMBER},
    "table": {
        "align": {"auto", "left", "center", "right"},
        "cellOptions": CELL,
        "filterable": bool,
        "hideFrom": HIDE_FROM,
        "inspect": bool,
        "minWidth": NUMBER,
        "width": NUMBER,
        "wrapText": bool,
    },
    "stat": {},
    "bargauge": {},
}

OPTIONS: dict[str, Json] = {
    "timeseries": {"legend": LEGEND, "tooltip": TOOLTIP, "timezone": [str]},
    "stat": {
        "colorMode": {"none", "value", "background", "background_solid"},
        "graphMode": {"none", "area"},
        "justifyMode": {"auto", "center"},
        "orientation": ORIENTATION,
        "percentChangeColorMode": {"standard", "inverted", "same_as_value"},
        "reduceOptions": REDUCE,
        "showPercentChange": bool,
        "text": TEXT_SIZES,
        "textMode": {"auto", "value", "value_and_name", "name", "none"},
        "wideLayout": bool,
    },
    "bargauge": {
        "displayMode": {"basic", "gradient", "lcd"},
        "legend": LEGEND,
        "maxVizHeight": int,
        "minVizHeight": int,
        "minVizWidth": int,
        "namePlacement": {"auto", "top", "left", "hidden"},
        "orientation": ORIENTATION,
        "reduceOptions": REDUCE,
        "showUnfilled": bool,
        "sizing": {"auto", "manual"},
        "text": TEXT_SIZES,
        "valueMode": {"color", "text", "hidden"},
    },
    "table": {
        "cellHeight": {"sm", "md", "lg"},
        "enablePagination": bool,
        "frozenColumns": {"left": int},
        "showHeader": bool,
        "sortBy": [{"displayName": str, "desc": bool}],
    },
    "state-timeline": {
        "alignValue": {"left", "center", "right"},
        "legend": LEGEND,
        "mergeValues": bool,
        "perPage": int,
        "rowHeight": NUMBER,
        "showValue": VISIBILITY,
        "tooltip": TOOLTIP,
    },
    "status-history": {
        "colWidth": NUMBER,
        "legend": LEGEND,
        "perPage": int,
        "rowHeight": NUMBER,
        "showValue": VISIBILITY,
        "tooltip": TOOLTIP,
    },
}

MATCHERS = {"byName", "byRegexp", "byFrameRefID", "byType"}

TARGET = {
    "datasource": DATA_SOURCE,
    "editorMode": {"code"},
    "expr": str,
    "format": {"time_series", "table"},
    "instant": bool,
    "interval": str,
    "legendFormat": str,
    "range": bool,
    "refId": str,
}

TRANSFORMATION = _AnyOf(
    "id",
    {
        "merge": {"id": {"merge"}, "options": {}},
        "organize": {
            "id": {"organize"},
            "options": {"excludeByName": {"*": bool}, "indexByName": {"*": int}, "renameByName": {"*": str}},
        },
        "filterFieldsByName": {"id": {"filterFieldsByName"}, "options": {"include": {"names": [str]}}},
        "joinByField": {"id": {"joinByField"}, "options": {"byField": str, "mode": {"outer", "inner"}}},
        "calculateField": {
            "id": {"calculateField"},
            "options": {
                "alias": str,
                "binary": {"left": object, "operator": {"+", "-", "*", "/"}, "right": object},
                "mode": {"binary"},
                "replaceFields": bool,
            },
        },
        "renameByRegex": {"id": {"renameByRegex"}, "options": {"regex": str, "renamePattern": str}},
        "sortBy": {"id": {"sortBy"}, "options": {"fields": object, "sort": [{"field": str, "desc": bool}]}},
        "limit": {"id": {"limit"}, "options": {"limitField": NUMBER}},
    },
)

PANEL = {
    "id": int,
    "type": set(OPTIONS),
    "title": str,
    "description": str,
    "gridPos": GRID,
    "datasource": DATA_SOURCE,
    "interval": str,
    "links": [LINK],
    "maxDataPoints": int,
    "maxPerRow": int,
    "repeat": {"instance"},
    "repeatDirection": {"h", "v"},
    "targets": [TARGET],
    "timeFrom": str,
    "transformations": [TRANSFORMATION],
    "transparent": bool,
    "fieldConfig": object,
    "options": object,
}

ROW = {
    "id": int,
    "type": {"row"},
    "title": str,
    "gridPos": GRID,
    "collapsed": bool,
    "panels": object,
    "repeat": {"instance"},
}

VARIABLE = _AnyOf(
    "type",
    {
        "datasource": {
            "type": {"datasource"},
            "name": str,
            "label": str,
            "query": {"prometheus"},
            "regex": str,
            "refresh": int,
            "multi": bool,
            "includeAll": bool,
            "hide": int,
            "current": {},
            "options": [object],
        },
        "query": {
            "type": {"query"},
            "name": str,
            "label": str,
            "description": str,
            "datasource": DATA_SOURCE,
            "query": {"query": str, "refId": str, "qryType": int},
            "regex": str,
            "refresh": int,
            "sort": int,
            "multi": bool,
            "includeAll": bool,
            "allValue": str,
            "allowCustomValue": bool,
            "hide": int,
            "current": {"text": [str], "value": [str], "selected": bool},
            "options": [object],
        },
        "custom": {
            "type": {"custom"},
            "name": str,
            "label": str,
            "description": str,
            "query": str,
            "multi": bool,
            "includeAll": bool,
            "allValue": str,
            "allowCustomValue": bool,
            "hide": int,
            "current": {"text": [str], "value": [str], "selected": bool},
            "options": [object],
        },
    },
)

ANNOTATION = _AnyOf(
    "type",
    {
        "dashboard": {
            "type": {"dashboard"},
            "builtIn": int,
            "datasource": {"type": {"grafana"}, "uid": {"-- Grafana --"}},
            "enable": bool,
            "hide": bool,
            "iconColor": str,
            "name": str,
        },
        "": {
            "datasource": DATA_SOURCE,
            "enable": bool,
            "expr": str,
            "hide": bool,
            "iconColor": str,
            "name": str,
            "step": str,
            "tagKeys": str,
            "textFormat": str,
            "titleFormat": str,
            "useValueForTime": bool,
        },
    },
)

DASHBOARD_LINK = {
    "type": {"link", "dashboards"},
    "title": str,
    "url": str,
    "icon": {"dashboard", "doc", "external link", "question", "info", "bolt", "cloud", "wrench"},
    "tooltip": str,
    "tags": [str],
    "asDropdown": bool,
    "keepTime": bool,
    "includeVars": bool,
    "targetBlank": bool,
}

DASHBOARD = {
    "uid": str,
    "title": str,
    "description": str,
    "tags": [str],
    "schemaVersion": int,
    "version": int,
    "editable": bool,
    "graphTooltip": int,
    "fiscalYearStartMonth": int,
    "liveNow": bool,
    "refresh": str,
    "time": {"from": str, "to": str},
    "timepicker": {},
    "timezone": {"browser", "utc"},
    "weekStart": str,
    "preload": bool,
    "links": [DASHBOARD_LINK],
    "annotations": {"list": [ANNOTATION]},
    "templating": {"list": [VARIABLE]},
    "panels": object,
}


def misfits(value: Any, allowed: Any, path: str) -> Iterator[str]:
    """What in a value is against the specification, each with its path."""
    if isinstance(allowed, _AnyOf):
        kind = value.get(allowed.key, "") if isinstance(value, dict) else None
        if not isinstance(kind, str) or kind not in allowed.kinds:
            yield f"{path}.{allowed.key} is {kind!r}"
        else:
            yield from misfits(value, allowed.kinds[kind], path)
    elif isinstance(allowed, dict):
        yield from _misfits_of_keys(value, allowed, path)
    elif isinstance(allowed, list):
        if not isinstance(value, list):
            yield f"{path} is no list: {value!r}"
        else:
            for place, part in enumerate(value):
                yield from misfits(part, allowed[0], f"{path}[{place}]")
    elif isinstance(allowed, set):
        if value not in allowed:
            yield f"{path} is {value!r}"
    elif not isinstance(value, allowed) or (isinstance(value, bool) and not _may_be_bool(allowed)):
        yield f"{path} is {value!r}"


def _misfits_of_keys(value: Any, allowed: Json, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path} is no object: {value!r}"
        return
    for key, part in value.items():
        if key in allowed or "*" in allowed:
            yield from misfits(part, allowed.get(key, allowed.get("*")), f"{path}.{key}")
        else:
            yield f"{path}.{key} is unknown"


def _may_be_bool(allowed: Any) -> bool:
    return allowed is object or bool in (allowed if isinstance(allowed, tuple) else (allowed,))


def panel_misfits(panel: Json) -> Iterator[str]:
    """What in a panel is against the specification of its type."""
    if panel.get("type") == "row":
        yield from misfits(panel, ROW, "row")
        return
    yield from misfits(panel, PANEL, "panel")
    kind = panel.get("type")
    if kind not in OPTIONS:
        return
    yield from misfits(panel.get("options"), OPTIONS[kind], "options")
    config = panel.get("fieldConfig", {})
    yield from misfits(config, {"defaults": object, "overrides": object}, "fieldConfig")
    defaults = {key: value for key, value in config.get("defaults", {}).items() if key != "custom"}
    yield from misfits(defaults, STANDARD, "defaults")
    yield from misfits(config.get("defaults", {}).get("custom", {}), CUSTOM[kind], "custom")
    for rule in config.get("overrides", []):
        yield from _override_misfits(rule, CUSTOM[kind])


def _override_misfits(rule: Json, custom: Json) -> Iterator[str]:
    shape = {"matcher": {"id": MATCHERS, "options": object}, "properties": [{"id": str, "value": object}]}
    yield from misfits(rule, shape, "override")
    if not rule.get("properties"):
        yield "override changes nothing"
    for one in rule.get("properties", []):
        name = one["id"]
        allowed = custom if name.startswith("custom.") else STANDARD
        yield from misfits({name.removeprefix("custom."): one.get("value")}, allowed, f"override of {name}")
