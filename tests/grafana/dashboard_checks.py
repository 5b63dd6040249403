"""Rules for our dashboards, each a function that says what is against it. `test_dashboards` proves each by breaking it.

Some are those of Grafana's dashboard linter, told anew: variables and their settings, data sources, titles and
descriptions, units, PromQL and its selectors, rates and counters. The others are ours.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import promql_parser as promql

from grafana.builder import colours, queries
from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.judgement import thresholds
from sysvitals.judgement.rule import Alert
from sysvitals.judgement.thresholds import Threshold
from tests.grafana.grafana_types import DASHBOARD, misfits, panel_misfits

ROOT = Path(__file__).parents[2]
DOCS = "https://github.com/sysvitals/sysvitals/blob/main/"
CATALOG = build_full_catalog()

Json = dict[str, Any]

AT_ONE_MOMENT = {"bargauge", "stat", "table"}
LEAST_HEIGHT = {
    "bargauge": 5,
    "stat": 3,
    "table": 4,
    "timeseries": 6,
    "state-timeline": 5,
    "status-history": 5,
    "row": 1,
}
MOST_QUERIES = 55
"""Most of them ask for one moment, of what rules have recorded, or, as on Host, for one host."""

MOST_REFRESH = {"30s", "1m", "5m"}
UIDS = {"sysvitals-fleet", "sysvitals-host", "sysvitals-power", "sysvitals-exporter", "sysvitals-alerts"}

UNITS = {
    *(
        "none",
        "short",
        "percentunit",
        "bps",
        "bytes",
        "binBps",
        "s",
        "ms",
        "dateTimeFromNow",
        "dateTimeAsIsoNoDateIfToday",
        "time:MM-DD HH:mm",
        "hertz",
    ),
    *("celsius", "volt", "amp", "watt", "rotrpm", "dBm", "cps", "iops", "pps", "string"),
}
"""Those of Grafana's units that we use; an unknown one is shown as if it were a word."""

SENTINELS = {"__rate_interval": "4321s", "__range": "8765s", "__interval": "97s"}
"""Durations that stand for Grafana's while PromQL is read, and that nobody would write."""

_VARIABLE = re.compile(r"\$\{?([a-zA-Z_]\w*)")
_LEGEND_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_LINK = re.compile(rf"\]\({re.escape(DOCS)}([^)#]+)(?:#([^)]+))?\)")
_GRAFANAS_OWN = {
    "__rate_interval",
    "__range",
    "__interval",
    "__interval_ms",
    "__url_time_range",
    "__field",
    "__data",
    "__value",
}

_TARGET_LABELS = {"job", "instance", "sleeps"}
_ALERT_LABELS = {"alertname", "alertstate", "severity", "subject", "part"}
_RECORDED_LABELS = {"part"}
_PROCESS = {"process_cpu_seconds_total"}
_OVER_CHANGES = {"rate", "irate", "increase", "resets", "changes", "delta", "idelta", "deriv"}


def panels_of(dashboard: Json) -> list[Json]:
    """All panels, those in folded rows too, and rows."""
    return [panel for outer in dashboard["panels"] for panel in (outer, *outer.get("panels", ()))]


def asking(dashboard: Json) -> list[Json]:
    """All panels that ask something."""
    return [panel for panel in panels_of(dashboard) if panel["type"] != "row"]


def targets_of(dashboard: Json) -> Iterator[tuple[Json, Json]]:
    """Each panel with each of its queries."""
    for panel in asking(dashboard):
        for target in panel["targets"]:
            yield panel, target


def expressions_of(dashboard: Json) -> Iterator[tuple[str, str]]:
    """Where each PromQL stands, and the PromQL."""
    for panel, target in targets_of(dashboard):
        yield f"{panel['title']} [{target['refId']}]", target["expr"]
    for annotation in dashboard["annotations"]["list"]:
        if "expr" in annotation:
            yield f"annotation {annotation['name']}", annotation["expr"]


