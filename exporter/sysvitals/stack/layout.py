"""Lays out the stack's folder: our configuration as `provision` writes it, and what only the stack knows."""

import contextlib
import errno
import json
import os
import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sysvitals.provision.files import remove_file, write_file
from sysvitals.provision.kinds import KINDS, Files
from sysvitals.provision.memory import memory_file
from sysvitals.provision.plan import Action, Manner
from sysvitals.provision.provision import provision
from sysvitals.stack.addresses import Address
from sysvitals.stack.receivers import add_webhooks

_LOCAL_TARGETS = re.compile(r"targets/[^/]+/local\.yml")
_PROMETHEUS_URL = re.compile(rb"http://(?:localhost|127\.0\.0\.1):9090")
_ALERTMANAGER_URL = re.compile(rb"http://(?:localhost|127\.0\.0\.1):9093")
_PLAIN = re.compile(r"[^\x00-\x1f\x7f%$;#`\"\\]+")
_KINDS = ("prometheus", "alertmanager", "grafana")
_TARGETS = ("sysvitals", "prometheus", "alertmanager")
_OWN_OF_GRAFANA = ("grafana/grafana.ini", "grafana/admin-password")
_RECEIVERS = "alertmanager.yml"
_REMARK = "# Written again at each start of `sysvitals stack`. Name more of yours in a file beside this one.\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where things are: what may be edited below `folder`; what the parts keep and say below `kept`."""

    folder: Path
    kept: Path

    @property
    def logs(self) -> Path:
        """What the parts say."""
        return self.kept / "logs"

    @property
    def admin_password(self) -> Path:
        """Grafana's, for the user `admin`."""
        return self.folder / "grafana" / "admin-password"

    @property
    def is_borrowed(self) -> bool:
        """Whether `folder` is only for this run: what the parts keep is elsewhere, and no other stack's is there."""
        return self.kept != self.folder and not any((self.folder / name).exists() for name in ("data", "logs"))

    def config(self, name: str) -> Path:
        """The folder with the configuration of this part."""
        return self.folder / name

    def data(self, name: str) -> Path:
        """The folder for what this part keeps."""
        return self.kept / "data" / name


def lay_out(layout: Layout, addresses: Mapping[str, Address], instance: str, webhooks: Sequence[str] = ()) -> list[str]:
    """Write the configuration of the parts that have an address; the lines say which files were left as they are.

    `addresses` are those of the exporter and of each server; `instance` is the exporter's name as a target. Raises
    OSError, also where a web hook has no place in a file that the user has edited.
    """
    notes = _provision("prometheus", layout, addresses)
    _write_targets(layout, "sysvitals", addresses.get("exporter"), {"instance": instance})
    for name in ("prometheus", "alertmanager"):
        _write_targets(layout, name, addresses.get(name), {})
    for name in ("alertmanager", "grafana"):
        if name in addresses:
            notes += _provision(name, layout, addresses, webhooks)
            layout.data(name).mkdir(parents=True, exist_ok=True)
    if "grafana" in addresses:
        _make_password(layout)
        write_file(layout.config("grafana"), "grafana.ini", _render_grafana_ini(layout, addresses["grafana"]).encode())
    return notes


def take_away(layout: Layout) -> list[Path]:
    """Remove the configuration, but for what the user has edited or added: the paths of these. Raises OSError."""
    for written in (*(f"prometheus/targets/{name}/local.yml" for name in _TARGETS), *_OWN_OF_GRAFANA):
        with contextlib.suppress(OSError):  # it is not there, or behind a link
            remove_file(layout.folder, written)
    for name in _KINDS:
        if (folder := layout.config(name)).is_dir():
            provision({}, folder, kind=name, covers=KINDS[name].covers, manner=Manner.WITHDRAW)
    own = {"lock", *(memory_file(name) for name in _KINDS)}
    left = []
    for path in sorted(layout.folder.rglob("*"), reverse=True):  # the inner ones first
        if path.is_dir() and not path.is_symlink():
            with contextlib.suppress(OSError):  # it is not empty
                path.rmdir()
        elif path.name not in own:
            left.append(path)
    return left


