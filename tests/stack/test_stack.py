"""`sysvitals stack` with real servers: it comes up whole, and ends whole, whatever ends it.

Grafana is not among them: a program that only answers stands for it, to show how ours would be started.
"""

import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from sysvitals.provision.shipped import shipped_folder
from sysvitals.stack.programs import PROGRAMS, find_program
from tests.patience import PATIENCE
from tests.stack.receivers import run_http_receiver
from tests.stack.running import answers, free_port, wait_until
from tests.tools import need_tool

NAMES = ("web", "prometheus", "alertmanager", "grafana")
READY = "all answer:"
READER = "sysvitals.history.child"
SCENARIO = """\
summary: One brownout, soon.
lasts: 10m
steps:
  - {at: 3s, pulse: {supply_volts: 4.4}, for: 4s}
"""
FAKE_GRAFANA = """\
#!{python} -I
import configparser, http.server, json, os, signal, sys

if os.environ.get("STUBBORN"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(json.dumps([sys.argv, [name for name in os.environ if name.startswith("GF_")]]), flush=True)
print('logger=server level=warn msg="a word of warning"', flush=True)
ini = configparser.ConfigParser(interpolation=None)
ini.read(next(word for word in sys.argv if word.startswith("--config=")).removeprefix("--config="))


class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, *_):
        pass


http.server.HTTPServer((ini["server"]["http_addr"], int(ini["server"]["http_port"])), Health).serve_forever()
"""


@dataclass(frozen=True)
class Stack:
    process: subprocess.Popen[bytes]
    output: Path
    ports: dict[str, int]

    @property
    def said(self) -> str:
        return self.output.read_text(encoding="utf-8")

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def ask(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"{self.url('prometheus')}/api/v1/{path}", params=parameters, timeout=PATIENCE).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def value(self, promql: str) -> list[float]:
        return [float(row["value"][1]) for row in self.ask("query", query=promql)["result"]]

    def children(self) -> dict[str, psutil.Process]:
        """By the word of their command line that names them; without what the exporter starts to read its history."""
        found = {}
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                line = child.cmdline()
            except psutil.NoSuchProcess:  # such a reader, at its end
                continue
            if not line or READER in line:
                continue
            name = line[3] if line[1:3] == ["-m", "sysvitals"] else os.path.basename(line[0])
            found[name] = child
        return found

    def wait_until_ready(self) -> None:
        wait_until(lambda: READY in self.said or self.process.poll() is not None, f"all answer: {self.output}")
        assert self.process.poll() is None, self.said


@pytest.fixture(autouse=True)
def _servers() -> None:
    need_tool("prometheus")
    need_tool("prometheus-alertmanager")


