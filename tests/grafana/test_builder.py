"""The library that dashboards are built with."""

import json
from pathlib import Path
from typing import Any

import pytest

from grafana.builder import __main__ as command
from grafana.builder import colours, fleet, heat, host, units
from grafana.builder.alerts import TO_DO
from grafana.builder.dashboard import Dashboard, build, link_to, render
from grafana.builder.firing import MEANINGS, NAME_WIDTH, WITHOUT_VALUES, parted, plain_summary, said
from grafana.builder.hosts import for_tile, total
from grafana.builder.judging import (
    NEUTRAL,
    Json,
    any_is,
    every_value,
    line_at,
    none_is,
    range_mapping,
    rising,
    value_mappings,
    yes_no,
)
from grafana.builder.layout import Line, Section, lay_out
from grafana.builder.panels import About, Column, stat, table, time_series
from grafana.builder.queries import Look, Query, increase, rate, select
from grafana.builder.states import (
    HOST_STATE,
    POWER,
    START,
    STATE_WORDS,
    SUPPLY,
    THROTTLING,
    State,
    States,
    in_tone,
)
from prometheus.rulebook import recording
from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.judgement.rule import Alert
from sysvitals.judgement.thresholds import FILESYSTEM_FULL, FILESYSTEM_NEARLY_FULL, WIFI_WEAK
from tests.grafana.dashboard_checks import parsed

LOAD = Query(select("system_load1"))
PIXELS_A_LETTER = 8
"""Of a table's text, on average and with the cell's edges."""


def about(title: str = "How much?", **more: Any) -> About:
    return About(title=title, description="It tells.", docs="exporter/POWER.md", missing="not measured", **more)


def words(title: str) -> Json:
    return stat(about(title), LOAD)


# queries


def test_a_selector_follows_the_chosen_hosts() -> None:
    assert select("system_load1") == 'system_load1{job=~"$job", instance=~"$instance"}'


def test_a_selector_takes_matchers_and_a_window() -> None:
    expected = 'system_throttled{job=~"$job", instance=~"$instance", cause="undervoltage", x!~"a|b"}[1h]'
    assert select("system_throttled", 'cause="undervoltage", x!~"a|b"', over="1h") == expected


@pytest.mark.parametrize("name", ["node_load1", "system_load2", "system_load1:ratio", ""])
def test_a_metric_that_nothing_exposes_or_records_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="neither in the catalog nor recorded"):
        select(name)


@pytest.mark.parametrize("name", ["up", "ALERTS", "scrape_samples_scraped", "instance:system_memory_used:ratio"])
def test_what_prometheus_has_itself_and_what_rules_record_can_be_asked_for(name: str) -> None:
    assert select(name).startswith(f"{name}{{")


@pytest.mark.parametrize("matchers", ["cause=undervoltage", 'cause="a"}', "cause", 'cause=="a"'])
def test_matchers_that_cannot_be_are_refused(matchers: str) -> None:
    with pytest.raises(ValueError, match="matchers are written"):
        select("system_throttled", matchers)


def test_growth_is_taken_over_the_interval_that_grafana_reckons() -> None:
    assert rate("system_forks_total") == f"rate({select('system_forks_total')}[$__rate_interval])"
    assert increase("system_forks_total") == f"increase({select('system_forks_total')}[$__rate_interval])"
    assert increase("system_forks_total", over="1h").endswith("[1h])")


# units


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("system_load1", "short"),
        ("system_memory_free_bytes", "bytes"),
        ("system_temperature_celsius", "celsius"),
        ("system_wifi_signal_dbm", "dBm"),
        ("system_throttle_last_timestamp_seconds", "dateTimeFromNow"),
        ("system_uptime_seconds", "s"),
    ],
)
def test_a_unit_follows_from_the_catalog(metric: str, unit: str) -> None:
    assert units.unit_of(metric) == unit


def test_every_unit_of_the_catalog_has_one_in_grafana() -> None:
    assert [units.unit_of(name) for name in units.CATALOG.families if not units.unit_of(name)] == []


@pytest.mark.parametrize(
    ("counter", "unit"),
    [
        ("system_disk_read_bytes_total", "binBps"),
        ("system_cpu_seconds_total", "percentunit"),
        ("system_intr_total", "cps"),
    ],
)
def test_a_rate_has_another_unit_than_its_counter(counter: str, unit: str) -> None:
    assert units.unit_of_rate(counter) == unit


