"""The exporters that are compared: how each is started, on which host, and what it is called in a table."""

# ruff: noqa: S607  # it runs programs

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from figures import BEFORE, NODE, OURS
from measuring import REPOSITORY, TREE, Program, environment, run

HOSTS = REPOSITORY / "tests/hosts"

# fmt: off
LIKE_OURS = (
    "cpu", "cpufreq", "diskstats", "dmi", "filesystem", "hwmon", "loadavg", "meminfo", "netclass", "netdev", "nvme",
    "os", "powersupplyclass", "pressure", "stat", "thermal_zone", "time", "timex", "uname", "vmstat", "wifi",
)
# fmt: on
"""node_exporter's collectors that read what ours read."""


@dataclass(frozen=True)
class Exporter:
    """One of those that are compared. `tree` is the checkout that it comes from, where it is ours."""

    name: str
    version: str
    command: tuple[str, ...]
    tree: Path = TREE
    path: str = "/metrics"
    """What a scrape asks for. Empty: it cannot be scraped."""
    reads_other_hosts: bool = True

    @property
    def is_ours(self) -> bool:
        """Whether it is a sysvitals, of this checkout or of another."""
        return self.name in (OURS, BEFORE)

    def on(self, host: Path | None, folder: Path, *extra: str) -> list[str]:
        """The command that reads this host (None: this machine); what it keeps goes below this folder."""
        roots = {"procfs": "proc", "sysfs": "sys", "rootfs": "", "devfs": "dev"}
        flags = [f"--path.{name}={host / below}" for name, below in roots.items()] if host else []
        if self.is_ours:
            return [*self.command, *flags, f"--storage.path={folder}", *extra]
        return [*self.command, *flags[:3], *extra]  # others know no firmware

    @contextmanager
    def running(self, host: Path | None, folder: Path, *extra: str, below: Sequence[str] = ()) -> Iterator[Program]:
        """The program while it runs and reads this host, below another that traces it, say."""
        command = [*below, *self.on(host, folder, *extra)]
        with run(self.name, command, folder.parent, tree=self.tree) as program:
            program.path = self.path
            yield program

    def reading_at_each_scrape(self, folder: Path) -> list[str]:
        """Flags that let a scrape read everything again, and nothing be read between scrapes: node_exporter's way."""
        if not self.is_ours:
            return []
        listed = subprocess.run(
            [self.command[0], "-m", "sysvitals", "collectors", "--json"],
            env=environment(self.tree),
            capture_output=True,
            check=False,  # its status says whether all of them can be read here
        )
        settings = {name: {"interval": "1d", "max_age": "0s"} for name in json.loads(listed.stdout)}
        file = folder / f"{self.name.replace(' ', '-')}.json"
        file.write_text(json.dumps({"collector": settings}), encoding="utf-8")
        return [f"--config.file={file}"]


def ours(python: str = sys.executable) -> Exporter:
    """This checkout."""
    return _sysvitals(OURS, TREE, python)


def before(tree: Path, python: str = sys.executable) -> Exporter:
    """Another checkout, to compare with."""
    return _sysvitals(BEFORE, tree.resolve(), python)


def node_exporters(paths: Sequence[str]) -> list[Exporter]:
    """node_exporter at these paths, or the one in PATH. The first is the one that ratios are made with."""
    found = list(paths) or [path for path in (shutil.which("prometheus-node-exporter"), shutil.which(NODE)) if path][:1]
    exporters: list[Exporter] = []
    for path in found:
        version = _ask_version([path, "--version"])
        name = NODE if not exporters else f"{NODE} {version}"
        flags = ["--web.listen-address={address}", "--collector.disable-defaults"]
        flags += [f"--collector.{collector}" for collector in LIKE_OURS]
        exporters.append(Exporter(name, version, (path, *flags)))
    return exporters


def glances() -> list[Exporter]:
    """Glances as a web server, where it is installed. It reads this machine only."""
    path = shutil.which("glances")
    if path is None:
        return []
    flags = ("--webserver", "--disable-webui", "--bind", "127.0.0.1", "--port", "{port}", "--disable-check-update")
    version = _ask_version([path, "--version"])
    return [Exporter("Glances", version, (path, *flags), path="/api/4/all", reads_other_hosts=False)]


def bussdcc() -> list[Exporter]:
    """bussdcc-system with its record, where it is installed. It has pages and no metrics: it is watched idling."""
    path = shutil.which("bussdcc-system")
    if path is None:
        return []
    ask = "import importlib.metadata; print(importlib.metadata.version('bussdcc-system'))"
    version = _ask_version([str(Path(path).parent / "python"), "-c", ask])
    flags = ("run", "--quiet", "--record", "--web", "--web-host", "127.0.0.1", "--web-port", "{port}")
    return [Exporter("bussdcc-system", version, (path, *flags), path="", reads_other_hosts=False)]


PEERS = {NODE: None, "glances": glances, "bussdcc": bussdcc}


def find_peers(names: Iterable[str], node_exporter_paths: Sequence[str]) -> list[Exporter]:
    """Those of these peers that this machine has."""
    found: list[Exporter] = []
    for name in names:
        find = PEERS[name]
        found += node_exporters(node_exporter_paths) if find is None else find()
    return found


def _sysvitals(name: str, tree: Path, python: str) -> Exporter:
    text = (tree / "exporter/sysvitals/__init__.py").read_text(encoding="utf-8")
    version = re.search(r'__version__ = "(.+)"', text)
    commit = subprocess.run(
        ["git", "-C", str(tree), "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False
    )
    words = f"{version[1] if version else '?'} {commit.stdout.strip()}".strip()
    command = (python, "-m", "sysvitals", "serve", "--web.listen-address={address}")
    return Exporter(name, words, command, tree=tree)


def _ask_version(command: Sequence[str]) -> str:
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+[\w.+-]*", answer.stdout + answer.stderr)
    return found[0] if found else "?"
