"""Where panels stand: lines of panels below each other, on Grafana's grid of 24 columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from grafana.builder.judging import Json

COLUMNS = 24


@dataclass(frozen=True, slots=True)
class Line:
    """Panels side by side, equally wide unless `widths` says otherwise. `height` is in grid cells of 38 pixels.

    On a phone Grafana puts them below each other, each as high as here.
    """

    height: int
    panels: Sequence[Json]
    widths: Sequence[int] = ()

    def places(self) -> list[int]:
        """Each panel's width. Raises ValueError where they do not fill the line."""
        widths = list(self.widths) or [COLUMNS // len(self.panels)] * len(self.panels)
        if sum(widths) != COLUMNS or len(widths) != len(self.panels) or min(widths) < 1:
            raise ValueError(f"{len(self.panels)} panels with widths {widths} do not fill a line of {COLUMNS}")
        return widths


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Lines below a heading. Collapsed, its queries run only once somebody opens it."""

    title: str = ""
    lines: Sequence[Line]
    collapsed: bool = False


def lay_out(sections: Sequence[Section]) -> list[Json]:
    """All panels with their places and ids.

    An id follows from the title, so that it stays when other panels come and go: links to a panel hold it. Raises
    ValueError for two panels of one title.
    """
    panels: list[Json] = []
    y = 0
    for section in sections:
        if not section.title:
            inside, y = _place(section.lines, y)
            panels += inside
            continue
        row = _row(section, y)
        y += 1
        inside, end = _place(section.lines, y)
        panels.append(row)
        if section.collapsed:
            row["panels"] = inside
        else:
            panels += inside
            y = end
    _check_ids(panels)
    return panels


def _row(section: Section, y: int) -> Json:
    row: Json = {
        "type": "row",
        "id": _id_of(f"row {section.title}"),
        "title": section.title,
        "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": y},
        "collapsed": section.collapsed,
        "panels": [],
    }
    return row


def _place(lines: Sequence[Line], y: int) -> tuple[list[Json], int]:
    placed: list[Json] = []
    for line in lines:
        x = 0
        for panel, width in zip(line.panels, line.places(), strict=True):
            place = {"h": line.height, "w": width, "x": x, "y": y}
            placed.append({"id": _id_of(panel["title"]), "gridPos": place, **panel})
            x += width
        y += line.height
    return placed, y


def _id_of(title: str) -> int:
    return crc32(title.encode()) % 100_000 + 1


def _check_ids(panels: Sequence[Json]) -> None:
    seen: dict[int, str] = {}
    for panel in [inner for outer in panels for inner in (outer, *outer.get("panels", ()))]:
        if panel["id"] in seen:
            raise ValueError(f"the titles {seen[panel['id']]!r} and {panel['title']!r} give one id: change one")
        seen[panel["id"]] = panel["title"]
