"""Messages as Alertmanager renders them, by amtool and our templates."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import Any

from tests.patience import PATIENCE
from tests.stack.servers import SHIPPED
from tests.tools import need_tool

TEXTS = ("title", "text", "short", "slack", "discord", "mail.text", "color", "priority")
HTML = ("telegram", "mail.html")
_BETWEEN = "\n\x1e\n"


def build_data(alerts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What templates are given for a group of alerts, each as a webhook has it, in Alertmanager's order."""
    alerts = sorted(
        alerts, key=lambda alert: [alert["labels"].get(name, "") for name in ("job", "instance", "alertname")]
    )
    return {
        "receiver": "people",
        "status": "firing" if any(alert["status"] == "firing" for alert in alerts) else "resolved",
        "alerts": alerts,
        "groupLabels": {},
        "commonLabels": reduce(_common, (alert["labels"] for alert in alerts)),
        "commonAnnotations": reduce(_common, (alert["annotations"] for alert in alerts)),
        "externalURL": "http://alertmanager:9093",
    }


def _common(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    return dict(one.items() & other.items())


def render(data: Mapping[str, Any], folder: Path, zone: str | None = "UTC") -> dict[str, str]:
    """Each of our templates with this data, by the template's name without `sysvitals.`; `zone` None is this host's."""
    (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
    return _render(TEXTS, "text", folder, zone) | _render(HTML, "html", folder, zone)


def _render(names: Sequence[str], kind: str, folder: Path, zone: str | None) -> dict[str, str]:
    text = _BETWEEN.join(f'{{{{ template "sysvitals.{name}" . }}}}' for name in names)
    command = [need_tool("amtool"), "template", "render", f"--template.glob={SHIPPED / 'templates/*.tmpl'}"]
    command += [f"--template.type={kind}", f"--template.text={text}", f"--template.data={folder / 'data.json'}"]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        env={**os.environ, **({} if zone is None else {"TZ": zone})},
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(names, done.stdout.split(_BETWEEN), strict=True))
