"""Finds the programs that the stack consists of, and says how to get what is missing."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_MORE_FOLDERS = ("/usr/local/sbin", "/usr/sbin")
"""Grafana's package puts its program where only root's PATH leads."""

_GRAFANA_HOMES = ("/usr/share/grafana", "/usr/local/share/grafana", "/opt/grafana")


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A server: by which names it goes, where to get it, and the service that its package starts by itself."""

    name: str
    names: tuple[str, ...]
    service: str
    remedy: str


_PROMETHEUS = Program(
    name="prometheus",
    names=("prometheus",),
    service="prometheus",
    remedy="""\
  Debian, Ubuntu, Raspberry Pi OS: sudo apt install prometheus
    It starts a service of its own on the same port, which must go: sudo systemctl disable --now prometheus
  Elsewhere: unpack https://prometheus.io/download/#prometheus and put its folder on the PATH.
  In a container instead: sysvitals provision prometheus --to ./prometheus
    docker run --network=host -v "$PWD/prometheus:/etc/prometheus:ro" prom/prometheus""",
)

_ALERTMANAGER = Program(
    name="alertmanager",
    names=("prometheus-alertmanager", "alertmanager"),
    service="prometheus-alertmanager",
    remedy="""\
  Debian, Ubuntu, Raspberry Pi OS: sudo apt install prometheus-alertmanager
    It starts a service of its own on the same port, which must go: sudo systemctl disable --now prometheus-alertmanager
  Elsewhere: unpack https://prometheus.io/download/#alertmanager and put its folder on the PATH.
  In a container instead: sysvitals provision alertmanager --to ./alertmanager
    docker run --network=host -v "$PWD/alertmanager:/etc/alertmanager:ro" prom/alertmanager""",
)

_GRAFANA = Program(
    name="grafana",
    names=("grafana", "grafana-server"),
    service="grafana-server",
    remedy="""\
  Debian has no package of it; Grafana's own: https://grafana.com/docs/grafana/latest/setup-grafana/installation/
  In a container instead: sysvitals provision grafana --to ./grafana
    docker run --network=host -v "$PWD/grafana/provisioning:/etc/grafana/provisioning:ro" \\
      -v "$PWD/grafana/dashboards:$PWD/grafana/dashboards:ro" grafana/grafana""",
)

PROGRAMS: Mapping[str, Program] = {program.name: program for program in (_PROMETHEUS, _ALERTMANAGER, _GRAFANA)}


def find_program(program: Program, environment: Mapping[str, str]) -> str | None:
    """Its path, or None."""
    folders = os.pathsep.join([environment.get("PATH", os.defpath), *_MORE_FOLDERS])
    found = (shutil.which(name, path=folders) for name in program.names)
    return next((path for path in found if path is not None), None)


def find_grafana_home(program: str, environment: Mapping[str, str]) -> Path | None:
    """The folder with Grafana's own files, which it must be told: where its variables say, around it, or the usual."""
    named = [environment[name] for name in ("GF_PATHS_HOME", "GRAFANA_HOME") if environment.get(name)]
    around = Path(program).resolve().parent.parent
    homes = [*map(Path, named), around, *map(Path, _GRAFANA_HOMES)]
    return next((home for home in homes if (home / "conf/defaults.ini").is_file()), None)


def grafana_command(program: str, home: Path) -> list[str]:
    """How this Grafana is started: past the wrapper on the PATH, which adds the settings of the system's service."""
    for name, words in (("grafana", ["server"]), ("grafana-server", [])):
        if os.access(home / "bin" / name, os.X_OK):
            return [str(home / "bin" / name), *words]
    return [program] if os.path.basename(program) == "grafana-server" else [program, "server"]
