"""From a brownout to a message with VictoriaMetrics: board, exporter, VictoriaMetrics, vmalert, Alertmanager, web hook.

All are the real programs with what is provisioned for them. Shortened are scrapes and evaluations (a second), how long
Undervoltage looks back (half an hour, here 20 s), and what Alertmanager gathers.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from sysvitals.cli import main
from sysvitals.judgement.thresholds import UNDERVOLTAGE_RECENT
from tests.doctor.serving import serve
from tests.stack.receivers import HttpReceiver, run_http_receiver
from tests.stack.running import free_port, run_board, wait_until, write_in_place
from tests.stack.servers import Prometheus, name_targets, read_yaml, write_yaml
from tests.victoria.servers import provision, run_alertmanager, run_victoria_metrics, run_vmalert

LOOKS_BACK_SECONDS = 20

OLD_COUNTERS = """\
system_throttled{cause="undervoltage"} 0
system_throttle_events_total{cause="undervoltage"} 2
system_throttle_seconds_total{cause="undervoltage"} 9
system_memory_oom_kills_total 3
system_network_carrier_changes_total{device="eth0"} 9
sysvitals_build_info{version="1"} 1
"""
"""A board that browned out long ago: it is new to VictoriaMetrics, what it counts is not."""


@dataclass
class Course:
    """The servers, while they run,"""

    etc: Path
    victoria: Prometheus
    vmalert: str
    alertmanager: str
    exporter: str
    alarm: Path
    http: HttpReceiver

    def messages(self, alertname: str, instance: str, status: str) -> list[object]:
        """Those about this alert in this state."""
        labels = {"alertname": alertname, "instance": instance}
        return [
            message
            for message in self.http.to("hook")
            for alert in message.body["alerts"]
            if alert["status"] == status and labels.items() <= alert["labels"].items()
        ]


def shorten(etc: Path, hook: str) -> None:
    """As the module says."""
    scrapes = read_yaml(etc / "scrape.yml")
    scrapes["global"] |= {"scrape_interval": "1s", "scrape_timeout": "1s"}
    write_yaml(etc / "scrape.yml", scrapes)
    rules = (etc / "rules/power.yml").read_text(encoding="utf-8")
    seconds = UNDERVOLTAGE_RECENT.value
    for long, short in (
        ("interval: 5s", "interval: 1s"),
        (f"[{seconds / 60:g}m]", f"[{LOOKS_BACK_SECONDS}s]"),
        (f"< {seconds:g}", f"< {LOOKS_BACK_SECONDS}"),
    ):
        assert long in rules
        rules = rules.replace(long, short)
    (etc / "rules/power.yml").write_text(rules, encoding="utf-8")
    daily = etc / "rules/recording-daily.yml"
    daily.write_text(daily.read_text(encoding="utf-8").replace("interval: 2m", "interval: 1s"), encoding="utf-8")
    config = read_yaml(etc / "alertmanager.yml")
    for receiver in config["receivers"]:
        receiver["webhook_configs"] = [{"url": hook if receiver["name"] == "people" else f"{hook}-{receiver['name']}"}]
    for route in config["route"]["routes"]:
        route["group_interval"] = "2s"
    write_yaml(etc / "alertmanager.yml", config)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """A board that is calm, and one with old counters; both were scraped, and the rules evaluated."""
    folder = tmp_path_factory.mktemp("victoria")
    with ExitStack() as stack:
        http = stack.enter_context(run_http_receiver())
        etc = provision(folder)
        shorten(etc, http.url("hook"))
        exporter, alarm = stack.enter_context(run_board(folder))
        old = stack.enter_context(serve({"/metrics": OLD_COUNTERS}))
        port = free_port()
        alertmanager = stack.enter_context(run_alertmanager(etc))
        victoria = stack.enter_context(run_victoria_metrics(etc, port))
        name_targets(etc, "victoriametrics", {"vmalert": f"127.0.0.1:{port}"})
        vmalert = stack.enter_context(run_vmalert(etc, port, victoria, alertmanager.url))
        name_targets(etc, "sysvitals", {"calm": exporter, "old": old.url.removeprefix("http://")})
        events = 'count(count_over_time(system_throttle_events_total{cause="undervoltage"}[1m]) >= 3)'
        wait_until(lambda: victoria.value(events) == 2, "both boards were scraped")
        wait_until(lambda: victoria.value("count(vmalert_execution_total)") == 1, "vmalert was scraped")
        yield Course(etc, victoria, vmalert, alertmanager.url, exporter, alarm, http)


def test_a_brownout_is_one_message_and_its_end_one_and_old_counters_are_none(course: Course) -> None:
    write_in_place(course.alarm, "1\n")
    wait_until(lambda: course.messages("Undervoltage", "calm", "firing"), "a message about the brownout")
    write_in_place(course.alarm, "0\n")
    wait_until(lambda: course.messages("Undervoltage", "calm", "resolved"), "a message about its end")
    assert len(course.messages("Undervoltage", "calm", "firing")) == 1
    counted = ("Undervoltage", "OutOfMemory", "LinkFlapping")
    assert course.victoria.query(f'ALERTS{{alertname=~"{"|".join(counted)}",instance="old"}}') == []
    assert course.victoria.value('max_over_time(ALERTS{alertname="Undervoltage",instance="calm"}[1h])') == 1


def test_no_rule_fails_and_each_is_evaluated(course: Course) -> None:
    groups = course.victoria.ask("rules")["groups"]
    wait_until(
        lambda: all(group["lastEvaluation"] > "2" for group in course.victoria.ask("rules")["groups"]), "all ran"
    )
    assert [rule["lastError"] for group in groups for rule in group["rules"] if rule["lastError"]] == []
    assert course.victoria.value("sum(vmalert_execution_errors_total)") == 0


def ask_doctor(course: Course, prometheus: str, capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, str]]:
    """What the doctor finds of the server in Prometheus's place, by the ids."""
    capsys.readouterr()
    main(["doctor", "--prometheus", prometheus, "--exporter", f"http://{course.exporter}", "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return {check["id"]: check for check in checks if check["id"].startswith(("prometheus.", "alertmanager."))}


def test_the_doctor_says_of_victoria_metrics_what_is_true(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask_doctor(course, course.victoria.url, capsys)
    verdicts = {name: check["verdict"] for name, check in found.items()}
    fine = ("answers", "clock", "rules", "rules.health", "vmalert", "alertmanagers")
    assert {name: verdicts.get(f"prometheus.{name}") for name in fine} == dict.fromkeys(fine, "ok"), found
    assert "VictoriaMetrics" in found["prometheus.answers"]["text"]
    assert course.alertmanager in found["prometheus.alertmanagers"]["text"]
    assert found["prometheus.rules.current"]["text"] == "Undervoltage (critical) differ from this version's"
    assert "prometheus.rules.language" not in found
    assert verdicts["alertmanager.answers"] == "ok"


def test_the_doctor_says_of_vmalert_what_it_knows(course: Course, capsys: pytest.CaptureFixture[str]) -> None:
    found = ask_doctor(course, course.vmalert, capsys)
    assert found["prometheus.target"]["verdict"] == "absent"
    assert [found[f"prometheus.{name}"]["verdict"] for name in ("rules", "vmalert", "alertmanagers")] == ["ok"] * 3, (
        found
    )
