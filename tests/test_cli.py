"""The command line."""

import json
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sysvitals import __version__
from sysvitals.cli import main
from sysvitals.collectors import COLLECTORS
from tests.patience import PATIENCE
from tests.recorded import HOSTS

PROGRAM = [sys.executable, "-m", "sysvitals"]
QUICK = [f"--no-collector.{collector.name}" for collector in COLLECTORS if collector.name != "load"]


@pytest.fixture(autouse=True)
def _process_as_before() -> Iterator[None]:
    """`serve`, called in this process, handles signals and blocks SIGHUP: programs of later tests would inherit it."""
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    logging.disable(logging.NOTSET)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def below(name: str) -> list[str]:
    """The flags of a container that sees the host below another folder."""
    host = HOSTS / name
    return [
        f"--path.procfs={host}/proc",
        f"--path.sysfs={host}/sys",
        f"--path.rootfs={host}",
        f"--path.devfs={host}/dev",
    ]


def run(*arguments: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [*PROGRAM, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False, **more
    )


def test_python_m_sysvitals_is_the_program() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"sysvitals {__version__}\n", "")


def test_once_prints_one_round_of_metrics_that_prometheus_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["once", *below("pi-4b-fine")]) == 0
    families = {family.name for family in text_string_to_metric_families(capsys.readouterr().out)}
    assert {"system_load1", "sysvitals_collector_success", "sysvitals_collector_available"} <= families


def test_once_leaves_out_what_is_switched_off(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["once", "--no-collector.load", *below("pi-4b-fine")]) == 0
    out = capsys.readouterr().out
    assert "system_load1" not in out
    assert 'collector="load"' not in out


def test_once_as_json_prints_events_one_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["once", "--json", *below("pi-4b-fine")]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert "system.load.updated" in {event["name"] for event in events}
    assert {event["host"] for event in events} == {(HOSTS / "pi-4b-fine/etc/hostname").read_text().strip()}


def test_once_keeps_no_history_and_prints_nothing_else_whatever_the_settings_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["once", *QUICK, f"--storage.path={tmp_path}", "--console", "--history"]) == 0
    out, err = capsys.readouterr()
    assert (list(tmp_path.iterdir()), err) == ([], "")
    assert out.startswith("# HELP")