@pytest.fixture(autouse=True)
def _as_at_a_terminal() -> Iterator[None]:
    """SIGHUP is neither ignored, as by nohup, nor blocked: the programs that a test starts inherit both."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    blocked = signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    yield
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    signal.signal(signal.SIGHUP, before)


@contextmanager
def running(folder: Path, *flags: str, ready: bool = True, **environment: str) -> Iterator[Stack]:
    """The stack on ports of its own. What is left of it at the end is killed."""
    ports = {name: free_port() for name in NAMES}
    output = folder / "said.txt"
    addresses = [f"--{name}.listen-address=127.0.0.1:{port}" for name, port in ports.items()]
    with output.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "sysvitals", "stack", *addresses, *flags],
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=os.environ | environment,
            process_group=0,
        )
    stack = Stack(process, output, ports)
    children: list[psutil.Process] = []
    try:
        if ready:
            stack.wait_until_ready()
            children = psutil.Process(process.pid).children(recursive=True)
        yield stack
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        for child in children:
            if child.is_running():
                child.kill()


def end(stack: Stack, number: signal.Signals = signal.SIGTERM, *, whole_group: bool = False) -> int:
    """Its exit status; none of its children is left."""
    parts = psutil.Process(stack.process.pid).children()
    children = stack.children()
    (os.killpg if whole_group else os.kill)(stack.process.pid, number)
    status = stack.process.wait(timeout=PATIENCE)
    assert [part for part in parts if part.is_running()] == []
    wait_until_gone(children)
    return status


def wait_until_gone(children: dict[str, psutil.Process]) -> None:
    """What a part has started ends by itself, soon after it."""
    wait_until(lambda: not any(map(lives, children.values())), "none of its children is left")


def lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def path_without(folder: Path, *missing: str) -> str:
    """A PATH on which there are only the servers, without these."""
    tools = folder / "tools"
    tools.mkdir()
    for name in {"prometheus", "prometheus-alertmanager"} - {*missing}:
        (tools / name).symlink_to(str(shutil.which(name)))
    return str(tools)


def test_a_simulated_brownout_becomes_an_alert_and_nothing_is_left_behind(tmp_path: Path) -> None:
    scenario = tmp_path / "one.yaml"
    scenario.write_text(SCENARIO)
    with (
        run_http_receiver() as phone,
        running(tmp_path, f"--simulate=pi4:{scenario}", "--no-grafana", f"--webhook={phone.url('hook')}") as stack,
    ):
        assert set(stack.children()) == {"simulate", "serve", "prometheus", "prometheus-alertmanager"}
        for name, path in (("web", "/-/ready"), ("prometheus", "/-/ready"), ("alertmanager", "/-/ready")):
            assert answers(stack.url(name) + path), name
        wait_until(lambda: stack.value('up{job="sysvitals",instance="pi4"}') == [1.0], "it is scraped")
        groups = stack.ask("rules")["groups"]
        shipped = Path(__file__).parents[2].glob("prometheus/rules/*.yml")
        assert {Path(group["file"]).name for group in groups} == {file.name for file in shipped}
        assert [error for group in groups for rule in group["rules"] if (error := rule.get("lastError"))] == []
        alertmanagers = stack.ask("alertmanagers")["activeAlertmanagers"]
        assert [one["url"] for one in alertmanagers] == [f"{stack.url('alertmanager')}/api/v2/alerts"]

        def firing() -> list[Any]:
            alerts = httpx.get(f"{stack.url('alertmanager')}/api/v2/alerts", timeout=PATIENCE).json()
            return [alert["labels"]["instance"] for alert in alerts if alert["labels"]["alertname"] == "Undervoltage"]

        wait_until(lambda: firing() == ["pi4"], "the alert has come to Alertmanager")
        wait_until(lambda: "board     undervoltage begins" in stack.said, "it says what happens to the board")
        wait_until(lambda: "alert        | critical: pi4: undervoltage, " in stack.said, "it prints the alert")
        wait_until(lambda: phone.to("hook"), "the alert is sent to the web hook")
        assert f"shown here as they fire, and sent to {phone.url('hook')}\n" in stack.said
        page = next(line.split()[1] for line in stack.said.splitlines() if line.startswith("  prometheus "))
        assert answers(page), page
        wait_until(lambda: stack.value('up{instance=~".*:.*"}') == [1.0, 1.0], "the servers are scraped, too")
        board = Path(stack.children()["simulate"].cmdline()[-1])
        (kept,) = [line.split()[4].removesuffix(":") for line in stack.said.splitlines() if line.startswith("until")]
        assert (board / "proc/stat").exists()
        assert (Path(kept) / "data/prometheus").exists()
        assert (tmp_path / "data/stack/prometheus/prometheus.yml").exists()
        assert end(stack) == 0
        assert not board.exists()
        assert not Path(kept).parent.exists()
        lines = stack.said.splitlines()
    assert f"It plays {scenario}: One brownout, soon." in lines
    assert lines[-2] == "stopping prometheus, alertmanager, exporter, board"
    assert lines[-1].startswith("all ended after ")
    assert [line for line in lines if "level=" in line] == []
    assert set(tmp_path.iterdir()) == {scenario, stack.output}


def test_what_is_edited_in_a_simulation_is_there_in_the_next_one(tmp_path: Path) -> None:
    receivers = tmp_path / "data/stack/alertmanager/alertmanager.yml"
    with running(tmp_path, "--simulate=pi4", "--no-grafana") as stack:
        assert f"a receiver in\n  {receivers}\n" in stack.said
        receivers.write_text(f"{receivers.read_text()}# mine\n")
        assert end(stack) == 0
        assert f"kept, since you edited it: {receivers}\n" in stack.said
    with running(tmp_path, "--simulate=pi4", "--no-grafana", "--webhook=http://127.0.0.1:1/", ready=False) as stack:
        assert stack.process.wait(timeout=PATIENCE) == 1
        assert f"{receivers} is yours, since you edited it: name the web hook there" in stack.said
        assert f"kept, since you edited it: {receivers}\n" in stack.said
        assert "it was here before" not in stack.said
    assert receivers.read_text().endswith("# mine\n")
    left = {path for path in (tmp_path / "data").rglob("*") if path.is_file()}
    assert left == {receivers, receivers.with_name(".sysvitals-alertmanager.json")}


@pytest.mark.fault(
    "process",
    "a part of the stack that ends by itself, with a simulated board",
    seen="which part, its last words, and where all its words are; the stack ends with status 1",
    heals="start the stack again; the logs that it names stay until you remove them",
)
def test_a_part_that_ends_in_a_simulation_leaves_the_logs_that_are_named_and_nothing_else(tmp_path: Path) -> None:
    passing = tmp_path / "passing"
    passing.mkdir()
    with running(tmp_path, "--simulate=pi4", "--no-grafana", TMPDIR=str(passing)) as stack:
        children = stack.children()
        children["prometheus-alertmanager"].kill()
        assert stack.process.wait(timeout=PATIENCE) == 1
        wait_until_gone(children)
        (named,) = [Path(line.partition(": ")[2]) for line in stack.said.splitlines() if line.startswith("all of them")]
    assert "Listening on" in named.read_text()
    assert {path for path in passing.rglob("*") if path.is_file()} == {*named.parent.iterdir()}
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_that_asks_for_the_end_ends_all_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with running(tmp_path, "--no-grafana", http_proxy="http://127.0.0.1:9", HTTP_PROXY="http://127.0.0.1:9") as stack:
        # a terminal sends to the whole group; some send to the process, too
        assert end(stack, number, whole_group=number is signal.SIGINT) == 0
        said = stack.said
    assert "stopping prometheus, alertmanager, exporter\nall ended after " in said
    assert "was killed" not in said
    # each had the time to end well, and the exporter was there as long as it was scraped
    last_words = (tmp_path / "data/stack/logs/prometheus.log").read_text().splitlines()[-1]
    assert "See you next time!" in last_words
    last = json.loads((tmp_path / "data/history/current").read_text(encoding="utf-8").splitlines()[-1])
    assert last["name"] == "sysvitals.stopped"
    assert last["time"] > last_words.partition(" ")[0].removeprefix("ts=")


def test_a_part_that_ends_ends_all_and_is_named_with_its_last_words(tmp_path: Path) -> None:
    with running(tmp_path, "--no-grafana") as stack:
        children = stack.children()
        children["prometheus-alertmanager"].kill()
        assert stack.process.wait(timeout=PATIENCE) == 1
        wait_until_gone(children)
        said = stack.said
    assert "sysvitals: alertmanager was killed by signal 9 (Killed)" in said
    assert '  level=info msg="Listening on"' in said
    assert f"all of them: {tmp_path}/data/stack/logs/alertmanager.log" in said


def test_a_configuration_that_a_server_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    with running(tmp_path, "--no-grafana") as stack:
        assert end(stack) == 0
    config = tmp_path / "data/stack/prometheus/prometheus.yml"
    config.write_text(f"{config.read_text()}\nnonsense: [\n")
    with running(tmp_path, "--no-grafana", ready=False) as stack:
        assert stack.process.wait(timeout=PATIENCE) == 1
        assert "sysvitals: prometheus ended by itself with status 2" in stack.said
        assert "did not find expected node content" in stack.said


def test_no_orphan_is_left_when_the_stack_itself_is_killed(tmp_path: Path) -> None:
    with running(tmp_path, "--no-grafana") as stack:
        children = stack.children()
        assert len(children) == 3
        stack.process.kill()
        stack.process.wait()
        wait_until_gone(children)


def test_a_taken_port_is_named_with_its_holder_and_a_free_one(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with running(tmp_path, "--no-grafana", f"--prometheus.listen-address=127.0.0.1:{port}", ready=False) as stack:
            assert stack.process.wait(timeout=PATIENCE) == 1
            said = stack.said
    assert f"prometheus cannot listen on 127.0.0.1:{port}: taken by process {os.getpid()} " in said
    assert "sudo systemctl disable --now prometheus\n" in said
    (free,) = [
        line.rpartition(":")[2] for line in said.splitlines() if "--prometheus.listen-address=127.0.0.1:" in line
    ]
    assert int(free) > port
    assert not (tmp_path / "data").exists()


def test_without_prometheus_there_is_no_stack(tmp_path: Path) -> None:
    with running(tmp_path, ready=False, PATH=path_without(tmp_path, "prometheus")) as stack:
        assert stack.process.wait(timeout=PATIENCE) == 1
        said = stack.said
    assert said.startswith("sysvitals: there is no stack without Prometheus: no prometheus on the PATH\n")
    assert "sudo apt install prometheus\n" in said
    assert "docker run" in said
    assert not (tmp_path / "data").exists()


def test_without_alertmanager_and_grafana_it_runs_the_rest_and_says_so(tmp_path: Path) -> None:
    path = path_without(tmp_path, "prometheus-alertmanager")
    with running(tmp_path, PATH=path) as stack:
        assert set(stack.children()) == {"serve", "prometheus"}
        wait_until(lambda: len(stack.ask("targets")["activeTargets"]) == 2, "its targets are known")
        assert stack.ask("alertmanagers")["activeAlertmanagers"] == []
        assert end(stack) == 0
        said = stack.said
    assert "without alertmanager: no prometheus-alertmanager or alertmanager on the PATH" in said
    assert "sudo apt install prometheus-alertmanager\n" in said
    assert "without grafana: no grafana or grafana-server on the PATH" in said


def test_what_the_user_edits_stays_and_what_the_stack_knows_is_written_anew(tmp_path: Path) -> None:
    config = tmp_path / "data/stack"
    receivers = config / "alertmanager/alertmanager.yml"
    boards = config / "prometheus/targets/sysvitals/boards.yml"
    with running(tmp_path, "--no-grafana") as stack:
        assert end(stack) == 0
    mine = receivers.read_text() + "# my own\n"
    receivers.write_text(mine)
    boards.write_text('[{"targets": ["127.0.0.1:9"], "labels": {"instance": "attic"}}]\n')
    (config / "prometheus/rules/heat.yml").unlink()
    with running(tmp_path, "--no-grafana") as stack:
        wait_until(lambda: len(stack.value('up{job="sysvitals"}')) == 2, "both boards are known")
        assert stack.value('up{instance="attic"}') == [0.0]
        hostname = json.loads((tmp_path / "data/history/current").read_text().partition("\n")[0])["host"]
        assert stack.value(f'up{{instance="{hostname}"}}') == [1.0]
        assert "alertmanager.yml stays as it is" not in stack.said, "ours has not moved on"
        assert end(stack) == 0
    assert receivers.read_text() == mine
    assert (config / "prometheus/rules/heat.yml").exists()


def test_prometheus_keeps_what_a_small_board_has_room_for(tmp_path: Path) -> None:
    with running(tmp_path, "--no-grafana") as stack:
        flags = stack.ask("status/flags")
        assert (flags["storage.tsdb.retention.time"], flags["storage.tsdb.retention.size"]) == ("90d", "1GiB")
        listening = {
            (connection.laddr.ip, connection.laddr.port)
            for child in stack.children().values()
            for connection in child.net_connections()
            if connection.status == psutil.CONN_LISTEN
        }
        assert listening == {("127.0.0.1", stack.ports[name]) for name in ("web", "prometheus", "alertmanager")}
        assert end(stack) == 0


def test_two_stacks_do_not_share_a_folder(tmp_path: Path) -> None:
    with running(tmp_path, "--no-grafana") as stack:
        (tmp_path / "second").mkdir()
        with running(tmp_path / "second", f"--storage.path={tmp_path}/data", "--no-grafana", ready=False) as second:
            assert second.process.wait(timeout=PATIENCE) == 1
            assert f"another sysvitals stack keeps its things in {tmp_path}/data/stack" in second.said
        assert end(stack) == 0


@pytest.fixture
def grafana(tmp_path: Path) -> Path:
    """A Grafana as its package lays it out, with the wrapper on the PATH that must not be used."""
    home = tmp_path / "opt/grafana"
    for path, text in (
        ("bin/grafana", FAKE_GRAFANA.replace("{python}", sys.executable)),
        ("conf/defaults.ini", ""),
        ("wrapper/grafana", "#!/bin/sh\nexit 5\n"),
    ):
        (home / path).parent.mkdir(parents=True, exist_ok=True)
        (home / path).write_text(text)
        (home / path).chmod(0o755)
    return home


def test_grafana_is_started_past_its_wrapper_by_our_settings_alone(tmp_path: Path, grafana: Path) -> None:
    path = f"{grafana}/wrapper:{os.environ['PATH']}"
    with running(tmp_path, PATH=path, GF_PATHS_HOME=str(grafana), GF_SERVER_HTTP_PORT="1") as stack:
        folder = tmp_path / "data/stack/grafana"
        log = (tmp_path / "data/stack/logs/grafana.log").read_text().splitlines()
        command, variables = json.loads(log[0])
        assert command == [
            f"{grafana}/bin/grafana",
            "server",
            f"--homepath={grafana}",
            f"--config={folder}/grafana.ini",
        ]
        assert variables == []
        assert 'grafana      | logger=server level=warn msg="a word of warning"' in stack.said
        password = folder / "admin-password"
        assert (stat.S_IMODE(password.stat().st_mode), len(password.read_text())) == (0o600, 16)
        assert f"(user admin, password in {password})" in stack.said
        ini = (folder / "grafana.ini").read_text()
        for line in (
            f"admin_password = $__file{{{password}}}",
            "http_addr = 127.0.0.1",
            f"http_port = {stack.ports['grafana']}",
            f"provisioning = {folder}/provisioning",
            f"default_home_dashboard_path = {folder}/dashboards/fleet.json",
            "[auth.anonymous]\nenabled = false",
        ):
            assert f"\n{line}\n" in ini
        source = (folder / "provisioning/datasources/sysvitals.yml").read_text()
        assert f"url: {stack.url('prometheus')}\n" in source
        assert (
            f"path: {json.dumps(str(folder / 'dashboards'))}"
            in (folder / "provisioning/dashboards/sysvitals.yml").read_text()
        )
        uid = json.loads((folder / "dashboards/host.json").read_text())["uid"]
        assert f"{stack.url('grafana')}/d/{uid}?var-instance=" in httpx.get(stack.url("web"), timeout=PATIENCE).text
        before = password.read_text()
        assert end(stack) == 0
        assert "stopping grafana, prometheus, alertmanager, exporter" in stack.said
    with running(tmp_path, PATH=path, GF_PATHS_HOME=str(grafana)) as stack:
        assert end(stack) == 0
    assert password.read_text() == before, "made once: Grafana takes it once"


def test_a_second_signal_kills_what_does_not_end_when_asked(tmp_path: Path, grafana: Path) -> None:
    path = f"{grafana}/bin:{os.environ['PATH']}"
    with running(tmp_path, PATH=path, STUBBORN="1") as stack:
        children = stack.children()
        # the same wish, for both come together
        for number in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
            stack.process.send_signal(number)
        with pytest.raises(subprocess.TimeoutExpired):
            stack.process.wait(timeout=2)
        stack.process.send_signal(signal.SIGINT)
        assert stack.process.wait(timeout=PATIENCE) == 0
        wait_until_gone(children)
        assert "grafana did not end when asked, and was killed" in stack.said
        assert stack.said.count("and was killed") == 1


def test_a_grafana_without_its_home_is_left_out_with_the_reason(tmp_path: Path, grafana: Path) -> None:
    (grafana / "conf/defaults.ini").unlink()
    with running(tmp_path, PATH=f"{grafana}/bin:{os.environ['PATH']}") as stack:
        assert "without grafana: " in stack.said
        assert "set GF_PATHS_HOME" in stack.said
        assert end(stack) == 0


def test_a_real_grafana_has_our_data_source_and_dashboards(tmp_path: Path) -> None:
    if find_program(PROGRAMS["grafana"], os.environ) is None:
        pytest.skip("no Grafana is installed: what a real one makes of our provisioning is not proven here")
    with running(tmp_path) as stack:
        admin = ("admin", (tmp_path / "data/stack/grafana/admin-password").read_text())
        with httpx.Client(base_url=stack.url("grafana"), auth=admin, timeout=PATIENCE) as grafana:
            health = grafana.get("/api/datasources/uid/sysvitals-prometheus/health").json()
            assert health["status"] == "OK", health
            shipped = (json.loads(file.read_bytes())["uid"] for file in shipped_folder("grafana").glob("dashboards/*"))
            found = {board["uid"] for board in grafana.get("/api/search", params={"type": "dash-db"}).json()}
            assert found >= set(shipped)
        assert httpx.get(f"{stack.url('grafana')}/api/search", timeout=PATIENCE).status_code == 401
        assert end(stack) == 0


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--simulate=pi9:brownout"], "no board 'pi9': did you mean pi5?"),
        (["--simulate=pi4:brownuot"], "no scenario 'brownuot': did you mean brownout?"),
        (["--simulate=pi4:idle", "--path.procfs=/x"], "--path.procfs does not go with --simulate"),
        (["--prometheus.listen-address=9090"], "--prometheus.listen-address: '9090' is not valid"),
        (["--web.listen-address=127.0.0.1:0"], "--web.listen-address: port 0 is not valid"),
        (["--webhook=ntfy.sh/topic"], "--webhook: 'ntfy.sh/topic' is not valid: expected an address such as"),
        (["--webhook=http://a/", "--no-alertmanager"], "--webhook does not go with --no-alertmanager"),
        (["--history.keep-age=never"], "--history.keep-age: 'never' is not valid"),
    ],
)
def test_what_is_asked_wrongly_starts_nothing(tmp_path: Path, flags: list[str], words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sysvitals", "stack", *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []
