"""What Grafana reads at its start: checked key by key, and by a real Grafana where there is one."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from sysvitals.provision.kinds import KINDS
from sysvitals.stack.programs import PROGRAMS, find_grafana_home, find_program, grafana_command
from tests.grafana.grafana_types import Json, misfits
from tests.patience import PATIENCE
from tests.stack.running import answers, free_port, run, wait_until
from tests.stack.servers import copy_shipped
from tests.tools import need_tool

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "grafana"
PROVISIONING = SHIPPED / "provisioning"
DATA_SOURCES = PROVISIONING / "datasources" / "sysvitals.yml"
PROVIDERS = PROVISIONING / "dashboards" / "sysvitals.yml"

DATA_SOURCE_FILE = {
    "apiVersion": int,
    "datasources": [
        {
            "name": str,
            "uid": str,
            "type": {"prometheus"},
            "access": {"proxy"},
            "url": str,
            "isDefault": bool,
            "editable": bool,
            "jsonData": {
                "timeInterval": str,
                "httpMethod": {"POST"},
                "prometheusType": {"Prometheus", "Mimir", "Thanos", "Cortex"},
                "prometheusVersion": str,
                "manageAlerts": bool,
            },
        }
    ],
}
PROVIDER_FILE = {
    "apiVersion": int,
    "providers": [
        {
            "name": str,
            "orgId": int,
            "folder": str,
            "folderUid": str,
            "type": {"file"},
            "disableDeletion": bool,
            "allowUiUpdates": bool,
            "updateIntervalSeconds": int,
            "options": {"path": str, "foldersFromFilesStructure": bool},
        }
    ],
}
UID = re.compile(r"[a-zA-Z0-9_-]{1,40}")


class StrictLoader(yaml.SafeLoader):
    """Refuses a key that is there twice: the last would win unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT002
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(set(keys)) == len(keys), f"a key is there twice: {keys}"
        return super().construct_mapping(node, deep=deep)


def load(text: str) -> Json:
    loaded: Json = yaml.load(text, Loader=StrictLoader)  # noqa: S506  # made from the safe one
    return loaded


def read(path: Path) -> Json:
    return load(path.read_text(encoding="utf-8"))


def complaints(files: dict[str, str]) -> Iterator[str]:
    """What is wrong with provisioning files, by their paths in the folder."""
    for path, text in files.items():
        if re.search(r"(?<!\$)(\$\$)*\$(?!\$)", re.sub(r"(?m)^\s*#.*$", "", text)):
            yield f"{path}: a $ begins the name of a variable"
    data_sources, providers = load(files["datasources/sysvitals.yml"]), load(files["dashboards/sysvitals.yml"])
    yield from misfits(data_sources, DATA_SOURCE_FILE, "datasources/sysvitals.yml")
    yield from misfits(providers, PROVIDER_FILE, "dashboards/sysvitals.yml")
    for kind, listed in (("datasources", data_sources["datasources"]), ("providers", providers["providers"])):
        names = [one["name"] for one in listed]
        if len(set(names)) < len(names) or not names:
            yield f"{kind}: {names} is empty, or has one twice"
    if {data_sources["apiVersion"], providers["apiVersion"]} != {1}:
        yield "apiVersion is not 1"
    for one in data_sources["datasources"]:
        yield from data_source_complaints(one)
    for one in providers["providers"]:
        yield from provider_complaints(one)


def data_source_complaints(one: Json) -> Iterator[str]:
    if not UID.fullmatch(one.get("uid", "")):
        yield f"uid {one.get('uid')!r} is none: Grafana would make one up, another on each server"
    if one.get("editable") is not False or one.get("isDefault") is not False:
        yield f"{one['name']}: can be edited, or takes the place of the default that somebody chose"