def without_variables(text: str) -> str:
    """PromQL as it can be parsed: with sentinels for Grafana's durations."""
    for name, duration in SENTINELS.items():
        text = re.sub(rf"\$\{{?{name}\b\}}?", duration, text)
    return text


@cache
def parsed(text: str) -> promql.Expr:
    """The syntax tree. Raises ValueError."""
    return promql.parse(without_variables(text))


def _nodes(node: Any, parents: tuple[Any, ...] = ()) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    yield node, parents
    inner = (getattr(node, name, None) for name in ("lhs", "rhs", "expr", "vector_selector", "param"))
    for child in chain((c for c in inner if c is not None), getattr(node, "args", None) or ()):
        if isinstance(child, promql.Expr | promql.VectorSelector):
            yield from _nodes(child, (*parents, node))


def nodes(text: str) -> list[tuple[Any, tuple[Any, ...]]]:
    """Each node of the tree with the nodes around it, the outermost first; none where the text is no PromQL."""
    try:
        return list(_nodes(parsed(text)))
    except ValueError:
        return []


def selectors(text: str) -> list[tuple[promql.VectorSelector, tuple[Any, ...]]]:
    """Each selector with the nodes around it."""
    return [(node, parents) for node, parents in nodes(text) if isinstance(node, promql.VectorSelector)]


def _seconds(text: str) -> float:
    return float(promql.parse_duration(text).total_seconds())


# the dashboard


def check_is_classic(dashboard: Json) -> Iterator[str]:
    """No key of the newer schema, of exports by hand or of one server's own numbering."""
    for key in ("apiVersion", "kind", "spec", "elements", "layout", "__inputs", "__requires", "__elements", "id"):
        if key in dashboard:
            yield f"has {key}"
    if dashboard.get("schemaVersion") != 42:
        yield "is not of schema 42"


def check_types(dashboard: Json) -> Iterator[str]:
    """Every key is one that Grafana knows at its place, and has a value that it may have."""
    yield from misfits(dashboard, DASHBOARD, "dashboard")
    for panel in panels_of(dashboard):
        yield from (f"{panel.get('title')}: {misfit}" for misfit in panel_misfits(panel))


def check_uid(dashboard: Json) -> Iterator[str]:
    """Links to the dashboard hold its uid."""
    if dashboard["uid"] not in UIDS:
        yield f"uid {dashboard['uid']} is a new one"
    if not re.fullmatch(r"[a-z0-9-]{1,40}", dashboard["uid"]):
        yield f"uid {dashboard['uid']} is none"


def check_behaviour(dashboard: Json) -> Iterator[str]:
    """Not editable, calm, with a shared crosshair, tagged, linked with its sisters and with the documentation."""
    if dashboard["editable"] is not False:
        yield "is editable"
    if dashboard["refresh"] not in MOST_REFRESH:
        yield f"is refreshed each {dashboard['refresh']}"
    if dashboard["graphTooltip"] != 1:
        yield "has no shared crosshair"
    if "sysvitals" not in dashboard["tags"]:
        yield "is not tagged"
    if not dashboard["description"]:
        yield "is not described"
    if not re.fullmatch(r"now-\d+[hd]", dashboard["time"]["from"]) or dashboard["time"]["to"] != "now":
        yield "does not end now"
    sisters = [link for link in dashboard["links"] if link["type"] == "dashboards"]
    if [(link["tags"], link["keepTime"], link["includeVars"]) for link in sisters] != [(["sysvitals"], True, True)]:
        yield "does not link its sisters with time and variables"
    if not any(link["url"].startswith(DOCS) for link in dashboard["links"] if link["type"] == "link"):
        yield "does not link its documentation"


def check_annotations(dashboard: Json) -> Iterator[str]:
    """Undervoltage and reboots can be marked on every chart, and are not at first: over hours they would hide it."""
    ours = {one["name"]: one for one in dashboard["annotations"]["list"] if "expr" in one}
    for name, metric in (("Undervoltage", "system_throttle_events_total"), ("Reboots", "system_uptime_seconds")):
        if name not in ours or metric not in ours[name]["expr"]:
            yield f"does not mark {name}"
        elif ours[name]["enable"]:
            yield f"marks {name} from the start"
        elif "{{instance}}" not in ours[name]["titleFormat"]:
            yield f"does not say whose {name}"


