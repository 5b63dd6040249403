"""A report as one page that needs nothing beside it, to be sent to somebody: no script, no link, no picture."""

import os
import time
from collections.abc import Sequence

from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup

import sysvitals.web
from sysvitals import __version__
from sysvitals.model.unit import format_duration
from sysvitals.report.figures import Section
from sysvitals.report.gathering import Gathered
from sysvitals.web.page.render import templates
from sysvitals.web.page.time_line import Asked, build_time_line
from sysvitals.web.page.times import find_zone

_STYLE = os.path.join(os.path.dirname(sysvitals.web.__file__), "static", "style.css")
_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")


def render_report(gathered: Gathered, sections: Sequence[Section], notes: Sequence[str]) -> str:
    """The report as HTML. `notes` say what could not be read."""
    view = gathered.view
    line = build_time_line(gathered.timeline, Asked("", view.begin, view.end), find_zone(time.tzname[0]))
    with open(_STYLE, encoding="utf-8") as file:
        style = Markup(file.read())  # noqa: S704  # our own
    # the report's template beside those of the page
    loader = ChoiceLoader([*filter(None, [templates.loader]), FileSystemLoader(_TEMPLATES)])
    html: str = (
        templates.overlay(loader=loader)
        .get_template("report.html")
        .render(
            host=gathered.host,
            length=format_duration(view.end - view.begin),
            time_line=line,
            sections=sections,
            notes=notes,
            placed=any(one.placed for one in gathered.past.coverage),
            style=style,
            version=__version__,
        )
    )
    return html
