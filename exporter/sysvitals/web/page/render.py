"""HTML from the templates. All that is not markup is escaped, and each letter that cannot be seen is written out."""

import os
from typing import Any

import jinja2
from jinja2 import ChoiceLoader, Environment, FileSystemLoader, ModuleLoader
from markupsafe import Markup, escape

from sysvitals.web.page.build import build_view
from sysvitals.web.page.glance import Glance
from sysvitals.web.page.names import show
from sysvitals.web.page.time_line import Asked

COMPILED = f"templates-jinja2-{jinja2.__version__}"
"""Folder of the templates as Python, where the wheel was built with this version: half of the time of a first page."""

_FOLDER = os.path.dirname(__file__)


sources = FileSystemLoader(os.path.join(_FOLDER, "templates"))


def render_page(glance: Glance, asked: Asked) -> str:
    """The page as HTML, without inline code or style."""
    return templates.get_template("page.html").render(page=build_view(glance, asked))


def _show(value: Any) -> Any:
    return show(value) if isinstance(value, str) and not isinstance(value, Markup) else value


templates = Environment(
    loader=ChoiceLoader([ModuleLoader(os.path.join(_FOLDER, COMPILED)), sources]),
    autoescape=True,
    finalize=_show,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
templates.filters["number"] = lambda value: f"{value:.12g}"
templates.filters["raw"] = escape  # for keys, of which no letter may change