# thresholds and words


def test_more_is_worse_from_the_thresholds_of_the_model_on() -> None:
    expected = ((None, "green"), (FILESYSTEM_NEARLY_FULL.value, "orange"), (FILESYSTEM_FULL.value, "red"))
    assert rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL) == expected
    assert rising(critical=FILESYSTEM_FULL) == ((None, "green"), (FILESYSTEM_FULL.value, "red"))


def test_a_line_below_which_it_is_bad_has_the_colour_of_bad() -> None:
    """Grafana draws a line in the colour of the step that begins there."""
    assert line_at(WIFI_WEAK) == ((None, "orange"), (WIFI_WEAK.value, "orange"))


def test_a_state_changes_at_one() -> None:
    assert any_is(colours.CRITICAL) == ((None, "green"), (1.0, "red"))
    assert none_is(colours.WARNING) == ((None, "orange"), (1.0, "green"))


def test_words_stand_for_values_in_the_order_that_they_are_given() -> None:
    assert value_mappings({1: ("bad", "red"), 0.5: ("so-so", "orange")}, missing=("unknown", "#8e8e8e")) == [
        {
            "type": "value",
            "options": {
                "1": {"color": "red", "index": 0, "text": "bad"},
                "0.5": {"color": "orange", "index": 1, "text": "so-so"},
            },
        },
        {
            "type": "special",
            "options": {"match": "null+nan", "result": {"color": "#8e8e8e", "index": 3, "text": "unknown"}},
        },
    ]
    assert value_mappings({}) == []


def test_words_stand_for_ranges() -> None:
    expected = {"from": 1, "to": None, "result": {"color": "red", "index": 10, "text": "some"}}
    assert range_mapping(1, None, "some", "red") == {"type": "range", "options": expected}


def test_yes_is_good_unless_said_otherwise() -> None:
    options = yes_no()[0]["options"]
    assert (options["0"]["color"], options["1"]["color"]) == ("red", "green")


# panels


def test_panels_of_one_moment_ask_for_one_and_others_for_a_range() -> None:
    asked = [stat(about(), LOAD), table(about(), LOAD, columns=[Column(name="instance")]), time_series(about(), LOAD)]
    targets = [panel["targets"][0] for panel in asked]
    assert [(target["instant"], target["range"]) for target in targets] == [(True, False), (True, False), (False, True)]
    assert [target["format"] for target in targets] == ["time_series", "table", "time_series"]


def test_a_panel_links_its_documentation_and_says_what_absence_means() -> None:
    panel = time_series(about(), LOAD)
    assert panel["description"].startswith("It tells.\n\n[Read more](https://github.com/sysvitals/")
    assert panel["fieldConfig"]["defaults"]["noValue"] == "not measured"


def test_a_panel_always_has_thresholds() -> None:
    assert time_series(about(), LOAD)["fieldConfig"]["defaults"]["thresholds"] == {
        "mode": "absolute",
        "steps": [{"color": NEUTRAL[0][1], "value": None}],
    }


def test_a_look_belongs_to_its_query_alone() -> None:
    rules = time_series(about(), LOAD, Query(LOAD.expr, "sent", Look(unit="s")))["fieldConfig"]["overrides"]
    assert [rule["matcher"] for rule in rules] == [{"id": "byFrameRefID", "options": "B"}]


@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (Look(colour="blue"), {"color": {"fixedColor": "blue", "mode": "fixed"}}),
        (Look(colour="blue", shades=True), {"color": {"fixedColor": "blue", "mode": "shades"}}),
        (Look(dashed=True), {"custom.lineStyle": {"dash": [6, 6], "fill": "dash"}, "custom.fillOpacity": 0}),
        (Look(below=True), {"custom.transform": "negative-Y"}),
        (Look(unnamed=True), {"custom.hideFrom": {"legend": True, "tooltip": False, "viz": False}}),
        (Look(right=True), {"custom.axisPlacement": "right"}),
        (Look(stacked=False), {"custom.stacking": {"group": "A", "mode": "none"}}),
        (Look(unit="s", width=2, fill=5), {"unit": "s", "custom.lineWidth": 2, "custom.fillOpacity": 5}),
    ],
)
def test_a_look_changes_what_it_names_and_nothing_else(look: Look, expected: Json) -> None:
    rule = time_series(about(), Query(LOAD.expr, look=look))["fieldConfig"]["overrides"][0]
    assert {one["id"]: one["value"] for one in rule["properties"]} == expected


