"""Writes what is generated in deploy/kubernetes: part of `make docs`. A test proves that what lies there is current."""

import textwrap
from pathlib import Path

import yaml

from prometheus.rulebook.__main__ import render_rules
from sysvitals import __version__
from sysvitals.provision.receivers import take_known_keys

ROOT = Path(__file__).parent.parent.parent
FOLDER = Path(__file__).parent
RULES = FOLDER / "operator/rules"
_ALERTMANAGER = (0, 28)
"""The oldest that the chart has brought for years; it reads every secret from a file."""
IMAGE = "ghcr.io/sysvitals/sysvitals"

_HEADER = "# Written by `make docs` from {source}; do not edit: it would be lost.\n"


def render_documents() -> dict[Path, str]:
    """Each generated file with its text."""
    rules = {RULES / f"{path.stem}.yaml": _render_rule(path.stem, text) for path, text in render_rules().items()}
    return rules | {
        RULES / "kustomization.yaml": _render_list([path.name for path in rules]),
        FOLDER / "base/image/kustomization.yaml": _render_image(),
        FOLDER / "alertmanager-values.yml": _render_alertmanager(),
    }


def _render_rule(subject: str, text: str) -> str:
    """The PrometheusRule of one file of rules, which stands in it as it is but for its remarks."""
    head = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": f"sysvitals-{subject}", "labels": {"app.kubernetes.io/name": "sysvitals"}},
    }
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return (
        _HEADER.format(source="prometheus/rulebook")
        + f"# Why each rule is as it is: prometheus/rules/{subject}.yml\n"
        + yaml.safe_dump(head, sort_keys=False)
        + "spec:\n"
        + textwrap.indent("\n".join(lines) + "\n", "  ")
    )


def _render_list(names: list[str]) -> str:
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": sorted(names),
    }
    return _HEADER.format(source="prometheus/rulebook") + yaml.safe_dump(kustomization, sort_keys=False)


def _render_image() -> str:
    component = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "images": [{"name": IMAGE, "newTag": __version__}],
    }
    return _HEADER.format(source="exporter/sysvitals/__init__.py") + yaml.safe_dump(component, sort_keys=False)


def _render_alertmanager() -> str:
    """Values for kube-prometheus-stack that make its Alertmanager do what prometheus/alertmanager.yml says.

    There templates and secrets lie elsewhere than with a Prometheus that someone runs himself.
    """
    text = take_known_keys((ROOT / "prometheus/alertmanager.yml").read_bytes(), _ALERTMANAGER).decode()
    text = text.replace("- templates/*.tmpl", "- /etc/alertmanager/config/*.tmpl")
    text = text.replace("/etc/prometheus/secrets/", "/etc/alertmanager/secrets/sysvitals-receivers/")
    return (
        _HEADER.format(source="prometheus/alertmanager.yml").replace("do not edit:", "copy it, and edit the copy: here")
        + "# Values of the Helm chart kube-prometheus-stack; deploy/KUBERNETES.md says how to use them. They take the\n"
        "# place of the chart's own routes, which know no hosts: by those a critical alert of one board silences the\n"
        "# warnings of all others.\n"
        "alertmanager:\n"
        "  alertmanagerSpec:\n"
        "    secrets: [] # [sysvitals-receivers], once you have made that secret\n"
        "  config:\n" + textwrap.indent(text, "    ")
    )


if __name__ == "__main__":
    for path, text in render_documents().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))  # noqa: T201
