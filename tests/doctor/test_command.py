"""`sysvitals doctor` as a command: what it exits with, what it prints, and what others do not pay for it."""

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sysvitals.cli import main
from sysvitals.collectors import COLLECTORS
from tests.doctor.serving import Answers, Raw, serve, success, vector
from tests.patience import PATIENCE
from tests.recorded import HOSTS
from tests.stack.running import free_port

PROGRAM = [sys.executable, "-m", "sysvitals"]


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    yield
    assert logging.root.manager.disable == logging.NOTSET


@pytest.fixture
def here(tmp_path: Path) -> list[str]:
    """The flags of a recorded board without an exporter."""
    host = HOSTS / "pi-4b-fine"
    paths = [
        f"--path.procfs={host}/proc",
        f"--path.sysfs={host}/sys",
        f"--path.rootfs={host}",
        f"--path.devfs={host}/dev",
    ]
    return ["doctor", *paths, f"--storage.path={tmp_path}", f"--web.listen-address=127.0.0.1:{free_port()}"]


def run_json(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, dict[str, dict[str, Any]]]:
    status = main([*arguments, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["well"] == (status == 0)
    return status, {row["id"]: row for row in found["checks"]}


def test_a_broken_link_is_exit_status_1(here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(here) == 1
    out, err = capsys.readouterr()
    assert out.startswith("This host: pi4-fine (Raspberry Pi 4 Model B Rev 1.4")
    assert "✗ no exporter answers at http://127.0.0.1:" in out
    assert err == ""


def test_nothing_broken_is_exit_status_0(here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    metrics = '# TYPE x gauge\nsysvitals_build_info{version="0.0.1"} 1\nsysvitals_history_writable 1\n'
    event = {"time": "2099-01-01T00:00:00.000Z", "name": "x", "host": "pi4-fine", "boot": "", "data": {}}
    answers: Answers = {"/metrics": metrics, "/api/v1/state": {"events": [event]}, "/-/ready": "yes"}
    with serve(answers) as fake:
        arguments = [*here[:-1], f"--web.listen-address={fake.url.removeprefix('http://')}"]
        status, checks = run_json(capsys, arguments)
    assert [name for name, row in checks.items() if row["verdict"] == "broken"] == []
    assert status == 0
    assert checks["exporter.answers"]["verdict"] == "ok"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--prometheus", "ftp://ana:secret@x"], "--prometheus: ftp:// is not supported"),
        (["--alertmanager", "http://ana:secret@x:y"], "--alertmanager: not a valid address"),
        (["--send-test-alert"], "--send-test-alert: to whom?"),
        (["--history.keep-age=soon"], "--history.keep-age"),
        (["--config.file=/no/such/file"], "/no/such/file: cannot be read"),
    ],
)
def test_a_wrong_question_is_exit_status_2(
    arguments: list[str], words: str, here: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*here, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert "secret" not in err


def test_without_servers_it_says_what_was_not_looked_at(here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    _, checks = run_json(capsys, here)
    assert checks["prometheus.answers"]["verdict"] == "absent"
    assert "--prometheus URL" in checks["prometheus.answers"]["text"]


def test_a_server_that_is_away_is_one_finding_and_no_trace(here: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    away = f"http://ana:secret@127.0.0.1:{free_port()}"
    status, checks = run_json(capsys, [*here, "--prometheus", away, "--alertmanager", away, "--send-test-alert"])
    assert status == 1
    assert {name: row["verdict"] for name, row in checks.items() if name.startswith(("prom", "alertm", "test"))} == {
        "prometheus.answers": "broken",
        "alertmanager.answers": "broken",
        "test.sent": "broken",
    }
    assert "secret" not in json.dumps(checks)


def test_answers_of_another_form_are_findings_and_no_traces(
    here: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    strange: Answers = {
        "/api/v1/status/buildinfo": success({"version": "9"}),
        "/api/v1/query": success({"resultType": "matrix"}),
        "/api/v1/targets": success([]),
        "/api/v1/rules": success({"groups": [{"name": 1}]}),
        "/api/v1/alertmanagers": success(None),
        "/api/v1/status/config": success({"yaml": "- a"}),
        "/api/v2/status": {"versionInfo": {}, "config": {"original": "route: {receiver: a}"}},
        "/api/v2/silences": {"a": 1},
        "/api/v2/alerts": "null",
        "/-/ready": Raw(500),
    }
    with serve(strange) as fake:
        arguments = [*here, "--prometheus", fake.url, "--alertmanager", fake.url, "--send-test-alert"]
        status, checks = run_json(capsys, arguments)
    assert status == 1
    assert "not of the usual form: 'result' is missing" in checks["prometheus.clock"]["text"]
    for row in checks.values():
        assert "Traceback" not in row["text"]
        assert row["remedy"] or row["verdict"] in ("ok", "absent")


def test_servers_that_know_this_host_and_our_rules_and_nobody_to_tell(
    here: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    answers: Answers = {
        "/api/v1/status/buildinfo": success({"version": "9"}),
        "/api/v1/query": lambda _: vector(),
        "/api/v1/targets": success({"activeTargets": []}),
        "/api/v1/rules": success({"groups": []}),
        "/api/v1/alertmanagers": success({"activeAlertmanagers": [], "droppedAlertmanagers": []}),
        "/api/v1/status/config": success({"yaml": ""}),
    }
    with serve(answers) as fake:
        _, checks = run_json(capsys, [*here, "--prometheus", fake.url, "--send-test-alert"])
    assert {name for name, row in checks.items() if row["verdict"] == "broken"} >= {
        "prometheus.target",
        "prometheus.rules",
        "prometheus.alertmanagers",
        "test.sent",
    }


def test_a_name_that_only_containers_know_is_a_remark_with_what_to_give(
    here: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    url = "http://alertmanager.invalid:9093/api/v2/alerts"
    answers: Answers = {
        "/api/v1/status/buildinfo": success({"version": "9"}),
        "/api/v1/alertmanagers": success({"activeAlertmanagers": [{"url": url}]}),
    }
    with serve(answers) as fake:
        _, checks = run_json(capsys, [*here, "--prometheus", fake.url])
    assert checks["alertmanager.answers"]["verdict"] == "warning"
    assert checks["alertmanager.answers"]["remedy"].endswith("--alertmanager URL")


def test_no_other_command_pays_for_what_only_the_doctor_needs() -> None:
    script = (
        "import sys\n"
        "from sysvitals.cli import main\n"
        "main(['once'])\n"
        "print(sorted({'requests', 'urllib3', 'sysvitals.doctor.examination'} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=True)
    assert done.stderr == "[]\n"


def test_a_reader_that_has_seen_enough_ends_it_quietly(here: list[str]) -> None:
    command = subprocess.Popen([*PROGRAM, *here], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout is not None
    command.stdout.close()
    _, err = command.communicate(timeout=PATIENCE)
    assert (command.returncode, err) == (1, b"")


def test_its_help_names_its_own_flags_and_those_of_the_settings(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", "--help"])
    out = capsys.readouterr().out
    assert ended.value.code == 0
    for flag in ("--prometheus", "--alertmanager", "--send-test-alert", "--json", "--config.file", "--storage.path"):
        assert flag in out
    assert all(f"--collector.{collector.name}.interval" in out for collector in COLLECTORS)


@pytest.mark.fault(
    "network",
    "a Prometheus that names an attacker's server as Alertmanager, to get a password",
    seen="a finding about that server",
    heals="-",
)
def test_the_password_of_the_file_is_for_the_servers_that_the_user_named(
    here: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "http.yml").write_text("basic_auth: {username: ana, password: geheim}\n")
    with serve({}) as thief:
        answers: Answers = {
            "/api/v1/status/buildinfo": success({"version": "3"}),
            "/api/v1/alertmanagers": success({"activeAlertmanagers": [{"url": f"{thief.url}/api/v2/alerts"}] * 1000}),
        }
        with serve(answers) as fake:
            _, checks = run_json(capsys, [*here, f"--prometheus={fake.url}", f"--http.config.file={file}"])
        assert {question.headers.get("Authorization") for question in fake.questions} == {"Basic YW5hOmdlaGVpbQ=="}
        assert thief.questions != []
        assert {question.headers.get("Authorization") for question in thief.questions} == {None}
        assert len(thief.questions) < 100
    assert "geheim" not in json.dumps(checks)


def test_a_wrong_file_of_passwords_is_exit_status_2_without_showing_it(
    here: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (file := tmp_path / "http.yml").write_text("basic_auth: {username: ana, passwort: geheim}\n")
    assert main([*here, f"--http.config.file={file}"]) == 2
    out, err = capsys.readouterr()
    assert (out, "basic_auth.passwort: unknown key" in err, "geheim" in err) == ("", True, False)
