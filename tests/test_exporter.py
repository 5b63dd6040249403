"""The exporter as a whole: in this process, and as a process that is asked over sockets and stopped by signals."""

import contextlib
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, TypeVar

import pytest
from prometheus_client import parser as prometheus
from prometheus_client.openmetrics import parser as openmetrics

from sysvitals import __version__
from sysvitals.collectors import COLLECTORS
from sysvitals.config.errors import ConfigError
from sysvitals.config.load import load_settings
from sysvitals.config.settings import History, Settings
from sysvitals.exporter import Exporter, history_rules
from sysvitals.history.segments import list_segments, read_lines
from sysvitals.outputs.live import LiveHub
from sysvitals.pipeline.clock import Clock
from sysvitals.reloads import Reloads
from sysvitals.serve import build_services
from sysvitals.web.routes import build_web_app
from tests.patience import PATIENCE
from tests.recorded import HOSTS, RecordedHost
from tests.web.asking import Client

HOST = HOSTS / "pi-4b-fine"
BELOW = [f"--path.procfs={HOST}/proc", f"--path.sysfs={HOST}/sys", f"--path.rootfs={HOST}", f"--path.devfs={HOST}/dev"]
OTHERS = [collector.name for collector in COLLECTORS if collector.name != "load"]
ONLY_LOAD = [f"--no-collector.{name}" for name in OTHERS]
PROGRAM = (sys.executable, "-m", "sysvitals")
NOW = 1_800_000_000.0

Found = TypeVar("Found")


def wait_for(look: Callable[[], Found], what: str) -> Found:
    """What `look` finds, as soon as it finds something."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.01)
    return found


def only_load(**flags: Any) -> Settings:
    """Settings with the load collector alone, run once, and no history; then what is said (`log__level="debug"`)."""
    given: dict[str, Any] = {f"--collector.{name}": False for name in OTHERS}
    given |= {"--history": False, "--collector.load.interval": "1h"}
    given |= {"--" + name.replace("__", ".").replace("_", "-"): value for name, value in flags.items()}
    return load_settings(COLLECTORS, flags=given)


def build(settings: Settings, load: Callable[[], Settings] | None = None, **clocks: Any) -> Exporter:
    clock = Clock(**{"wall": lambda: NOW, "synced": lambda: True, **clocks})
    return Exporter(settings, load=load or (lambda: settings), host=RecordedHost(HOST), clock=clock)


def serve_here(exporter: Exporter) -> Client:
    return Client(build_web_app(build_services(exporter, LiveHub(viewers=2), Reloads(exporter.reload))))


def samples(text: str) -> dict[tuple[str, str], float]:
    """Values by name and the text of the labels."""
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            name, _, labels = series.partition("{")
            found[name, labels.removesuffix("}")] = float(value)
    return found


def metrics_of(exporter: Exporter) -> dict[tuple[str, str], float]:
    return samples(exporter.metrics(None, 10.0)[0].decode())


def stored(storage: Path) -> list[dict[str, Any]]:
    """All events of the history, in the order they were stored."""
    for _ in range(10):
        segments = list_segments(str(storage / "history"))
        # while one is compressed, both are there for a moment, and then the other alone
        whole = {segment.path.removesuffix(".gz"): segment for segment in segments}
        with contextlib.suppress(FileNotFoundError):
            return [json.loads(line) for segment in whole.values() for line in read_lines(segment)]
    raise AssertionError("each time a segment was gone")


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def keep_logging(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload would take the handlers away from the test."""
    monkeypatch.setattr("sysvitals.exporter.configure_logging", lambda _settings: None)


