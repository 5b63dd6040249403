"""Writes grafana/dashboards: part of `make docs`. A test proves that what is committed is current."""

from pathlib import Path

from grafana.builder.boards import BOARDS
from grafana.builder.dashboard import render

DASHBOARDS = Path(__file__).parent.parent / "dashboards"


def render_documents() -> dict[Path, str]:
    """Each generated file with its text."""
    return {DASHBOARDS / f"{name}.json": render(dashboard) for name, dashboard in BOARDS.items()}


if __name__ == "__main__":
    for path, text in render_documents().items():
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(DASHBOARDS.parent.parent))  # noqa: T201