def check_variables(dashboard: Json) -> Iterator[str]:
    """`datasource`, `job` and `instance`, as everybody expects them."""
    listed = {variable["name"]: variable for variable in dashboard["templating"]["list"]}
    if [name for name, variable in listed.items() if variable["type"] == "datasource"] != ["datasource"]:
        yield "has no single data source variable"
        return
    if (listed["datasource"]["label"], listed["datasource"]["query"]) != ("Data source", "prometheus"):
        yield "datasource: is not labelled Data source, or not for Prometheus"
    for name, label, within in (("job", "Job", 'job=~"sysvitals.*"'), ("instance", "Host", 'job=~"$job"')):
        if name not in listed:
            yield f"has no variable {name}"
            continue
        variable = listed[name]
        query = variable["query"]["query"]
        if not (match := re.fullmatch(rf"label_values\((\w+)(?:\{{(.*)\}})?, {name}\)", query)):
            yield f"{name}: {query} is no query for labels"
        elif match[1] != "up" or (match[2] or "") != within:
            yield f"{name}: {query} does not follow the job, or leaves out hosts that do not answer"
        shows_one = name == "instance" and dashboard["uid"] == "sysvitals-host"
        expected = {"label": label, "multi": not shows_one, "allValue": ".+", "refresh": 2, "hide": 0}
        yield from (f"{name}: {key} is not {value}" for key, value in expected.items() if variable.get(key) != value)
        if variable["includeAll"] is shows_one:
            yield f"{name}: All is there, or is not, against the rule that only Host shows one host"


# its panels


def check_ids(dashboard: Json) -> Iterator[str]:
    """Ids and titles are there once."""
    for key in ("id", "title"):
        seen: set[Any] = set()
        for panel in panels_of(dashboard):
            if panel.get(key) in seen or not panel.get(key):
                yield f"{key} {panel.get(key)!r} is missing or there twice"
            seen.add(panel.get(key))


def check_grid(dashboard: Json) -> Iterator[str]:
    """Panels are on the grid, high enough and not over each other; a folded row's panels only beside each other."""
    groups = [dashboard["panels"], *(panel["panels"] for panel in dashboard["panels"] if panel.get("panels"))]
    for group in groups:
        taken: dict[tuple[int, int], str] = {}
        for panel in group:
            place = panel["gridPos"]
            x, y, w, h = (place[key] for key in "xywh")
            if x < 0 or y < 0 or w < 1 or x + w > 24:
                yield f"{panel['title']}: is beside the grid"
            if h < LEAST_HEIGHT[panel["type"]]:
                yield f"{panel['title']}: is too low"
            for cell in ((column, line) for column in range(x, x + w) for line in range(y, y + h)):
                if cell in taken:
                    yield f"{panel['title']}: lies over {taken[cell]}"
                    break
                taken[cell] = panel["title"]


def check_datasources(dashboard: Json) -> Iterator[str]:
    """The data source is the chosen one, everywhere."""
    chosen = {"type": "prometheus", "uid": "${datasource}"}
    asked = [(panel["title"], panel.get("datasource")) for panel in asking(dashboard)]
    asked += [(panel["title"], target.get("datasource")) for panel, target in targets_of(dashboard)]
    asked += [(v["name"], v.get("datasource")) for v in dashboard["templating"]["list"] if v["type"] == "query"]
    asked += [(a["name"], a.get("datasource")) for a in dashboard["annotations"]["list"] if "expr" in a]
    yield from (f"{where}: asks {source}" for where, source in asked if source != chosen)


