"""What can be provisioned: which of the shipped files go where, and what is to be done then."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sysvitals.provision.shipped import read_shipped

Files = dict[str, bytes]

_PROVIDERS = "provisioning/dashboards/"
_PATH = re.compile(rb"(?m)^(?P<key>[ ]+path:[ ]+)(?P<value>.*)$")


def _as_shipped(files: Files, _folder: Path) -> Files:
    return files


def _point_at_dashboards(files: Files, folder: Path) -> Files:
    """Grafana wants the dashboards' folder by its whole path."""
    # in its provisioning files a $ begins the name of an environment variable
    path = json.dumps(str(folder / "dashboards").replace("$", "$$"), ensure_ascii=False).encode()
    return {
        name: _PATH.sub(lambda match: match["key"] + path, content) if name.startswith(_PROVIDERS) else content
        for name, content in files.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One program's files. `then` is what to do when they are written; DIR in it is the folder."""

    name: str
    help: str
    folder: str
    patterns: tuple[str, ...]
    then: str
    adapt: Callable[[Files, Path], Files] = _as_shipped

    def files(self, folder: Path) -> Files:
        """The files as they should be in this folder, by their paths in it. Raises OSError where none are shipped."""
        return self.adapt(read_shipped(self.folder, self.patterns), folder)


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="prometheus",
            help="prometheus.yml, rules/ and targets/ (where you name your boards)",
            folder="prometheus",
            patterns=("prometheus.yml", "rules/*.yml", "targets/*/*", "RUNBOOK.md"),
            then="promtool check config DIR/prometheus.yml && sudo systemctl reload prometheus",
        ),
        Kind(
            name="alertmanager",
            help="alertmanager.yml (where you name who is told) and templates/",
            folder="prometheus",
            patterns=("alertmanager.yml", "templates/*.tmpl"),
            then="amtool check-config DIR/alertmanager.yml && sudo systemctl reload prometheus-alertmanager",
        ),
        Kind(
            name="grafana",
            help="provisioning/ (data source, dashboard provider) and dashboards/",
            folder="grafana",
            patterns=("provisioning/*/*.yml", "dashboards/*.json"),
            then="sudo systemctl restart grafana-server (its paths.provisioning must be DIR/provisioning)",
            adapt=_point_at_dashboards,
        ),
    )
}
