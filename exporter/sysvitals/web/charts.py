"""Small charts of the last minutes, as SVG that needs no script. static/live.js redraws them as values come."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from sysvitals.model.unit import format_value
from sysvitals.web.trends import KEPT_SECONDS, Key

WIDTH, HEIGHT = 300, 60
_FLOOR = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """What a chart is called and where it begins and ends. Without `top` it is as high as its highest value.

    `limit` draws a dashed line. With `lanes`, each line is a state, 0 or 1, in a lane of its own.
    """

    title: str
    unit: str = ""
    top: float | None = None
    bottom: float = 0.0
    limit: float | None = None
    lanes: bool = False


def draw_chart(lines: Mapping[Key, Sequence[tuple[float, float]]], names: Mapping[Key, str], axis: Axis) -> str:
    """A chart of these lines, named in its legend. Nothing at all where there is nothing to draw."""
    title, unit, top, bottom, limit = axis.title, axis.unit, axis.top, axis.bottom, axis.limit
    drawn = {key: lines[key] for key in names if lines.get(key)}
    if not drawn:
        return ""
    highest = top if top is not None else max(value for points in drawn.values() for _, value in points)
    highest = max(highest, bottom + _FLOOR)
    newest = max(points[-1][0] for points in drawn.values())
    shapes = []
    if limit is not None and bottom < limit <= highest:
        y = _y(limit, bottom, highest)
        shapes.append(f'<line class="limit" x1="0" x2="{WIDTH}" y1="{y}" y2="{y}"/>')
    legend = []
    for number, (key, points) in enumerate(drawn.items()):
        event, *labels = key[:-1]
        if axis.lanes:
            path = _draw_lane(points, number, len(drawn), newest)
        else:
            path = " ".join(f"{_x(at, newest)},{_y(value, bottom, highest)}" for at, value in points)
        shapes.append(
            f'<polyline class="line{number % 6}" data-event="{escape(event)}" '
            f'data-subject="{escape(json.dumps(labels))}" data-field="{escape(key[-1])}" points="{path}"/>'
        )
        legend.append(f'<span class="key{number % 6}">{escape(names[key])}</span>')
    marks = " data-lanes" if axis.lanes else "" if top is None else f' data-top="{top:g}"'
    most = "" if axis.lanes else f'<span class="top">to <b>{escape(format_value(float(highest), unit))}</b></span>'
    return (
        f'<figure class="chart" data-unit="{unit}" data-bottom="{bottom:g}"{marks}>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{escape(title)}">'
        f"{''.join(shapes)}</svg>"
        f'<figcaption><span class="legend">{"".join(legend)}</span>{most}</figcaption></figure>'
    )


def _draw_lane(points: Sequence[tuple[float, float]], number: int, lanes: int, newest: float) -> str:
    """Steps: a state lasts until it is read to be another."""
    path: list[str] = []
    last = None
    for at, value in points:
        x, y = _x(at, newest), f"{HEIGHT * (number + (0.2 if value else 0.9)) / lanes:.1f}"
        path += [f"{x},{last}"] if last not in (None, y) else []
        path.append(f"{x},{y}")
        last = y
    return " ".join(path)


def _x(at: float, newest: float) -> str:
    return f"{WIDTH * (1 - (newest - at) / KEPT_SECONDS):.1f}"


def _y(value: float, bottom: float, top: float) -> str:
    part = (min(max(value, bottom), top) - bottom) / (top - bottom)
    return f"{HEIGHT * (1 - part):.1f}"
