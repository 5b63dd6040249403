"""What the doctor says of the exporter that runs here."""

import getpass
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sysvitals import __version__
from sysvitals.client.address import parse_address
from sysvitals.collectors.boot import Boot
from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.exporter import Running, ask_exporter, check_exporter, exporter_address
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.trouble import Trouble
from sysvitals.model.event import format_time
from tests.doctor.hosts import seen, settings_of
from tests.doctor.serving import Answers, Raw, serve
from tests.stack.running import free_port

OK, ABSENT, WARNING, BROKEN = Verdict
URL = "http://127.0.0.1:9877"

METRICS = f"""# TYPE sysvitals_build_info gauge
sysvitals_build_info{{version="{__version__}",python="3"}} 1
sysvitals_collector_available{{collector="load"}} 1
sysvitals_collector_success{{collector="load"}} 1
sysvitals_collector_available{{collector="fan"}} 0
sysvitals_collector_available{{collector="disk"}} 1
sysvitals_collector_success{{collector="disk"}} 0
sysvitals_history_writable 1
sysvitals_history_size_bytes 2097152
sysvitals_history_segments 3
sysvitals_config_last_reload_successful 1
sysvitals_events_dropped_total{{sink="history"}} 0
"""


def state(age: float = 1.0, pid: int = 1, boot: str = "boot-1") -> dict[str, Any]:
    stamp = {"host": "pi4", "boot": boot, "seq": 1, "uptime": 1.0, "synced": True}
    return {
        "events": [
            {"time": format_time(time.time() - age - 60), "name": "sysvitals.started", **stamp, "data": {"pid": pid}},
            {"time": format_time(time.time() - age), "name": "system.load.updated", **stamp, "data": {}},
        ]
    }


WELL: Answers = {"/metrics": METRICS, "/api/v1/state": lambda _: state(), "/-/ready": "sysvitals is ready.\n"}


@contextmanager
def asked(given: Answers) -> Iterator[Running | Trouble]:
    with serve(given) as fake:
        server = Server("the exporter", parse_address(fake.url), direct=True)
        try:
            yield ask_exporter(server)
        except Trouble as trouble:
            yield trouble
        finally:
            server.close()


def checks_of(given: Answers, storage: Path, **flags: str) -> dict[str, Check]:
    with asked(given) as found:
        checks = list(check_exporter(found, seen({}), settings_of(storage, **flags), URL))
    return {check.id: check for check in checks}


def test_a_running_exporter_is_well(tmp_path: Path) -> None:
    checks = checks_of(WELL, tmp_path)
    assert checks["exporter.answers"].text.startswith(f"sysvitals {__version__} answers")
    assert {name: check.verdict for name, check in checks.items()} == {
        "exporter.answers": OK,
        "exporter.events": OK,
        "exporter.history": OK,
        "exporter.open": ABSENT,
    }


def test_the_states_of_its_collectors_are_read() -> None:
    with asked(WELL) as found:
        assert isinstance(found, Running)
        assert found.collectors() == {"load": "ok", "fan": "unavailable", "disk": "failed"}
        assert (found.host, found.boot, found.ready) == ("pi4", "boot-1", True)


def test_none_there_is_broken_with_how_to_start_it(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, web__listen_address=f"127.0.0.1:{free_port()}")
    server = Server("the exporter", exporter_address(settings), direct=True)
    with pytest.raises(Trouble) as caught:
        ask_exporter(server)
    server.close()
    checks = {check.id: check for check in check_exporter(caught.value, seen({}), settings, URL)}
    assert checks["exporter.answers"].verdict is BROKEN
    assert checks["exporter.answers"].text == f"no exporter answers at {URL}"
    assert "sysvitals serve" in checks["exporter.answers"].remedy
    assert checks["exporter.history"].verdict is ABSENT


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (
            {"/metrics": '# TYPE node_exporter_build_info gauge\nnode_exporter_build_info{version="1"} 1\n'},
            "node_exporter",
        ),
        ({"/": "<html><head><title>My\nHome</title></head></html>"}, "My Home"),
        ({"/metrics": "<html>no metrics</html>"}, "something else"),
    ],
)
def test_something_else_on_its_port_is_named(given: Answers, name: str, tmp_path: Path) -> None:
    check = checks_of(given, tmp_path)["exporter.answers"]
    assert check.verdict is BROKEN
    if name != "something else":
        assert check.text.endswith(f"it is not sysvitals that answers, but {name}")


