"""How a field of a reading is declared to become a Prometheus series.

The annotations here are the only place where a metric's name, unit and help are written. Everything that
names a metric (the exposition, the reference page, the check of rules and dashboards) reads them.
"""

import re
from dataclasses import dataclass, field, replace
from typing import ClassVar, NamedTuple, Self

from sysvitals.model.unit import BASE_UNITS, require_unit

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_RESERVED_ENDINGS = ("_total", "_sum", "_count", "_bucket", "_info", "_created")


class Label(NamedTuple):
    """The field is a label: it tells like things apart. `values` is the closed set where there is one."""

    help: str
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Detail:
    """The field is for people who read events and becomes no metric. `unit` is one of model/unit.py.

    `summary` as for a Metric: a number is summarised as a gauge.
    """

    help: str
    unit: str = ""
    summary: bool = False

    def __post_init__(self) -> None:
        """Refuse a unit that is not known where it is declared."""
        require_unit(self.unit)

    @property
    def shown(self) -> str:
        """The unit in which people see it."""
        return self.unit


@dataclass(frozen=True, slots=True)
class Metric:
    """The field is the value of a sample. Use `Gauge` or `Counter`.

    `name` has neither prefix, unit nor `_total`: those are computed. `at` gives the fixed labels that tell this
    field's sample from its siblings in the same family. `origin` says where the number comes from. `shown` is the unit
    in which people see it, where the name's would mislead them: a boot time in seconds, a link's speed in bytes.
    `summary` keeps the field in the history's summaries: page, report and verdict know its last minutes, hours, days.
    """

    name: str
    help: str = field(kw_only=True)
    unit: str = field(default="", kw_only=True)
    origin: str = field(default="", kw_only=True)
    labels: tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    shown: str = field(default="", kw_only=True)
    summary: bool = field(default=False, kw_only=True)

    kind: ClassVar[str] = "unknown"
    suffix: ClassVar[str] = ""

    def __post_init__(self) -> None:
        """Refuse a name or unit against the conventions where it is declared, not where it is scraped."""
        if not _NAME.fullmatch(self.name) or self.name.endswith(_RESERVED_ENDINGS):
            raise ValueError(f"metric {self.name!r}: lower-case words joined by _, with no reserved ending")
        require_unit(self.unit, BASE_UNITS)
        if self.shown:
            require_unit(self.shown)
        else:
            object.__setattr__(self, "shown", self.unit)
        if self.name.rpartition("_")[2] in BASE_UNITS or (self.unit and self.name.endswith(self.unit)):
            raise ValueError(f"metric {self.name!r}: the unit is given apart and added by itself, leave it out here")

    def at(self, **labels: str) -> Self:
        """The same family with fixed labels, for a reading whose fields are its dimensions (`mode="user"`)."""
        return replace(self, labels=tuple(sorted(labels.items())))

    def full_name(self, prefix: str) -> str:
        """The name as exposed, such as `system_cpu_seconds_total`."""
        return "_".join(part for part in (prefix, self.name, self.unit, self.suffix) if part)


class Gauge(Metric):
    """A value that can go up and down. A `bool` is exposed as 0 or 1."""

    __slots__ = ()
    kind = "gauge"


class Counter(Metric):
    """A total that only grows until its source starts again."""

    __slots__ = ()
    kind = "counter"
    suffix = "total"


class Info(Metric):
    """The text of the field becomes a label, named as the field, of the info family `name`, whose value is 1."""

    __slots__ = ()
    kind = "info"
    suffix = "info"