def test_a_bar_covers_the_day_that_begins_at_its_point() -> None:
    rules = time_series(about(), Query(LOAD.expr, look=Look(bars=True)))["fieldConfig"]["overrides"]
    values = {one["id"]: one["value"] for one in rules[0]["properties"]}
    assert (values["custom.drawStyle"], values["custom.barAlignment"]) == ("bars", 1)


def test_drawn_thresholds_are_always_in_sight() -> None:
    custom = time_series(
        about(thresholds=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL)), LOAD, thresholds_drawn=True
    )["fieldConfig"]["defaults"]["custom"]
    assert (custom["axisSoftMin"], custom["axisSoftMax"]) == (FILESYSTEM_NEARLY_FULL.value, FILESYSTEM_FULL.value)
    assert custom["thresholdsStyle"] == {"mode": "dashed"}


def test_a_table_shows_the_chosen_columns_in_their_order() -> None:
    columns = [Column(name="Value #B", title="Load"), Column(name="instance", title="Host"), Column(name="Value #A")]
    panel = table(about(), LOAD, LOAD, columns=columns, sort=("Load", True))
    merged, chosen, ordered = panel["transformations"]
    assert merged["id"] == "merge"
    assert chosen["options"] == {"include": {"names": ["Value #B", "instance", "Value #A"]}}
    assert ordered["options"]["indexByName"] == {"Value #B": 0, "instance": 1, "Value #A": 2}
    assert ordered["options"]["renameByName"] == {"Value #B": "Load", "instance": "Host"}
    assert panel["options"]["sortBy"] == [{"desc": True, "displayName": "Load"}]
    assert [rule["matcher"]["options"] for rule in panel["fieldConfig"]["overrides"]] == ["Load", "Host", "Value #A"]


def test_an_empty_cell_does_not_say_that_the_whole_table_is_empty() -> None:
    panel = table(about(), LOAD, columns=[Column(name="instance")])
    assert {"id": "noValue", "value": "-"} in panel["fieldConfig"]["overrides"][0]["properties"]


# layout


def test_panels_fill_a_line_from_the_left() -> None:
    panels = lay_out([Section(lines=[Line(4, [words("a"), words("b")], (8, 16)), Line(3, [words("c")])])])
    assert [panel["gridPos"] for panel in panels] == [
        {"h": 4, "w": 8, "x": 0, "y": 0},
        {"h": 4, "w": 16, "x": 8, "y": 0},
        {"h": 3, "w": 24, "x": 0, "y": 4},
    ]


@pytest.mark.parametrize("widths", [(8, 8), (24, 1), (24,), (8, 8, 8), (0, 24)])
def test_a_line_that_is_not_filled_is_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="do not fill a line"):
        lay_out([Section(lines=[Line(4, [words("a"), words("b")], widths)])])


def test_panels_that_do_not_divide_the_line_need_widths() -> None:
    with pytest.raises(ValueError, match="5 panels"):
        lay_out([Section(lines=[Line(4, [words(name) for name in "abcde"])])])


def test_a_folded_row_holds_its_panels_and_takes_one_line() -> None:
    panels = lay_out(
        [
            Section(title="Folded", collapsed=True, lines=[Line(4, [words("a")]), Line(4, [words("b")])]),
            Section(title="Open", lines=[Line(4, [words("c")])]),
        ]
    )
    assert [(panel["title"], panel["gridPos"]["y"]) for panel in panels] == [("Folded", 0), ("Open", 1), ("c", 2)]
    assert [(panel["title"], panel["gridPos"]["y"]) for panel in panels[0]["panels"]] == [("a", 1), ("b", 5)]


def test_an_open_section_is_followed_by_the_next() -> None:
    panels = lay_out([Section(title=name, lines=[Line(4, [words(name * 2)])]) for name in "ab"])
    assert [(panel["title"], panel["gridPos"]["y"]) for panel in panels] == [("a", 0), ("aa", 1), ("b", 5), ("bb", 6)]


def test_a_panel_keeps_its_id_when_others_come() -> None:
    before = lay_out([Section(lines=[Line(4, [words("a")])])])
    after = lay_out([Section(title="New", lines=[Line(4, [words("b"), words("a")])])])
    assert before[0]["id"] == next(panel["id"] for panel in after if panel["title"] == "a")