def check_words(dashboard: Json) -> Iterator[str]:
    """A title, a description with a link that leads somewhere, and what it means if nothing is there."""
    for panel in panels_of(dashboard):
        if not panel.get("title"):
            yield f"{panel['id']}: has no title"
        if panel["type"] == "row":
            continue
        if not panel.get("description"):
            yield f"{panel['title']}: is not described"
        links = _LINK.findall(panel.get("description", ""))
        if not links:
            yield f"{panel['title']}: does not link the documentation"
        lost = [f"{page}#{anchor}" for page, anchor in links if not _is_there(page, anchor)]
        yield from (f"{panel['title']}: {link} is not there" for link in lost)
        missing = panel["fieldConfig"]["defaults"].get("noValue", "")
        if missing.lower() in {"", "no data", "n/a", "-"}:
            yield f"{panel['title']}: does not say what it means if nothing is there"


def check_titles(dashboard: Json) -> Iterator[str]:
    """A title is a term that people search for; what it answers is in the description."""
    yield from (f"{panel['title']}: asks" for panel in panels_of(dashboard) if panel["title"].endswith("?"))


_HEALTH = re.compile(r"\b(all is|well|good|fine|works?|never|ever|nothing|nobody)\b", re.IGNORECASE)


def check_absence(dashboard: Json) -> Iterator[str]:
    """Where there is no data, a panel says what is missing, and not that all is well."""
    for panel in asking(dashboard):
        config = panel["fieldConfig"]
        texts = [config["defaults"].get("noValue", "")]
        texts += [one["value"] for rule in config["overrides"] for one in rule["properties"] if one["id"] == "noValue"]
        yield from (f"{panel['title']}: takes absence for health: {text}" for text in texts if _HEALTH.search(text))


@cache
def _anchors(page: str) -> frozenset[str]:
    path = ROOT / page
    if page == "prometheus/RUNBOOK.md":  # one heading for each alert, which its own tests hold to
        return frozenset(rule.name.lower() for subject in SUBJECTS for rule in subject.rules if isinstance(rule, Alert))
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE) if path.exists() else []
    return frozenset(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings)


def _is_there(page: str, anchor: str) -> bool:
    return (ROOT / page).exists() and (not anchor or anchor in _anchors(page))


def check_units(dashboard: Json) -> Iterator[str]:
    """Every value has a unit that Grafana knows."""
    for panel in asking(dashboard):
        config = panel["fieldConfig"]
        used = [config["defaults"].get("unit")]
        used += [one["value"] for rule in config["overrides"] for one in rule["properties"] if one["id"] == "unit"]
        yield from (f"{panel['title']}: unit {unit} is unknown" for unit in used if unit not in UNITS)


def check_visible_queries(dashboard: Json) -> Iterator[str]:
    """What is asked when the dashboard opens stays small."""
    asked = [target for panel in dashboard["panels"] for target in panel.get("targets", ()) if not target.get("hide")]
    if len(asked) > MOST_QUERIES:
        yield f"{len(asked)} queries are visible"


def steps_of(panel: Json) -> Iterator[list[Json]]:
    """The threshold steps of a panel and of its exceptions."""
    config = panel["fieldConfig"]
    if "thresholds" in config["defaults"]:
        yield config["defaults"]["thresholds"]["steps"]
    for rule in config["overrides"]:
        yield from (one["value"]["steps"] for one in rule["properties"] if one["id"] == "thresholds")


def check_thresholds(dashboard: Json) -> Iterator[str]:
    """Colours change at thresholds of the model or at the two values of a state, and at no number of their own."""
    shared = {value.value for value in vars(thresholds).values() if isinstance(value, Threshold)}
    allowed = shared | {-value for value in shared} | {0, 1}
    for panel in asking(dashboard):
        if "thresholds" not in panel["fieldConfig"]["defaults"]:
            yield f"{panel['title']}: has no thresholds"
        for steps in steps_of(panel):
            values = [step["value"] for step in steps]
            if not values or values[0] is not None or None in values[1:] or values[1:] != sorted(values[1:]):
                yield f"{panel['title']}: thresholds {values} do not begin everywhere and rise"
            strange = {value for value in values if value is not None} - allowed
            if strange:
                yield f"{panel['title']}: {sorted(strange)} is no threshold of the model"


