"""HTML from the templates. All that is not markup is escaped, and each letter that cannot be seen is written out."""

import os
from typing import Any

from jinja2 import Environment, FileSystemLoader
from markupsafe import Markup, escape

from sysvitals.web.page.build import build_view
from sysvitals.web.page.glance import Glance
from sysvitals.web.page.names import show
from sysvitals.web.page.time_line import Asked

_FOLDER = os.path.join(os.path.dirname(__file__), "templates")


def render_page(glance: Glance, asked: Asked) -> str:
    """The page as HTML, without inline code or style."""
    return _templates.get_template("page.html").render(page=build_view(glance, asked))


def _show(value: Any) -> Any:
    return show(value) if isinstance(value, str) and not isinstance(value, Markup) else value


_templates = Environment(
    loader=FileSystemLoader(_FOLDER),
    autoescape=True,
    finalize=_show,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)
_templates.filters["number"] = lambda value: f"{value:.12g}"
_templates.filters["raw"] = escape  # for keys, of which no letter may change
