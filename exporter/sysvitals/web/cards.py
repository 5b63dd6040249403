"""The page's cards: one subject each, nothing where the host has none of it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from sysvitals.judgement import thresholds
from sysvitals.judgement.verdict import find_limits
from sysvitals.model.event import Event
from sysvitals.model.reading import subject_of
from sysvitals.model.samples import sample_bodies
from sysvitals.model.unit import format_value
from sysvitals.web.charts import Axis, draw_chart
from sysvitals.web.markup import Words, bar, escape, field, state, subject, table
from sysvitals.web.trends import Key

Lines = Mapping[Key, Sequence[tuple[float, float]]]


class Look(NamedTuple):
    """What cards are drawn from: the latest events by name, and the points of the last minutes."""

    events: Mapping[str, Sequence[Event]]
    lines: Lines

    def all(self, name: str) -> Sequence[Event]:
        """The latest events of this name, one a subject."""
        return self.events.get(name, ())

    def one(self, name: str) -> Event | None:
        """The latest event of a name that has one subject."""
        return next(iter(self.all(name)), None)


def draw_cards(look: Look) -> str:
    """All cards that this host has."""
    return "\n".join(card for draw in _CARDS if (card := draw(look)))


def _card(name: str, title: str, parts: Iterable[str], *, wide: bool = False) -> str:
    body = "".join(parts)
    kind = "card wide" if wide else "card"
    return (
        f'<section class="{kind}" id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>'
        f"{body}</section>"
        if body
        else ""
    )


def _throttling(look: Look) -> str:
    events, source = look.all("system.throttling.updated"), look.one("system.throttling.source.updated")
    if source is None:
        return ""
    parts = []
    if events:
        rows = [
            f'<tr {subject(event)}><th scope="row">{escape(_cause(event))}</th>'
            f"<td>{state(event, 'active', Words('yes', 'no'))}</td>"
            f"<td>{state(event, 'since_boot', Words('yes', 'no', tint='warning'))}</td>"
            + "".join(field(event, name, tag="td") for name in ("events", "seconds", "last"))
            + "</tr>"
            for event in events
        ]
        head = ("", "now", "since boot", "times", "in all", "last seen")
        parts.append(table(head, rows, "Causes of throttling: now, and since when"))
        keys = {_key(event, "active"): _cause(event) for event in events}
        parts.append(draw_chart(look.lines, keys, Axis(title="Causes of throttling over the last minutes", lanes=True)))
    source_body: Any = source.body
    if source_body.undervoltage_detectable is False:
        parts.append('<p class="note">This board has no detector for undervoltage: it cannot be known.</p>')
    if source_body.hint:
        parts.append(f'<p class="note">{escape(source_body.hint)}</p>')
    return _card("power", "Power and throttling", [*parts, _supply(look)], wide=True)


_CAUSES = {
    "undervoltage": "Supply voltage too low",
    "frequency_capped": "Clock held down",
    "throttled": "Slowed down",
    "soft_temperature_limit": "Soft temperature limit",
}


def _supply(look: Look) -> str:
    rows: list[tuple[str, Event, str]] = []
    board, budget = look.one("system.power.board.updated"), look.one("system.power.budget.updated")
    if board is not None:
        rows += [("5 V input", board, "input_volts"), ("Power of the board", board, "watts")]
    if budget is not None:
        rows += [("Supply promises", budget, "amperes")]
    for clock in look.all("system.firmware.clock.updated"):
        if _text(clock, "clock") == "arm":
            rows += [("Processor really runs at", clock, "hertz"), ("Asked for", clock, "requested")]
    return _facts(rows)


def _heat(look: Look) -> str:
    events = look.all("system.temperature.updated")
    if not events:
        return ""
    samples = sample_bodies(event.body for found in look.events.values() for event in found)
    rows, highest, lowest = [], 0.0, None
    for event in events:
        labels = {"chip": _text(event, "chip"), "sensor": _text(event, "sensor")}
        high, critical = find_limits(samples, labels)
        known = [limit for limit in (high, critical) if limit is not None]
        shown = " / ".join(format_value(limit, "celsius") for limit in known) or "not known"
        rows.append(
            f'<tr {subject(event)}><th scope="row">{escape(_sensor(event))}</th>{field(event, "celsius", tag="td")}'
            f"<td>{shown}</td></tr>"
        )
        highest = max([highest, *known])
        lowest = high if lowest is None else min(lowest, high or lowest)
    keys = {_key(event, "celsius"): _sensor(event) for event in events}
    title = "Temperatures over the last minutes"
    axis = Axis(title=title, unit="celsius", bottom=20, top=highest or None, limit=lowest)
    cooling = [
        f"<p {subject(event)}>{escape(_text(event, 'component').upper())} slowed down for heat: "
        f"{state(event, 'limited', Words('yes', 'no'))}</p>"
        for event in look.all("system.cooling.updated")
    ]
    return _card(
        "heat",
        "Heat",
        [
            table(("", "now", "high / critical"), rows, "Temperatures and their limits"),
            draw_chart(look.lines, keys, axis),
            *cooling,
        ],
    )


def _fans(look: Look) -> str:
    rows = [
        f'<tr {subject(event)}><th scope="row">{escape(_text(event, "fan"))}</th>{field(event, "speed", tag="td")}'
        f"{field(event, 'duty', tag='td')}<td>{state(event, 'stalled', Words('stalled', 'fine'))}</td></tr>"
        for event in look.all("system.fan.updated")
    ]
    return _card("fan", "Fan", [table(("", "speed", "driven", "state"), rows, "Speed of the fans")]) if rows else ""


def _cpu(look: Look) -> str:
    usage, load = look.one("system.cpu.usage.updated"), look.one("system.load.updated")
    if usage is None:
        return ""
    modes = ("user", "system", "nice", "iowait", "irq", "softirq", "steal")
    shares = "".join(f"<div><dt>{mode}</dt>{field(usage, f'{mode}_percent', tag='dd')}</div>" for mode in modes)
    axis = Axis(title="Processor over the last minutes", unit="percent", top=100)
    parts = [
        # a busy processor is no fault, and no alert says so: its bar never changes colour
        _big(usage, "busy_percent", bar(usage, "busy_percent", 1, 1, "Busy part of the time")),
        f'<dl class="shares" {subject(usage)}>{shares}</dl>',
        draw_chart(look.lines, {_key(usage, "busy_percent"): "busy"}, axis),
    ]
    if load is not None:
        parts.append(
            f"<p {subject(load)}>Load {field(load, 'load1')} · {field(load, 'load5')} · {field(load, 'load15')} "
            f"<small>over 1, 5 and 15 minutes</small></p>"
        )
    clocks = [event for event in look.all("system.cpu.frequency.updated") if getattr(event.body, "frequency", None)]
    if clocks:
        shown = ", ".join(f"<span {subject(event)}>{field(event, 'frequency')}</span>" for event in clocks[:8])
        parts.append(f"<p><small>Clocks asked for: {shown}</small></p>")
    return _card("cpu", "Processor", parts)


def _memory(look: Look) -> str:
    usage = look.one("system.memory.usage.updated")
    if usage is None:
        return ""
    low, very_low = thresholds.MEMORY_LOW.value, thresholds.MEMORY_VERY_LOW.value
    facts = [("Available", usage, "available"), ("of", usage, "total"), ("Waiting to be written", usage, "dirty")]
    if getattr(usage.body, "swap_total", 0):
        facts.append(("Swap used", usage, "swap_used_percent"))
    axis = Axis(title="Memory over the last minutes", unit="percent", top=100)
    used = _big(usage, "used_percent", bar(usage, "used_percent", low, very_low, "Used part of the memory"))
    chart = draw_chart(look.lines, {_key(usage, "used_percent"): "used"}, axis)
    return _card("memory", "Memory", [used, _facts(facts), chart])


def _filesystems(look: Look) -> str:
    nearly, full = thresholds.FILESYSTEM_NEARLY_FULL.value, thresholds.FILESYSTEM_FULL.value
    rows = [
        f'<tr {subject(event)}><th scope="row">{escape(_text(event, "mountpoint"))}</th>'
        f"<td>{bar(event, 'used_percent', nearly, full, 'Used part')} {field(event, 'used_percent')}</td>"
        f"{field(event, 'available', tag='td')}"
        f"<td>{state(event, 'read_only', Words('read-only', 'writable'))}</td></tr>"
        for event in look.all("system.disk.usage.updated")
    ]
    head = ("", "used", "free", "")
    return _card("filesystems", "Filesystems", [table(head, rows, "Use of the filesystems")], wide=True) if rows else ""


def _network(look: Look) -> str:
    parts = []
    links = {_text(event, "device"): event for event in look.all("system.network.link.updated")}
    for event in look.all("system.network.usage.updated"):
        name = _text(event, "device")
        link = links.get(name)
        ways = {"in": "receive_bytes_per_second", "out": "transmit_bytes_per_second"}
        flow = " · ".join(f"{way} {field(event, rate)}" for way, rate in ways.items())
        title = f"Traffic of {name} over the last minutes"
        parts += [
            f"<h3 {subject(link)}>{escape(name)} {state(link, 'up', Words('up', 'down', bad=False))}</h3>"
            if link is not None
            else f"<h3>{escape(name)}</h3>",
            f"<p {subject(event)}>{flow}</p>",
            draw_chart(
                look.lines,
                {_key(event, rate): way for way, rate in ways.items()},
                Axis(title=title, unit="bytes per second"),
            ),
        ]
    parts += [
        f"<p {subject(event)}>{escape(_text(event, 'device'))} signal {field(event, 'signal')}, "
        f"{state(event, 'associated', Words('connected', 'not connected', bad=False))}</p>"
        for event in look.all("system.wifi.updated")
    ]
    return _card("network", "Network", parts)


def _disks(look: Look) -> str:
    rows = [
        f'<tr {subject(event)}><th scope="row">{escape(_text(event, "device"))}</th>'
        f"{field(event, 'read_bytes_per_second', tag='td')}{field(event, 'written_bytes_per_second', tag='td')}"
        f"{field(event, 'busy_percent', tag='td')}</tr>"
        for event in look.all("system.disk.io.updated")
    ]
    wear = [
        f"<p {subject(event)}>{escape(_text(event, 'device'))}: {field(event, 'life_used_a')} of its life used</p>"
        for event in look.all("system.storage.wear.updated")
        if getattr(event.body, "life_used_a", None) is not None
    ]
    return (
        _card("disks", "Disks", [table(("", "read", "written", "busy"), rows, "Traffic of the disks"), *wear])
        if rows
        else ""
    )


def _identity(look: Look) -> str:
    rows: list[tuple[str, Event, str]] = []
    wanted: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
        ("system.identity.updated", (("Model", "model"), ("System", "os"), ("Kernel", "kernel"))),
        ("system.boot.updated", (("Up for", "uptime"),)),
        ("system.reset.updated", (("Last reset", "reason"),)),
        ("system.shutdown.updated", (("Boots without a shutdown before", "unclean"),)),
        ("system.clock.updated", (("Clock follows a time server", "synchronised"),)),
    )
    for name, fields in wanted:
        event = look.one(name)
        if event is not None:
            rows += [(text, event, one) for text, one in fields if getattr(event.body, one) is not None]
    return _card("identity", "This machine", [_facts(rows)])


_CARDS: tuple[Callable[[Look], str], ...] = (
    _throttling,
    _heat,
    _cpu,
    _memory,
    _fans,
    _network,
    _filesystems,
    _disks,
    _identity,
)


def _big(event: Event, name: str, meter: str) -> str:
    return f'<p class="big" {subject(event)}>{field(event, name)} {meter}</p>'


def _facts(rows: Iterable[tuple[str, Event, str]]) -> str:
    found = "".join(
        f"<div {subject(event)}><dt>{escape(text)}</dt>{field(event, name, tag='dd')}</div>"
        for text, event, name in _known(rows)
    )
    return f'<dl class="facts">{found}</dl>' if found else ""


def _known(rows: Iterable[tuple[str, Event, str]]) -> Iterator[tuple[str, Event, str]]:
    return (row for row in rows if getattr(row[1].body, row[2]) is not None)


def _cause(event: Event) -> str:
    return _CAUSES.get(_text(event, "cause"), _text(event, "cause"))


def _sensor(event: Event) -> str:
    chip, sensor = _text(event, "chip"), _text(event, "sensor")
    return chip if sensor == "temp1" else f"{chip} {sensor}"


def _text(event: Event, name: str) -> str:
    return str(getattr(event.body, name))


def _key(event: Event, name: str) -> Key:
    return (*subject_of(event.body), name)
