"""What the page shows, as data: the templates draw it, and decide nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sysvitals.web.page.names import Name


class Subject(NamedTuple):
    """Whose values an element shows: the name of the event, and its labels as a JSON object."""

    event: str
    labels: str


class Words(NamedTuple):
    """How a yes and a no are said."""

    yes: str
    no: str


class Bar(NamedTuple):
    """A value as a part of the way from `low` to `high`, and a mark on that way; both parts in percent."""

    part: float
    low: float
    high: float
    mark: float | None = None


class Value(NamedTuple):
    """A text. With a `field` it is that field of the subject's latest event, which the script keeps current."""

    text: str
    subject: Subject | None = None
    field: str = ""
    unit: str = ""
    words: Words | None = None
    bar: Bar | None = None
    level: str = ""
    name: Name | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A line of a table: a name, and one value for each further column."""

    name: Name
    small: str = ""
    subject: Subject | None = None
    cells: Sequence[Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows that are seen, those that unfold, and how many are in neither."""

    head: Sequence[str]
    rows: Sequence[Row]
    folded: Sequence[Row] = ()
    left_out: int = 0
    kind: str = "table"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A term, and what is said of it, in pieces."""

    term: str
    said: Sequence[Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """A list of terms."""

    facts: Sequence[Fact]
    kind: str = "facts"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Something that unfolds."""

    title: str
    part: Table | Facts
    kind: str = "fold"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One subject of the host."""

    id: str
    title: str
    note: str = ""
    parts: Sequence[Table | Facts | Fold]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cores:
    """How busy each CPU is. `calm` and `hot` are SVG paths in a box of `columns` by `height`."""

    columns: int
    height: int
    calm: str
    hot: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tile:
    """One of the four things that are looked at first. `level` is that of a reason in the verdict, or empty."""

    id: str
    title: str
    level: str = ""
    big: Sequence[Value]
    bar: Value | None = None
    cores: Cores | None = None
    small: Sequence[Value]


class Why(NamedTuple):
    """A reason of the verdict, with what to do. `key` identifies it."""

    level: str
    alert: str
    text: str
    remedy: str
    key: str


class Area(NamedTuple):
    """A part of the host that was judged.

    `least` is its level while no reason speaks of it. `fact` is said where there is room.
    """

    id: str
    title: str
    target: str
    level: str
    least: str
    fact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The verdict. `folded` are reasons that unfold, `left_out` is how many are in neither."""

    level: str
    words: str
    since: str
    now: str
    reasons: Sequence[Why]
    folded: Sequence[Why]
    left_out: int
    areas: Sequence[Area]


class Happening(NamedTuple):
    """One line of what happened. `begin` and `end` in Unix seconds."""

    begin: float
    end: float
    when: str
    kind: str
    level: str
    text: str
    small: str


class Day(NamedTuple):
    """What happened on one day, newest first."""

    title: str
    happened: Sequence[Happening]


class Kind(NamedTuple):
    """A kind of what happened, to choose by."""

    id: str
    title: str


class Box(NamedTuple):
    """A rectangle of a lane: place and width in percent, the rest in pixels."""

    kind: str
    x: float
    width: float
    y: int = 0
    height: int = 16


class Mark(NamedTuple):
    """A moment on a lane, at so many percent."""

    kind: str
    x: float


class Tick(NamedTuple):
    """A time on the axis, at so many percent."""

    x: float
    text: str
    kind: str


class Path(NamedTuple):
    """A line or an area of a curve, as an SVG path."""

    kind: str
    d: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    """One row of spans."""

    id: str
    title: str
    note: str
    boxes: Sequence[Box]
    marks: Sequence[Mark]
    sum: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One row of values over time: `buckets` wide, 100 high. `limit` is at so many percent from the top."""

    id: str
    title: str
    note: str
    buckets: int
    base: int
    paths: Sequence[Path]
    limit: float | None
    top: str
    last: Sequence[str]


class Range(NamedTuple):
    """A link to a stretch of time that ends now."""

    id: str
    title: str
    is_shown: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLine:
    """The time line of what was asked for, or a sentence on why there is none. `latest` is what was last wrong."""

    ranges: Sequence[Range]
    missing: str = ""
    span: str = ""
    begin: int = 0
    end: int = 0
    now: float = 0.0
    range: str = ""
    zone: str = ""
    gaps: Sequence[Box] = ()
    ticks: Sequence[Tick] = ()
    lanes: Sequence[Lane] = ()
    curves: Sequence[Curve] = ()
    days: Sequence[Day] = ()
    latest: Happening | None = None
    kinds: Sequence[Kind] = ()
    left_out: int = 0
    problem: str = ""
    partial: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """The whole page."""

    host: Name
    title: str
    facts: Sequence[Value]
    now: float
    moment: str
    iso_moment: str
    zone: str
    verdict: Judged
    tiles: Sequence[Tile]
    time_line: TimeLine
    panels: Sequence[Panel]
    readings: Sequence["Reading"]
    readings_left_out: int
    version: str
    grafana: str
    documentation: str
    refresh_seconds: int = 30
    links: Sequence[tuple[str, str]] = field(default_factory=tuple)


class Reading(NamedTuple):
    """All that one event says."""

    name: str
    said: Sequence[tuple[str, str]]