class TestInThisProcess:
    def test_the_plain_format_is_text_that_prometheus_takes(self) -> None:
        answer = serve_here(build(only_load())).get("/metrics")
        assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        families = {family.name: family for family in prometheus.text_string_to_metric_families(answer.text)}
        assert families["system_load1"].type == "gauge"
        assert "process_resident_memory_bytes" in families

    def test_openmetrics_is_given_to_who_asks_for_it_and_holds_to_its_grammar(self) -> None:
        exporter = build(load_settings(COLLECTORS, flags={"--history": False}))
        accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
        answer = serve_here(exporter).get("/metrics", headers={"accept": accept})
        assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
        families = {family.name for family in openmetrics.text_string_to_metric_families(answer.text)}  # type: ignore[no-untyped-call]
        assert {"system_load1", "sysvitals_build", "sysvitals_events"} <= families

    @pytest.mark.parametrize(
        "accept", ["", "*/*", "garbage;;q=x", "application/openmetrics-text;version=99.x.y", "a" * 9000]
    )
    def test_an_accept_header_that_asks_for_nothing_known_gets_plain_text(self, accept: str) -> None:
        answer = serve_here(build(only_load())).get("/metrics", headers={"accept": accept})
        assert answer.status_code == 200
        assert ("system_load1", "") in samples(answer.text.replace("# EOF", ""))

    def test_a_filtered_scrape_holds_these_collectors_and_nothing_of_the_exporter_itself(self) -> None:
        client = serve_here(build(load_settings(COLLECTORS, flags={"--history": False})))
        text = client.get("/metrics?collect[]=load").text
        assert {name for name, _ in samples(text) if name.startswith("system_")} >= {"system_load1"}
        assert not [
            name for name, _ in samples(text) if name.startswith(("system_memory", "process_", "sysvitals_events"))
        ]
        rest = client.get("/metrics?exclude[]=load").text
        assert "system_load1" not in rest
        assert "system_memory_available_bytes" in rest

    def test_it_is_ready_after_the_first_round_and_not_before(self) -> None:
        exporter = build(only_load())
        client = serve_here(exporter)
        assert client.get("/-/ready").status_code == 503
        exporter.refresh(10.0)
        assert client.get("/-/ready").status_code == 200

    def test_the_state_holds_the_latest_event_of_each_subject(self) -> None:
        exporter = build(only_load())
        exporter.refresh(10.0)
        (event,) = serve_here(exporter).get("/api/v1/state").json()["events"]
        assert (event["name"], event["host"]) == ("system.load.updated", exporter.hostname)

    def test_the_first_event_is_that_it_started_and_the_last_that_it_stopped(self, tmp_path: Path) -> None:
        exporter = build(only_load(history=True, storage__path=str(tmp_path)))
        exporter.start()
        wait_for(exporter.ready, "the first round")
        exporter.stop("SIGTERM")
        events = stored(tmp_path)
        assert [event["name"] for event in events] == ["sysvitals.started", "system.load.updated", "sysvitals.stopped"]
        first = events[0]["seq"]
        assert [event["seq"] for event in events] == [first, first + 1, first + 2]
        assert events[0]["data"] == {"version": __version__, "schema": 1, "pid": os.getpid()}
        assert events[-1]["data"] == {"reason": "SIGTERM"}

    def test_after_a_restart_within_a_boot_no_number_is_given_again_even_where_none_was_stored(
        self, tmp_path: Path
    ) -> None:
        given: list[int] = []
        (tmp_path / "history").write_text("in place of the folder: nothing can be written")
        for _ in range(3):
            exporter = build(only_load(history=True, storage__path=str(tmp_path)))
            exporter.start()
            wait_for(exporter.ready, "the first round")
            given += sorted(event.seq for event in exporter.latest_events())
            exporter.stop("test")
        assert len(given) >= 6
        assert given == sorted(set(given))

    def test_a_disk_that_takes_its_time_costs_no_event_at_the_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        syncing, go_on = threading.Event(), threading.Event()

        def slow(_descriptor: int) -> None:
            syncing.set()
            assert go_on.wait(PATIENCE)

        monkeypatch.setattr("sysvitals.history.writer.os.fdatasync", slow)
        exporter = build(only_load(history=True, storage__path=str(tmp_path)))
        exporter.start()
        assert syncing.wait(PATIENCE)
        timer = threading.Timer(0.8, go_on.set)  # longer than a hasty end would wait
        timer.start()
        exporter.stop("SIGTERM")
        timer.join()
        assert stored(tmp_path)[-1]["name"] == "sysvitals.stopped"

    @pytest.mark.fault(
        "time",
        "a boot id that cannot be read",
        seen="a warning; events without a boot, and no unclean shutdown is judged",
        heals="at the next start, when it can be read",
    )
    def test_a_host_whose_name_and_boot_id_cannot_be_read_is_still_read(self, tmp_path: Path) -> None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/loadavg").write_text("0.50 0.40 0.30 2/345 6789\n")
        (tmp_path / "syscalls.json").write_text(
            '{"uname": {"sysname": "", "nodename": "", "release": "", "version": "", "machine": ""}}'
        )
        settings = only_load()
        clock = Clock(synced=lambda: None)
        exporter = Exporter(settings, load=lambda: settings, host=RecordedHost(tmp_path), clock=clock)
        assert exporter.hostname == "unknown"
        assert metrics_of(exporter)["system_load1", ""] == 0.5
        assert "unknown" in serve_here(exporter).get("/").text

    def test_each_rule_of_the_history_is_taken_from_its_setting(self) -> None:
        base = history_rules(Settings())
        changed = History(
            flush_interval=1.0,
            fsync=False,
            rotate_interval=2.0,
            rotate_size=3,
            keep_age=4.0,
            keep_size=5,
            compress="off",
            collector_budget=6,
        )
        rules = history_rules(Settings(history=changed))
        assert [f.name for f in fields(rules) if getattr(rules, f.name) == getattr(base, f.name)] == []
        assert (rules.flush_seconds, rules.rotate_seconds, rules.rotate_bytes) == (1.0, 2.0, 3)
        assert (rules.keep_seconds, rules.keep_bytes, rules.fsync, rules.compress) == (4.0, 5, False, "off")
        assert rules.collector_bytes == 6

    def test_a_pause_is_passed_on_to_the_scheduler(self, monkeypatch: pytest.MonkeyPatch) -> None:
        exporter = build(only_load())
        noted: list[str] = []
        monkeypatch.setattr(exporter._scheduler, "note_pause", lambda: noted.append("pause"))
        exporter.note_pause()
        assert noted == ["pause"]