def provider_complaints(one: Json) -> Iterator[str]:
    if one["allowUiUpdates"] or not UID.fullmatch(one["folderUid"]):
        yield f"{one['name']}: can be changed in the pages and loses it again, or has no folder of its own"
    if one["folder"] and one["options"]["foldersFromFilesStructure"]:
        yield f"{one['name']}: has a folder, and folders from files"
    if not os.path.isabs(one["options"]["path"]):
        yield f"{one['name']}: its path depends on where Grafana was started"


SHIPPED_FILES = {
    path.relative_to(PROVISIONING).as_posix(): path.read_text(encoding="utf-8") for path in (DATA_SOURCES, PROVIDERS)
}


def test_the_files_hold_what_grafana_knows_and_nothing_else() -> None:
    assert list(complaints(SHIPPED_FILES)) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "expected"),
    [
        ("datasources/sysvitals.yml", "timeInterval", "timeInterwal", "jsonData.timeInterwal is unknown"),
        ("datasources/sysvitals.yml", "access: proxy", "access: direct", "access is 'direct'"),
        ("datasources/sysvitals.yml", "editable: false", "editable: 'no'", "editable is 'no'"),
        ("datasources/sysvitals.yml", "editable: false", "editable: true", "can be edited"),
        ("datasources/sysvitals.yml", "isDefault: false", "isDefault: true", "takes the place"),
        ("datasources/sysvitals.yml", "uid: sysvitals-prometheus", "uid: a.b", "uid 'a.b' is none"),
        ("datasources/sysvitals.yml", "http://127", "http://$HOST", "begins the name of a variable"),
        ("datasources/sysvitals.yml", "apiVersion: 1", "apiVersion: 2", "apiVersion"),
        ("dashboards/sysvitals.yml", "allowUiUpdates: false", "allowUiUpdates: true", "can be changed"),
        ("dashboards/sysvitals.yml", "folderUid: sysvitals", "folderUid: ''", "no folder of its own"),
        ("dashboards/sysvitals.yml", "Structure: false", "Structure: true", "folders from files"),
        ("dashboards/sysvitals.yml", "/etc/grafana/dashboards", "dashboards", "depends on where"),
        ("dashboards/sysvitals.yml", "orgId: 1", "org: 1", "org is unknown"),
        ("dashboards/sysvitals.yml", "orgId: 1", "orgId: '1'", "orgId is '1'"),
        ("dashboards/sysvitals.yml", "type: file", "type: files", "type is 'files'"),
    ],
)
def test_a_fault_in_the_files_is_noticed(path: str, old: str, new: str, expected: str) -> None:
    assert old in SHIPPED_FILES[path]
    changed = SHIPPED_FILES | {path: SHIPPED_FILES[path].replace(old, new)}
    found = list(complaints(changed))
    assert any(expected in complaint for complaint in found), found


def test_a_key_that_is_there_twice_is_noticed() -> None:
    with pytest.raises(AssertionError, match="a key is there twice"):
        load("a: 1\na: 2\n")


def test_nothing_else_is_provisioned() -> None:
    """Contact points, notification policies and users are the user's own."""
    assert {path.relative_to(PROVISIONING).as_posix() for path in PROVISIONING.rglob("*") if path.is_file()} == set(
        SHIPPED_FILES
    )


def test_grafana_knows_how_often_prometheus_scrapes() -> None:
    scraped = read(ROOT / "prometheus" / "prometheus.yml")["global"]["scrape_interval"]
    assert read(DATA_SOURCES)["datasources"][0]["jsonData"]["timeInterval"] == scraped


def test_the_stack_finds_the_address_that_it_replaces() -> None:
    assert "    url: http://127.0.0.1:9090\n" in SHIPPED_FILES["datasources/sysvitals.yml"]


def test_written_out_the_provider_leads_to_the_dashboards(tmp_path: Path) -> None:
    files = KINDS["grafana"].files(tmp_path)
    provider = load(files["provisioning/dashboards/sysvitals.yml"].decode())["providers"][0]
    assert Path(provider["options"]["path"]) == tmp_path / "dashboards"
    written = {Path(name).name for name in files if Path(name).parent.as_posix() == "dashboards"}
    assert written == {path.name for path in (SHIPPED / "dashboards").glob("*.json")}
    assert len(written) >= 5


