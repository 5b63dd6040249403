"""A report as one page that needs nothing beside it, to be sent to somebody: no script, no link, no picture."""

import os
from collections.abc import Sequence

from jinja2 import ChoiceLoader, FileSystemLoader
from markupsafe import Markup

import sysvitals.web
from sysvitals import __version__
from sysvitals.host.host import Host
from sysvitals.report.figures import Section, format_length
from sysvitals.report.gathering import Gathered
from sysvitals.sources.os.zone import read_zone
from sysvitals.web.page.render import templates
from sysvitals.web.page.time_line import Asked, build_time_line
from sysvitals.web.page.times import open_zone

_STYLE = os.path.join(os.path.dirname(sysvitals.web.__file__), "static", "style.css")
_TEMPLATES = os.path.join(os.path.dirname(__file__), "templates")


def render_report(gathered: Gathered, sections: Sequence[Section], notes: Sequence[str]) -> str:
    """The report as HTML. `notes` say what could not be read."""
    view = gathered.view
    zone = open_zone(read_zone(Host(), os.environ.get("TZ", "")))
    line = build_time_line(gathered.timeline, Asked("", view.begin, view.end), zone)
    with open(_STYLE, encoding="utf-8") as file:
        style = Markup(file.read())  # noqa: S704  # our own
    # the report's template beside those of the page
    loader = ChoiceLoader([*filter(None, [templates.loader]), FileSystemLoader(_TEMPLATES)])
    html: str = (
        templates.overlay(loader=loader)
        .get_template("report.html")
        .render(
            host=gathered.host,
            length=format_length(view),
            time_line=line,
            sections=sections,
            notes=notes,
            placed=any(one.placed for one in gathered.past.coverage),
            style=style,
            version=__version__,
        )
    )
    return html
