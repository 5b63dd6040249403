"""The language of scenarios: YAML into steps. Strict: what it does not know is an error, with its line.

summary: The supply breaks down a few times.
lasts: 2m
start: {load: 0.3}
steps:
  - {at: 30s, pulse: {supply_volts: 4.4}, for: [2s, 5s], every: 20s, times: 4}
"""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from random import Random
from typing import Literal, NoReturn

import yaml

from sysvitals.simulation.errors import SimulationError
from sysvitals.simulation.quantities import FEATURES, QUANTITIES, Quantity, is_switch

Action = Literal["set", "ramp", "pulse"]
_ACTIONS: tuple[Action, ...] = ("set", "ramp", "pulse")
_KEYS = {"set": {"set"}, "ramp": {"ramp", "over"}, "pulse": {"pulse", "for", "every", "times"}}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h)")
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?(e[0-9]{1,2})?")
_LONGEST = 30 * 86400.0
_MOST_PULSES = 100_000


@dataclass(frozen=True, slots=True)
class Span:
    """A number, or a range from which one is chosen."""

    low: float
    high: float

    def choose(self, random: Random) -> float:
        """One of them."""
        return self.low if self.low == self.high else random.uniform(self.low, self.high)


Wanted = Span | bool | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `place` tells people where it stands; times in seconds, `at` from the scenario's start.

    `over` is a ramp's length, `length` a pulse's; pulses follow each other by `every`, from start to start.
    """

    place: str
    action: Action
    at: Span
    values: Mapping[str, Wanted]
    over: Span
    length: Span
    every: Span | None
    times: int | None
    only_with: str | None


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to the board, and when; `lasts` in seconds. `start_place` is where `start` stands."""

    name: str
    summary: str
    lasts: float
    start: Mapping[str, Wanted]
    start_place: str
    steps: tuple[Step, ...]


def list_scenarios() -> list[str]:
    """Names of those that come with the program."""
    folder = resources.files(__package__).joinpath("scenarios")
    return sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml"))


def load_scenario(name: str) -> Scenario:
    """One that comes with the program by its name, or any by its file's path. Raises SimulationError."""
    if name.endswith((".yaml", ".yml")) or os.sep in name:
        try:
            with open(name, encoding="utf-8") as file:
                return parse_scenario(file.read(), name)
        except OSError as error:
            raise SimulationError(f"{name}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise SimulationError(f"{name}: is not UTF-8 text") from error
    if name not in (known := list_scenarios()):
        close = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}; or give a file's path"
        raise SimulationError(f"no scenario {name!r}: {hint}")
    text = resources.files(__package__).joinpath("scenarios", f"{name}.yaml").read_text(encoding="utf-8")
    return parse_scenario(text, f"{name}.yaml")


def parse_scenario(text: str, file: str = "scenario.yaml") -> Scenario:
    """From YAML. Raises SimulationError with file, line and what would be right."""
    try:
        root = yaml.SafeLoader(text).get_single_node()
    except yaml.reader.ReaderError as error:
        raise SimulationError(f"{file}: is not YAML: the character U+{error.character:04X} is not allowed") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise SimulationError(f"{where}: is not YAML: {said}") from error
    except RecursionError as error:
        raise SimulationError(f"{file}: is nested too deeply") from error
    if root is None:
        raise SimulationError(f"{file}: is empty")
    return _Reader(file).read(root)


def parse_duration(text: str) -> float:
    """Seconds, from `90`, `2.5s`, `1m30s`, `200ms`, `2h`. Raises ValueError."""
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration: write it as 2.5s, 1m30s or 2h")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


