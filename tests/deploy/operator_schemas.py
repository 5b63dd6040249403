"""Writes operator/*.json: what the Prometheus Operator's own definitions say of the kinds that we use.

They are published on PyPI as Python classes, in a package that no test need install. To write them anew:

    python -m venv VENV && VENV/bin/pip install cloudcoil-models-prometheus-operator
    VENV/bin/python tests/deploy/operator_schemas.py
"""

import importlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "operator"
KINDS = ("PrometheusRule", "ServiceMonitor")
PACKAGE = "cloudcoil-models-prometheus-operator"


def strip(node: Any) -> Any:
    """The shape alone: no prose, and nothing that it does not name."""
    if isinstance(node, list):
        return [strip(each) for each in node]
    if isinstance(node, str):
        return node.replace("^(?i)", "(?i)^")  # Python takes flags at the beginning alone
    if not isinstance(node, dict):
        return node
    kept = {
        key: {name: strip(each) for name, each in value.items()} if key in ("properties", "$defs") else strip(value)
        for key, value in node.items()
        if key not in ("description", "title", "default", "examples")
    }
    if "properties" in kept:
        kept["additionalProperties"] = False
    return kept


def render(kind: str) -> str:
    """The schema of this kind's spec."""
    model = getattr(importlib.import_module("cloudcoil.models.prometheus_operator.v1"), kind)
    schema = strip(model.model_fields["spec"].annotation.model_json_schema(by_alias=True))
    return json.dumps({"$comment": f"{PACKAGE} {version(PACKAGE)}", **schema}, indent=1, sort_keys=True) + "\n"


if __name__ == "__main__":
    for kind in KINDS:
        (FOLDER / f"{kind}.json").write_text(render(kind), encoding="utf-8")
