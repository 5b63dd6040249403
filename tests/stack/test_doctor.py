"""The doctor before a real Prometheus and a real Alertmanager, whole and with each link cut."""

import json
import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest

from sysvitals.cli import main
from sysvitals.doctor.routing import find_routes, parse_routing
from sysvitals.model.event import format_time
from sysvitals.provision.shipped import shipped_folder
from tests.patience import PATIENCE
from tests.recorded import HOSTS
from tests.stack.running import answers, free_port, run, run_exporter, wait_until
from tests.tools import need_tool

SHIPPED = shipped_folder("prometheus")
INSTANCE = "pi-kitchen"
ROUTE = {"receiver": "people", "group_by": ["..."], "group_wait": "200ms", "group_interval": "10s"}

Found = tuple[int, dict[str, dict[str, Any]]]


@dataclass(frozen=True)
class Receiver:
    """A local HTTP server that is told of alerts: each alert of each notification, in their order."""

    url: str
    told: list[dict[str, Any]]

    def find(self, **labels: str) -> list[dict[str, Any]]:
        return [alert for alert in self.told if labels.items() <= alert["labels"].items()]

    def tests_since(self, moment: float) -> list[dict[str, Any]]:
        return [alert for alert in self.find(test="true") if int(alert["labels"]["test_id"]) >= moment]


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    told: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["content-length"])))
            told.extend(message["alerts"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield Receiver(f"http://127.0.0.1:{server.server_address[1]}/", told)
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass(frozen=True)
class Stack:
    """An exporter that reads a recorded board, and both servers, each below a path of its own."""

    folder: Path
    exporter: str
    prometheus: str
    alertmanager: str
    receiver: Receiver

    def flags(self, exporter: str = "") -> list[str]:
        host = self.folder / "host"
        paths = {"procfs": host / "proc", "sysfs": host / "sys", "rootfs": host, "devfs": host / "dev"}
        own = [f"--path.{name}={path}" for name, path in paths.items()]
        return [*own, f"--storage.path={self.folder / 'exporter'}", f"--web.listen-address={exporter or self.exporter}"]

    def arrange(
        self,
        *,
        rules: str | None = None,
        target: str | None = None,
        alertmanager: str | None = None,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        """Set both servers up: as they should be, but for what is given."""
        others = [alertmanager] if alertmanager else [self.alertmanager.split("/")[2]] if alertmanager is None else []
        self.load_prometheus(rules or f"{self.folder}/rules/*.yml", target or self.exporter, others)
        urls = [f"http://{other}/am/api/v2/alerts" for other in others]
        wait_until(lambda: self.known_alertmanagers() == urls, "Prometheus has found its Alertmanagers")
        self.load_alertmanager(config or {"route": ROUTE, "receivers": [self.people()]})

    def people(self) -> dict[str, Any]:
        return {"name": "people", "webhook_configs": [{"url": self.receiver.url}]}

    def load_prometheus(self, rules: str, target: str, alertmanagers: list[str]) -> None:
        labels = {"instance": INSTANCE, "room": "kitchen"}
        config = {
            "global": {
                "scrape_interval": "1s",
                "scrape_timeout": "1s",
                "evaluation_interval": "1s",
                "external_labels": {"site": "home", "replica": "a", "room": "nowhere"},
            },
            "rule_files": [rules],
            "alerting": {
                "alert_relabel_configs": [
                    {"action": "labeldrop", "regex": "replica"},
                    {
                        "source_labels": ["site", "room"],
                        "regex": "(.*);k(.*)",
                        "target_label": "place",
                        "replacement": "$1-K${2}",
                    },
                ],
                "alertmanagers": [{"path_prefix": "/am", "static_configs": [{"targets": alertmanagers}]}],
            },
            "scrape_configs": [
                {"job_name": "sysvitals", "static_configs": [{"targets": [target], "labels": labels}]},
                *(
                    {
                        "job_name": name,
                        "metrics_path": f"/{path}/metrics",
                        "static_configs": [{"targets": [url.split("/")[2]]}],
                    }
                    for name, path, url in (("prometheus", "prom", self.prometheus), ("am", "am", self.alertmanager))
                ),
            ],
        }
        path = self.folder / "prometheus.yml"
        if path.read_text() == json.dumps(config):
            return  # with each reload Prometheus forgets for 5 seconds whom to tell
        path.write_text(json.dumps(config))
        assert httpx.post(f"{self.prometheus}/-/reload", timeout=PATIENCE).status_code == 200

    def known_alertmanagers(self) -> list[str]:
        found = httpx.get(f"{self.prometheus}/api/v1/alertmanagers", timeout=PATIENCE).json()["data"]
        return [one["url"] for one in found["activeAlertmanagers"]]

    def load_alertmanager(self, config: Mapping[str, Any]) -> None:
        (self.folder / "alertmanager.yml").write_text(json.dumps(config))
        assert httpx.post(f"{self.alertmanager}/-/reload", timeout=PATIENCE).status_code == 200

    def watchdog_arrived(self) -> bool:
        return any(alert["labels"]["alertname"] == "Watchdog" for alert in self.alerts())

    def alerts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = httpx.get(f"{self.alertmanager}/api/v2/alerts", timeout=PATIENCE).json()
        return found

    def servers_scraped(self) -> bool:
        question = {"query": 'up{job=~"prometheus|am"} == 1'}
        answer = httpx.get(f"{self.prometheus}/api/v1/query", params=question, timeout=PATIENCE).json()
        return len(answer["data"]["result"]) == 2

    def rules(self) -> list[dict[str, Any]]:
        groups = httpx.get(f"{self.prometheus}/api/v1/rules", timeout=PATIENCE).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def wait_until_settled(self) -> None:
        """Every rule was evaluated, Prometheus is heard, and both servers were scraped."""
        wait_until(lambda: all(rule["health"] != "unknown" for rule in self.rules()), "rules are evaluated")
        wait_until(self.watchdog_arrived, "the watchdog has arrived")
        wait_until(self.servers_scraped, "both servers were scraped")


def copy_rules(folder: Path, *but: str) -> None:
    """Our rules, all of which are evaluated at once: some are so only each few minutes."""
    folder.mkdir(exist_ok=True)
    for path in (SHIPPED / "rules").glob("*.yml"):
        if path.name not in but:
            text = re.sub(r"(?m)^    interval: .*$", "    interval: 1s", path.read_text(encoding="utf-8"))
            (folder / path.name).write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[Stack]:
    prometheus, alertmanager = need_tool("prometheus"), need_tool("prometheus-alertmanager")
    folder = tmp_path_factory.mktemp("doctor")
    shutil.copytree(HOSTS / "pi-4b-fine", folder / "host", symlinks=True)
    ports = free_port(), free_port()
    urls = f"http://127.0.0.1:{ports[0]}/prom", f"http://127.0.0.1:{ports[1]}/am"
    copy_rules(folder / "rules")
    (folder / "prometheus.yml").write_text("{}")
    (folder / "alertmanager.yml").write_text(json.dumps({"route": ROUTE, "receivers": [{"name": "people"}]}))
    host = folder / "host"
    flags = [
        f"--path.procfs={host}/proc",
        f"--path.sysfs={host}/sys",
        f"--path.rootfs={host}",
        f"--path.devfs={host}/dev",
    ]
    start_prometheus = [
        prometheus,
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address=127.0.0.1:{ports[0]}",
        f"--web.external-url={urls[0]}",
        "--web.enable-lifecycle",
        "--rules.alert.resend-delay=2s",
    ]
    start_alertmanager = [
        alertmanager,
        f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/alertmanager",
        f"--web.listen-address=127.0.0.1:{ports[1]}",
        f"--web.external-url={urls[1]}",
        "--cluster.listen-address=",
    ]
    with (
        run_exporter(folder, "exporter", *flags) as exporter,
        run(start_alertmanager, folder, "alertmanager"),
        run(start_prometheus, folder, "prometheus"),
    ):
        for url in urls:
            wait_until(lambda url=url: answers(f"{url}/-/ready"), f"{url} is ready: {folder}")  # type: ignore[misc]
        found = Stack(folder, exporter, *urls, receiver)
        found.arrange()
        found.wait_until_settled()
        yield found


@pytest.fixture
def doctor(stack: Stack, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the doctor on that board and before those servers: its exit status, and its checks by their ids."""

    def run_doctor(*arguments: str, exporter: str = "") -> Found:
        status = main(["doctor", *stack.flags(exporter), "--prometheus", stack.prometheus, *arguments, "--json"])
        rows = json.loads(capsys.readouterr().out)["checks"]
        for row in rows:
            assert row["remedy"] or row["verdict"] in ("ok", "absent"), row
        return status, {row["id"]: row for row in rows}

    return run_doctor


def verdicts(checks: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {name: row["verdict"] for name, row in checks.items() if not name.startswith(("collector.", "host."))}


WELL = {
    "exporter.answers": "ok",
    "exporter.events": "ok",
    "exporter.history": "ok",
    "exporter.open": "absent",
    "prometheus.answers": "ok",
    "prometheus.clock": "ok",
    "prometheus.page": "ok",
    "prometheus.target": "ok",
    "prometheus.scrape_age": "ok",
    "prometheus.samples": "ok",
    "prometheus.rules": "ok",
    "prometheus.rules.health": "ok",
    "prometheus.rules.current": "ok",
    "prometheus.chain": "ok",
    "prometheus.alertmanagers": "ok",
    "alertmanager.answers": "ok",
    "alertmanager.watchdog": "ok",
    "alertmanager.receiver": "ok",
}


def test_a_whole_chain_is_well_from_end_to_end(stack: Stack, doctor: Any) -> None:
    stack.arrange()
    stack.wait_until_settled()
    status, checks = doctor()
    # what other tests made of this board and of these servers
    assert checks.pop("prometheus.alerts")["verdict"] in ("ok", "warning")
    checks.pop("alertmanager.deliveries", None)
    assert verdicts(checks) == WELL
    assert status == 0
    assert f"scraped as {INSTANCE} (job sysvitals)" in checks["prometheus.target"]["text"]
    assert checks["alertmanager.receiver"]["text"].endswith('goes to the receiver "people": webhook')
    assert checks["host.undervoltage"]["verdict"] == "ok"


def next_second() -> int:
    """The next whole second, when it has come: a test alert is known by the second in which it was sent."""
    second = int(time.time()) + 1
    wait_until(lambda: time.time() >= second, "the next second")
    return second


def real_ones(receiver: Receiver) -> list[dict[str, Any]]:
    return [one for one in receiver.find(alertname="Undervoltage") if "test" not in one["labels"]]


def test_a_test_alert_arrives_once_and_marked_with_the_labels_of_a_real_one(stack: Stack, doctor: Any) -> None:
    stack.arrange()
    stack.wait_until_settled()
    began = next_second()
    status, checks = doctor("--send-test-alert")
    assert {name: row["verdict"] for name, row in checks.items() if name.startswith("test.")} == {
        "test.sent": "ok",
        "test.arrived": "ok",
        "test.notified": "ok",
        "test.read": "absent",
    }, checks["test.notified"]
    assert status == 0
    [alert] = stack.receiver.tests_since(began)
    assert alert["status"] == "firing"
    assert alert["annotations"]["summary"].startswith(f"TEST: {INSTANCE}: ")

    [alarm] = (stack.folder / "host").glob("sys/class/hwmon/*/in0_lcrit_alarm")
    with alarm.open("r+") as file:
        file.write("1\n")
    wait_until(lambda: real_ones(stack.receiver), "a real one has arrived")
    try:
        _, checks = doctor()
    finally:
        with alarm.open("r+") as file:
            file.write("0\n")
    real = real_ones(stack.receiver)[0]
    marked = {name: value for name, value in alert["labels"].items() if name not in ("test", "test_id")}
    assert marked == real["labels"]
    assert len(stack.receiver.tests_since(began)) == 1
    assert real["labels"]["place"] == "home-Kitchen"
    assert "firing for this host now: " in checks["prometheus.alerts"]["text"]
    assert "Undervoltage (critical)" in checks["prometheus.alerts"]["text"]
    assert "NOW there is undervoltage" in checks["host.undervoltage"]["text"]


def test_rules_that_are_missing_are_named(stack: Stack, doctor: Any, tmp_path: Path) -> None:
    copy_rules(tmp_path, "power.yml")
    stack.arrange(rules=f"{tmp_path}/*.yml")
    status, checks = doctor()
    assert status == 1
    assert checks["prometheus.rules"]["verdict"] == "broken"
    assert "power.yml missing" in checks["prometheus.rules"]["text"]
    stack.arrange(rules=f"{tmp_path}/nothing/*.yml")
    assert doctor()[1]["prometheus.rules"]["text"].startswith("none of our rules is loaded")


def test_a_threshold_that_somebody_changed_is_a_remark(stack: Stack, doctor: Any, tmp_path: Path) -> None:
    copy_rules(tmp_path)
    power = tmp_path / "power.yml"
    text, count = re.subn(r"\[30m\]", "[45m]", power.read_text(encoding="utf-8"), count=1)
    assert count == 1
    power.write_text(text, encoding="utf-8")
    stack.arrange(rules=f"{tmp_path}/*.yml")
    _, checks = doctor()
    assert checks["prometheus.rules"]["verdict"] == "ok"
    assert checks["prometheus.rules.current"]["verdict"] == "warning"
    assert checks["prometheus.rules.current"]["text"] == "Undervoltage (critical) differ from this version's"


def test_a_target_that_does_not_answer_is_told_with_prometheuss_own_words(stack: Stack, doctor: Any) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    stack.arrange(target=nobody)

    def is_down() -> bool:
        found = httpx.get(f"{stack.prometheus}/api/v1/targets", timeout=PATIENCE).json()["data"]["activeTargets"]
        return (f"http://{nobody}/metrics", "down") in [(one["scrapeUrl"], one["health"]) for one in found]

    wait_until(is_down, "it was scraped in vain")
    status, checks = doctor(exporter=nobody)
    assert status == 1
    assert checks["exporter.answers"]["verdict"] == "broken"
    assert checks["prometheus.target"]["verdict"] == "broken"
    assert "connection refused" in checks["prometheus.target"]["text"]


def test_an_alertmanager_that_is_away_and_one_that_nobody_named(stack: Stack, doctor: Any) -> None:
    stack.arrange(alertmanager=f"127.0.0.1:{free_port()}")
    status, checks = doctor("--send-test-alert")
    assert status == 1
    assert checks["alertmanager.answers"]["verdict"] == "broken"
    assert "refuses the connection" in checks["alertmanager.answers"]["text"]
    assert checks["test.sent"]["verdict"] == "broken"
    stack.arrange(alertmanager="")
    status, checks = doctor()
    assert status == 1
    assert checks["prometheus.alertmanagers"]["verdict"] == "broken"
    # asked itself, it answers; but what Prometheus says has not come to it
    assert doctor("--alertmanager", stack.alertmanager)[1]["alertmanager.receiver"]["verdict"] == "ok"


def test_the_alertmanager_that_we_ship_tells_nobody_until_somebody_chooses(stack: Stack, doctor: Any) -> None:
    stack.arrange()
    text = (SHIPPED / "alertmanager.yml").read_text(encoding="utf-8").replace("templates/", f"{SHIPPED}/templates/")
    (stack.folder / "alertmanager.yml").write_text(text, encoding="utf-8")
    assert httpx.post(f"{stack.alertmanager}/-/reload", timeout=PATIENCE).status_code == 200
    status, checks = doctor()
    assert status == 1
    assert checks["alertmanager.receiver"]["verdict"] == "broken"
    assert checks["alertmanager.receiver"]["text"].endswith("which has nothing behind it: no notification is sent")
    # what Alertmanager shows of its configuration is understood as the file itself is
    shown = httpx.get(f"{stack.alertmanager}/api/v2/status", timeout=PATIENCE).json()["config"]["original"]
    theirs, ours = parse_routing(shown), parse_routing(text)
    assert theirs.receivers == ours.receivers
    assert (theirs.intervals, len(theirs.inhibitions)) == (ours.intervals, len(ours.inhibitions))
    for severity in ("critical", "warning", "info", "none"):
        labels = {"alertname": "Undervoltage", "severity": severity, "instance": INSTANCE}
        [one], [other] = find_routes(theirs.root, labels), find_routes(ours.root, labels)
        assert (one.receiver, one.group_by, one.group_wait) == (other.receiver, other.group_by, other.group_wait)


@pytest.fixture
def silence(stack: Stack) -> Iterator[None]:
    matchers = [
        {"name": "instance", "value": "pi-.*", "isRegex": True, "isEqual": True},
        {"name": "severity", "value": "warning", "isRegex": False, "isEqual": False},
    ]
    body = {
        "matchers": matchers,
        "startsAt": format_time(time.time()),
        "endsAt": format_time(time.time() + 3600),
        "createdBy": "ana",
        "comment": "garden work",
    }
    answer = httpx.post(f"{stack.alertmanager}/api/v2/silences", json=body, timeout=PATIENCE).json()
    yield
    httpx.delete(f"{stack.alertmanager}/api/v2/silence/{answer['silenceID']}", timeout=PATIENCE)


@pytest.mark.usefixtures("silence")
def test_a_silence_swallows_the_test_alert_as_it_would_a_real_one(stack: Stack, doctor: Any) -> None:
    stack.arrange()
    stack.wait_until_settled()
    began = next_second()
    status, checks = doctor("--send-test-alert")
    assert status == 1
    assert "by ana: garden work" in checks["alertmanager.silenced"]["text"]
    assert checks["test.notified"]["text"] == "it is kept back by a silence: no notification is sent"
    assert stack.receiver.tests_since(began) == []


def test_a_route_that_is_mute_now_tells_nobody(stack: Stack, doctor: Any) -> None:
    route = {**ROUTE, "routes": [{"matchers": ['severity="critical"'], "mute_time_intervals": ["always"]}]}
    always = [{"name": "always", "time_intervals": [{"times": [{"start_time": "00:00", "end_time": "24:00"}]}]}]
    stack.arrange(config={"route": route, "receivers": [stack.people()], "time_intervals": always})
    stack.wait_until_settled()
    began = next_second()
    status, checks = doctor("--send-test-alert")
    assert status == 1
    assert "always is now" in checks["alertmanager.muted"]["text"]
    assert checks["test.notified"]["verdict"] == "broken"
    assert stack.receiver.tests_since(began) == []


def test_an_alert_that_holds_ours_back_is_the_one_that_alertmanager_names(stack: Stack, doctor: Any) -> None:
    rule = {
        "source_matchers": ['alertname="HostDown"'],
        "target_matchers": ['subject=~".+"'],
        "equal": ["instance", "site"],
    }
    stack.arrange(config={"route": ROUTE, "receivers": [stack.people()], "inhibit_rules": [rule]})
    stack.wait_until_settled()
    labels = {"alertname": "HostDown", "instance": INSTANCE, "site": "home"}
    ends = format_time(time.time() + 60)
    httpx.post(f"{stack.alertmanager}/api/v2/alerts", json=[{"labels": labels, "endsAt": ends}], timeout=PATIENCE)
    wait_until(lambda: any(one["labels"] == labels for one in stack.alerts()), "it is there")
    try:
        _, checks = doctor("--send-test-alert")
    finally:
        over = format_time(time.time())
        httpx.post(f"{stack.alertmanager}/api/v2/alerts", json=[{"labels": labels, "endsAt": over}], timeout=PATIENCE)
    assert f"HostDown of {INSTANCE} fires" in checks["alertmanager.inhibited"]["text"]
    assert checks["test.notified"]["text"] == "it is kept back by another alert that fires: no notification is sent"


def test_a_receiver_that_does_not_answer_fails_on_the_last_step(stack: Stack, doctor: Any) -> None:
    nobody = {"name": "people", "webhook_configs": [{"url": f"http://127.0.0.1:{free_port()}/"}]}
    stack.arrange(config={"route": ROUTE, "receivers": [nobody]})
    stack.wait_until_settled()
    status, checks = doctor("--send-test-alert")
    assert status == 1
    assert checks["test.arrived"]["verdict"] == "ok"
    assert checks["test.notified"]["verdict"] == "broken"
    assert re.fullmatch(r"webhook was tried \d+ times?, and failed \d+ times?", checks["test.notified"]["text"])