@pytest.mark.usefixtures("keep_logging")
class TestAReload:
    def test_brings_an_interval_into_force_at_once(self) -> None:
        slow = only_load(collector__load__interval="1h", collector__load__max_age="1h")
        fast = only_load(collector__load__interval="50ms", collector__load__max_age="1h")
        exporter = build(slow, load=lambda: fast)
        exporter.start()
        try:
            wait_for(exporter.ready, "the first round")
            assert exporter.reload() == ()
            key = ("sysvitals_events_total", 'event="system.load.updated"')
            wait_for(lambda: metrics_of(exporter)[key] >= 4, "runs at the new interval")
        finally:
            exporter.stop("test")

    def test_switches_collectors_off_and_on(self) -> None:
        both = load_settings(COLLECTORS, flags={"--history": False, "--collector.load.max-age": "0"})
        now = both
        exporter = build(both, load=lambda: now)
        assert ("system_load1", "") in metrics_of(exporter)
        now = load_settings(COLLECTORS, flags={"--history": False, "--collector.load": False})
        assert exporter.reload() == ()
        without = metrics_of(exporter)
        assert ("system_load1", "") not in without
        assert not [labels for _, labels in without if 'collector="load"' in labels]
        assert ("system_memory_available_bytes", "") in without
        assert serve_here(exporter).get("/metrics?collect[]=load").status_code == 400
        now = both
        assert exporter.reload() == ()
        assert ("system_load1", "") in metrics_of(exporter)

    def test_changes_the_rules_of_the_history(self, tmp_path: Path) -> None:
        before = only_load(history=True, storage__path=str(tmp_path))
        after = only_load(history=True, storage__path=str(tmp_path), history__keep_age="7d", history__fsync=False)
        exporter = build(before, load=lambda: after)
        exporter.reload()
        assert exporter._history is not None
        assert exporter._history.rules == history_rules(after) != history_rules(before)

    def test_tells_what_changed_as_an_event_and_names_in_the_log_what_needs_a_restart(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        flags = {"web__listen_address": [":1"], "log__level": "debug", "collector__load__interval": "7s"}
        exporter = build(only_load(), load=lambda: only_load(**flags))
        with caplog.at_level("INFO"):
            assert exporter.reload() == ()
        (event,) = [event for event in exporter.latest_events() if event.name == "sysvitals.reloaded"]
        assert event.body == type(event.body)(changed="web.listen_address, log.level, collector.load")
        warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert warnings == ["reload: web.listen_address takes effect at the next start"]

    @pytest.mark.fault(
        "process",
        "reloads in a storm, in which nothing changed",
        seen="`reloaded: nothing changed` in the log",
        heals="nothing is stored or forced to the disk",
    )
    def test_that_finds_nothing_new_says_so_and_is_no_event(self, caplog: pytest.LogCaptureFixture) -> None:
        exporter = build(only_load())
        with caplog.at_level("INFO"):
            exporter.reload()
        assert [event for event in exporter.latest_events() if event.name == "sysvitals.reloaded"] == []
        assert [record.getMessage() for record in caplog.records] == ["reloaded: nothing changed"]

    @pytest.mark.fault(
        "process",
        "a reload of a configuration with an error",
        seen="the error in the log; `sysvitals_config_last_reload_successful` is 0",
        heals="at the next reload of a good file",
    )
    def test_of_a_bad_file_keeps_the_old_settings_and_two_gauges_say_so(self, caplog: pytest.LogCaptureFixture) -> None:
        problems = ["a.yml:1: x: unknown key.", "a.yml:2: y: unknown key."]
        answers: list[Settings | ConfigError] = [
            ConfigError(problems),
            only_load(log__format="json", web__enable_lifecycle=True),
        ]
        wall = NOW

        def load() -> Settings:
            answer = answers.pop(0)
            if isinstance(answer, ConfigError):
                raise answer
            return answer

        before = only_load(web__enable_lifecycle=True)
        exporter = build(before, load=load, wall=lambda: wall, uptime=lambda: wall - NOW)
        client = serve_here(exporter)
        success = ("sysvitals_config_last_reload_successful", "")
        at = ("sysvitals_config_last_reload_success_timestamp_seconds", "")

        def gauges() -> tuple[float, float]:
            found = metrics_of(exporter)
            return found[success], found[at]

        assert gauges() == (1.0, NOW)
        wall = NOW + 100
        answer = client.request("POST", "/-/reload")
        assert (answer.status_code, answer.text.splitlines()[1:]) == (400, problems)
        assert [record.getMessage() for record in caplog.records] == [f"reload: {problem}" for problem in problems]
        assert exporter.settings is before
        assert gauges() == (0.0, NOW)
        wall = NOW + 200
        assert client.request("POST", "/-/reload").status_code == 200
        assert gauges() == (1.0, NOW + 200)


def test_a_reload_changes_the_level_of_the_log() -> None:
    exporter = build(only_load(), load=lambda: only_load(log__level="error"))
    exporter.reload()
    assert logging.getLogger().level == logging.ERROR


class Process:
    """`python -m sysvitals serve`, listening where the system finds room."""

    def __init__(
        self,
        folder: Path,
        *flags: str,
        addresses: tuple[str, ...] = ("127.0.0.1:0",),
        program: tuple[str, ...] = PROGRAM,
        stdout: int | None = None,
        stderr: int | None = None,
    ) -> None:
        self.storage = folder / "data"
        self._log, self._out = folder / "log", folder / "out"
        listening = [f"--web.listen-address={address}" for address in addresses]
        command = [*program, "serve", f"--storage.path={self.storage}", *listening, *flags]
        with open(self._log, "wb") as log, open(self._out, "wb") as out:
            self._process = subprocess.Popen(
                command,
                stdout=out if stdout is None else stdout,
                stderr=log if stderr is None else stderr,
                cwd=folder,
            )
        self._addresses = addresses

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def out(self) -> str:
        return self._out.read_text()

    def ports(self) -> list[int]:
        """Once it listens."""

        fixed = [int(address.rpartition(":")[2]) for address in self._addresses]
        if all(fixed):
            return fixed

        def look() -> list[int]:
            assert self._process.poll() is None, self.log
            ports = [int(port) for port in re.findall(r"metrics http://\S+:(\d+)/metrics", self.log)]
            return ports if len(ports) == len(self._addresses) else []

        return wait_for(look, "the addresses")

    def get(
        self, path: str = "/metrics", host: str = "127.0.0.1", method: str = "GET", port: int = 0
    ) -> tuple[int, str]:
        with contextlib.closing(self.ask(path, host, method, port)) as connection:
            answer = connection.getresponse()
            return answer.status, answer.read().decode()

    def ask(self, path: str, host: str = "127.0.0.1", method: str = "GET", port: int = 0) -> HTTPConnection:
        connection = HTTPConnection(host, port or self.ports()[0], timeout=PATIENCE)
        connection.request(method, path)
        return connection

    def wait_until_ready(self) -> None:
        self.ports()

        def look() -> bool:
            with contextlib.suppress(ConnectionRefusedError):  # where the port is known before it listens
                return self.get("/-/ready")[0] == 200
            return False

        wait_for(look, "the first round")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it. It must end well: where it waits for what hangs, its own limit ends it with status 1."""
        self._process.send_signal(number)
        assert self._process.wait(PATIENCE) == 0, self.log

    def wait(self) -> int:
        """Its status, when it has ended by itself."""
        return self._process.wait(PATIENCE)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait(PATIENCE)


Start = Callable[..., Process]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    running: list[Process] = []

    def start(*flags: str, folder: str = "run", **more: Any) -> Process:
        (tmp_path / folder).mkdir(exist_ok=True)
        process = Process(tmp_path / folder, *flags, **more)
        running.append(process)
        return process

    try:
        yield start
    finally:
        for process in running:
            process.kill()


@pytest.fixture
def stuck(tmp_path: Path) -> Iterator[tuple[list[str], tuple[str, ...], Callable[[], object]]]:
    """Flags and program of a host whose load hangs when it is read, and a function that waits until it does."""
    flags = [*ONLY_LOAD, f"--path.procfs={tmp_path}/proc", "--collector.load.timeout=1h"]
    boot, load = tmp_path / "proc/sys/kernel/random/boot_id", tmp_path / "proc/loadavg"
    boot.parent.mkdir(parents=True)
    boot.write_text("0b1f0c9e-8d0c-4a51-9f3e-3c2f1a9d7e55\n")
    with hanging(load) as wait_until_it_is_opened:
        yield flags, program_that_hangs_at(load), wait_until_it_is_opened


OPENS_SLOWLY = """
import builtins, os, pathlib, sys, time
from sysvitals.cli import main
def slow(open):
    def open_slowly(path, *arguments, **more):
        while path == {file!r} and os.path.exists(path + ".hangs"):
            pathlib.Path(path + ".opened").touch()
            time.sleep(0.01)
        return open(path, *arguments, **more)
    return open_slowly
os.open, builtins.open = slow(os.open), slow(open)
sys.exit(main())
"""


def program_that_hangs_at(file: Path) -> tuple[str, ...]:
    """The program as it is where this file lies on a mount that hangs while it is `hanging`."""
    return sys.executable, "-c", OPENS_SLOWLY.format(file=str(file))


@contextlib.contextmanager
def hanging(file: Path) -> Iterator[Callable[[], object]]:
    """Let this file hang. Gives a function that waits until it is opened."""
    hangs, opened = Path(f"{file}.hangs"), Path(f"{file}.opened")
    opened.unlink(missing_ok=True)
    hangs.touch()
    try:
        yield lambda: wait_for(opened.exists, f"an attempt to open {file}")
    finally:
        hangs.unlink()


NOTES_PAUSES = """
import logging, sys
from sysvitals.exporter import Exporter
from sysvitals.cli import main
Exporter.note_pause = lambda _: logging.warning("it was stopped")
sys.exit(main())
"""

TASK_FAILS = """
import sys
import sysvitals.serve
from sysvitals.cli import main
async def fail(*_):
    raise RuntimeError("a bug")
sysvitals.serve._DUTY = fail
sys.exit(main())
"""


class TestAProcess:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    @pytest.mark.fault(
        "process",
        "a stop signal, SIGTERM or SIGINT, while it serves",
        seen="the event `sysvitals.stopped` with the name of the signal",
        heals="at the next start",
    )
    def test_ends_with_its_history_whole(self, number: signal.Signals, start: Start) -> None:
        process = start(*BELOW)
        process.wait_until_ready()
        process.stop(number)
        events = stored(process.storage)
        assert events[0]["name"] == "sysvitals.started"
        assert (events[-1]["name"], events[-1]["data"]) == ("sysvitals.stopped", {"reason": number.name})
        first = events[0]["seq"]
        assert [event["seq"] for event in events] == list(range(first, first + len(events)))
        assert {"system.load.updated", "system.memory.usage.updated"} <= {event["name"] for event in events}
        assert "Traceback" not in process.log

    @pytest.mark.fault(
        "process",
        "a stop signal while it reads for the first time and a sensor hangs",
        seen="the scrape is answered without what was not read",
        heals="at the next start",
    )
    def test_ends_while_a_collector_hangs_that_a_scrape_asked_for(
        self, start: Start, stuck: tuple[list[str], tuple[str, ...], Callable[[], object]]
    ) -> None:
        flags, program, wait_until_it_is_read = stuck
        process = start(*flags, program=program)
        (port,) = process.ports()
        wait_until_it_is_read()
        with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as scraper:
            scraper.request("GET", "/-/healthy")
            scraper.getresponse().read()
            scraper.request("GET", "/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": "3600"})
            assert process.get("/-/ready")[0] == 503  # what came after the scrape is answered: it is under way
            process.stop()
            answer = scraper.getresponse()
            found = samples(answer.read().decode())
        assert answer.status == 200
        assert ("sysvitals_collector_success", 'collector="load"') not in found, "nothing of it has run yet"
        assert ("system_load1", "") not in found
        names = [event["name"] for event in stored(process.storage)]
        assert names == ["sysvitals.started", "sysvitals.stopped"]
        assert "Traceback" not in process.log
        assert "Cancel" not in process.log

    @pytest.mark.fault(
        "process",
        "a stop signal during a reload whose file hangs",
        seen="the event `sysvitals.stopped`",
        heals="at the next start",
    )
    def test_ends_while_its_configuration_cannot_be_read(self, start: Start, tmp_path: Path) -> None:
        file = tmp_path / "sysvitals.yml"
        file.write_text("log: {level: info}\n")
        process = start(*BELOW, *ONLY_LOAD, f"--config.file={file}", program=program_that_hangs_at(file))
        process.ports()
        with hanging(file) as wait_until_it_is_read:
            process.send(signal.SIGHUP)
            wait_until_it_is_read()
            process.stop()
        assert stored(process.storage)[-1]["name"] == "sysvitals.stopped"

    @pytest.mark.fault(
        "process",
        "a reload whose file hangs",
        seen="the reload is not answered",
        heals="by itself, when the file can be read",
    )
    def test_answers_all_else_while_its_configuration_cannot_be_read(self, start: Start, tmp_path: Path) -> None:
        file = tmp_path / "sysvitals.yml"
        file.write_text("log: {level: info}\n")
        flags = [*BELOW, *ONLY_LOAD, f"--config.file={file}", "--no-history", "--web.enable-lifecycle"]
        process = start(*flags, program=program_that_hangs_at(file))
        process.wait_until_ready()
        with hanging(file) as wait_until_it_is_read, contextlib.ExitStack() as asked:
            for _ in range(40):  # more than the pool of the event loop has threads
                asked.enter_context(contextlib.closing(process.ask("/-/reload", method="POST")))
                process.send(signal.SIGHUP)
            wait_until_it_is_read()
            assert [process.get(path)[0] for path in ("/metrics", "/-/healthy", "/")] == [200] * 3
            process.stop()
        assert "Traceback" not in process.log
        assert "Cancel" not in process.log

    @pytest.mark.fault(
        "process",
        "SIGSTOP, then SIGCONT",
        seen="the time between counts as not watched",
        heals="by itself",
    )
    def test_notes_that_it_was_stopped_when_it_goes_on(self, start: Start) -> None:
        process = start(*BELOW, *ONLY_LOAD, "--no-history", program=(sys.executable, "-c", NOTES_PAUSES))
        process.wait_until_ready()
        process.send(signal.SIGSTOP)
        process.send(signal.SIGCONT)
        wait_for(lambda: "it was stopped" in process.log, "a note of the pause")
        process.stop()

    def test_takes_up_the_last_day_when_the_first_scrape_is_served(self, start: Start) -> None:
        process = start(*BELOW)
        process.wait_until_ready()
        assert samples(process.get()[1])["system_verdict", 'level="unknown"'] == 1
        wait_for(lambda: not samples(process.get()[1])["system_verdict", 'level="unknown"'], "a verdict")
        process.stop()
        names = [event["name"] for event in stored(process.storage)]
        assert names.count("sysvitals.verdict.changed") == 1

    @pytest.mark.parametrize("duty", ["_tend", "_judge", "_report"])
    @pytest.mark.fault(
        "process",
        "a bug that ends a task of the server",
        seen="a critical line with a traceback, exit status 1",
        heals="its supervisor starts it again",
    )
    def test_ends_with_a_status_that_its_supervisor_heeds_when_a_task_fails(
        self, duty: str, start: Start, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        process = start(*BELOW, *ONLY_LOAD, program=(sys.executable, "-c", TASK_FAILS.replace("_DUTY", duty)))
        assert process.wait() == 1
        reason = f"the task {duty[1:]} failed: RuntimeError('a bug')"
        assert f"CRITICAL the exporter ends, so that its supervisor starts it again: {reason}" in process.log
        assert "Traceback" in process.log
        assert stored(process.storage)[-1]["data"] == {"reason": reason}

    @pytest.mark.parametrize("compress", ["segments", "stream"])
    @pytest.mark.parametrize("buffered", [False, True], ids=["no buffer", "buffer"])
    @pytest.mark.fault(
        "process",
        "kill -9 while it serves",
        seen="no event `sysvitals.stopped`",
        heals="at the next start",
    )
    def test_that_is_killed_loses_nothing_that_it_showed(
        self, start: Start, tmp_path: Path, compress: str, *, buffered: bool
    ) -> None:
        flags = [*BELOW, *ONLY_LOAD, f"--history.compress={compress}", "--console", "--console.format=json"]
        if buffered:
            (tmp_path / "memory").mkdir()
            flags.append(f"--history.buffer={tmp_path / 'memory'}")
        first = start(*flags)
        first.wait_until_ready()
        counted = samples(first.get()[1])
        first.kill()
        shown = [json.loads(line) for line in first.out.splitlines() if line.endswith("}")]
        second = start(*flags)
        second.wait_until_ready()
        second.stop()
        events = stored(second.storage)
        assert [event["name"] for event in events].count("sysvitals.started") == 2
        assert [event for event in shown if event not in events] == []
        loads = [event for event in events if event["name"] == "system.load.updated"]
        assert len(loads) > counted["sysvitals_events_total", 'event="system.load.updated"']
        assert len({event["seq"] for event in events}) == len(events)

    @pytest.mark.fault(
        "process",
        "two exporters on the same folder",
        seen="the second ends with one line that names the first, exit status 1",
        heals="when the first has ended, or with a folder for each",
    )
    def test_keeps_another_out_of_its_history(self, start: Start) -> None:
        first = start(*BELOW, *ONLY_LOAD)
        first.wait_until_ready()
        second = start(*BELOW, *ONLY_LOAD, f"--storage.path={first.storage}", folder="second")
        assert second.wait() == 1
        assert re.search(r"^sysvitals: process \d+ keeps its history in .*: end it, or ", second.log, re.MULTILINE)
        without = start(*BELOW, *ONLY_LOAD, f"--storage.path={first.storage}", "--no-history", folder="without")
        without.wait_until_ready()
        first.stop()
        assert [event["name"] for event in stored(first.storage)].count("sysvitals.started") == 1

    @pytest.mark.fault(
        "storage",
        "a storage folder that is moved, and another exporter that is started at its path",
        seen="the second ends with one line that names the first, exit status 1",
        heals="no need to: where the folder went, another one may start",
    )
    def test_keeps_another_out_of_the_place_from_which_its_storage_was_moved(self, start: Start) -> None:
        first = start(*BELOW, *ONLY_LOAD, "--collector.load.interval=200ms")
        first.wait_until_ready()
        moved = first.storage.rename(first.storage.with_name("moved"))
        wait_for((first.storage / "history").exists, "a history at the old path")
        second = start(*BELOW, *ONLY_LOAD, f"--storage.path={first.storage}", folder="second")
        assert second.wait() == 1
        assert "keeps its history in" in second.log
        third = start(*BELOW, *ONLY_LOAD, f"--storage.path={moved}", folder="third")
        third.wait_until_ready()
        first.stop()
        assert stored(first.storage)[-1]["name"] == "sysvitals.stopped"

    def test_tells_of_the_host_below_its_paths(self, start: Start) -> None:
        process = start(*BELOW, "--no-history")
        process.wait_until_ready()
        found = samples(process.get("/metrics?collect[]=load&collect[]=memory")[1])
        recorded = samples((HOST / "expected.prom").read_text(encoding="utf-8"))
        ours = {key: value for key, value in found.items() if key[0].startswith(("system_load", "system_memory"))}
        assert ours == {key: recorded[key] for key in ours}
        assert len(ours) > 5
        assert (HOST / "etc/hostname").read_text().strip() in process.get("/")[1]
        assert not process.storage.exists()

    def test_reads_its_configuration_again_on_sighup_and_on_a_post(self, start: Start, tmp_path: Path) -> None:
        file = tmp_path / "sysvitals.yml"
        file.write_text("log: {level: info}\n")
        process = start(*BELOW, *ONLY_LOAD, f"--config.file={file}", "--web.enable-lifecycle")
        process.wait_until_ready()
        success = ("sysvitals_config_last_reload_successful", "")
        assert samples(process.get()[1])[success] == 1.0

        file.write_text("collector: {load: {interval: 1s}}\nstorage: {path: elsewhere}\n")
        process.send(signal.SIGHUP)
        wait_for(lambda: "reloaded: collector.load" in process.log, "the reload")  # the flag outweighs storage.path

        file.write_text("log: {levle: info}\n")
        process.send(signal.SIGHUP)
        wait_for(lambda: f"reload: {file}:1: log.levle: unknown key. Did you mean level?" in process.log, "the error")
        assert samples(process.get()[1])[success] == 0.0
        status, text = process.get("/-/reload", method="POST")
        assert status == 400
        assert f"{file}:1: log.levle" in text

        file.write_text("console: {format: text}\n")
        assert process.get("/-/reload", method="GET") == (405, "/-/reload takes POST\n")
        assert process.get("/-/reload", method="POST") == (200, "reloaded\n")
        assert samples(process.get()[1])[success] == 1.0
        assert "console.format takes effect at the next start" in process.log
        process.stop()
        changed = [e["data"]["changed"] for e in stored(process.storage) if e["name"] == "sysvitals.reloaded"]
        assert changed == ["collector.load", "console.format, collector.load"]

    @pytest.mark.parametrize(("address", "warns"), [("127.0.0.1:0", False), (":0", True)])
    @pytest.mark.parametrize("text", [None, "# emptied\n"])
    def test_says_at_its_start_what_protects_it_and_warns_where_nothing_does(
        self, start: Start, tmp_path: Path, address: str, warns: bool, text: str | None
    ) -> None:
        flags = []
        if text is not None:
            (file := tmp_path / "web.yml").write_text(text)
            flags.append(f"--web.config-file={file}")
        process = start(*BELOW, *ONLY_LOAD, "--no-history", *flags, addresses=(address,))
        process.wait_until_ready()
        assert process.log.count("In force: no TLS, no passwords") == 1
        warned = [line for line in process.log.splitlines() if "everyone who reaches this port" in line]
        assert len(warned) == warns
        assert all("WARN" in line and "--web.config-file=" in line for line in warned)

    def test_answers_at_each_of_its_addresses_ipv6_among_them(self, start: Start) -> None:
        if not socket.has_dualstack_ipv6():
            pytest.skip("this machine has no IPv6")
        process = start(*BELOW, *ONLY_LOAD, "--no-history", addresses=("127.0.0.1:0", "[::1]:0", ":0"))
        first, second, everywhere = process.ports()
        asked = [("127.0.0.1", first), ("::1", second), ("127.0.0.1", everywhere), ("::1", everywhere)]
        assert [process.get("/-/healthy", host=host, port=port)[0] for host, port in asked] == [200] * 4
        assert f"http://[::1]:{second}/metrics" in process.log

    @pytest.mark.fault(
        "process",
        "two exporters on the same port",
        seen="the second ends with one line, exit status 1",
        heals="its supervisor starts it again until the port is free",
    )
    def test_whose_address_is_taken_says_so_in_one_line_and_writes_nothing(self, tmp_path: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            flags = [f"--web.listen-address=127.0.0.1:{port}", f"--storage.path={tmp_path}/data"]
            done = subprocess.run(
                [sys.executable, "-m", "sysvitals", "serve", *flags],
                capture_output=True,
                text=True,
                timeout=PATIENCE,
                check=False,
            )
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr == f"sysvitals: cannot listen on 127.0.0.1:{port}: Address already in use\n"
        assert list(tmp_path.iterdir()) == []

    def test_prints_each_event_where_the_console_is_on(self, start: Start) -> None:
        process = start(*BELOW, *ONLY_LOAD, "--collector.load.interval=1h", "--no-history", "--console")
        process.wait_until_ready()
        process.stop()
        names = [json.loads(line)["name"] for line in process.out.splitlines()]
        assert names == ["sysvitals.started", "system.load.updated", "sysvitals.stopped"]

    @pytest.mark.parametrize("readings", [False, True])
    def test_prints_in_words_what_happens_and_readings_where_they_are_asked_for(
        self, start: Start, readings: bool
    ) -> None:
        flags = ["--console", "--console.format=text", *(["--console.readings"] if readings else [])]
        process = start(*BELOW, *ONLY_LOAD, "--collector.load.interval=1h", "--no-history", *flags)
        process.wait_until_ready()
        process.stop()
        said = [line.split("  ", 1)[1] for line in process.out.splitlines()]
        assert said[0] == f"sysvitals {__version__} started"
        assert [line for line in said[1:-1] if line.startswith("system.load.updated  load1=")] == said[1:-1]
        assert len(said) == 2 + readings
        assert said[-1].startswith("sysvitals stopped (")


def test_a_permission_that_is_missing_is_said_with_its_remedy_though_the_collector_works() -> None:
    settings = load_settings(COLLECTORS, flags={"--history": False})
    exporter = Exporter(settings, load=lambda: settings, host=RecordedHost(HOSTS / "pi-cm4-emmc"), clock=Clock())
    exporter.refresh(20)
    words = exporter.collectors()["throttling"]
    assert words.startswith("fine, but not all could be read: firmware: ")
    assert "video" in words


def test_what_a_container_cannot_know_of_itself_is_left_out_and_said() -> None:
    settings = load_settings(COLLECTORS, flags={"--history": False})
    exporter = Exporter(settings, load=lambda: settings, host=RecordedHost(HOSTS / "lxc"), clock=Clock())
    exporter.refresh(20)
    words = exporter.collectors()
    assert words["cpu"].startswith("fine; left out: ")
    assert "frequencies" in words["cpu"]
    for name in ("load", "pressure", "disk"):
        assert words[name].startswith("not on this host: ")
        assert "container" in words[name]