def test_two_panels_of_one_title_are_refused() -> None:
    with pytest.raises(ValueError, match="'a' and 'a' give one id"):
        lay_out([Section(title="Row", collapsed=True, lines=[Line(4, [words("a")]), Line(4, [words("a")])])])


# states


def ordered(states: States) -> list[tuple[str, str]]:
    options = states.mappings[0]["options"]
    return [(number, options[number]["text"]) for number in options]


def test_the_first_state_that_holds_is_shown_and_the_worst_has_the_largest_number() -> None:
    states = States((State("a == 1", "bad", "red"), State("a == 0", "good", "green")))
    assert states.expression == ("max by (job, instance) (a == 1) * 0 + 2\nor\nmax by (job, instance) (a == 0) * 0 + 1")
    assert ordered(states) == [("2", "bad"), ("1", "good")]


@pytest.mark.parametrize("states", [POWER, THROTTLING, SUPPLY, START])
def test_the_states_are_promql(states: States) -> None:
    assert parsed(states.expression) is not None


def test_a_board_without_a_detector_is_not_called_good() -> None:
    names = [text for _, text in ordered(POWER)]
    assert names.index("no detector") < names.index("good")


@pytest.mark.parametrize(("severity", "expression"), [("warning", heat.TOO_WARM), ("critical", heat.TOO_HOT)])
def test_heat_begins_where_its_alert_does(severity: str, expression: str) -> None:
    rules = [rule for subject in SUBJECTS for rule in subject.rules if isinstance(rule, Alert)]
    alert = next(rule for rule in rules if (rule.name, rule.severity) == ("TemperatureHigh", severity))
    excess = next(record for record in recording.HEAT if record.name in alert.value)
    limit = next(record.name for record in recording.LIMITS if record.name in excess.expression)
    assert f"{select('system_temperature_celsius')} {alert.compares} {select(limit)}" in expression


@pytest.mark.parametrize("expression", [heat.HIGH_LIMIT, heat.FINE, heat.NEARLY, heat.TOO_WARM, heat.TOO_HOT])
def test_heat_is_promql(expression: str) -> None:
    assert parsed(expression) is not None


# what is known of hosts and alerts


def test_each_state_of_the_rules_has_its_word_and_its_colour() -> None:
    words = {one["options"]["from"]: one["options"]["result"] for one in STATE_WORDS}
    assert {code: words[code]["text"] for code in (20, 17, 0, -1, -2)} == {
        20: "no answer",
        17: "disk full",
        0: "well",
        -1: "not known yet",
        -2: "asleep",
    }
    assert (words[20]["color"], words[9]["color"]) == (colours.CRITICAL, colours.WARNING)


@pytest.mark.parametrize(
    "expression", [HOST_STATE, in_tone("critical"), for_tile("up"), total("sum(up)"), parted("up"), said("up")]
)
def test_what_is_asked_of_hosts_is_promql(expression: str) -> None:
    assert parsed(expression) is not None


@pytest.mark.parametrize(
    ("summary", "said"),
    [
        ("{{ $labels.instance }}: does not answer", "does not answer"),
        ("{{ $labels.instance }}: {{ $labels.mountpoint }} has become read-only", "has become read-only"),
        (
            "{{ $labels.instance }}: only {{ $value | printf `%.2f` }} V at the 5 V input",
            "low voltage at the 5 V input",
        ),
        (
            "{{ $labels.instance }}: {{ if eq $labels.part `cpu` }}the CPU{{ else }}{{ $labels.part }}{{ end }} is hot",
            "is hot",
        ),
        (
            "{{ $labels.instance }}: now {{ with printf `a{job=%q}` $labels.job | query }}{{ . | first }} °C{{ end }}",
            "now … °C",
        ),
        ("No host is watched", "No host is watched"),
    ],
)
def test_an_alert_is_explained_in_the_words_of_its_summary(summary: str, said: str) -> None:
    assert plain_summary(summary) == said


def test_each_alert_of_a_host_is_explained() -> None:
    options = MEANINGS[0]["options"]
    alerts = [rule for subject in SUBJECTS for rule in subject.rules if isinstance(rule, Alert)]
    assert {f"{one.severity} {one.name}" for one in alerts if one.severity != "none"} == set(options)
    assert not [option["text"] for option in options.values() if "{" in option["text"] or not option["text"]]