@pytest.mark.parametrize(
    ("changes", "name", "verdict", "words"),
    [
        ({"/-/ready": Raw(503, "not yet")}, "exporter.ready", WARNING, "first readings"),
        ({"/api/v1/state": lambda _: state(age=300)}, "exporter.events", BROKEN, "5 min old"),
        ({"/api/v1/state": {"events": []}}, "exporter.events", BROKEN, "no event"),
        (
            {"/metrics": METRICS.replace("reload_successful 1", "reload_successful 0")},
            "exporter.config",
            BROKEN,
            "wrong",
        ),
        ({"/metrics": METRICS.replace('"history"} 0', '"history"} 7')}, "exporter.drops", WARNING, "7 events lost"),
        (
            {"/metrics": METRICS.replace("writable 1", "writable 0")},
            "exporter.history",
            BROKEN,
            "cannot be written",
        ),
        ({"/metrics": METRICS.replace("history_writable", "x")}, "exporter.history", ABSENT, "keeps no history"),
        ({"/metrics": METRICS.replace(__version__, "0.0.1")}, "exporter.version", WARNING, "0.0.1 runs"),
    ],
)
def test_what_ails_it_is_said(changes: dict[str, Any], name: str, verdict: Verdict, words: str, tmp_path: Path) -> None:
    check = checks_of({**WELL, **changes}, tmp_path)[name]
    assert check.verdict is verdict
    assert words in check.text


def test_an_exporter_open_to_the_network_needs_no_word_of_it(tmp_path: Path) -> None:
    assert "exporter.open" not in checks_of(WELL, tmp_path, web__listen_address=":9877")


def test_an_exporter_that_reads_another_host_is_found_out(tmp_path: Path) -> None:
    with asked(WELL) as found:
        look = seen({}, Boot(uptime=1.0, boot_id="boot-2"))
        checks = {check.id: check for check in check_exporter(found, look, settings_of(tmp_path), URL)}
    assert checks["exporter.host"].verdict is BROKEN
    assert "pi4" in checks["exporter.host"].text


def test_the_process_is_described_where_it_can_be_seen() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()", "sysvitals"], stdin=subprocess.PIPE) as process:
        with asked({**WELL, "/api/v1/state": state(pid=process.pid)}) as found:
            assert isinstance(found, Running)
            assert found.process.startswith(f"as user {getpass.getuser()}")
        process.communicate(b"\n")
    for other in (os.getpid(), 2**30):  # no sysvitals; nobody
        with asked({**WELL, "/api/v1/state": state(pid=other)}) as found:
            assert isinstance(found, Running)
            assert found.process == ""


def test_a_process_number_that_is_a_path_opens_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "cmdline")  # to open it would wait for ever
    answer = state()
    answer["events"][0]["data"]["pid"] = f"../..{tmp_path}"
    with asked({**WELL, "/api/v1/state": answer}) as found:
        assert isinstance(found, Running)
        assert (found.process, found.config_file) == ("", "")


def test_metrics_in_one_endless_line_are_refused_before_they_take_hours() -> None:
    line = "a{" + ",".join(f'l{number}="v"' for number in range(200_000)) + "} 1\n"
    with asked({**WELL, "/metrics": line}) as found:
        assert isinstance(found, Trouble)
        assert "a line has more than 16,384 characters" in found.text


def write_segment(storage: Path, age: float) -> None:
    segment = storage / "history/2026-11-22/12-00-00.jsonl"
    segment.parent.mkdir(parents=True)
    segment.write_text("{}\n")
    (storage / "history/current").symlink_to("2026-11-22/12-00-00.jsonl")
    os.utime(segment, (time.time() - age,) * 2)