_PALETTE = {value for value in vars(colours).values() if isinstance(value, str) and not value.startswith("grafana")}
_PALETTE.update(colours.DEVICES, colours.NAMED, colours.LOADS)


def _colours_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, part in value.items():
            if key in ("color", "fixedColor", "iconColor") and isinstance(part, str):
                yield part
            else:
                yield from _colours_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _colours_in(part)


def check_colours(dashboard: Json) -> Iterator[str]:
    """Every colour is one of those that have a meaning."""
    ours = [one for one in dashboard["annotations"]["list"] if "builtIn" not in one]
    used = set(_colours_in([dashboard["panels"], ours]))
    yield from (f"colour {one} has no meaning" for one in sorted(used - _PALETTE))


# what they ask


def check_targets(dashboard: Json) -> Iterator[str]:
    """Each panel asks, each query has its own letter and a name for its series, and asks for one moment or a range."""
    for panel in asking(dashboard):
        letters = [target["refId"] for target in panel["targets"]]
        if not letters or len(set(letters)) < len(letters):
            yield f"{panel['title']}: asks nothing, or has a letter twice: {letters}"
        moment = panel["type"] in AT_ONE_MOMENT and panel["options"].get("graphMode", "none") == "none"
        moment = moment and not is_list(panel)
        for target in panel["targets"]:
            if (target["instant"], target["range"]) != (moment, not moment):
                yield f"{panel['title']} [{target['refId']}]: asks for a range or a moment against its kind"
            if panel["type"] == "table" and target["format"] != "table":
                yield f"{panel['title']} [{target['refId']}]: is not asked as a table"
            if panel["type"] != "table" and not target["legendFormat"]:
                yield f"{panel['title']} [{target['refId']}]: has no legend"


def check_promql(dashboard: Json) -> Iterator[str]:
    """Every query is PromQL."""
    for where, text in expressions_of(dashboard):
        try:
            parsed(text)
        except ValueError as error:
            yield f"{where}: {error}"


def check_names(dashboard: Json) -> Iterator[str]:
    """Queries name only what the exporter exposes, what rules record and what Prometheus has itself."""
    for where, text in expressions_of(dashboard):
        for selector, _ in selectors(text):
            if selector.name not in queries.KNOWN:
                yield f"{where}: {selector.name} is unknown"


def _labels_of(metric: str) -> set[str]:
    if metric in CATALOG.families:
        return set(CATALOG.families[metric].labels) | _TARGET_LABELS
    if metric.startswith("ALERTS"):
        return _ALERT_LABELS | _TARGET_LABELS | _ALL_LABELS
    if ":" in metric:
        return _ALL_LABELS | _TARGET_LABELS | _RECORDED_LABELS
    return set(_TARGET_LABELS)


_ALL_LABELS = set(chain.from_iterable(family.labels for family in CATALOG.families.values()))


def _made_labels(text: str) -> set[str]:
    """Labels that label_replace and label_join give, and those that are only on alerts."""
    made = set()
    for node, _ in nodes(text):
        if isinstance(node, promql.Call) and node.func.name in ("label_replace", "label_join"):
            made.add(node.args[1].val)
    return made


def check_labels(dashboard: Json) -> Iterator[str]:
    """Selectors ask for labels that the metric has; matching, grouping and legends for labels that anything has."""
    for where, text in expressions_of(dashboard):
        possible = _TARGET_LABELS | _made_labels(text)
        for selector, _ in selectors(text):
            known = _labels_of(selector.name or "")
            possible |= known
            for matcher in selector.matchers.matchers:
                if matcher.name not in known:
                    yield f"{where}: {selector.name} has no label {matcher.name}"
        for node, _ in nodes(text):
            modifier = getattr(node, "modifier", None)
            named = _named_in(modifier)
            yield from (f"{where}: nothing has the label {label}" for label in named if label not in possible)
    for panel, target in targets_of(dashboard):
        text = target["expr"]
        possible = _TARGET_LABELS | _made_labels(text)
        possible |= {label for selector, _ in selectors(text) for label in _labels_of(selector.name or "")}
        for label in _LEGEND_LABEL.findall(target["legendFormat"]):
            if label not in possible:
                yield f"{panel['title']} [{target['refId']}]: its legend names {label}, which nothing has"