class _Reader:
    """Reads one document's nodes."""

    def __init__(self, file: str) -> None:
        self._file = file

    def read(self, root: yaml.Node) -> Scenario:
        fields = self._mapping(root, "the scenario", {"summary", "lasts", "start", "steps"}, {"summary", "lasts"})
        lasts = self._duration(fields["lasts"], "lasts")
        if not 0 < lasts.low == lasts.high:
            self._fail(fields["lasts"], "lasts: one duration longer than nothing is wanted")
        start = self._values(fields["start"], "start") if "start" in fields else {}
        steps = fields.get("steps")
        if steps is not None and not isinstance(steps, yaml.SequenceNode):
            self._fail(steps, "steps: a list is wanted")
        return Scenario(
            name=os.path.basename(self._file).rpartition(".")[0],
            summary=self._text(fields["summary"], "summary"),
            lasts=lasts.low,
            start=start,
            start_place=self._place(fields["start"], "start") if "start" in fields else "",
            steps=tuple(
                self._step(node, f"steps[{number}]", lasts.low)
                for number, node in enumerate(steps.value if steps is not None else ())
            ),
        )

    def _step(self, node: yaml.Node, path: str, lasts: float) -> Step:
        fields = self._mapping(node, path, {"at", "if", *_ACTIONS, "over", "for", "every", "times"}, {"at"})
        actions = [action for action in _ACTIONS if action in fields]
        if len(actions) != 1:
            self._fail(node, f"{path}: exactly one of set, ramp and pulse is wanted")
        action = actions[0]
        for key in fields:
            if key not in {"at", "if"} | _KEYS[action]:
                self._fail(fields[key], f"{path}.{key}: does not belong to a {action}")
        needed = {"ramp": "over", "pulse": "for"}.get(action)
        if needed and needed not in fields:
            self._fail(node, f"{path}: a {action} wants {needed!r}, a duration")
        step = Step(
            place=self._place(node, path),
            action=action,
            at=self._duration(fields["at"], f"{path}.at"),
            values=self._values(fields[action], f"{path}.{action}"),
            over=self._duration(fields["over"], f"{path}.over") if "over" in fields else Span(0, 0),
            length=self._duration(fields["for"], f"{path}.for") if "for" in fields else Span(0, 0),
            every=self._duration(fields["every"], f"{path}.every") if "every" in fields else None,
            times=self._count(fields["times"], f"{path}.times") if "times" in fields else None,
            only_with=self._feature(fields["if"], f"{path}.if") if "if" in fields else None,
        )
        self._check_step(step, node, path, lasts)
        return step

    def _check_step(self, step: Step, node: yaml.Node, path: str, lasts: float) -> None:
        if step.at.high >= lasts:
            self._fail(node, f"{path}: begins after the scenario's end")
        if step.action == "pulse" and step.length.low <= 0:
            self._fail(node, f"{path}.for: a duration longer than nothing is wanted")
        if step.times is not None and step.every is None and step.times > 1:
            self._fail(
                node, f"{path}: {step.times} pulses want 'every', from the start of one to the start of the next"
            )
        if step.every is not None and step.every.low <= step.length.high:
            self._fail(node, f"{path}: the pulses overlap: 'every' must be longer than 'for'")
        for name, wanted in step.values.items():
            if step.action == "ramp" and not isinstance(wanted, Span):
                self._fail(node, f"{path}.ramp.{name}: only numbers can be ramped to")

    def _values(self, node: yaml.Node, path: str) -> dict[str, Wanted]:
        fields = self._mapping(node, path, set(QUANTITIES), set(), "quantity")
        if not fields:
            self._fail(node, f"{path}: names no quantity")
        return {name: self._value(value, f"{path}.{name}", name) for name, value in fields.items()}

    def _value(self, node: yaml.Node, path: str, name: str) -> Wanted:
        quantity = QUANTITIES[name]
        if self._tag(node) == "null":
            return None
        if is_switch(name):
            if self._tag(node) != "bool":
                self._fail(node, f"{path}: on or off is wanted, not {self._shown(node)}")
            return str(node.value).lower() in {"yes", "true", "on"}
        if isinstance(node, yaml.SequenceNode):
            return self._range(node, path, [self._number(part, path, quantity) for part in node.value])
        number = self._number(node, path, quantity)
        return Span(number, number)

    def _number(self, node: yaml.Node, path: str, quantity: Quantity) -> float:
        # YAML's own numbers are octal, sexagesimal and more, and 4e6 is none of them
        if not isinstance(node, yaml.ScalarNode) or not _NUMBER.fullmatch(node.value):
            self._fail(node, f"{path}: a number is wanted, not {self._shown(node)}")
        number = float(node.value)
        if not quantity.least <= number <= quantity.most:
            self._fail(node, f"{path}: {node.value} is not within {quantity.least:g} and {quantity.most:g}")
        return number

    def _duration(self, node: yaml.Node, path: str) -> Span:
        if isinstance(node, yaml.SequenceNode):
            return self._range(node, path, [self._seconds(part, path) for part in node.value])
        seconds = self._seconds(node, path)
        return Span(seconds, seconds)

    def _seconds(self, node: yaml.Node, path: str) -> float:
        try:
            seconds = parse_duration(self._text(node, path))
        except ValueError as error:
            self._fail(node, f"{path}: {error}")
        if seconds > _LONGEST:
            self._fail(node, f"{path}: longer than 30 days")
        return seconds

    def _range(self, node: yaml.Node, path: str, ends: list[float]) -> Span:
        if len(ends) != 2 or ends[0] > ends[1]:
            self._fail(node, f"{path}: a range is two values, the smaller first")
        return Span(*ends)

    def _count(self, node: yaml.Node, path: str) -> int:
        text = self._text(node, path)
        if not text.isascii() or not text.isdigit() or not 1 <= int(text[:9]) <= _MOST_PULSES:
            self._fail(node, f"{path}: a whole number from 1 to {_MOST_PULSES} is wanted, not {self._shown(node)}")
        return int(text)

    def _feature(self, node: yaml.Node, path: str) -> str:
        if (name := self._text(node, path)) not in FEATURES:
            self._fail(node, f"{path}: no board has {name!r}; there are {', '.join(FEATURES)}")
        return name

    def _mapping(
        self, node: yaml.Node, path: str, known: set[str], needed: set[str], kind: str = "key"
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._fail(node, f"{path}: keys with values are wanted, not {self._shown(node)}")
        fields: dict[str, yaml.Node] = {}
        for key, value in self._pairs(node, path):
            name = str(key.value)
            if name not in known:
                close = difflib.get_close_matches(name, known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(sorted(known))}"
                self._fail(key, f"{path}: no {kind} {name!r}: {hint}")
            if name in fields:
                self._fail(key, f"{path}: {name!r} twice")
            fields[name] = value
        for name in sorted(needed - set(fields)):
            self._fail(node, f"{path}: {name!r} is missing")
        return fields

    def _pairs(self, node: yaml.MappingNode, path: str) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._fail(key, f"{path}: a key must be one word")
            yield key, value

    def _text(self, node: yaml.Node, path: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value:
            self._fail(node, f"{path}: one value is wanted")
        return str(node.value)

    def _tag(self, node: yaml.Node) -> str:
        return str(node.tag).rpartition(":")[2]

    def _shown(self, node: yaml.Node) -> str:
        return repr(node.value[:40]) if isinstance(node, yaml.ScalarNode) else "a list or keys"

    def _place(self, node: yaml.Node, path: str) -> str:
        return f"{self._file}:{node.start_mark.line + 1}: {path}"

    def _fail(self, node: yaml.Node, problem: str) -> NoReturn:
        raise SimulationError(f"{self._file}:{node.start_mark.line + 1}: {problem}")
