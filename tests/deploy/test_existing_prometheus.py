"""What the page says to paste into a Prometheus that is there already works in one."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.patience import PATIENCE
from tests.stack.running import answers, free_port, run, run_exporter, wait_until
from tests.tools import need_tool

PAGE = Path(__file__).parent.parent.parent / "deploy/README.md"
THEIR_RULES = {"groups": [{"name": "theirs", "rules": [{"record": "their:load1:max", "expr": "max(node_load1)"}]}]}


def read_section(page: str) -> str:
    found = re.search(r"(?ms)^## An existing Prometheus\n(.*?)(?=^## |\Z)", page)
    assert found is not None, "deploy/README.md has no section 'An existing Prometheus'"
    return found[1]


def read_pasted(section: str) -> dict[str, Any]:
    (block,) = re.findall(r"(?ms)^```yaml\n(.*?)^```", section)
    pasted: dict[str, Any] = yaml.safe_load(block)
    return pasted


SECTION = read_section(PAGE.read_text(encoding="utf-8"))


def merge(theirs: dict[str, Any], pasted: dict[str, Any]) -> dict[str, Any]:
    """As a person adds it: lists go on, what was there stays."""
    assert set(pasted) == {"rule_files", "scrape_configs"}
    return theirs | {key: [*theirs.get(key, []), *items] for key, items in pasted.items()}


def provision(folder: Path, kind: str = "prometheus") -> None:
    """The page's command, with the folder for /etc/prometheus."""
    assert re.search(rf"provision {kind} --to /etc/prometheus/sysvitals\b", SECTION)
    command = [sys.executable, "-m", "sysvitals", "provision", kind, "--to", str(folder / "sysvitals")]
    subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)


@dataclass(frozen=True)
class Server:
    """A foreign Prometheus with what the page adds, beside a node_exporter on the same host."""

    address: str
    board: str
    """Where the exporter is that it scrapes."""

    def ask(self, path: str, **parameters: str) -> Any:
        answer = httpx.get(f"http://{self.address}/api/v1/{path}", params=parameters, timeout=PATIENCE).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def labels(self, promql: str) -> list[dict[str, str]]:
        return [row["metric"] for row in self.ask("query", query=promql)["result"]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("existing")
    provision(folder)
    theirs, port = f"localhost:{free_port()}", free_port()
    beside = [need_tool("prometheus-node-exporter"), f"--web.listen-address={theirs}"]
    with run(beside, folder, "node-exporter") as log, run_exporter(folder, "board") as ours:
        wait_until(lambda: answers(f"http://{theirs}/metrics"), f"node_exporter answers: {log}")
        pasted = read_pasted(SECTION)
        (job,) = pasted["scrape_configs"]
        (targets,) = job["static_configs"]
        targets["targets"] = [ours.replace("127.0.0.1", "localhost")]
        job["scrape_interval"] = "1s"
        foreign = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["theirs.yml"],
            "scrape_configs": [{"job_name": "node", "static_configs": [{"targets": [theirs]}]}],
        }
        (folder / "theirs.yml").write_text(json.dumps(THEIR_RULES))
        (folder / "prometheus.yml").write_text(yaml.safe_dump(merge(foreign, pasted)))
        arguments = [
            need_tool("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
        ]
        with run(arguments, folder, "prometheus") as output:
            found = Server(f"127.0.0.1:{port}", ours)
            wait_until(lambda: answers(f"http://{found.address}/-/ready"), f"Prometheus is ready: {output}")
            wait_until(lambda: len(found.labels("up == 1")) == 2, "both targets were scraped")
            yield found


def test_promtool_accepts_a_foreign_configuration_with_what_is_pasted(tmp_path: Path) -> None:
    provision(tmp_path)
    (tmp_path / "theirs.yml").write_text(json.dumps(THEIR_RULES))
    foreign = {"rule_files": ["theirs.yml"], "scrape_configs": [{"job_name": "node"}]}
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(merge(foreign, read_pasted(SECTION))))
    check = [need_tool("promtool"), "check", "config", "prometheus.yml"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(list((tmp_path / 'sysvitals/rules').iterdir())) + 1} rule files found" in done.stdout


def test_amtool_accepts_a_foreign_configuration_with_what_is_taken_from_ours(tmp_path: Path) -> None:
    provision(tmp_path, "alertmanager")
    ours = yaml.safe_load((tmp_path / "sysvitals/alertmanager.yml").read_text(encoding="utf-8"))
    (templates,) = re.findall(r"`(templates: \[.*?\])`", SECTION)
    foreign = {
        "route": {"receiver": "me"},
        "receivers": [{"name": "me", "webhook_configs": [{"url": "http://127.0.0.1:9/"}]}],
    }
    merged = foreign | {"inhibit_rules": ours["inhibit_rules"]} | yaml.safe_load(templates)
    (tmp_path / "alertmanager.yml").write_text(yaml.safe_dump(merged))
    check = [need_tool("amtool"), "check-config", "alertmanager.yml"]
    done = subprocess.run(check, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ours['inhibit_rules'])} inhibit rules" in done.stdout
    found = done.stdout.partition(" - 1 templates")[2]
    assert "SUCCESS" in found
    assert "FAILED" not in found


def test_the_board_has_its_name_without_the_port_and_the_users_own_labels(server: Server) -> None:
    (labels,) = server.labels("system_load1")
    own = read_pasted(SECTION)["scrape_configs"][0]["static_configs"][0].get("labels", {})
    assert labels == {"__name__": "system_load1", "job": "sysvitals", "instance": "localhost"} | own


def test_the_doctor_finds_the_board_and_our_rules_there(server: Server) -> None:
    command = [sys.executable, "-m", "sysvitals", "doctor", "--json", f"--prometheus=http://{server.address}"]
    done = subprocess.run(
        [*command, f"--web.listen-address={server.board}"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    verdicts = {check["id"]: check["verdict"] for check in json.loads(done.stdout)["checks"]}
    for link in ("answers", "target", "samples", "scrape_age", "rules", "rules.current"):
        assert verdicts[f"prometheus.{link}"] == "ok", link


def test_our_rules_and_theirs_are_evaluated_without_an_error(server: Server) -> None:
    def rules() -> list[dict[str, Any]]:
        return [rule | {"interval": group["interval"]} for group in groups() for rule in group["rules"]]

    def groups() -> list[dict[str, Any]]:
        return list(server.ask("rules")["groups"])

    def waited_for() -> list[dict[str, Any]]:
        return [rule for rule in rules() if rule["interval"] <= 15]  # daily figures take their time

    wait_until(lambda: all(rule["health"] != "unknown" for rule in waited_for()), "rules were evaluated")
    assert len(waited_for()) > 40
    assert [(rule["name"], rule["lastError"]) for rule in rules() if rule["health"] == "err"] == []
    assert {"Undervoltage", "HostDown", "their:load1:max"} <= {rule["name"] for rule in rules()}
    wait_until(lambda: server.labels("their:load1:max"), "their rule has its value")


def test_node_exporter_goes_on_beside_it_under_its_own_names(server: Server) -> None:
    (theirs,) = server.labels("node_load1")
    assert theirs["job"] == "node"
    assert theirs["instance"].partition(":")[0] == server.labels("system_load1")[0]["instance"]
    names = server.ask("label/__name__/values")
    shared = {name for name in names if server.labels(f'{name}{{job="node"}}') and name.startswith(("system", "sysv"))}
    assert shared == set()
