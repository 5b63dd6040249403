"""Readings beside the metrics of another Python program."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.process_collector import ProcessCollector

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.registry import ReadingsCollector
from tests.patience import PATIENCE
from tests.recorded import HOSTS

FOLDER = HOSTS / "pi-4b-fine"


FLAGS = {
    "--path.procfs": f"{FOLDER}/proc",
    "--path.sysfs": f"{FOLDER}/sys",
    "--path.rootfs": f"{FOLDER}",
    "--path.devfs": f"{FOLDER}/dev",
}
SETTINGS = load_settings(COLLECTORS, flags=FLAGS)


@pytest.fixture
def readings() -> Iterator[ReadingsCollector]:
    collector = ReadingsCollector(SETTINGS)
    yield collector
    collector.close()


def test_another_programs_registry_shows_the_readings_beside_its_own_metrics(readings: ReadingsCollector) -> None:
    registry = CollectorRegistry(auto_describe=True)
    Gauge("orders", "Its own.", registry=registry).set(7)
    ProcessCollector(registry=registry)
    registry.register(readings)
    families = {family.name: family for family in text_string_to_metric_families(generate_latest(registry).decode())}
    assert families["orders"].samples[0].value == 7
    assert len(families["process_cpu_seconds"].samples) == 1
    assert families["system_memory_size_bytes"].samples[0].value > 0
    shown = {sample.labels["collector"] for sample in families["sysvitals_collector_available"].samples}
    assert shown == {collector.name for collector in COLLECTORS}


def test_the_registry_can_be_asked_for_one_name(readings: ReadingsCollector) -> None:
    registry = CollectorRegistry()
    registry.register(readings)
    assert registry.get_sample_value("system_load1") is not None


def test_a_name_that_the_registry_has_already_is_refused(readings: ReadingsCollector) -> None:
    registry = CollectorRegistry()
    Gauge("system_load1", "Somebody else's.", registry=registry)
    with pytest.raises(ValueError, match="Duplicated"):
        registry.register(readings)


def test_closing_it_ends_its_threads_and_nothing_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    before = {*threading.enumerate()}
    collector = ReadingsCollector(SETTINGS)
    assert list(collector.collect())
    own = {*threading.enumerate()} - before
    assert own
    collector.close()
    for thread in own:
        thread.join(PATIENCE)
    assert not any(thread.is_alive() for thread in own)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("module", ["sysvitals.exporter", "sysvitals.serve"])
def test_serving_and_printing_metrics_does_not_import_prometheus_client(module: str) -> None:
    code = f"import sys, {module}; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.stderr, done.stdout) == ("", "False\n")


def test_printing_metrics_once_does_not_import_prometheus_client() -> None:
    code = (
        "import sys; from sysvitals.cli import main;"
        f"status = main(['once', *{[f'{flag}={path}' for flag, path in FLAGS.items()]}]);"
        "print(status, 'prometheus_client' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.splitlines()[-1] == "0 False"
