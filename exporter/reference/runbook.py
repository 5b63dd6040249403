"""The runbook as HTML, for the exporter to serve: what to do stands on the board itself."""

import re
from itertools import pairwise
from pathlib import Path
from posixpath import join, normpath

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from sysvitals.judgement.links import PROJECT_URL

ROOT = Path(__file__).parents[2]
RUNBOOK = ROOT / "prometheus/RUNBOOK.md"
PAGE = ROOT / "exporter/sysvitals/web/page/runbook.html"
_TEMPLATES = Path(__file__).parent


def render_runbook(markdown: str) -> str:
    """The whole page. Each heading has its anchor, and links into the project lead to its pages."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(markdown)
    for heading, inline in pairwise(tokens):
        if heading.type == "heading_open":
            heading.attrs["id"] = anchor(inline.content)
    for token in tokens:
        for child in token.children or ():
            _lead_out(child)
    text = parser.renderer.render(tokens, parser.options, {})
    environment = Environment(loader=FileSystemLoader(_TEMPLATES), autoescape=True, trim_blocks=True)
    return environment.get_template("runbook.html").render(text=Markup(text)) + "\n"  # noqa: S704  # of our own page


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub and our links have it: `Change a threshold` is `change-a-threshold`."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _lead_out(token: Token) -> None:
    """Let a link that is relative to the runbook in the project lead to the project."""
    target = str(token.attrGet("href") or "")
    if token.type == "link_open" and target and not re.match(r"[a-z]+:|#", target):
        token.attrs["href"] = f"{PROJECT_URL}/blob/main/{normpath(join('prometheus', target))}"