def test_no_sentence_of_an_alert_has_a_hole_for_a_value() -> None:
    said = {key: option["text"] for key, option in MEANINGS[0]["options"].items()}
    assert not {key: text for key, text in said.items() if "…" in text}
    assert all("…" in part for part in WITHOUT_VALUES)


def test_the_name_of_each_alert_fits_its_column() -> None:
    names = [rule.name for subject in SUBJECTS for rule in subject.rules if isinstance(rule, Alert)]
    assert max(map(len, names)) * PIXELS_A_LETTER <= NAME_WIDTH


def test_a_link_to_the_runbook_is_two_words_and_leads_to_the_section_of_the_alert() -> None:
    panel = table(about(), LOAD, columns=TO_DO)
    link, anchor = (
        {one["id"]: one["value"] for one in rule["properties"]} for rule in panel["fieldConfig"]["overrides"]
    )
    assert link["mappings"] == [every_value("what to do", colours.PLAIN)]
    assert link["links"][0]["url"].endswith("/RUNBOOK.md#${__data.fields.anchor}")
    assert anchor["mappings"][0]["options"]["HostDown"]["text"] == "hostdown"
    assert anchor["custom.hideFrom"]["viz"]


# the whole


SMALL = Dashboard(
    uid="small",
    title="Small",
    description="One panel.",
    docs="exporter/POWER.md",
    sections=[Section(lines=[Line(8, [time_series(about(), LOAD)])])],
)


def panels_that_ask(recorded: str, *boards: Dashboard) -> list[Json]:
    panels = [one for board in boards for panel in lay_out(board.sections) for one in (panel, *panel.get("panels", ()))]
    return [panel for panel in panels if recorded in json.dumps(panel.get("targets", []))]


def test_a_panel_of_the_fullest_filesystem_says_which_it_leaves_out() -> None:
    found = panels_that_ask("instance:system_filesystem_used:ratio_max", fleet.DASHBOARD, host.DASHBOARD)
    assert len(found) == 4
    assert [panel["title"] for panel in found if "20 GB free needs no room" not in panel["description"]] == []


def test_a_count_that_the_rules_take_each_few_minutes_says_how_old_it_may_be() -> None:
    shown = [panel for panel in panels_that_ask(":increase1d", fleet.DASHBOARD) if panel["type"] != "timeseries"]
    assert len(shown) == 4
    assert [panel["title"] for panel in shown if "Up to 2 minutes old" not in panel["description"]] == []


def test_a_dashboard_is_written_the_same_each_time_and_ends_with_a_line() -> None:
    text_of_it = render(SMALL)
    assert text_of_it == render(SMALL)
    assert json.loads(text_of_it) == build(SMALL)
    assert text_of_it.endswith("}\n")
    assert not any(line != line.rstrip() for line in text_of_it.splitlines())


def test_a_dashboard_opens_with_all_hosts_unless_it_is_about_one() -> None:
    one = Dashboard(**{name: getattr(SMALL, name) for name in SMALL.__slots__} | {"all_hosts": False})
    instance = {build(board)["templating"]["list"][2]["includeAll"] for board in (SMALL, one)}
    assert instance == {True, False}
    assert build(SMALL)["templating"]["list"][2]["current"] == {"text": ["All"], "value": ["$__all"]}
    assert build(one)["templating"]["list"][2]["current"] == {}


def test_marks_are_off_at_first() -> None:
    marks = [one for one in build(SMALL)["annotations"]["list"] if "expr" in one]
    assert [one["enable"] for one in marks] == [False, False]
    assert all(parsed(one["expr"]) is not None for one in marks)


def test_a_link_keeps_time_data_source_and_job_and_goes_to_the_host() -> None:
    link = link_to("sysvitals-host", "Open", instance="${__data.fields.instance}")
    assert link["url"] == (
        "/d/sysvitals-host?${__url_time_range}&${datasource:queryparam}&${job:queryparam}"
        "&var-instance=${__data.fields.instance}"
    )
    assert link_to("sysvitals-host", "Open")["url"].endswith("&${instance:queryparam}")


def test_the_command_writes_one_file_for_each_board() -> None:
    documents = command.render_documents()
    assert {path.parent for path in documents} == {Path(command.__file__).parent.parent / "dashboards"}
    assert {path.name for path in documents} >= {"host.json", "power.json"}
