"""Translates the page's templates to Python when the wheel is built, so that a board need not for its first page.

A translation serves the one version of Jinja2 that made it; with another the exporter reads the templates themselves.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class TemplateHook(BuildHookInterface[Any]):
    """Adds the translated templates to the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make them beside the source, and name them. A development install has no copies that would grow old."""
        if version == "editable":
            return
        sys.path.insert(0, str(Path(self.root, "exporter")))
        from sysvitals.web.page.render import COMPILED, sources, templates  # noqa: PLC0415  # of this source

        self._folder = tempfile.TemporaryDirectory()
        templates.overlay(loader=sources).compile_templates(self._folder.name, zip=None)
        for path in Path(self._folder.name).iterdir():
            build_data["force_include"][str(path)] = f"sysvitals/web/page/{COMPILED}/{path.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002
        """Remove what was made."""
        if version != "editable":
            self._folder.cleanup()
