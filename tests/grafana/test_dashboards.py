"""Every dashboard keeps the rules, and every rule notices when it is broken."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from grafana.builder import boards, colours, units
from grafana.builder.dashboard import Dashboard, build, link_to
from grafana.builder.judging import any_is, rising
from grafana.builder.layout import Line, Section
from grafana.builder.panels import About, Column, painted, stat, state_timeline, table, time_series
from grafana.builder.queries import Look, Query, rate, select
from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.judgement.rule import Alert
from sysvitals.judgement.thresholds import MEMORY_LOW, MEMORY_VERY_LOW, Threshold
from tests.grafana import dashboard_checks as checks
from tests.grafana.dashboard_checks import CHECKS, Json

FOLDER = Path(__file__).parents[2] / "grafana" / "dashboards"
FILES = sorted(FOLDER.glob("*.json"))
UIDS = {
    "alerts": "sysvitals-alerts",
    "exporter": "sysvitals-exporter",
    "fleet": "sysvitals-fleet",
    "host": "sysvitals-host",
    "power": "sysvitals-power",
}

Check = Callable[[Json], Any]
Break = Callable[[Json], object]


def read(path: Path) -> Json:
    loaded: Json = json.loads(path.read_text(encoding="utf-8"))
    return loaded


def name_of(check: Check) -> str:
    return check.__name__.removeprefix("check_")


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_dashboard_keeps_the_rule(path: Path, check: Check) -> None:
    assert list(check(read(path))) == [], check.__doc__


def test_every_dashboard_is_there_under_the_uid_that_links_to_it_hold() -> None:
    assert {path.stem: read(path)["uid"] for path in FILES} == UIDS


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_has_a_line_for_each_panel_variable_link_and_annotation_so_that_a_difference_can_be_read(
    path: Path,
) -> None:
    board = read(path)
    lines = [line.removesuffix(",") for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [panel for panel in board["panels"] if panel.get("panels")]
    items = [*board["links"], *board["annotations"]["list"], *board["templating"]["list"], *board["panels"]]
    items += [panel for row in rows for panel in row["panels"]]
    whole = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
    assert [item["title"] for item in items if item not in rows and item not in whole] == []
    assert "" not in lines


def test_dashboards_have_titles_of_their_own() -> None:
    titles = [read(path)["title"] for path in FILES]
    assert len(set(titles)) == len(titles)


def test_each_threshold_of_a_dashboard_is_one_that_a_rule_goes_by() -> None:
    """A colour that changes where no alert fires would say something else than the alerts."""
    in_alerts = {
        rule.threshold.value
        for subject in SUBJECTS
        for rule in subject.rules
        if isinstance(rule, Alert) and isinstance(rule.threshold, Threshold)
    }
    in_dashboards = {
        step["value"]
        for path in FILES
        for panel in checks.asking(read(path))
        for steps in checks.steps_of(panel)
        for step in steps
        if step["value"] not in (None, 0, 1)
    }
    assert in_dashboards - in_alerts - {-value for value in in_alerts} == set()
    assert len(in_dashboards) > 5, "nothing was compared"


# A small dashboard with every part that the rules are about, which is then broken in one way at a time.


def about(title: str, **more: Any) -> About:
    given: Json = {"unit": units.RATIO, "thresholds": rising(MEMORY_LOW, MEMORY_VERY_LOW), **more}
    return About(
        title=title,
        description="What it says.",
        docs="exporter/POWER.md#undervoltage",
        missing="this board has no sensor",
        **given,
    )


MEMORY = select("instance:system_memory_used:ratio")
SAMPLE = Dashboard(
    uid="sysvitals-power",
    title="Sample",
    description="A dashboard to be broken.",
    docs="exporter/POWER.md",
    sections=(
        Section(
            title="First",
            lines=(Line(4, (stat(about("Stat"), Query(MEMORY), text="value"),)),),
        ),
        Section(
            title="All hosts",
            lines=(
                Line(
                    8,
                    (
                        time_series(
                            about("Series", overrides=[painted("a", colours.READ)]),
                            Query(rate("system_disk_io_time_seconds_total"), "{{instance}} {{device}}"),
                            Query(f"sum ({MEMORY})", "all together", Look(colour=colours.WRITE)),
                        ),
                        state_timeline(
                            about("States", thresholds=any_is(colours.WARNING)),
                            Query(select("system_throttled"), "{{instance}} {{cause}}"),
                        ),
                    ),
                ),
                Line(
                    5,
                    (
                        table(
                            about("Table"),
                            Query(f"max by (job, instance) ({MEMORY})"),
                            Query(f"max by (job, instance) ({select('system_load1')})"),
                            columns=(
                                Column(
                                    name="instance",
                                    title="Host",
                                    links=[link_to("sysvitals-host", "Open", instance="${__data.fields.instance}")],
                                ),
                                Column(name="Value #A", title="Memory", cell="gauge"),
                                Column(name="Value #B", title="Load", unit=units.COUNT),
                            ),
                        ),
                    ),
                ),
            ),
        ),
        Section(
            title="Folded",
            collapsed=True,
            lines=(Line(8, (time_series(about("Inside"), Query(MEMORY)),)),),
        ),
    ),
)


def panel(dashboard: Json, title: str) -> Json:
    return next(one for one in checks.panels_of(dashboard) if one["title"] == title)


def set_in(dashboard: Json, path: tuple[Any, ...], keys: Json) -> None:
    """Sets keys of the part that the path leads to; a key that is set to DROP is taken away."""
    part: Any = dashboard
    for step in path:
        part = part[step]
    for key, value in keys.items():
        if value is DROP:
            part.pop(key)
        else:
            part[key] = value


DROP = object()
DEFAULTS = ("fieldConfig", "defaults")
CUSTOM = (*DEFAULTS, "custom")
STEPS = (*DEFAULTS, "thresholds", "steps")
RULE = ("fieldConfig", "overrides", 0)
CHOSEN_COLUMNS = ("transformations", 1, "options", "include")
POWER_PAGE = f"{checks.DOCS}exporter/POWER.md"


def top(**keys: Any) -> Break:
    return lambda d: set_in(d, (), keys)


def within(*path: Any, **keys: Any) -> Break:
    return lambda d: set_in(d, path, keys)


def on(title: str, /, *path: Any, **keys: Any) -> Break:
    return lambda d: set_in(panel(d, title), path, keys)


def asked(title: str, place: int = 0, /, **keys: Any) -> Break:
    return on(title, "targets", place, **keys)


def ask(expr: str, title: str = "Series", place: int = 0) -> Break:
    return asked(title, place, expr=expr)


def var(place: int, **keys: Any) -> Break:
    return within("templating", "list", place, **keys)


def note(place: int, **keys: Any) -> Break:
    return within("annotations", "list", place, **keys)


def changed(name: str, value: Any, title: str = "Series") -> Break:
    return on(title, *RULE, properties=[{"id": name, "value": value}])


def both(*breaks: Break) -> Break:
    return lambda d: [break_it(d) for break_it in breaks]


def linked(url: str) -> Break:
    return lambda d: checks.links_in(panel(d, "Table"))[0].update(url=url)


def described(link: str) -> Break:
    return on("Stat", description=f"See [it]({link}).")


def steps(*values: float | None) -> list[Json]:
    return [{"color": "red", "value": value} for value in values]


LOAD = select("system_load1")
FORKS = "system_forks_total"
HOST_LINK = "/d/sysvitals-host?${__url_time_range}&${datasource:queryparam}"

BREAKS: tuple[tuple[Check, str, Break], ...] = (
    (checks.check_is_classic, "has elements", top(elements={})),
    (checks.check_is_classic, "has __inputs", top(__inputs=[])),
    (checks.check_is_classic, "has id", top(id=3)),
    (checks.check_is_classic, "schema 42", top(schemaVersion=36)),
    (checks.check_types, "dashboard.refrsh is unknown", top(refrsh="1m")),
    (checks.check_types, "panel.desciption", on("Series", desciption="")),
    (checks.check_types, "panel.type", on("Stat", type="graph")),
    (checks.check_types, "options.colourMode", on("Stat", "options", colourMode="value")),
    (checks.check_types, "options.colorMode is", on("Stat", "options", colorMode="backgrund")),
    (checks.check_types, "options.legend.placement", on("Series", "options", "legend", placement="botom")),
    (checks.check_types, "options.legend is unknown", on("Table", "options", legend={})),
    (checks.check_types, "custom.fillopacity", on("Series", *CUSTOM, fillopacity=1)),
    (checks.check_types, "custom.lineWidth is '1'", on("Series", *CUSTOM, lineWidth="1")),
    (checks.check_types, "custom.lineWidth is True", on("Series", *CUSTOM, lineWidth=True)),
    (checks.check_types, "custom.stacking", on("Series", *CUSTOM, stacking=False)),
    (checks.check_types, "custom.lineWidth is unknown", on("Stat", *DEFAULTS, custom={"lineWidth": 1})),
    (checks.check_types, "thresholds.mode", on("Series", *DEFAULTS, "thresholds", mode="absolut")),
    (checks.check_types, "defaults.noVale", on("Series", *DEFAULTS, noVale="")),
    (checks.check_types, "targets[0].step", asked("Series", step=15)),
    (checks.check_types, "override of custom.lineStle", changed("custom.lineStle", {})),
    (checks.check_types, "override of custom.cellOptions", changed("custom.cellOptions", {"type": "auto"})),
    (checks.check_types, "override of colour", changed("colour", {"mode": "fixed"})),
    (checks.check_types, "override of color.color.mode", changed("color", {"mode": "fixd"})),
    (checks.check_types, "override.matcher.id", on("Series", *RULE, "matcher", id="byname")),
    (checks.check_types, "changes nothing", on("Series", *RULE, properties=[])),
    (checks.check_types, "transformations[0].id", on("Table", "transformations", 0, id="mrge")),
    (checks.check_types, "row.colapsed", on("Folded", colapsed=True)),
    (checks.check_types, "templating.list[1].multy", var(1, multy=True)),
    (checks.check_types, "annotations.list[1].expression", note(1, expression="up")),
    (checks.check_uid, "is a new one", top(uid="sysvitals-powr")),
    (checks.check_uid, "is none", top(uid="Sysvitals Power")),
    (checks.check_uid, "is none", top(uid="sysvitals-power-and-heat-of-each-small-board")),
    (checks.check_behaviour, "is editable", top(editable=True)),
    (checks.check_behaviour, "is refreshed", top(refresh="5s")),
    (checks.check_behaviour, "crosshair", top(graphTooltip=0)),
    (checks.check_behaviour, "not tagged", top(tags=[])),
    (checks.check_behaviour, "not described", top(description="")),
    (checks.check_behaviour, "end now", within("time", to="now-5m")),
    (checks.check_behaviour, "sisters", within("links", 0, keepTime=False)),
    (checks.check_behaviour, "documentation", within("links", 1, url="https://example.org")),
    (checks.check_annotations, "mark Reboots", note(2, name="Reboot")),
    (checks.check_annotations, "mark Undervoltage", note(1, expr="up")),
    (checks.check_annotations, "marks Reboots from the start", note(2, enable=True)),
    (checks.check_annotations, "whose", note(1, titleFormat="dip")),
    (checks.check_variables, "single data source", var(0, name="ds")),
    (checks.check_variables, "labelled", var(0, label="DS")),
    (checks.check_variables, "no variable instance", var(2, name="node")),
    (checks.check_variables, "is no query", var(1, query={"query": "up"})),
    (checks.check_variables, "follow the job", var(2, query={"query": "label_values(up, instance)"})),
    (
        checks.check_variables,
        "leaves out hosts",
        var(2, query={"query": 'label_values(sysvitals_build_info{job=~"$job"}, instance)'}),
    ),
    (checks.check_variables, "allValue", var(2, allValue=".*")),
    (checks.check_variables, "refresh", var(2, refresh=1)),
    (checks.check_variables, "multi", var(1, multi=False)),
    (checks.check_variables, "label is not", var(1, label="job")),
    (checks.check_variables, "All is there", var(2, includeAll=False)),
    (checks.check_ids, "id 7", both(on("Stat", id=7), on("Series", id=7))),
    (checks.check_ids, "id None", on("Stat", id=DROP)),
    (checks.check_ids, "title 'Series'", on("Inside", title="Series")),
    (checks.check_grid, "lies over Series", on("States", "gridPos", x=11)),
    (checks.check_grid, "beside the grid", on("States", "gridPos", w=13)),
    (checks.check_grid, "too low", on("Series", "gridPos", h=5)),
    (
        checks.check_grid,
        "lies over Inside",
        lambda d: panel(d, "Folded").update(panels=panel(d, "Folded")["panels"] * 2),
    ),
    (checks.check_datasources, "Stat", on("Stat", datasource={"type": "prometheus", "uid": "abc"})),
    (checks.check_datasources, "Series", asked("Series", datasource=DROP)),
    (checks.check_datasources, "job", var(1, datasource=None)),
    (checks.check_datasources, "Reboots", note(2, datasource="Prometheus")),
    (checks.check_words, "has no title", on("Stat", title="")),
    (checks.check_words, "is not described", on("Stat", description="")),
    (checks.check_words, "does not link", on("Stat", description="It is what it is.")),
    (checks.check_words, "POWER.md#no-such", described(f"{POWER_PAGE}#no-such")),
    (checks.check_words, "RUNBOOK.md#NoSuch", described(f"{checks.DOCS}prometheus/RUNBOOK.md#NoSuch")),
    (checks.check_words, "NOWHERE.md", described(f"{checks.DOCS}NOWHERE.md")),
    (checks.check_words, "nothing is there", on("Stat", *DEFAULTS, noValue="No data")),
    (checks.check_words, "nothing is there", on("Stat", *DEFAULTS, noValue=DROP)),
    (checks.check_absence, "no fault, all is well", on("Stat", *DEFAULTS, noValue="no fault, all is well")),
    (checks.check_absence, "nothing fires", changed("noValue", "nothing fires")),
    (checks.check_units, "unit None", on("Stat", *DEFAULTS, unit=DROP)),
    (checks.check_units, "unit percentunits", on("Stat", *DEFAULTS, unit="percentunits")),
    (checks.check_units, "unit loads", changed("unit", "loads")),
    (checks.check_visible_queries, "56 queries", lambda d: panel(d, "Series").update(targets=[{}] * 52)),
    (checks.check_titles, "How full?: asks", on("Stat", title="How full?")),
    (checks.check_thresholds, "has no thresholds", on("Stat", *DEFAULTS, thresholds=DROP)),
    (checks.check_thresholds, "[80]", on("Stat", *STEPS, 1, value=80)),
    (checks.check_thresholds, "begin everywhere", on("Stat", *DEFAULTS, "thresholds", steps=steps(0, 1))),
    (checks.check_thresholds, "begin everywhere", on("Stat", *DEFAULTS, "thresholds", steps=[])),
    (checks.check_thresholds, "and rise", on("Stat", *DEFAULTS, "thresholds", steps=steps(None, 1, 0))),
    (checks.check_thresholds, "[0.42]", changed("thresholds", {"mode": "absolute", "steps": steps(None, 0.42)})),
    (checks.check_colours, "pink", on("Stat", *STEPS, 1, color="pink")),
    (checks.check_colours, "#123456", note(1, iconColor="#123456")),
    (checks.check_targets, "asks nothing", on("Stat", targets=[])),
    (checks.check_targets, "letter twice", asked("Series", 1, refId="A")),
    (checks.check_targets, "against its kind", asked("Stat", instant=False, range=True)),
    (checks.check_targets, "against its kind", asked("Series", instant=True)),
    (checks.check_targets, "against its kind", on("Stat", "options", graphMode="area")),
    (checks.check_targets, "as a table", asked("Table", format="time_series")),
    (checks.check_targets, "has no legend", asked("Series", legendFormat="")),
    (checks.check_promql, "Series [A]", ask("rate(system_load1[$__rate_interval)")),
    (checks.check_promql, "annotation Reboots", note(2, expr="min_over_time(")),
    (checks.check_names, "system_load2", ask(LOAD.replace("load1", "load2"))),
    (checks.check_names, "node_load1", ask(LOAD.replace("system", "node"), "Inside")),
    (checks.check_labels, "no label disk", ask(select("system_disk_io_now", 'disk="sda"'))),
    (checks.check_labels, "the label core", ask(f"sum by (core) ({LOAD})")),
    (checks.check_labels, "the label core", ask(f"{LOAD} / on (core) {LOAD}")),
    (checks.check_labels, "the label core", ask(f"{LOAD} / on (job) group_left (core) {LOAD}")),
    (checks.check_labels, "its legend names disk", asked("Series", legendFormat="{{disk}}")),
    (checks.check_selectors, "follow $job", ask('system_load1{instance=~"$instance"}')),
    (checks.check_selectors, "follow $instance", ask('system_load1{job=~"$job", instance="$instance"}')),
    (checks.check_selectors, "follow $instance", ask('system_load1{job=~"$job", instance=~"$instance|"}')),
    (checks.check_selectors, "follow $job", ask('ALERTS{instance=~"$instance|"}')),
    (checks.check_selectors, "annotation Reboots", note(2, expr="system_uptime_seconds")),
    (checks.check_counters, "is a counter", ask(select(FORKS))),
    (checks.check_counters, "is a counter", ask(select("process_cpu_seconds_total"))),
    (checks.check_counters, "is a counter", ask(f"max_over_time({select(FORKS, over='$__rate_interval')})")),
    (checks.check_windows, "300 s", ask(f"rate({select(FORKS, over='5m')})")),
    (checks.check_windows, "8765 s", ask(f"increase({select(FORKS, over='$__range')})")),
    (checks.check_windows, "97 s", ask(f"irate({select(FORKS, over='$__interval')})")),
    (checks.check_windows, "600 s", ask(f"max_over_time({LOAD}[10m:])")),
    (checks.check_windows, "annotation Reboots", note(2, expr=f"resets({select('system_uptime_seconds', over='5m')})")),
    (checks.check_hosts_are_told_apart, "Series [A]", asked("Series", legendFormat="{{device}}")),
    (checks.check_hosts_are_told_apart, "Inside", asked("Inside", legendFormat="memory")),
    (checks.check_hosts_are_told_apart, "Stat [A]", asked("Stat", legendFormat="used")),
    (checks.check_hosts_are_told_apart, "Series [B]", ask(f"sum by (instance) ({LOAD})", place=1)),
    (checks.check_hosts_are_told_apart, "Series [B]", ask(f"sum without (job) ({LOAD})", place=1)),
    (checks.check_hosts_are_told_apart, "Series [B]", ask(f"topk(3, {LOAD})", place=1)),
    (checks.check_hosts_are_told_apart, "Series [B]", ask(f"vector(1) or {LOAD}", place=1)),
    (checks.check_used_variables, "variable host", ask(LOAD.replace("$instance", "$host"))),
    (checks.check_used_variables, "variable board", on("Stat", title="Stat of $board")),
    (checks.check_used_variables, "variable node", asked("Series", legendFormat="{{instance}} ${node}")),
    (checks.check_used_variables, "variable room", linked(f"{HOST_LINK}&${{room:queryparam}}")),
    (checks.check_links, "leads nowhere", linked(HOST_LINK.replace("host", "hosts"))),
    (checks.check_links, "loses ${job", linked(HOST_LINK)),
    (checks.check_links, "leads away", linked("https://example.org")),
    (checks.check_tables, "stay apart", on("Table", "transformations", 0, id="limit")),
    (checks.check_tables, "column Value #C", on("Table", *CHOSEN_COLUMNS, names=["Value #C"])),
    (checks.check_tables, "column host", on("Table", *CHOSEN_COLUMNS, names=["host"])),
)


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_a_sound_dashboard_breaks_no_rule(check: Check) -> None:
    assert list(check(build(SAMPLE))) == []


@pytest.mark.parametrize(
    ("check", "expected", "break_it"), BREAKS, ids=[f"{name_of(check)}: {words}" for check, words, _ in BREAKS]
)
def test_a_rule_notices_what_is_against_it(check: Check, expected: str, break_it: Break) -> None:
    dashboard = copy.deepcopy(build(SAMPLE))
    break_it(dashboard)
    found = list(check(dashboard))
    assert any(expected in complaint for complaint in found), found


def test_every_rule_is_broken_once() -> None:
    assert {check for check, _, _ in BREAKS} == set(CHECKS)


def test_the_boards_are_those_that_are_checked() -> None:
    assert set(boards.BOARDS) == {path.stem for path in FILES}
