"""An exporter that sees a folder's host and nothing of the machine that runs the test."""

from pathlib import Path

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.exporter import Exporter
from sysvitals.pipeline.clock import Clock
from tests.recorded import NOW, RecordedHost

ROUND_SECONDS = 20.0


def look(folder: Path) -> Exporter:
    """An exporter of the host recorded in that folder."""
    settings = load_settings(COLLECTORS, flags={"--history": False})
    clock = Clock(wall=lambda: NOW, uptime=lambda: 4711.0, monotonic=lambda: 100.0, synced=lambda: True)
    return Exporter(settings, load=lambda: settings, host=RecordedHost(folder), clock=clock)


def expose(folder: Path) -> str:
    """The exposition of all collectors after one round."""
    exporter = look(folder)
    text, _ = exporter.metrics(frozenset(exporter.collectors()), ROUND_SECONDS)
    return text.decode()