@pytest.mark.parametrize(("age", "words"), [(2, "it grew 2 s ago"), (7200, "where it last grew 2 h ago")])
def test_a_history_that_grows_and_one_that_is_elsewhere(age: float, words: str, tmp_path: Path) -> None:
    write_segment(tmp_path, age)
    check = checks_of(WELL, tmp_path)["exporter.history"]
    assert check.verdict is OK
    assert words in check.text
    assert "2.0 MiB in 3 segments" in check.text


def test_a_history_that_nobody_writes_now(tmp_path: Path) -> None:
    write_segment(tmp_path, 7200)
    check = checks_of({}, tmp_path)["exporter.history"]
    assert (check.verdict, check.text.rpartition("; ")[2]) == (ABSENT, "it last grew 2 h ago")
    assert "switched" not in check.text
    assert (
        checks_of({}, tmp_path, history="false")["exporter.history"].text
        == "no history is kept: history.enabled is off"
    )


def test_a_history_that_you_may_not_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    check = checks_of({}, tmp_path)["exporter.history"]
    assert (check.verdict, check.text) == (WARNING, f"you may not write the history in {tmp_path}/history")


@pytest.mark.parametrize(
    ("address", "url"),
    [
        (":9877", "http://127.0.0.1:9877"),
        ("0.0.0.0:1", "http://127.0.0.1:1"),
        ("[::]:1", "http://[::1]:1"),
        ("[fd00::1]:1", "http://[fd00::1]:1"),
        ("10.0.0.1:9877", "http://10.0.0.1:9877"),
    ],
)
def test_it_is_asked_where_it_listens(address: str, url: str, tmp_path: Path) -> None:
    assert exporter_address(settings_of(tmp_path, web__listen_address=address)).url == url


@pytest.mark.parametrize(
    ("content", "scheme"),
    [
        ("tls_server_config: {cert_file: c.pem, key_file: k.pem}", "https"),
        ("basic_auth_users: {}", "http"),
        ("what we may not read or do not understand", "https"),
        (None, "http"),
    ],
)
def test_it_is_asked_as_its_web_configuration_wants_it(content: str | None, scheme: str, tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    if content is not None:
        file.write_text(content)
    settings = settings_of(tmp_path, web__config_file=str(file), web__listen_address=":9877")
    assert exporter_address(settings).url == f"{scheme}://127.0.0.1:9877"


def test_a_doctor_without_the_exporters_settings_says_so_and_guesses_nothing_by_its_own(tmp_path: Path) -> None:
    file = tmp_path / "sysvitals.yml"
    file.write_text(f"web: {{listen_address: [':{free_port()}']}}\n")
    command = [sys.executable, "-c", "import time; time.sleep(60)", "sysvitals", "serve", f"--config.file={file.name}"]
    with subprocess.Popen(command, cwd=tmp_path) as process:
        try:
            answers: Answers = {**WELL, "/api/v1/state": lambda _: state(pid=process.pid)}
            with asked(answers) as found:
                assert isinstance(found, Running)
                assert found.config_file == str(file)
                without = {c.id: c for c in check_exporter(found, seen({}), settings_of(tmp_path), URL)}
                given = {c.id: c for c in check_exporter(found, seen({}), settings_of(tmp_path), URL, str(file))}
        finally:
            process.kill()
    assert without["exporter.settings"].verdict is WARNING
    assert without["exporter.settings"].remedy == f"sudo sysvitals doctor --config.file={file}"
    assert "exporter.open" not in without
    assert str(tmp_path) not in without["exporter.history"].text
    assert "exporter.settings" not in given
    assert "exporter.open" in given


def test_a_history_that_only_its_user_may_see_is_not_said_to_be_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: str) -> list[str]:
        raise PermissionError(13, "Permission denied", folder)

    monkeypatch.setattr("sysvitals.doctor.exporter.os.listdir", refuse)
    check = checks_of(WELL, tmp_path)["exporter.history"]
    assert check.verdict is OK
    assert check.text.endswith(f"; you may not look into {tmp_path}/history")


def test_who_is_not_let_in_is_told_how_to_give_name_and_password() -> None:
    with asked({"/metrics": Raw(401, "no")}) as found:
        assert isinstance(found, Trouble)
        assert "requires a user and a password" in found.text
        assert found.remedy.startswith("--http.config.file=FILE, with basic_auth")
