"""The published schemas that an object must meet."""

import importlib
import json
from pathlib import Path
from typing import Any

import jsonschema

kubernetes_validate: Any = importlib.import_module("kubernetes_validate")  # it tells no types

CORE_VERSIONS = ("1.28", "1.31", kubernetes_validate.latest_version())
OPERATOR = Path(__file__).parent / "operator"
"""Where operator_schemas.py writes the schemas of the Prometheus Operator's kinds."""


def check_schema(thing: dict[str, Any]) -> None:
    """Raise where an API server would refuse this object: of Kubernetes itself, or of the Prometheus Operator."""
    if thing["apiVersion"] == "monitoring.coreos.com/v1":
        schema = json.loads((OPERATOR / f"{thing['kind']}.json").read_text(encoding="utf-8"))
        jsonschema.validate(thing["spec"], schema, cls=jsonschema.Draft202012Validator)
        return
    for version in CORE_VERSIONS:
        kubernetes_validate.validate(thing, version, strict=True)