def test_no_two_dashboards_share_a_uid_or_a_title() -> None:
    """Grafana takes none of them then."""
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in (SHIPPED / "dashboards").glob("*.json")]
    for key in ("uid", "title"):
        values = [board[key] for board in boards]
        assert len(set(values)) == len(values), key


def test_a_real_grafana_takes_the_files_and_reaches_prometheus(tmp_path: Path) -> None:
    """Only where a Grafana is installed: no package of Debian, PyPI or npm carries one."""
    program = find_program(PROGRAMS["grafana"], os.environ)
    home = find_grafana_home(program, os.environ) if program else None
    if program is None or home is None:
        pytest.skip("no Grafana is installed here, so its own word on the provisioning is not heard")
    prometheus, grafana = free_port(), free_port()
    copy = copy_shipped(tmp_path)
    flags = [f"--config.file={copy / 'prometheus.yml'}", f"--storage.tsdb.path={tmp_path / 'tsdb'}"]
    flags += [f"--web.listen-address=127.0.0.1:{prometheus}"]
    for name, content in KINDS["grafana"].files(tmp_path / "grafana").items():
        path = tmp_path / "grafana" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.replace(b"127.0.0.1:9090", f"127.0.0.1:{prometheus}".encode()))
    (tmp_path / "grafana.ini").write_text(render_settings(tmp_path, grafana), encoding="utf-8")
    command = [*grafana_command(program, home), f"--homepath={home}", f"--config={tmp_path / 'grafana.ini'}"]
    url = f"http://127.0.0.1:{grafana}"
    with run([need_tool("prometheus"), *flags], tmp_path, "prometheus"), run(command, tmp_path, "grafana") as log:
        wait_until(lambda: answers(f"{url}/api/health"), f"Grafana answers: {log}")
        wait_until(lambda: answers(f"http://127.0.0.1:{prometheus}/-/ready"), "Prometheus is ready")
        with httpx.Client(base_url=url, auth=("admin", "admin"), timeout=PATIENCE) as client:
            health = client.get("/api/datasources/uid/sysvitals-prometheus/health")
            assert health.status_code == 200, health.text
            assert health.json()["status"] == "OK", health.text
            source = client.get("/api/datasources/uid/sysvitals-prometheus").json()
            assert (source["readOnly"], source["jsonData"]["timeInterval"]) == (True, "15s")
            for file in sorted((SHIPPED / "dashboards").glob("*.json")):
                shipped = json.loads(file.read_text(encoding="utf-8"))
                taken = client.get(f"/api/dashboards/uid/{shipped['uid']}")
                assert taken.status_code == 200, f"{file.name}: {taken.text}"
                assert (taken.json()["meta"]["provisioned"], taken.json()["dashboard"]["title"]) == (
                    True,
                    shipped["title"],
                )
            assert httpx.get(f"{url}/api/dashboards/uid/sysvitals-host", timeout=PATIENCE).status_code == 401
        lines = log.read_text(encoding="utf-8").splitlines()
        assert [line for line in lines if "level=error" in line and "provision" in line] == []


def render_settings(folder: Path, port: int) -> str:
    data = folder / "grafana-data"
    data.mkdir()
    return "\n".join(
        (
            "[paths]",
            f"data = {data}",
            f"logs = {data}",
            f"plugins = {data}",
            f"provisioning = {folder / 'grafana/provisioning'}",
            "[server]",
            "http_addr = 127.0.0.1",
            f"http_port = {port}",
            "[analytics]",
            "reporting_enabled = false",
            "check_for_updates = false",
            "check_for_plugin_updates = false",
            "[plugins]",
            "preinstall_disabled = true",
            "",
        )
    )
