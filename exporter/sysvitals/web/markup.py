"""Small pieces of HTML. What comes from the host goes through `escape`, always.

An element with `data-event` and `data-labels` stands for one subject; within it, one with `data-field` shows a field of
its latest event. static/live.js keeps both up to date by these attributes alone, and knows no event by name.
"""

import json
from collections.abc import Iterable
from html import escape
from typing import NamedTuple

from sysvitals.model.event import Event
from sysvitals.model.reading import fields_of, labels_of
from sysvitals.model.unit import format_value

__all__ = ["Words", "bar", "escape", "field", "state", "subject", "table", "units_of"]


def subject(event: Event) -> str:
    """The attributes of an element that stands for this event's subject."""
    labels = {name: getattr(event.body, name) for name in labels_of(type(event.body))}
    return f'data-event="{escape(event.name)}" data-labels="{escape(json.dumps(labels))}"'


def field(event: Event, name: str, *, tag: str = "span") -> str:
    """An element that shows a field's value in its unit."""
    unit = units_of(event)[name]
    text = format_value(getattr(event.body, name), unit)
    return f'<{tag} data-field="{name}" data-unit="{unit}">{escape(text)}</{tag}>'


class Words(NamedTuple):
    """How a yes and a no are said, which of the two is bad, and how bad: `critical` or `warning`, as in verdicts."""

    yes: str
    no: str
    bad: bool = True
    tint: str = "critical"


def state(event: Event, name: str, words: Words) -> str:
    """An element that shows a yes or no in words, tinted where it is bad."""
    value = getattr(event.body, name)
    yes, no, bad, tint = words
    text = format_value(None) if value is None else yes if value else no
    tints = {bad: tint, not bad: ""}
    said = f'data-true="{escape(yes)}" data-false="{escape(no)}" data-tints="{tints[False]} {tints[True]}"'
    shown = "unknown" if value is None else tints[bool(value)]
    return f'<span class="state {shown}" data-field="{name}" {said}>{escape(text)}</span>'


def bar(event: Event, name: str, high: float, full: float, label: str) -> str:
    """A bar from 0 to 100 for a field in percent, that changes colour at `high` and again at `full`, both ratios."""
    value = getattr(event.body, name)
    shown = 0 if value is None else round(value, 1)
    # the browser colours a meter by where its value lies: below low, between, above high
    return (
        f'<meter min="0" max="100" low="{100 * high:g}" high="{100 * full:g}" optimum="0" value="{shown}" '
        f'data-field="{name}" aria-label="{escape(label)}"></meter>'
    )


def table(head: Iterable[str], rows: Iterable[str], caption: str) -> str:
    """A table with a caption for those who do not see it."""
    cells = [f'<th scope="col">{escape(cell)}</th>' for cell in head]
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(caption)}">'
        f'<table class="columns{len(cells) - 1}">'
        f'<caption class="unseen">{escape(caption)}</caption>'
        f"<thead><tr>{''.join(cells)}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def units_of(event: Event) -> dict[str, str]:
    """The unit of each of its fields; text has none."""
    return {declared.name: declared.unit for declared in fields_of(type(event.body))}