def _provision(name: str, layout: Layout, addresses: Mapping[str, Address], webhooks: Sequence[str] = ()) -> list[str]:
    kind, folder = KINDS[name], layout.config(name)
    files = _at_addresses(kind.files(folder, kind.find_version()), addresses)
    if name == "alertmanager":
        files = {path: add_webhooks(content, webhooks) for path, content in files.items()}
    notes = []
    for outcome in provision(files, folder, kind=name, covers=kind.covers, manner=Manner.RESTORE):
        if outcome.action is Action.KEPT and webhooks and outcome.path == _RECEIVERS:
            raise OSError(None, f"{folder / outcome.path} is yours, since you edited it: name the web hook there")
        if outcome.action is Action.FAILED:
            raise OSError(None, f"{folder / outcome.path}: {outcome.words}")
        if outcome.action is Action.KEPT and outcome.is_behind:
            notes.append(f"{folder / outcome.path} stays as it is: {outcome.words}")
            notes.append(f"  The difference: sysvitals provision {name} --to {shlex.quote(str(folder))} --dry-run")
    return notes


def _at_addresses(files: Files, addresses: Mapping[str, Address]) -> Files:
    """The files with the servers where they are; the targets on this host are the stack's own to write."""
    if (prometheus := addresses.get("prometheus")) is not None:
        files = _replace_urls(files, _PROMETHEUS_URL, prometheus)
    if (alertmanager := addresses.get("alertmanager")) is not None:
        files = _replace_urls(files, _ALERTMANAGER_URL, alertmanager)
    return {path: content for path, content in files.items() if not _LOCAL_TARGETS.fullmatch(path)}


def _replace_urls(files: Files, pattern: re.Pattern[bytes], address: Address) -> Files:
    url = f"http://{address.near}".encode()
    return {
        path: pattern.sub(url, content) if path.startswith("provisioning/datasources/") else content
        for path, content in files.items()
    }


def _write_targets(layout: Layout, name: str, address: Address | None, labels: Mapping[str, str]) -> None:
    groups = [{"targets": [address.near], **({"labels": dict(labels)} if labels else {})}] if address else []
    content = (_REMARK + json.dumps(groups) + "\n").encode()  # JSON is YAML
    write_file(layout.config("prometheus"), f"targets/{name}/local.yml", content)


def _make_password(layout: Layout) -> None:
    """Once: Grafana takes it when it makes its database, and never again."""
    if not os.path.lexists(layout.admin_password):
        write_file(layout.folder, "grafana/admin-password", secrets.token_urlsafe(12).encode(), 0o600)


def _render_grafana_ini(layout: Layout, address: Address) -> str:
    """Raises OSError where the folder's path would mean something else in the file: a variable, a remark, a line."""
    if not _PLAIN.fullmatch(str(layout.folder)):
        raise OSError(
            errno.EINVAL, "Grafana's configuration cannot name this folder: set --storage.path", str(layout.folder)
        )
    config, data = layout.config("grafana"), layout.data("grafana")
    sections: dict[str, dict[str, object]] = {
        "paths": {
            "data": data,
            "logs": data / "log",
            "plugins": data / "plugins",
            "provisioning": config / "provisioning",
        },
        "server": {"http_addr": address.host, "http_port": address.port, "root_url": address.url},
        "security": {"admin_user": "admin", "admin_password": f"$__file{{{layout.admin_password}}}"},
        "auth.anonymous": {"enabled": "false"},
        "users": {"allow_sign_up": "false"},
        # nothing here asks the internet
        "analytics": {"reporting_enabled": "false", "check_for_updates": "false", "check_for_plugin_updates": "false"},
        "news": {"news_feed_enabled": "false"},
        "plugins": {"preinstall_disabled": "true"},
        "log": {"mode": "console"},
    }
    home = config / "dashboards" / "fleet.json"
    if home.exists():
        sections["dashboards"] = {"default_home_dashboard_path": home}
    lines = ["# Written again at each start of `sysvitals stack`."]
    for name, values in sections.items():
        lines += ["", f"[{name}]", *(f"{key} = {value}" for key, value in values.items())]
    return "\n".join(lines) + "\n"
