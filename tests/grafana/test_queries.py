"""Every query of every dashboard, and every rule, is asked of a real Prometheus that holds an hour of trouble."""

import dataclasses
import re
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.grafana.asking import DASHBOARDS, Viewer, open_dashboard, read_questions, read_variables
from tests.grafana.backfill import parse_series, write_recording
from tests.grafana.conftest import RULES
from tests.grafana.evaluation import load_rules
from tests.grafana.night import Scrape, read_record
from tests.grafana.recordings import TROUBLE
from tests.grafana.remote_write import Series
from tests.grafana.server import Server, run_prometheus
from tests.stack.running import wait_until

END = TROUBLE.start + TROUBLE.lasts
HOSTS = tuple(target.instance for target in TROUBLE.targets)
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")

EMPTY_WITH_REASON = {
    ("fleet.json", "Hosts by state [F]"): "the rules have judged each host",
    ("fleet.json", "Hosts by state [G]"): "no host here may sleep",
    ("host.json", "Flush latency [A]"): "a simulated board flushes nothing to its disk",
    ("host.json", "Left alone [A]"): "no setting of these boards leaves anything alone",
}
"""Dashboard and place of queries that find nothing in the recording, and why that is right."""


def look_at(server: Server, path: Path, *instances: str) -> Viewer:
    return open_dashboard(server, path, end=END, scrape_seconds=TROUBLE.every, instances=instances)


def look_at_all(server: Server, path: Path) -> list[Viewer]:
    """All hosts: together where the dashboard can show several, and otherwise one after the other."""
    several = any(one["name"] == "instance" and one["multi"] for one in read_variables(path))
    return [look_at(server, path)] if several else [look_at(server, path, host) for host in HOSTS]


