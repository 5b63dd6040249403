"""Fans that the kernel's hwmon chips report, and whether they have stalled."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, NamedTuple

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable
from sysvitals.model.metric import Detail, Gauge, Label
from sysvitals.model.reading import Change, Reading, amend
from sysvitals.sources.sys.fans import FanChip, find_fans, read_fans

_CERTAIN_SECONDS = 29.0
"""How long a fan must turn at a duty to be known to turn at it, and stand still at one to have stalled.

30 seconds, less what two intervals of 15 may fall short of them. That is longer than a large fan takes to start, or to
run down after its duty fell: meanwhile it turns at a duty that may not keep it turning."""


class Options(NamedTuple):
    """What is left out."""

    exclude_fans: Annotated[
        str, "Leave out fans whose chip and label, such as `nct6798 fan3`, match this as a whole: one you took out."
    ] = ""


class Fan(Reading, event="system.fan.updated"):
    """One fan, or one output that could drive one. What it remembers of itself goes from reading to reading."""

    chip: Annotated[
        str,
        Label("Driver, and which device where several may be alike: `pwmfan`. The same after a reboot: see Labels."),
    ]
    fan: Annotated[str, Label("The driver's own label, or `fan1` where it gives none.")]
    speed: Annotated[
        int | None,
        Gauge(
            "fan_speed",
            unit="rpm",
            help="Revolutions a minute; 0 where the fan stands still or its tachometer is not connected.",
            origin="/sys/class/hwmon/hwmon*/fan*_input",
            summary=True,
        ),
    ]
    duty: Annotated[
        float | None,
        Gauge(
            "fan_duty",
            unit="ratio",
            help="How much of the time the fan is driven, from 0 to 1.",
            origin="/sys/class/hwmon/hwmon*/pwm*",
        ),
    ]
    fault: Annotated[
        bool | None,
        Gauge(
            "fan_fault",
            help="1 while the chip reports the fan as failed; some chips mean that none is connected.",
            origin="/sys/class/hwmon/hwmon*/fan*_fault",
        ),
    ] = None
    stalled: Annotated[
        bool | None,
        Gauge(
            "fan_stalled",
            help="1 from when the fan stood still for 30 s at a duty at which it was seen to turn, until it turns. A "
            "Raspberry Pi's own fan should turn at any duty. Absent where nothing was seen to turn, and where speed or "
            "duty are not known.",
            origin="fan*_input and pwm* together, over time",
            summary=True,
        ),
    ] = None
    state: Annotated[int | None, Detail("How much the kernel's thermal control asks of the fan, from 0.")] = None
    max_state: Annotated[int | None, Detail("The most that it can ask.")] = None
    comparable: Annotated[
        bool, Detail("Whether its speed and duty are known, and say together whether it turns as it should.")
    ] = False
    turns_from: Annotated[
        float | None,
        Detail("Lowest duty at which it was seen to turn for 30 s; 0 for a Raspberry Pi's own fan.", unit="ratio"),
    ] = None
    spell_seconds: Annotated[
        float, Detail("How long it has been turning, or standing still although it should turn.", unit="seconds")
    ] = 0.0
    spell_duty: Annotated[
        float | None, Detail("Highest duty of the time in which it has been turning.", unit="ratio")
    ] = None


def find(host: Host, options: Options) -> Iterator[Probe | Fault]:
    """A probe for each chip that has fans."""
    excluded = re.compile(options.exclude_fans).fullmatch
    found = list(find_fans(host))
    if not found:
        raise Unavailable("no fan found; a Raspberry Pi 5 detects its fan only while it boots")
    for thing in found:
        if isinstance(thing, Fault):
            yield thing
            continue
        chip = thing.chip
        labels = {fan: label for fan, label in thing.labels.items() if not excluded(f"{chip.label} {label}")}
        yield Probe(chip.label, partial(read, host, thing._replace(labels=labels)), bus=chip.bus)


def read(host: Host, chip: FanChip) -> Iterator[Fan | Fault]:
    """One reading a fan, judged without a reading before it."""
    for found in read_fans(host, chip):
        if isinstance(found, Fault):
            yield found
            continue
        fan = Fan(
            chip=chip.chip.label,
            fan=found.fan,
            speed=found.speed,
            duty=found.duty,
            fault=found.fault,
            state=found.state,
            max_state=found.max_state,
            comparable=chip.is_comparable and found.speed is not None and found.duty is not None,
            turns_from=0.0 if chip.is_own else None,
        )
        yield compare(fan, None, None)


def compare(now: Fan, before: Fan | None, seconds: float | None) -> Fan:
    """Carry on what is known of the fan, and judge whether it has stalled.

    A time that was not watched counts for nothing.
    """
    learnt = before.turns_from if before is not None else None
    if not now.comparable or now.duty is None:
        return amend(now, turns_from=_lowest(now.turns_from, learnt))
    if now.speed:
        return _turning(now, before, seconds)
    return _standing(now, before, seconds)


def after_reboot(before: Fan) -> tuple[Fan, Iterable[Change]]:
    """What was learnt of the fan still holds; whether it has stalled is seen again, since it may have been replaced."""
    return amend(before, stalled=None), ()


def _turning(now: Fan, before: Fan | None, seconds: float | None) -> Fan:
    """A fan that turns. Only what it turned at for long is learnt: it may be running down."""
    duty = now.duty or 0.0
    spell, highest = 0.0, duty
    if before is not None and before.speed and before.spell_duty is not None and seconds is not None:
        spell, highest = before.spell_seconds + seconds, max(before.spell_duty, duty)
    # One that was judged and turns after all is learnt from the start: it may be made to stop at such a duty.
    turns_from = _lowest(now.turns_from, None if before is None or before.stalled else before.turns_from)
    if spell >= _CERTAIN_SECONDS:
        turns_from, spell, highest = _lowest(turns_from, highest), 0.0, duty
    return amend(now, stalled=False, turns_from=turns_from, spell_seconds=round(spell, 3), spell_duty=round(highest, 4))


def _standing(now: Fan, before: Fan | None, seconds: float | None) -> Fan:
    """A fan that stands still. One that is judged to have stalled stays so until it turns."""
    turns_from = _lowest(now.turns_from, None if before is None else before.turns_from)
    if turns_from is None:
        return now  # nothing was ever seen to turn: no fan may be connected
    should_turn = _should_turn(now, turns_from)
    if before is None:
        return amend(now, stalled=should_turn)
    spell = 0.0
    if should_turn and seconds is not None and before.comparable and not before.speed:
        spell = before.spell_seconds + seconds if _should_turn(before, turns_from) else 0.0
    stalled = bool(before.stalled) or spell >= _CERTAIN_SECONDS
    return amend(now, stalled=stalled, turns_from=turns_from, spell_seconds=round(spell, 3))


def _should_turn(fan: Fan, turns_from: float) -> bool:
    return fan.duty is not None and fan.duty > 0 and fan.duty >= turns_from


def _lowest(*duties: float | None) -> float | None:
    return min((duty for duty in duties if duty is not None), default=None)


COLLECTOR = Collector(
    name="fan",
    help="Fans",
    readings=(Fan,),
    find=find,
    subsystems=("hwmon",),
    compare=compare,
    remembers=(Fan,),
    after_reboot=after_reboot,
    options=Options(),
)
