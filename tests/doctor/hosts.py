"""Recorded hosts as the doctor's settings see them, and what was seen of hosts that are not there."""

from collections.abc import Mapping
from pathlib import Path

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.config.settings import Settings
from sysvitals.doctor.exporter import Running
from sysvitals.doctor.readings import Look
from sysvitals.doctor.samples import Samples
from sysvitals.model.reading import Body
from sysvitals.pipeline.interpret import Outcome
from tests.recorded import HOSTS

FINE = Outcome("ok")
GONE = Outcome("unavailable", message="no such thing")
DENIED = Outcome("failed", "EACCES", "[Errno 13] no permission to ask: add its user to the group video")


def settings_of(storage: Path, name: str = "", **flags: str) -> Settings:
    """The settings that read a recorded host (this machine where it has no name)."""
    host = HOSTS / name
    paths = {"procfs": host / "proc", "sysfs": host / "sys", "rootfs": host, "devfs": host / "dev"} if name else {}
    given: dict[str, object] = {f"--path.{path}": str(place) for path, place in paths.items()}
    given |= {f"--{flag.replace('__', '.').replace('_', '-')}": value for flag, value in flags.items()}
    given["--storage.path"] = str(storage)
    for flag in ("--web.listen-address",):
        if flag in given:
            given[flag] = [given[flag]]
    return load_settings(COLLECTORS, flags=given)


def seen(outcomes: Mapping[str, Outcome | None], *bodies: Body) -> Look:
    return Look(dict(outcomes), bodies)


def running(states: Mapping[str, str], process: str = "", **more: float) -> Running:
    """An exporter whose collectors fare like this."""
    rows: dict[str, list[tuple[Mapping[str, str], float]]] = {
        "sysvitals_collector_available": [
            ({"collector": name}, float(state != "unavailable")) for name, state in states.items()
        ],
        "sysvitals_collector_success": [
            ({"collector": name}, float(state == "ok")) for name, state in states.items() if state != "unavailable"
        ],
    }
    rows |= {name: [({}, value)] for name, value in more.items()}
    return Running("http://127.0.0.1:9877", "1", True, "pi4", "boot", 0.0, process, Samples(rows))