def test_once_fails_where_nothing_at_all_can_be_told(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = [f"--no-collector.{collector.name}" for collector in COLLECTORS]
    assert main(["once", *nothing]) == 1
    assert capsys.readouterr().out == ""


def host_of_load(folder: Path, load: str) -> list[str]:
    """Flags of a host of which only the load is read."""
    for name in ("proc", "sys"):
        (folder / name).mkdir()
    (folder / "proc/loadavg").write_text(load)
    return [*QUICK, f"--path.procfs={folder}/proc", f"--path.sysfs={folder}/sys", f"--path.rootfs={folder}"]


def test_once_says_which_collector_failed_and_why_and_prints_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = host_of_load(tmp_path, "garbage\n")
    assert main(["once", *flags, "--collector.memory"]) == 1
    out, err = capsys.readouterr()
    assert 'sysvitals_collector_success{collector="load"} 0.0' in out.splitlines()
    load, memory = err.splitlines()
    assert load.startswith("sysvitals: load: failed: ")
    assert memory.startswith("sysvitals: memory: failed: ")


def test_once_says_what_a_collector_could_not_read_and_what_the_host_lacks_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (table := tmp_path / "proc/1/mountinfo").parent.mkdir(parents=True)
    table.write_text("28 1 8:1 / / rw - ext4 /dev/sda1 rw\n30 28 8:2 / /new\\012\\033line rw - ext4 /dev/sda2 rw\n")
    flags = [
        *QUICK,
        "--no-collector.load",
        "--collector.filesystem",
        "--collector.wifi",
        f"--path.procfs={tmp_path}/proc",
    ]
    assert main(["once", *flags, f"--path.rootfs={tmp_path}"]) == 0
    out, err = capsys.readouterr()
    assert 'sysvitals_collector_available{collector="wifi"} 0.0' in out.splitlines()
    (line,) = err.splitlines()
    assert line.startswith(
        "sysvitals: filesystem: fine, but not all could be read: /new\\n\\u001bline (mount 30): [Errno 2] "
    )


def test_once_shows_what_the_kernel_says_in_a_form_that_no_terminal_obeys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;x\x07\x9b2J\u202e"
    (table := tmp_path / "proc/1/mountinfo").parent.mkdir(parents=True)
    table.write_text(f"28 1 8:1 / / rw - ext4 /dev/{evil} rw\n")
    flags = [*QUICK, "--no-collector.load", "--collector.filesystem", f"--path.procfs={tmp_path}/proc"]
    shown = r"/dev/\u001b]0;x\u0007\u009b2J\u202e"
    main(["once", *flags, f"--path.rootfs={tmp_path}"])
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    families = text_string_to_metric_families(out)
    assert shown in {sample.labels.get("device") for family in families for sample in family.samples}
    main(["once", *flags, f"--path.rootfs={tmp_path}", "--json"])
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    assert f'"device":"{shown}"' in out


def test_once_says_which_collector_was_not_done_in_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysvitals.commands.looking.ROUND_SECONDS", 0.0)
    flags = host_of_load(tmp_path, "")
    (tmp_path / "proc/loadavg").unlink()
    os.mkfifo(fifo := tmp_path / "proc/loadavg")
    try:
        assert main(["once", *flags]) == 1
    finally:
        os.close(os.open(fifo, os.O_RDWR))
    assert capsys.readouterr().err == "sysvitals: load: failed: not done after 0 s\n"


WRONG_PATHS = [
    ("/nothere", "/nothere does not exist: give the folder where the host's {} is"),
    ("/dev/null", "/dev/null is not a folder: give the folder where the host's {} is"),
    ("/dev/null/x", "/dev/null/x is not a folder: give the folder where the host's {} is"),
]
PATHS = {"procfs": "/proc", "sysfs": "/sys", "rootfs": "/", "devfs": "/dev"}


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize(("path", "words"), WRONG_PATHS)
def test_a_wrong_path_of_the_hosts_files_is_said_in_one_line(
    name: str, path: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["once", f"--path.{name}={path}"]) == 2
    assert capsys.readouterr() == ("", f"sysvitals: --path.{name}: {words.format(PATHS[name])}\n")


@pytest.mark.parametrize("command", ["serve", "once", "collectors", "doctor", "stack"])
def test_a_wrong_path_ends_every_command_that_reads_the_host(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--path.sysfs=/nothere"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("--path.sysfs: /nothere does not exist: give the folder where the host's /sys is")


def test_check_config_tells_of_wrong_paths_with_all_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sysvitals.yml"
    file.write_text("log: {level: loud}\npath:\n  procfs: /proc\n  sysfs: /nothere\n")
    assert main(["check-config", str(file)]) == 2
    assert capsys.readouterr().err.splitlines()[1:] == [
        f"sysvitals: {file}:4: path.sysfs: /nothere does not exist: give the folder where the host's /sys is",
    ]


@pytest.mark.parametrize("name", ["pi-4b-fine", "pi-zero-w", "nuc"])
def test_in_a_container_the_numbers_are_the_hosts(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["once", *below(name)]) == 0
    ours = ("system_load", "system_memory_", "system_cpu_seconds", "system_network_receive_bytes", "system_uptime")
    got = [line for line in capsys.readouterr().out.splitlines() if line.startswith(ours)]
    recorded = (HOSTS / name / "expected.prom").read_text(encoding="utf-8").splitlines()
    assert got == [line for line in recorded if line.startswith(ours)]
    assert len(got) > 10


def test_collectors_lists_each_with_how_it_fares_and_what_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["collectors", *below("pi-4b-fine"), "--no-collector.memory"]) == 0
    lines = capsys.readouterr().out.splitlines()
    fares = {line.split()[0]: line.split(maxsplit=1)[1] for line in lines[::2]}
    assert list(fares) == [collector.name for collector in COLLECTORS]
    assert (fares["load"], fares["memory"]) == ("fine", "switched off")
    assert [line.strip() for line in lines[1::2]] == [f"({collector.help})" for collector in COLLECTORS]


def test_collectors_says_what_is_not_there_and_what_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "loadavg").write_text("garbage\n")
    assert main(["collectors", "--json", f"--path.procfs={tmp_path}", f"--path.sysfs={tmp_path}"]) == 0
    fares = json.loads(capsys.readouterr().out)
    assert fares["load"].startswith("failed: ")
    assert fares["throttling"].startswith("not on this host: ")


def test_check_config_finds_nothing_wrong_with_a_good_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sysvitals.yml"
    file.write_text("log: {level: debug}\n")
    assert main(["check-config", str(file)]) == 0
    assert capsys.readouterr().out == f"{file}: fine\n"


