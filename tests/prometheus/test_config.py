"""The configuration of Prometheus and Alertmanager, judged by their own tools and by a real Prometheus."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.provision.receivers import Version, find_version, take_known_keys
from tests.patience import PATIENCE
from tests.prometheus.receiver_blocks import Block, find_blocks, list_code_lines, uncomment
from tests.recorded import HOSTS
from tests.stack.running import wait_until
from tests.stack.servers import SHIPPED, Prometheus, copy_shipped, read_yaml, run_prometheus, write_yaml
from tests.tools import need_newer_tool, need_tool

CONFIG = read_yaml(SHIPPED / "prometheus.yml")
JOBS: dict[str, dict[str, Any]] = {job["job_name"]: job for job in CONFIG["scrape_configs"]}
ALERTMANAGER = (SHIPPED / "alertmanager.yml").read_text(encoding="utf-8")
README = (SHIPPED / "README.md").read_text(encoding="utf-8")
BLOCKS = find_blocks(ALERTMANAGER)
GONE_IN_PROMETHEUS_3 = {"api_version", "scrape_classic_histograms"}
OF_PEOPLE = ["email", "telegram", "discord", "slack", "pushover", "webhook"]


def check(*command: str) -> str:
    """What a checking program says; it must be content."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def check_alertmanager(tmp_path: Path, text: str) -> str:
    etc = copy_shipped(tmp_path)
    (etc / "alertmanager.yml").write_text(text, encoding="utf-8")
    return check(need_tool("amtool"), "check-config", str(etc / "alertmanager.yml"))