def _named_in(modifier: Any) -> list[str]:
    if modifier is None:
        return []
    if isinstance(modifier, promql.AggModifier):
        return list(modifier.labels)
    matching = modifier.matching
    return [*(matching.labels if matching is not None else ()), *(modifier.group_labels or ())]


def check_selectors(dashboard: Json) -> Iterator[str]:
    """Every selector follows the chosen jobs and hosts. Alerts that are about no host belong to every choice."""
    for where, text in expressions_of(dashboard):
        for selector, _ in selectors(text):
            found = {(one.name, str(one.op), one.value) for one in selector.matchers.matchers}
            for label in ("job", "instance"):
                wanted = {f"${label}", f"${label}|"} if (selector.name or "").startswith("ALERTS") else {f"${label}"}
                if not any((label, "MatchOp.Re", value) in found for value in wanted):
                    yield f"{where}: {selector.name} does not follow ${label}"


def check_counters(dashboard: Json) -> Iterator[str]:
    """A counter's own value says nothing: what it grew by is asked for, or a list of events subtracts it."""
    lists = {f"{panel['title']} [{target['refId']}]" for panel, target in targets_of(dashboard) if is_list(panel)}
    for where, text in expressions_of(dashboard):
        if where in lists:
            continue
        for selector, parents in selectors(text):
            name = selector.name or ""
            is_counter = name in _PROCESS or (name in CATALOG.families and CATALOG.families[name].kind == "counter")
            around = [node.func.name for node in parents if isinstance(node, promql.Call)]
            if is_counter and (not around or around[-1] not in _OVER_CHANGES):
                yield f"{where}: {name} is a counter, and not inside rate() or increase()"


def is_list(panel: Json) -> bool:
    """Whether the panel lists what happened: a table with a column of times."""
    return panel["type"] == "table" and any(
        "Time" in one["options"]["include"]["names"]
        for one in panel.get("transformations", ())
        if one["id"] == "filterFieldsByName"
    )


def check_windows(dashboard: Json) -> Iterator[str]:
    """Over time, changes are taken over $__rate_interval, or over the step that the panel fixes.

    At one moment they may be taken over the whole time shown as well, or over as long as the title says. A list of
    events compares with the step before.
    """
    at_one_moment = {f"{p['title']} [{t['refId']}]" for p, t in targets_of(dashboard) if t["instant"] or is_list(p)}
    steps = {panel["title"]: panel.get("interval", "") for panel in asking(dashboard)}
    for where, text in expressions_of(dashboard):
        if where in at_one_moment:
            continue
        step = steps.get(where.rpartition(" [")[0], "")
        allowed = {_seconds(SENTINELS["__rate_interval"]), *([_seconds(step)] if step else ())}
        for node, parents in nodes(text):
            if not isinstance(node, promql.MatrixSelector | promql.SubqueryExpr):
                continue
            at_end = getattr(getattr(node, "vector_selector", node), "at", None) is not None
            seconds = node.range.total_seconds() if node.range is not None else 0.0
            if seconds not in allowed and not at_end:
                call = next((one.func.name for one in reversed(parents) if isinstance(one, promql.Call)), "it")
                yield f"{where}: {call} looks over a window of its own, {seconds:g} s"


def _keeps_instance(node: Any) -> bool:
    """Whether the result tells hosts apart."""
    if isinstance(node, promql.VectorSelector | promql.MatrixSelector):
        return True
    if isinstance(node, promql.AggregateExpr):
        return _aggregation_keeps_instance(node)
    if isinstance(node, promql.BinaryExpr):
        return _keeps_instance(node.lhs) or (str(node.op) not in ("and", "unless") and _keeps_instance(node.rhs))
    if isinstance(node, promql.Call):
        if node.func.name in ("scalar", "vector", "time", "absent", "absent_over_time"):
            return False
        return any(_keeps_instance(argument) for argument in node.args)
    inner = getattr(node, "expr", None)
    return inner is not None and _keeps_instance(inner)


