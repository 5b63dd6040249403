"""How each part of the stack is started."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from sysvitals.stack.addresses import Address
from sysvitals.stack.asking import answers
from sysvitals.stack.group import Part
from sysvitals.stack.layout import Layout
from sysvitals.stack.programs import grafana_command

KEEP_TIME = "90d"
KEEP_SIZE = "1GB"
"""What Prometheus keeps at most. The servers themselves and one board are about 10 MB a day."""

_HAPPENS = re.compile(r"\sboard\s+\S+ (?:begins|ends)$|^sysvitals: ")
"""What really happens to a simulated board; what its firmware and its kernel make of it is to be seen elsewhere."""

_SYSVITALS = (sys.executable, "-m", "sysvitals")


def simulation_part(board: str, scenario: str, folder: Path) -> Part:
    """A simulated board in this folder."""
    return Part(
        name="board",
        command=[*_SYSVITALS, "simulate", f"--board={board}", f"--scenario={scenario}", str(folder)],
        is_ready=(folder / "proc/stat").exists,
        is_worth=lambda line: _HAPPENS.search(line) is not None,
    )


def exporter_part(arguments: Sequence[str], address: Address) -> Part:
    """The exporter itself."""
    return Part(
        name="exporter",
        command=[*_SYSVITALS, "serve", *arguments],
        is_ready=lambda: answers(address, "/-/ready"),
    )


def prometheus_part(program: str, layout: Layout, address: Address) -> Part:
    """Prometheus, with limits that suit a small board's disk."""
    return Part(
        name="prometheus",
        command=[
            program,
            f"--config.file={layout.config('prometheus') / 'prometheus.yml'}",
            f"--storage.tsdb.path={layout.data('prometheus')}",
            f"--storage.tsdb.retention.time={KEEP_TIME}",
            f"--storage.tsdb.retention.size={KEEP_SIZE}",
            f"--web.listen-address={address.bind}",
            f"--web.external-url={address.url}",
        ],
        is_ready=lambda: answers(address, "/-/ready"),
    )


def alertmanager_part(program: str, layout: Layout, address: Address) -> Part:
    """Alertmanager, alone: without its cluster's port, which listens on all addresses."""
    return Part(
        name="alertmanager",
        command=[
            program,
            f"--config.file={layout.config('alertmanager') / 'alertmanager.yml'}",
            f"--storage.path={layout.data('alertmanager')}",
            f"--web.listen-address={address.bind}",
            f"--web.external-url={address.url}",
            "--cluster.listen-address=",
        ],
        is_ready=lambda: answers(address, "/-/ready"),
    )


def grafana_part(program: str, home: Path, layout: Layout, address: Address) -> Part:
    """Grafana, by our settings alone: its variables in the environment would outweigh them."""
    environment: Mapping[str, str] = {key: text for key, text in os.environ.items() if not key.startswith("GF_")}
    return Part(
        name="grafana",
        command=[
            *grafana_command(program, home),
            f"--homepath={home}",
            f"--config={layout.config('grafana') / 'grafana.ini'}",
        ],
        environment=environment,
        is_ready=lambda: answers(address, "/api/health"),
    )