def keys_of(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        yield from node
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for child in children:
        yield from keys_of(child)


def test_promtool_has_nothing_to_say_about_a_copied_folder(tmp_path: Path) -> None:
    etc = copy_shipped(tmp_path, without_targets=False)
    said = check(need_tool("promtool"), "check", "config", str(etc / "prometheus.yml"))
    assert "WARNING" not in said
    assert f"{len(SUBJECTS)} rule files found" in said


def test_the_lines_to_paste_are_ones_that_promtool_takes(tmp_path: Path) -> None:
    [lines] = re.findall(r"^```yaml\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "prometheus.yml").write_text(lines, encoding="utf-8")
    shutil.copytree(SHIPPED / "rules", tmp_path / "sysvitals")
    said = check(need_tool("promtool"), "check", "config", str(tmp_path / "prometheus.yml"))
    assert f"{len(SUBJECTS)} rule files found" in said


def test_the_readme_tells_the_waits_that_alertmanager_has() -> None:
    routes = read_yaml(SHIPPED / "alertmanager.yml")["route"]["routes"]
    shown = {
        row[0]: row[1:4] for row in (line.strip("| ").split(" | ") for line in README.splitlines()) if len(row) == 5
    }
    for kind, route in zip(("hosts down", "critical", "warning", "info"), [routes[2], *routes[4:]], strict=True):
        waits = [route[key] for key in ("group_wait", "group_interval", "repeat_interval")]
        assert [cell.split()[-1] for cell in shown[kind]] == waits, kind


def test_nothing_in_it_is_gone_in_prometheus_3() -> None:
    assert set(keys_of(CONFIG)) & GONE_IN_PROMETHEUS_3 == set()


@pytest.mark.parametrize("example", sorted(SHIPPED.glob("targets/*/*.example")), ids=lambda path: path.name)
def test_an_example_of_targets_is_one_that_prometheus_takes(tmp_path: Path, example: Path) -> None:
    etc = copy_shipped(tmp_path)
    (etc / example.relative_to(SHIPPED).with_suffix("")).write_bytes(example.read_bytes())
    said = check(need_tool("promtool"), "check", "config", "--lint-fatal", str(etc / "prometheus.yml"))
    assert f'"targets/{example.parent.name}/*.yml" for file_sd' not in said  # else it warns that there is none
    assert read_yaml(example)


def test_limits_leave_room_for_ten_times_the_largest_recorded_host() -> None:
    job = JOBS["sysvitals"]
    for host in HOSTS.glob("*/expected.prom"):
        text = host.read_bytes()
        lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
        labels = max(len(re.findall(r'\w+="', line)) for line in lines)
        assert len(lines) * 10 <= job["sample_limit"], host
        assert len(text) * 50 <= 4_000_000, host
        assert labels + len(("__name__", "job", "instance")) + 20 <= job["label_limit"], host
    assert job["body_size_limit"] == "4MB"


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """A Prometheus whose targets have addresses of all kinds; none answers. Its intervals are a second."""
    etc = copy_shipped(tmp_path_factory.mktemp("config"))
    quick = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
    write_yaml(etc / "prometheus.yml", {**CONFIG, "global": quick})
    for path in etc.glob("rules/*.yml"):
        write_yaml(path, {"groups": [{**group, "interval": "1s"} for group in read_yaml(path)["groups"]]})
    groups = [
        {"targets": ["127.0.0.1:1", "board.local:9877", "[::1]:1", "bare.local"], "labels": {"site": "home"}},
        {"targets": ["192.0.2.7:9877"], "labels": {"instance": "named", "site": "garden"}},
    ]
    write_yaml(etc / "targets/sysvitals/test.yml", groups)
    write_yaml(etc / "targets/node-exporter/test.yml", [{"targets": ["127.0.0.2:1"]}])
    write_yaml(etc / "targets/alertmanager/test.yml", [{"targets": ["127.0.0.3:1"]}])
    with run_prometheus(etc) as server:
        wait_until(lambda: len(server.ask("targets")["activeTargets"]) == 7, "all targets are known")
        yield server


def test_a_host_is_called_by_its_address_without_the_port_unless_it_has_a_name(prometheus: Prometheus) -> None:
    targets = prometheus.ask("targets")["activeTargets"]
    names = {(target["labels"]["job"], target["labels"]["instance"]) for target in targets}
    assert names == {
        ("sysvitals", "127.0.0.1"),
        ("sysvitals", "board.local"),
        ("sysvitals", "::1"),
        ("sysvitals", "bare.local"),
        ("sysvitals", "named"),
        ("node-exporter", "127.0.0.2"),
        ("alertmanager", "127.0.0.3:1"),
    }


def test_labels_of_a_target_file_are_the_hosts(prometheus: Prometheus) -> None:
    targets = prometheus.ask("targets")["activeTargets"]
    sites = {target["labels"]["instance"]: target["labels"].get("site") for target in targets}
    assert (sites["named"], sites["board.local"], sites["127.0.0.2"]) == ("garden", "home", None)


def test_alertmanagers_are_those_of_their_target_file(prometheus: Prometheus) -> None:
    wait_until(lambda: prometheus.ask("alertmanagers")["activeAlertmanagers"], "the Alertmanager is known")
    assert prometheus.ask("alertmanagers")["activeAlertmanagers"] == [{"url": "http://127.0.0.3:1/api/v2/alerts"}]


def test_a_target_that_is_added_to_a_file_is_scraped_without_a_reload(prometheus: Prometheus) -> None:
    path = prometheus.log.parent / "etc/targets/prometheus/test.yml"
    write_yaml(path, [{"targets": [prometheus.url.removeprefix("http://")]}])
    wait_until(lambda: prometheus.value('up{job="prometheus"}') == 1, "Prometheus scrapes itself")
    path.unlink()
    wait_until(lambda: len(prometheus.ask("targets")["activeTargets"]) == 7, "and no more")


def test_all_rules_are_loaded_and_can_be_evaluated(prometheus: Prometheus) -> None:
    groups = prometheus.ask("rules")["groups"]
    assert {group["name"]: len(group["rules"]) for group in groups} == {
        f"sysvitals-{subject.name}": len(subject.rules) for subject in SUBJECTS
    }
    wait_until(lambda: {rule["health"] for rule in list_rules(prometheus)} == {"ok"}, "each was evaluated")
    assert [rule["name"] for rule in list_rules(prometheus) if rule.get("lastError")] == []


def list_rules(prometheus: Prometheus) -> list[dict[str, Any]]:
    return [rule for group in prometheus.ask("rules")["groups"] for rule in group["rules"]]


def test_alertmanager_takes_the_file_as_it_is(tmp_path: Path) -> None:
    said = check_alertmanager(tmp_path, ALERTMANAGER)
    assert "1 templates" in said


def test_there_is_a_block_for_each_medium_and_no_line_outside_of_one_but_two_examples() -> None:
    assert [block.integration.removesuffix("_configs") for block in BLOCKS] == [*OF_PEOPLE, "webhook"]
    inside = {number for block in BLOCKS for number in range(block.first, block.last + 1)}
    outside = [
        ALERTMANAGER.splitlines()[number].strip() for number in list_code_lines(ALERTMANAGER) if number not in inside
    ]
    assert [line.split()[0] for line in outside] == ["#mute_time_intervals:", "#-", "#"]


ALERTMANAGERS = [None, (0, 25), (0, 26), (0, 27), (0, 28), (0, 34)]
"""Versions that the file is made for; None is the file as it is shipped, for any."""


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_oldest_alertmanager_takes_each_receiver_alone_as_it_is_shipped(tmp_path: Path, block: Block) -> None:
    check_alertmanager(tmp_path, uncomment(ALERTMANAGER, block))


def test_the_oldest_alertmanager_takes_all_receivers_together_as_they_are_shipped(tmp_path: Path) -> None:
    text = uncomment(ALERTMANAGER, *BLOCKS)
    check_alertmanager(tmp_path, text)
    (tmp_path / "all.yml").write_text(text, encoding="utf-8")
    receivers = {one["name"]: one for one in read_yaml(tmp_path / "all.yml")["receivers"]}
    assert set(receivers["people"]) == {"name", *(f"{medium}_configs" for medium in OF_PEOPLE)}
    assert len(receivers["people"]["webhook_configs"]) == 2
    assert set(receivers["watchdog"]) == {"name", "webhook_configs"}


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_newest_alertmanager_takes_each_receiver_with_either_kind_of_key(tmp_path: Path, block: Block) -> None:
    amtool = need_newer_tool("amtool")
    for version in (None, (0, 34)):
        text = take_known_keys(ALERTMANAGER.encode(), version).decode()
        path = copy_shipped(tmp_path / str(version)) / "alertmanager.yml"
        path.write_text(uncomment(text, block), encoding="utf-8")
        check(amtool, "check-config", str(path))


def test_the_alertmanager_that_is_installed_takes_what_is_written_for_its_version(tmp_path: Path) -> None:
    need_tool("amtool")
    text = take_known_keys(ALERTMANAGER.encode(), find_version()).decode()
    check_alertmanager(tmp_path, uncomment(text, *BLOCKS))


@pytest.mark.parametrize(("version", "inline"), [*zip(ALERTMANAGERS, (7, 7, 1, 1, 0, 0), strict=True)])
def test_a_newer_alertmanager_reads_more_secrets_from_files(version: Version | None, inline: int) -> None:
    text = take_known_keys(ALERTMANAGER.encode(), version)
    assert text.count(b" # secret. ") == inline
    files = re.findall(rb"\w+_file: (/\S+)/[\w-]+", uncomment(text.decode(), *BLOCKS).encode())
    assert {*files} == {b"/etc/prometheus/secrets"}


def test_alertmanager_takes_the_examples_of_a_route_and_of_mute_times(tmp_path: Path) -> None:
    text = re.sub(r"^( *)#(?=mute_time_intervals|- matchers|  receiver)", r"\1", ALERTMANAGER, flags=re.MULTILINE)
    text = text.replace("receivers:\n", "receivers:\n  - name: gardener\n", 1)
    (tmp_path / "examples.yml").write_text(text, encoding="utf-8")
    routes = read_yaml(tmp_path / "examples.yml")["route"]["routes"]
    assert [route["receiver"] for route in routes if "gardener" in str(route)] == ["gardener"]
    assert [route["mute_time_intervals"] for route in routes if "mute_time_intervals" in route] == [["nights"]]
    check_alertmanager(tmp_path, text)


def test_a_secret_that_stands_in_the_file_is_marked_and_is_in_a_file_of_its_own_later() -> None:
    text = uncomment(ALERTMANAGER, *BLOCKS)
    words = ("token", "password", "secret", "api_url", "webhook_url", "url", "user_key", "bot_token")
    inline = [line for line, word in product(text.splitlines(), words) if re.match(rf" *(- )?{word}:", line)]
    assert len(inline) == 7
    assert [line for line in inline if " # secret. " not in line] == []
    newest = uncomment(take_known_keys(ALERTMANAGER.encode(), (0, 34)).decode(), *BLOCKS)
    assert [line for line, word in product(newest.splitlines(), words) if re.match(rf" *(- )?{word}:", line)] == []
    assert len(re.findall(r"\w+_file: \S+", newest)) == 9
