"""What can be provisioned: which of the shipped files go where, and what is to be done then."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from sysvitals.provision.program import find_program
from sysvitals.provision.receivers import FILE, Version, find_version, take_known_keys
from sysvitals.provision.shipped import read_shipped

Files = dict[str, bytes]

_UNIT = "etc/systemd/system/sysvitals.service"
_PROGRAM = b"/opt/sysvitals/bin/sysvitals"

_PROVIDERS = "provisioning/dashboards/"
_PATH = re.compile(rb"(?m)^(?P<key>[ ]+path:[ ]+)(?P<value>.*)$")


def _as_shipped(files: Files, _folder: Path, _version: Version | None) -> Files:
    return files


def _take_known_keys(files: Files, _folder: Path, version: Version | None) -> Files:
    """An Alertmanager refuses a file with a key that it does not know."""
    return files | {FILE: take_known_keys(files[FILE], version)}


def _point_at_dashboards(files: Files, folder: Path, _version: Version | None) -> Files:
    """Grafana wants the dashboards' folder by its whole path."""
    # in its provisioning files a $ begins the name of an environment variable
    path = json.dumps(str(folder / "dashboards").replace("$", "$$"), ensure_ascii=False).encode()
    return {
        name: _PATH.sub(lambda match: match["key"] + path, content) if name.startswith(_PROVIDERS) else content
        for name, content in files.items()
    }


def _point_at_program(files: Files, folder: Path, _version: Version | None) -> Files:
    """A unit names the program by its whole path."""
    return files | {_UNIT: files[_UNIT].replace(_PROGRAM, find_program(folder).encode())}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One program's files. `then` is what to do when they are written, `gone` when removed; DIR in it is the folder.

    `sources` are the patterns of the files that are taken from each shipped folder. What was written is remembered in
    the subfolder `memory`. `find_version` asks the server that is installed here.
    """

    name: str
    help: str
    sources: Mapping[str, tuple[str, ...]]
    then: str
    gone: str
    memory: str = ""
    adapt: Callable[[Files, Path, Version | None], Files] = _as_shipped
    find_version: Callable[[], Version | None] = lambda: None

    def covers(self, path: str) -> bool:
        """Whether a file of this path can be one of this kind's; or a folder, by a slash at its end, hold one."""
        *folders, name = path.split("/")
        return any(
            (depth := len(wanted) - 1) >= len(folders)
            and all(map(fnmatchcase, folders, wanted))
            and (not name or (depth == len(folders) and fnmatchcase(name, wanted[-1])))
            for patterns in self.sources.values()
            for wanted in (pattern.split("/") for pattern in patterns)
        )

    def files(self, folder: Path, version: Version | None = None) -> Files:
        """The files as they should be in this folder, by their paths in it, for this version of the server.

        None is any version. Raises OSError where none are shipped.
        """
        files: Files = {}
        for source, patterns in self.sources.items():
            files |= read_shipped(source, patterns)
        return self.adapt(files, folder, version)


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            name="prometheus",
            help="prometheus.yml, rules/ and targets/ (where you name your boards)",
            sources={"prometheus": ("prometheus.yml", "rules/*.yml", "targets/*/*", "RUNBOOK.md")},
            then="promtool check config DIR/prometheus.yml && sudo systemctl reload prometheus "
            "(where your prometheus.yml is another one: let it load DIR/rules/*.yml, and check that)",
            gone="let your prometheus.yml name nothing that is gone (what was there before us is FILE.old), then "
            "sudo systemctl reload prometheus",
        ),
        Kind(
            name="victoria-metrics",
            help="scrape.yml, rules/ (for vmalert) and targets/ (where you name your boards)",
            sources={
                "victoriametrics": ("scrape.yml", "rules/*.yml", "targets/victoriametrics/*"),
                "prometheus": (
                    "targets/sysvitals/*",
                    "targets/node-exporter/*",
                    "targets/alertmanager/*",
                    "RUNBOOK.md",
                ),
            },
            then="victoria-metrics -promscrape.config=DIR/scrape.yml -dryRun && "
            "vmalert -rule='DIR/rules/*.yml' -dryRun "
            "(victoriametrics/README.md has the other flags of both), then restart or reload both",
            gone="take these files out of the flags of victoria-metrics and vmalert, and restart both",
        ),
        Kind(
            name="alertmanager",
            help="alertmanager.yml (where you name the receivers) and templates/",
            sources={"prometheus": ("alertmanager.yml", "templates/*.tmpl")},
            then="amtool check-config DIR/alertmanager.yml && sudo systemctl reload prometheus-alertmanager "
            "(where your alertmanager.yml is another one: take from ours what you like, and check that)",
            gone="let your alertmanager.yml name nothing that is gone (what was there before us is FILE.old), then "
            "sudo systemctl reload prometheus-alertmanager",
            adapt=_take_known_keys,
            find_version=find_version,
        ),
        Kind(
            name="grafana",
            help="provisioning/ (data source, dashboard provider) and dashboards/",
            sources={"grafana": ("provisioning/*/*.yml", "dashboards/*.json")},
            then="sudo systemctl restart grafana-server (its paths.provisioning must be DIR/provisioning)",
            gone="sudo systemctl restart grafana-server",
            adapt=_point_at_dashboards,
        ),
        Kind(
            name="systemd",
            help="the service: etc/ with its unit, user, device rule and sysvitals.yml (--to /)",
            sources={
                "deploy/systemd": (
                    "etc/systemd/system/sysvitals*.service",
                    "etc/sysusers.d/sysvitals*.conf",
                    "etc/tmpfiles.d/sysvitals*.conf",
                    "etc/udev/rules.d/*-sysvitals.rules",
                    "etc/sysvitals/*.yml",
                )
            },
            then="sudo systemd-sysusers && sudo systemd-tmpfiles --create sysvitals.conf && "
            "sudo udevadm control --reload && sudo udevadm trigger && "
            "sudo systemctl daemon-reload && sudo systemctl enable sysvitals && sudo systemctl restart sysvitals",
            gone="sudo systemctl daemon-reload && sudo udevadm control --reload "
            "(the history stays: sudo rm -r /var/lib/sysvitals; the user: sudo userdel sysvitals)",
            memory="etc/sysvitals/",  # and not in /
            adapt=_point_at_program,
        ),
    )
}