def _aggregation_keeps_instance(node: promql.AggregateExpr) -> bool:
    if not _keeps_instance(node.expr):
        return False
    if str(node.op) in ("topk", "bottomk", "limitk"):
        return True
    if node.modifier is None:
        return False
    named = "instance" in node.modifier.labels
    return named if "By" in str(node.modifier.type) else not named


def check_hosts_are_told_apart(dashboard: Json) -> Iterator[str]:
    """Where several hosts can be chosen each series has its host's name."""
    if not any(one["name"] == "instance" and one.get("multi") for one in dashboard["templating"]["list"]):
        return
    for panel, target in targets_of(dashboard):
        if panel["type"] == "table" or not nodes(target["expr"]):
            continue
        if "{{instance}}" not in target["legendFormat"] and _keeps_instance(parsed(target["expr"])):
            yield f"{panel['title']} [{target['refId']}]: does not say which host"


def check_used_variables(dashboard: Json) -> Iterator[str]:
    """Every variable that is used is there."""
    known = {variable["name"] for variable in dashboard["templating"]["list"]} | _GRAFANAS_OWN
    texts = [text for _, text in expressions_of(dashboard)]
    texts += [panel.get("title", "") for panel in panels_of(dashboard)]
    texts += [target["legendFormat"] for _, target in targets_of(dashboard)]
    texts += [link["url"] for link in links_in(dashboard["panels"])]
    used = set(chain.from_iterable(_VARIABLE.findall(text) for text in texts))
    yield from (f"variable {name} is used and not there" for name in sorted(used - known))


def links_in(value: Any) -> list[Json]:
    """All links, however deep they are."""
    if isinstance(value, dict):
        inside = links_in(list(value.values()))
        return [value, *inside] if "url" in value else inside
    return [link for part in value for link in links_in(part)] if isinstance(value, list) else []


def check_links(dashboard: Json) -> Iterator[str]:
    """Links between dashboards lead to one of ours, and keep time, data source and job."""
    for link in links_in(dashboard["panels"]):
        if link["url"].startswith("/d/"):
            uid, _, rest = link["url"].removeprefix("/d/").partition("?")
            if uid not in UIDS:
                yield f"{link['url']} leads nowhere"
            for kept in ("${__url_time_range}", "${datasource:queryparam}", "${job:queryparam}"):
                if kept not in rest:
                    yield f"{link['url']} loses {kept}"
        elif not link["url"].startswith(DOCS):
            yield f"{link['url']} leads away"


def check_tables(dashboard: Json) -> Iterator[str]:
    """A table of several queries merges them, and each chosen column is one that the queries can give."""
    for panel in asking(dashboard):
        if panel["type"] != "table":
            continue
        used = [one["id"] for one in panel.get("transformations", ())]
        if len(panel["targets"]) > 1 and not {"merge", "joinByField"} & set(used):
            yield f"{panel['title']}: its queries stay apart"
        shown = [
            name
            for one in panel.get("transformations", ())
            if one["id"] == "filterFieldsByName"
            for name in one["options"]["include"]["names"]
        ]
        letters = [target["refId"] for target in panel["targets"]]
        values = {f"Value #{letter}" for letter in letters} if len(letters) > 1 else {"Value"}
        made = {one["options"]["alias"] for one in panel.get("transformations", ()) if one["id"] == "calculateField"}
        labels = {
            label
            for target in panel["targets"]
            for selector, _ in selectors(target["expr"])
            for label in _labels_of(selector.name or "") | _made_labels(target["expr"])
        }
        for name in shown:
            if name not in values | labels | made | {"Time"}:
                yield f"{panel['title']}: no query gives the column {name}"


CHECKS = tuple(check for name, check in sorted(globals().items()) if name.startswith("check_"))
