"""Writes what is generated from declarations and tests: `make docs`. A test proves that each file is current."""

import json
from pathlib import Path

from reference.faults import read_faults, render_faults
from reference.metrics import render_reference
from reference.runbook import PAGE, RUNBOOK, render_runbook
from reference.schema import build_schema
from reference.settings import render_settings
from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.unit import unit_table

HERE = Path(__file__).parent
UNITS = """// The units of model/unit.py. Written by `make docs`.
export const UNITS = {
%s
};
"""


def render_documents() -> dict[Path, str]:
    """Each generated file with its text."""
    catalog = build_full_catalog()
    return {
        HERE / "METRICS.md": render_reference(catalog),
        HERE / "SETTINGS.md": render_settings(COLLECTORS),
        HERE / "FAULTS.md": render_faults(read_faults(HERE.parent / "tests")),
        HERE / "sysvitals/web/static/units.js": render_units(),
        HERE / "event.schema.json": json.dumps(build_schema(catalog), indent=2, ensure_ascii=False) + "\n",
        PAGE: render_runbook(RUNBOOK.read_text(encoding="utf-8")),
    }


def render_units() -> str:
    """The table of units as the page's script imports it."""
    return UNITS % "\n".join(
        f"  {json.dumps(name)}: {json.dumps(unit, ensure_ascii=False)}," for name, unit in unit_table().items()
    )


if __name__ == "__main__":
    for path, text in render_documents().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(HERE.parent))
