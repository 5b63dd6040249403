"""The JSON schema of stored and streamed events, read off the catalog."""

from inspect import cleandoc  # Python 3.13 takes indentation off by itself, older ones do not
from typing import Any

from sysvitals.model.catalog import Catalog
from sysvitals.model.event import SCHEMA_VERSION
from sysvitals.model.metric import Detail, Label, Metric
from sysvitals.model.reading import Body, Field, Status, fields_of, type_names


def build_schema(catalog: Catalog) -> dict[str, Any]:
    """A JSON schema (draft 2020-12) that each line of the history satisfies."""
    bodies = {name: body for name, body in sorted(catalog.bodies.items()) if not issubclass(body, Status)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"sysvitals event, version {SCHEMA_VERSION}",
        "description": "One line of the history, or one event of the stream. What is unknown is left out of the data.",
        "type": "object",
        "properties": {
            "time": {
                "type": "string",
                "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
                "description": "When it was, by the wall clock, in UTC.",
            },
            "name": {"enum": list(bodies), "description": "What it is."},
            "host": {"type": "string", "description": "Name of the host."},
            "boot": {"type": "string", "description": "The kernel's boot id."},
            "seq": {
                "type": "integer",
                "minimum": 0,
                "description": "Grows within a boot, without gaps as long as one exporter runs.",
            },
            "uptime": {"type": "number", "minimum": 0, "description": "Seconds since boot; never goes back."},
            "synced": {
                "type": ["boolean", "null"],
                "description": "Whether the wall clock could be trusted; null where the kernel does not say.",
            },
            "thing": {
                "type": "string",
                "description": "Which thing of its collector a reading is of, where they are read one by one.",
            },
            "data": {"type": "object", "description": "What was read or happened; its shape goes by the name."},
        },
        "required": ["time", "name", "host", "boot", "seq", "uptime", "synced", "data"],
        "additionalProperties": False,
        "allOf": [
            {
                "if": {"properties": {"name": {"const": name}}},
                "then": {"properties": {"data": {"$ref": f"#/$defs/{name}"}}},
            }
            for name in bodies
        ],
        "$defs": {name: _data(body) for name, body in bodies.items()},
    }


def _data(body: type[Body]) -> dict[str, Any]:
    fields = fields_of(body)
    return {
        "description": cleandoc(body.__doc__ or ""),
        "type": "object",
        "properties": {field.name: _value(field) for field in fields},
        "required": [field.name for field in fields if not field.optional and not _may_be_left_out(field)],
        "additionalProperties": False,
    }


def _may_be_left_out(field: Field) -> bool:
    return isinstance(field.mark, Label) and not field.required


def _value(field: Field) -> dict[str, Any]:
    mark = field.mark
    value: dict[str, Any] = {"type": type_names[field.type]}
    if isinstance(mark, Label) and mark.values:
        value = {"enum": list(mark.values)}
    unit = mark.unit.replace("_", " ") if isinstance(mark, Metric | Detail) else ""
    value["description"] = f"{mark.help} Unit: {unit}." if unit else mark.help
    return value
