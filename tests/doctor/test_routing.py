"""Routes as the doctor evaluates them, against Alertmanager's own tool."""

import json
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysvitals.doctor.routing import find_inhibitor, find_routes, group_labels, parse_routing
from sysvitals.provision.shipped import shipped_folder
from tests.patience import PATIENCE
from tests.tools import need_tool

ALERT = {"alertname": "Undervoltage", "instance": "pi4", "severity": "critical"}


def ask_amtool(amtool: str, config: Path, labels: Mapping[str, str]) -> list[str]:
    words = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items()]
    done = subprocess.run(
        [amtool, "config", "routes", "test", f"--config.file={config}", *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr + config.read_text()
    return done.stdout.strip().split(",")


def build_config(route: Mapping[str, Any], **more: Any) -> str:
    receivers = sorted(names_of(route))
    return json.dumps({"route": route, "receivers": [{"name": name} for name in receivers], **more})


def names_of(route: Mapping[str, Any]) -> set[str]:
    own = {route["receiver"]} if "receiver" in route else set()
    return own.union(*(names_of(child) for child in route.get("routes", ())))


def receivers_of(config: str, labels: Mapping[str, str]) -> list[str]:
    return [route.receiver for route in find_routes(parse_routing(config).root, labels)]


NAMES = st.sampled_from(["severity", "instance", "site", "room", "absent"])
VALUES = st.sampled_from(
    ["critical", "warning", "pi4", "pi-garden", 'a "b"', "back\\slash", "comma, brace}", "", "é", "on"]
)
PATTERNS = st.sampled_from(
    [
        "critical|warning",
        "pi.*",
        "pi",
        ".*",
        ".+",
        "",
        "(?i)PI4",
        "crit(?i)ICAL|WARNING",
        "[[:alpha:]]+",
        r"\w+",
        r"pi\d",
        r"pi[^\d]garden",
        r"\Qa \E.b.",
        "comma, brace}",
        "^pi4$",
        "(?:pi)(?P<n>4)?",
        r"\x70i4",
        "é",
        "p{1,2}i4",
        "o{,2}n",
        "[^a-n]i[4]",
        r"back\\slash",
    ]
)


def quote(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


@st.composite
def matcher_lines(draw: st.DrawFn) -> str:
    operator = draw(st.sampled_from(["=", "!=", "=~", "!~"]))
    value = draw(PATTERNS if "~" in operator else VALUES)
    name = draw(NAMES)
    is_plain = value and not set(value) & set(' ,"\\{}~=!')
    written = value if is_plain and draw(st.booleans()) else quote(value)
    space = draw(st.sampled_from(["", " "]))
    return f"{name}{space}{operator}{space}{written}"


OFTEN_TRUE = st.sampled_from(
    [
        ["severity=~critical|warning"],
        ["instance=~pi.*"],
        ["absent="],
        ['site!="x"', "room!~nowhere"],
        ['instance=~".+"'],
    ]
)
LEAVES = {
    "receiver": st.sampled_from(["a", "b", "c", "d", "e"]),
    "matchers": st.one_of(OFTEN_TRUE, st.lists(matcher_lines(), min_size=1, max_size=2)),
    "match": st.dictionaries(NAMES, VALUES, max_size=1),
    "match_re": st.dictionaries(NAMES, PATTERNS, max_size=1),
    "continue": st.booleans(),
}
OFTEN = {name: LEAVES[name] for name in ("receiver", "matchers", "continue")}
LEAF = st.one_of(
    st.fixed_dictionaries(OFTEN), st.fixed_dictionaries({}, optional=OFTEN), st.fixed_dictionaries({}, optional=LEAVES)
)


def routes_with(children: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    below = st.fixed_dictionaries({"routes": st.lists(children, min_size=1, max_size=4)})
    return st.tuples(LEAF, below).map(lambda parts: {**parts[0], **parts[1]})


TREES = st.recursive(LEAF, routes_with, max_leaves=12)
LABELS = st.fixed_dictionaries(
    {"severity": st.sampled_from(["critical", "warning"]), "instance": st.sampled_from(["pi4", "pi-garden"])},
    optional={"site": VALUES.filter(bool), "room": VALUES.filter(bool)},
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(routes=st.lists(TREES, min_size=1, max_size=5), labels=LABELS)
def test_any_alert_goes_where_alertmanager_itself_says(routes: list[dict[str, Any]], labels: dict[str, str]) -> None:
    amtool = need_tool("amtool")
    config = build_config({"receiver": "root", "routes": routes})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "alertmanager.yml"
        path.write_text(config, encoding="utf-8")
        assert receivers_of(config, labels) == ask_amtool(amtool, path, labels)


CRITICAL, PI = {"match": {"severity": "critical"}}, {"match_re": {"instance": "pi.*"}}


@pytest.mark.parametrize(
    ("routes", "receivers"),
    [
        ([{**CRITICAL, "receiver": "a"}, {**PI, "receiver": "b"}], ["a"]),
        ([{**CRITICAL, "receiver": "a", "continue": True}, {**PI, "receiver": "b"}], ["a", "b"]),
        ([{**CRITICAL, "receiver": "a", "continue": True}], ["a"]),
        ([{**PI, "receiver": "a", "routes": [{**CRITICAL, "receiver": "b"}]}, {"receiver": "c"}], ["b"]),
        (
            [{**PI, "receiver": "a", "routes": [{**CRITICAL, "receiver": "b", "continue": True}]}, {"receiver": "c"}],
            ["b"],
        ),
        ([{**PI, "receiver": "a", "continue": True, "routes": [{"match": {"x": "y"}}]}, {"receiver": "c"}], ["a", "c"]),
        ([{**PI, "routes": [{**CRITICAL, "continue": True}, {"receiver": "c"}]}], ["root", "c"]),
        ([{"match": {"x": "y"}, "receiver": "a"}], ["root"]),
    ],
)
def test_a_route_ends_the_search_unless_it_goes_on(
    routes: list[dict[str, Any]], receivers: list[str], tmp_path: Path
) -> None:
    config = build_config({"receiver": "root", "routes": routes})
    assert receivers_of(config, ALERT) == receivers
    (tmp_path / "alertmanager.yml").write_text(config, encoding="utf-8")
    assert ask_amtool(need_tool("amtool"), tmp_path / "alertmanager.yml", ALERT) == receivers


def test_the_routes_that_we_ship_are_understood_as_alertmanager_does() -> None:
    amtool = need_tool("amtool")
    path = shipped_folder("prometheus") / "alertmanager.yml"
    config = path.read_text(encoding="utf-8")
    alerts = [
        ALERT,
        {**ALERT, "test": "true"},
        {"alertname": "Watchdog", "severity": "none", "subject": "host"},
        {"alertname": "HostDown", "severity": "critical", "subject": "host", "instance": "pi4"},
        {"alertname": "LoadHigh", "severity": "warning", "instance": "pi-garden-1"},
        {"alertname": "SomebodyElses"},
    ]
    for labels in alerts:
        assert receivers_of(config, labels) == ask_amtool(amtool, path, labels)


def test_a_child_has_from_its_parent_what_it_does_not_set() -> None:
    config = """
route:
  receiver: people
  group_by: [alertname]
  group_interval: 10m
  routes:
    - matchers: [severity=critical]
      group_wait: 1m30s
      mute_time_intervals: [nights]
      routes:
        - matchers: [instance=pi4]
          receiver: phone
          group_by: ['...']
receivers: [{name: people}, {name: phone}]
"""
    [route] = find_routes(parse_routing(config).root, ALERT)
    assert (route.receiver, route.group_by, route.group_wait, route.group_interval) == ("phone", ("...",), 90, 600)
    assert route.mute_times == ()  # these alone are not handed down
    assert group_labels(route, ALERT) == ALERT
    [root] = find_routes(parse_routing(config).root, {"alertname": "A", "x": "y"})
    assert (root.group_wait, group_labels(root, {"alertname": "A", "x": "y"})) == (30, {"alertname": "A"})
    assert group_labels(root, {"x": "y"}) == {}


def test_what_is_behind_each_receiver_is_counted() -> None:
    config = """
route: {receiver: none}
receivers:
  - name: none
  - name: phone
    telegram_configs: [{chat_id: 1}, {chat_id: 2}]
    email_configs: [{to: a@example.org}]
  - name: emptied
    webhook_configs: []
"""
    assert parse_routing(config).receivers == {
        "none": (),
        "phone": ("telegram", "telegram", "email"),
        "emptied": (),
    }


@pytest.mark.parametrize(
    "text", ["", "- a", "receivers: []", "route: {matchers: [a b c]}", "route: {group_wait: soon}", "a: [", "route: 3"]
)
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no configuration|is no"):
        parse_routing(text)


INHIBITIONS = """
route: {receiver: people}
receivers: [{name: people}]
inhibit_rules:
  - source_matchers: [alertname="HostDown"]
    target_matchers: ['subject=~".+"']
    equal: [instance]
  - source_match: {severity: critical}
    target_match_re: {severity: warning|critical}
    equal: [alertname, instance, device]
"""


@pytest.mark.parametrize(
    ("labels", "active", "is_held"),
    [
        ({"alertname": "Undervoltage", "subject": "power", "instance": "pi4"}, {}, True),
        ({"alertname": "Undervoltage", "subject": "power", "instance": "pi5"}, {}, False),
        ({"alertname": "Undervoltage", "instance": "pi4"}, {}, False),
        # on both sides of a rule: it is not held by one that is so as well, itself among them
        ({"alertname": "HostDown", "subject": "host", "instance": "pi4"}, {"subject": "host"}, False),
        ({"alertname": "HostDown", "subject": "host", "instance": "pi4"}, {}, True),
    ],
)
def test_an_alert_is_held_back_by_one_that_says_more(
    labels: dict[str, str], active: dict[str, str], is_held: bool
) -> None:
    other = {"alertname": "HostDown", "instance": "pi4", **active}
    held = find_inhibitor(parse_routing(INHIBITIONS), labels, [{"alertname": "Else", "instance": "pi4"}, other])
    assert held == (other if is_held else None)


def test_labels_that_neither_has_are_equal() -> None:
    routing = parse_routing(INHIBITIONS)
    warm = {"alertname": "TemperatureHigh", "instance": "pi4", "severity": "warning"}
    hot = {**warm, "severity": "critical"}
    assert find_inhibitor(routing, warm, [hot]) == hot
    assert find_inhibitor(routing, warm, [{**hot, "device": "sda"}]) is None
    assert find_inhibitor(routing, hot, [hot]) is None