def by_name(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("path", DASHBOARDS, ids=by_name)
def test_every_query_of_a_dashboard_finds_something_on_many_hosts(path: Path, server: Server) -> None:
    viewers = look_at_all(server, path)
    wrong = []
    for question in read_questions(path):
        try:
            found = any(viewer.ask(question) for viewer in viewers)
        except RuntimeError as error:
            wrong.append(f"{question}: {error}")
            continue
        reason = EMPTY_WITH_REASON.get((question.dashboard, question.place))
        if not found and reason is None:
            wrong.append(f"{question}: finds nothing: {question.query}")
        elif found and reason is not None:
            wrong.append(f"{question}: finds something, and is listed as empty: {reason}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", DASHBOARDS, ids=by_name)
def test_no_query_of_a_dashboard_fails_on_any_single_host(path: Path, server: Server) -> None:
    wrong = []
    for host in HOSTS:
        viewer = look_at(server, path, host)
        for question in read_questions(path):
            try:
                viewer.ask(question)
            except RuntimeError as error:
                wrong.append(f"{host}: {question}: {error}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", DASHBOARDS, ids=by_name)
def test_a_chosen_host_is_the_only_one_that_is_shown(path: Path, server: Server) -> None:
    viewer = look_at(server, path, "attic")
    if "instance" not in viewer.chosen:
        pytest.skip("the dashboard has no choice of hosts")
    wrong = [
        f"{question}: shows {series['metric']}"
        for question in read_questions(path)
        for series in viewer.ask(question)
        if series["metric"].get("instance", "attic") != "attic"
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", DASHBOARDS, ids=by_name)
def test_each_label_in_a_legend_is_on_its_series(path: Path, server: Server) -> None:
    viewers = look_at_all(server, path)
    wrong = []
    for question in read_questions(path):
        found = next(filter(None, (viewer.ask(question) for viewer in viewers)), [])
        # one of several alternatives (or) may lack one, and Grafana shows nothing in its place
        missing = set(_LABEL.findall(question.legend)).difference(*(series["metric"] for series in found))
        if found and missing:
            wrong.append(f"{question}: no series has {', '.join(missing)}: {question.legend!r}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", DASHBOARDS, ids=by_name)
def test_series_of_one_graph_have_names_of_their_own(path: Path, server: Server) -> None:
    wrong = [found for viewer in look_at_all(server, path) for found in _names_that_stand_twice(viewer, path)]
    assert not wrong, "\n".join(wrong)


def test_every_rule_is_evaluated_without_error_on_many_hosts(recording: Path, tmp_path: Path) -> None:
    # rules know no other time than now: the recording is written as if it ended just now
    now = time.time()
    plan = dataclasses.replace(TROUBLE, start=now - TROUBLE.lasts)
    records = {host: _shifted(recording / "played" / f"{host}.gz", plan.start - TROUBLE.start) for host in HOSTS}
    rules = [_hurried(path, tmp_path) for path in RULES]
    with run_prometheus(tmp_path / "data", log=tmp_path / "prometheus.log", rules=rules, interval="1s") as server:
        # some rules look back at what they recorded before
        write_recording(server, plan, records, load_rules(RULES, plan.every))
        server.write(_node_exporters(now))
        # a rule may look at what one of another group has recorded, which may look at another's
        for _ in range(3):
            wait_until(partial(_all_evaluated, server, time.time()), "every group was evaluated")
        found = [rule for group in server.get("rules")["groups"] for rule in group["rules"]]
        wrong = [f"{rule['name']}: {rule.get('lastError')}" for rule in found if rule["health"] != "ok"]
        assert not wrong, "\n".join(wrong)
        for rule in found:
            # what has been there for half a day cannot be in a recording of an hour
            if rule["type"] == "recording" and not rule["name"].endswith(":last_seen"):
                data = server.ask("query", query=f"last_over_time({rule['name']}[1m])", time=time.time())["result"]
                assert data, f"{rule['name']} records nothing"
        alerts = server.get("alerts")["alerts"]
        assert {alert["labels"].get("instance") for alert in alerts} >= {"attic", "greenhouse", "cellar", "barn:9100"}


def _names_that_stand_twice(viewer: Viewer, path: Path) -> Iterator[str]:
    names: dict[str, dict[str, Any]] = {}
    for question in read_questions(path):
        is_table = not question.legend
        if question.is_instant or is_table or question.place.startswith("annotation"):
            continue
        panel = f"{question.dashboard} {question.place.rpartition(' [')[0]}"
        for series in viewer.ask(question):
            metric = series["metric"]
            name = _fill_legend(question.legend, metric)
            other = names.setdefault(panel, {}).setdefault(name, metric)
            if other is not metric:
                yield f"{question}: {name!r} is {other} and {metric}"
                break


def _fill_legend(legend: str, metric: Mapping[str, str]) -> str:
    return _LABEL.sub(lambda match: metric.get(match[1], ""), legend)


def _shifted(path: Path, seconds: float) -> Iterator[Scrape]:
    shift = round(seconds * 1000)
    return (Scrape(scrape.time + shift, scrape.seconds, scrape.lines) for scrape in read_record(path))


def _hurried(path: Path, folder: Path) -> Path:
    """The rules, evaluated each second."""
    copy = folder / path.name
    copy.write_text(re.sub(r"(?m)^( +interval:) .*$", r"\1 1s", path.read_text(encoding="utf-8")), encoding="utf-8")
    return copy


def _node_exporters(now: float) -> Series:
    """What node_exporter alone would have told of two Raspberry Pis and a PC."""
    lines = {
        ("barn:9100", "roof:9100"): (
            "node_exporter_build_info 1",
            "node_context_switches_total 1e6",
            'node_uname_info{release="6.12.47+rpt-rpi-v8"} 1',
            'node_hwmon_chip_names{chip="soc:firmware_raspberrypi_hwmon",chip_name="rpi_volt"} 1',
            'node_hwmon_in_lcrit_alarm_volts{chip="soc:firmware_raspberrypi_hwmon",sensor="in0"} 0.001',
            'node_hwmon_temp_celsius{chip="thermal_thermal_zone0",sensor="temp0"} 86.2',
            'node_thermal_zone_temp{type="cpu-thermal",zone="0"} 86.2',
            'node_hwmon_chip_names{chip="platform_cooling_fan",chip_name="pwmfan"} 1',
            'node_hwmon_fan_rpm{chip="platform_cooling_fan",sensor="fan1"} 0',
            'node_hwmon_pwm{chip="platform_cooling_fan",sensor="pwm1"} 125',
        ),
        ("desk:9100",): (
            "node_exporter_build_info 1",
            "node_context_switches_total 1e6",
            'node_uname_info{release="6.1.0-18-amd64"} 1',
            *(f'node_cooling_device_cur_state{{name="{cpu}",type="Processor"}} 2' for cpu in range(4)),
            *(f'node_cooling_device_max_state{{name="{cpu}",type="Processor"}} 3' for cpu in range(4)),
        ),
    }
    found: Series = {}
    for instances, samples in lines.items():
        for instance in instances:
            for line in samples:
                name, _, value = line.rpartition(" ")
                labels = parse_series(name, {"instance": instance, "job": "node-exporter"})
                found[labels] = [(round((now - ago) * 1000), float(value)) for ago in (30, 15, 0)]
    return found


def _all_evaluated(server: Server, since: float) -> bool:
    groups = server.get("rules")["groups"]
    assert groups, "no group of rules"
    return all(_unix(group["lastEvaluation"]) > since for group in groups)


def _unix(text: str) -> float:
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}+00:00").timestamp() + float(f"0.{fraction or 0}")