def test_check_config_tells_all_that_is_wrong_one_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sysvitals.yml"
    file.write_text("log:\n  level: loud\n  fromat: text\n")
    assert main(["check-config", str(file)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"sysvitals: {file}:2: log.level: 'loud' is not valid: expected one of debug, info, warning, error",
        f"sysvitals: {file}:3: log.fromat: unknown key. Did you mean format? Valid here: format, level",
    ]


@pytest.mark.parametrize("names_it", [True, False], ids=["named by the settings", "alone"])
def test_check_config_looks_into_the_web_file_as_the_start_does(
    names_it: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, web = tmp_path / "sysvitals.yml", tmp_path / "web.yml"
    file.write_text(f"web: {{config_file: {web}}}\n")
    arguments = ["check-config", str(file) if names_it else f"--web.config-file={web}"]
    (tmp_path / "c").write_text("no certificate")
    web.write_text("tls_server_config: {cert_file: c, key_file: c}\nfoo: 1\n")
    assert main(arguments) == 2
    unknown, unusable = capsys.readouterr().err.splitlines()
    assert unknown.startswith(f"sysvitals: {web}:2: foo: unknown key")
    assert unusable.startswith(f"sysvitals: {web}: tls_server_config: certificate and key cannot be used")
    web.write_text("")
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines() == [f"{file}: fine"] * names_it + [f"{web}: fine"]


def test_check_config_without_a_file_says_what_to_give(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config"]) == 2
    assert capsys.readouterr().err == "sysvitals: nothing to check: give FILE, or --web.config-file=FILE\n"


def test_a_bad_configuration_starts_nothing_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "data"
    assert main(["serve", f"--storage.path={folder}", "--log.level=loud", "--web.listen-address=x"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.split(":")[1] for line in told] == [" --log.level", " --web.listen-address"]
    assert not folder.exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["dance"], "invalid choice"),
        (["serve", "--web.listen-adress=:1"], "--web.listen-adress=:1 (did you mean --web.listen-address?)"),
        (["once", "--no-colector.load"], "--no-colector.load (did you mean --no-collector.load?)"),
        (["once", "--web.listen"], "unrecognized: --web.listen"),
        (["once", "extra"], "unrecognized: extra"),
        (["serve", "--json"], "unrecognized: --json"),
        (["once", "--log.level"], "expected one argument"),
        (["once", "--no-collector.load=yes"], "ignored explicit argument"),
    ],
)
def test_what_is_asked_wrongly_is_said_in_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert err.startswith("sysvitals: ")
    assert words in err
    assert err.endswith(" --help)\n")
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["serve", "once", "collectors"])
def test_the_help_of_a_command_names_each_setting_with_its_default(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main([command, "--help"])
    assert caught.value.code == 0
    out = " ".join(capsys.readouterr().out.split())
    assert "--web.listen-address ADDRESS" in out
    assert "--history.keep-age AGE Remove segments that are older. (default: 30d)" in out
    for collector in COLLECTORS:
        assert f"--no-collector.{collector.name}" in out


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "arguments", [["once", *QUICK], ["once", "--json", *QUICK], ["--version"], ["serve", "--help"]]
)
def test_whoever_stops_reading_is_not_told_of_it(arguments: list[str], unbuffered: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*PROGRAM, *arguments],
            stdout=writing,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.stderr == b""
    assert done.returncode in (0, 1)


def test_a_full_disk_is_said_once_in_one_line() -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*PROGRAM, "once", *QUICK],
            stdout=full,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            timeout=PATIENCE,
            check=False,
        )
    assert (done.returncode, done.stderr) == (1, b"sysvitals: No space left on device\n")


def test_a_standard_output_that_is_closed_is_said_in_one_line() -> None:
    shell = ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *PROGRAM, "once", *QUICK]
    done = subprocess.run(shell, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (1, "sysvitals: Bad file descriptor\n")


def test_names_reach_standard_output_as_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/hostname").write_text("küche\n", encoding="utf-8")
    env = {**os.environ, "LC_ALL": "C", "PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "0"}
    arguments = ["once", "--json", f"--path.rootfs={tmp_path}", *QUICK]
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, env=env, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert {json.loads(line)["host"] for line in done.stdout.splitlines()} == {"küche"}


def test_a_flag_may_be_given_again_for_one_more_address(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr("sysvitals.serve.serve", lambda settings, load: served.append((settings, load())))
    main(["serve", "--web.listen-address=:1", "--web.listen-address=[::1]:2", "--log.level=error", "--log.level=debug"])
    ((settings, again),) = served
    assert settings.web.listen_address == (("", 1), ("::1", 2))
    assert settings.log.level == "debug"
    assert again == settings


AUDIT = """
import ctypes, importlib, sys, threading
import yaml  # what it does is its own
touched = []
def note(event, arguments):
    if event == "open":
        touched.append(("open", str(arguments[0])))
    elif event.split(".")[0] in ("socket", "subprocess", "os", "shutil", "ctypes", "signal", "tempfile", "fcntl"):
        if event not in ("os.listdir", "os.scandir"):
            touched.append((event, repr(arguments)))
sys.addaudithook(note)
import sysvitals.cli, sysvitals.serve
for command in sysvitals.cli.COMMANDS.values():
    if command.module.startswith("sysvitals.commands."):
        importlib.import_module(command.module)
for event, what in touched:
    if event != "open" or not what.endswith((".py", ".pyc", ".so")) and ".so." not in what:
        print(event, what)
print(threading.active_count(), len(sysvitals.__version__) > 0)
"""


def test_importing_the_program_touches_nothing_and_starts_no_thread() -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-c", AUDIT], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.stderr == ""
    assert done.stdout == "1 True\n"
