"""A whole dashboard, and how it is written."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grafana.builder.colours import REBOOT_MARK, UNDERVOLTAGE_MARK
from grafana.builder.judging import Json
from grafana.builder.layout import Section, lay_out
from grafana.builder.panels import DATASOURCE, DOCS
from grafana.builder.queries import RATE, increase, select
from grafana.builder.variables import variables

SCHEMA_VERSION = 42
"""Of the classic schema, which Grafana 11, 12 and 13 load."""

TAG = "sysvitals"

_ITEM_A_LINE = frozenset({"links", "list", "panels"})
"""The lists of links, of annotations and variables, and of panels, of which a row has some, too."""

STARTED_WITHIN_SECONDS = 180
"""A board that is scraped later than this after its start gets no mark; longer, and the mark would be a broad band."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dashboard:
    """One dashboard. `uid` is in every link to it and never changes; `docs` is a page of this repository.

    Undervoltages and reboots can be marked on every chart; the marks are off at first, since over hours they hide what
    is below them.
    """

    uid: str
    title: str
    description: str
    docs: str
    sections: Sequence[Section]
    all_hosts: bool = True
    time_from: str = "now-6h"
    refresh: str = "1m"
    more_variables: Sequence[Json] = ()


def build(dashboard: Dashboard) -> Json:
    """The dashboard as Grafana reads it."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "fiscalYearStartMonth": 0,
        "liveNow": False,
        "refresh": dashboard.refresh,
        "time": {"from": dashboard.time_from, "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "weekStart": "",
        "preload": False,
        "links": _links(dashboard),
        "annotations": {"list": _annotations()},
        "templating": {"list": [*variables(all_hosts=dashboard.all_hosts), *dashboard.more_variables]},
        "panels": lay_out(dashboard.sections),
    }


def render(dashboard: Dashboard) -> str:
    """The text of its file.

    A line for each panel, variable, link and annotation, so that a difference can be read, and all else as small as can
    be: `kubectl apply` keeps a copy of the whole in an annotation, and 256 KiB is all that there is room for.
    """
    return _write(build(dashboard), ",\n") + "\n"


def _write(value: Json, between: str = ",") -> str:
    return "{" + between.join(f"{_compact(key)}:{_write_value(key, each)}" for key, each in value.items()) + "}"


def _write_value(key: str, value: Any) -> str:
    if value and key in _ITEM_A_LINE:
        return "[\n" + ",\n".join(_write(item) if "panels" in item else _compact(item) for item in value) + "\n]"
    return _write(value) if isinstance(value, dict) and "list" in value else _compact(value)


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def link_to(uid: str, title: str, *, instance: str = "") -> Json:
    """A link to another dashboard with time, data source and job kept.

    `instance` is where the host's name is found: `${__field.labels.instance}` of a series, `${__data.fields.instance}`
    of a table's row; without it the hosts that are chosen stay chosen.
    """
    hosts = f"var-instance={instance}" if instance else "${instance:queryparam}"
    url = f"/d/{uid}?${{__url_time_range}}&${{datasource:queryparam}}&${{job:queryparam}}&{hosts}"
    return {"title": title, "url": url, "targetBlank": False}


def _links(dashboard: Dashboard) -> list[Json]:
    common = {"asDropdown": False, "icon": "dashboard", "tooltip": "", "url": ""}
    return [
        {
            **common,
            "type": "dashboards",
            "title": "Dashboards",
            "tags": [TAG],
            "keepTime": True,
            "includeVars": True,
            "targetBlank": False,
        },
        {
            **common,
            "type": "link",
            "title": "Documentation",
            "icon": "doc",
            "tags": [],
            "url": f"{DOCS}{dashboard.docs}",
            "tooltip": "What these values mean and what to do about them",
            "keepTime": False,
            "includeVars": False,
            "targetBlank": True,
        },
    ]


def _annotations() -> list[Json]:
    dips = increase("system_throttle_events_total", 'cause="undervoltage"')
    lasts = select("system_throttled", 'cause="undervoltage"')
    uptime = select("system_uptime_seconds", over=RATE)
    return [
        {
            "builtIn": 1,
            "datasource": {"type": "grafana", "uid": "-- Grafana --"},
            "enable": True,
            "hide": True,
            "iconColor": "rgba(0, 211, 255, 1)",
            "name": "Annotations & Alerts",
            "type": "dashboard",
        },
        _annotation(
            "Undervoltage",
            f"{dips} > 0 or {lasts} == 1",
            UNDERVOLTAGE_MARK,
            "{{instance}}: undervoltage",
        ),
        _annotation(
            "Reboots",
            f"min_over_time({uptime}) < {STARTED_WITHIN_SECONDS}",
            REBOOT_MARK,
            "{{instance}} started",
        ),
    ]


def _annotation(name: str, expr: str, colour: str, title: str) -> Json:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": False,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "1m",
        "titleFormat": title,
        "textFormat": "",
        "tagKeys": "instance",
        "useValueForTime": False,
    }
