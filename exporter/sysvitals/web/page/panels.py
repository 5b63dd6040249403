"""The panels: one subject of the host each, and none for what the host lacks."""

from collections.abc import Callable, Iterator, Sequence

from sysvitals.judgement.heat.limits import find_limits, part_of
from sysvitals.model.event import Event
from sysvitals.model.sentence import CAUSES
from sysvitals.model.unit import UNKNOWN
from sysvitals.web.page.bounds import Bound, measure_texts
from sysvitals.web.page.names import split_name, split_names
from sysvitals.web.page.values import (
    Look,
    join,
    number_of,
    say,
    show,
    show_bar,
    show_time,
    show_words,
    subject_of,
    text_of,
)
from sysvitals.web.page.view import Fact, Facts, Fold, Panel, Row, Table, Value, Words

SEEN_ROWS = 48
"""As many rows of a table are seen; further ones unfold."""

ROWS = Bound(200, 32_000)
"""What is beyond is counted, and stands in `api/v1/state`."""

_ROW_CHARACTERS = 300

_MODES = ("user", "system", "nice", "iowait", "irq", "softirq", "steal")
_MODE_SEEN_PERCENT = 0.5
_GRADES = {"critical": 0, "warning": 1, "": 2}


def build_panels(look: Look) -> list[Panel]:
    """All panels that this host has."""
    return [panel for build in _PANELS if (panel := build(look)) is not None]


def build_table(head: Sequence[str], rows: Sequence[Row]) -> Table:
    """A table that keeps to the bounds."""
    kept, left_out = ROWS.keep(rows, _measure_row)
    return Table(head=head, rows=kept[:SEEN_ROWS], folded=kept[SEEN_ROWS:], left_out=left_out)


def _measure_row(row: Row) -> int:
    subjects = {subject for subject in (row.subject, *(cell.subject for cell in row.cells)) if subject}
    texts = (row.name.whole, row.small, *(cell.text for cell in row.cells), *(one.labels for one in subjects))
    return _ROW_CHARACTERS + measure_texts(*texts)


def _filesystems(look: Look) -> Panel | None:
    events = look.all("disk.usage")
    if not events:
        return None
    names = split_names(text_of(event, "mountpoint") for event in events)

    def grade(event: Event) -> str:
        return look.grade("storage", text_of(event, "mountpoint"))

    def urgency(event: Event) -> tuple[int, bool, bool, float, str]:
        used, is_meant_full = number_of(event, "used_percent") or 0, bool(number_of(event, "full_expected"))
        is_well = not number_of(event, "device_error")
        return _GRADES[grade(event)], is_well, is_meant_full, -used, text_of(event, "mountpoint")

    rows = [
        Row(
            name=names[text_of(event, "mountpoint")],
            small="meant to be full" if number_of(event, "full_expected") else "",
            subject=subject_of(event),
            cells=[
                _used(event, grade(event)),
                show(event, "available"),
                _state_of_mount(event, grade(event)),
            ],
        )
        for event in sorted(events, key=urgency)
    ]
    read_only = sum(bool(number_of(event, "read_only")) for event in events)
    are_writable = all(number_of(event, "read_only") is False for event in events)
    state = f"{read_only} read-only" if read_only else "all writable" if are_writable else ""
    if any(number_of(event, "device_error") for event in events):
        state = say_mounts(events)
    elif len(rows) > 8:
        state = str(len(rows))
    note = f"{state} · worst first" if len(rows) > 8 else state
    return Panel(
        id="filesystems",
        title="Filesystems",
        note=note,
        parts=[build_table(("Mount", "Used", "Free", "State"), rows)],
    )


def say_mounts(events: Sequence[Event]) -> str:
    """How many there are, and how many of them give no answer."""
    mute = sum(bool(number_of(event, "device_error")) for event in events)
    mounts = "1 mount" if len(events) == 1 else f"{len(events)} mounts"
    return f"no answer from {mute} of {mounts}" if mute else mounts


def _used(event: Event, level: str) -> Value:
    """How full it is. A level that is for its state says nothing of that."""
    level = "" if _is_out_of_use(event) else level
    value = show(event, "used_percent", level)
    return (
        value if number_of(event, "used_percent") is None else value._replace(bar=show_bar(event, "used_percent").bar)
    )


def _state_of_mount(event: Event, level: str) -> Value:
    level = level if _is_out_of_use(event) else ""
    if number_of(event, "device_error"):
        return show_words(event, "device_error", Words("no answer", ""), level)
    return show_words(event, "read_only", Words("read-only", ""), level)


def _is_out_of_use(event: Event) -> bool:
    return bool(number_of(event, "device_error") or number_of(event, "read_only"))


def _disks(look: Look) -> Panel | None:
    events = look.all("disk.io")
    wear = {text_of(event, "device"): event for event in look.all("storage.wear")}
    if not events and not wear:
        return None
    devices = {text_of(event, "device"): event for event in events}
    names = split_names([*devices, *wear])
    rows = [
        Row(
            name=names[device],
            small=", ".join(filter(None, (_describe_drive(wear.get(device)), say_left_alone(devices.get(device))))),
            subject=subject_of(devices.get(device, wear[device] if device in wear else events[0])),
            cells=[
                show(devices.get(device), "read_bytes_per_second"),
                show(devices.get(device), "written_bytes_per_second"),
                show(devices.get(device), "busy_percent"),
                _health(wear.get(device), look.grade("storage", device)),
            ],
        )
        for device in names
    ]
    rows.sort(key=lambda row: _GRADES[row.cells[-1].level])
    return Panel(
        id="disks", title="Disks", parts=[build_table(("Device", "Read", "Written", "Busy", "Life used"), rows)]
    )


def say_left_alone(event: Event | None) -> str:
    """That nothing judges it, where the user's settings say so."""
    return "left alone" if number_of(event, "left_alone") else ""


def keep_judged(events: Sequence[Event], setting: str) -> Sequence[Event]:
    """Those that the user's setting, such as `left_alone`, does not name; all, where it names all."""
    return [event for event in events if not number_of(event, setting)] or events


def _describe_drive(event: Event | None) -> str:
    if event is None:
        return ""
    parts = (getattr(event.body, name) for name in ("model", "type"))
    return ", ".join(part for part in parts if part)


def _health(event: Event | None, level: str) -> Value:
    if event is None or number_of(event, "life_used_a") is None:
        return say(UNKNOWN)
    worse = max(("life_used_a", "life_used_b"), key=lambda area: number_of(event, area) or 0)
    return show(event, worse, level)


def _network(look: Look) -> Panel | None:
    traffic = {text_of(event, "device"): event for event in look.all("network.usage")}
    links = {text_of(event, "device"): event for event in look.all("network.link")}
    radios = {text_of(event, "device"): event for event in look.all("wifi")}
    names = split_names([*traffic, *links, *radios])
    if not names:
        return None

    def busy(device: str) -> float:
        event = traffic.get(device)
        ways = ("receive_bytes_per_second", "transmit_bytes_per_second")
        return sum(number_of(event, way) or 0 for way in ways)

    def urgency(device: str) -> tuple[int, float, str]:
        return _GRADES[look.grade("network", device)], -busy(device) if len(names) > 8 else 0, device

    rows = [
        Row(
            name=names[device],
            small=say_left_alone(traffic.get(device)),
            subject=subject_of(traffic.get(device) or links.get(device) or radios[device]),
            cells=[
                show(traffic.get(device), "receive_bytes_per_second"),
                show(traffic.get(device), "transmit_bytes_per_second"),
                _state_of_link(links.get(device), radios.get(device), look.grade("network", device)),
            ],
        )
        for device in sorted(names, key=urgency)
    ]
    note = f"{len(rows)} interfaces · busiest first" if len(rows) > 8 else ""
    return Panel(
        id="network", title="Network", note=note, parts=[build_table(("Interface", "In", "Out", "State"), rows)]
    )


def _state_of_link(link: Event | None, radio: Event | None, level: str) -> Value:
    if radio is not None and number_of(radio, "associated") is False:
        return show_words(radio, "associated", Words("connected", "not connected"), level)
    if radio is not None and number_of(radio, "signal") is not None:
        return show(radio, "signal", level)
    if link is None or number_of(link, "up") is None:
        return say(UNKNOWN)
    if number_of(link, "up") and number_of(link, "speed"):
        return show(link, "speed", level)
    return show_words(link, "up", Words("up", "down"), level)


def _sensors(look: Look) -> Panel | None:
    events, fans = look.all("temperature"), look.all("fan")
    if not events and not fans:
        return None
    names = split_names(name_sensor(event) for event in events)

    def urgency(event: Event) -> tuple[int, float]:
        return _GRADES[grade_sensor(look, event)], -(number_of(event, "celsius") or 0)

    rows = [
        Row(
            name=names[name_sensor(event)],
            small=say_left_alone(event),
            subject=subject_of(event),
            cells=[show(event, "celsius", grade_sensor(look, event)), say(_say_limits(look, event))],
        )
        for event in sorted(events, key=urgency)
    ]
    parts = [build_table(("Sensor", "Now", "High / critical"), rows)] if rows else []
    fan_names = split_names(text_of(event, "fan") for event in fans)
    turning = [
        Row(
            name=fan_names[text_of(event, "fan")],
            small=text_of(event, "chip"),
            subject=subject_of(event),
            cells=[
                show(event, "speed"),
                show(event, "duty"),
                show_words(event, "stalled", Words("stalled", "fine"), look.grade("heat", text_of(event, "fan"))),
            ],
        )
        for event in fans
    ]
    parts += [build_table(("Fan", "Speed", "Driven", "State"), turning)] if turning else []
    cooling = [
        Fact(
            term=f"{text_of(event, 'component').upper()} slowed down for heat",
            said=[show_words(event, "limited", Words("yes", "no"), look.grade("heat", text_of(event, "component")))],
        )
        for event in look.all("cooling")
    ]
    note = "hottest first" if len(rows) > 1 else ""
    return Panel(id="sensors", title="Sensors", note=note, parts=[*parts, *([Facts(facts=cooling)] if cooling else [])])


def name_sensor(event: Event) -> str:
    """What a sensor is called: its chip, and its own label where that says more than a number."""
    chip, sensor = text_of(event, "chip"), text_of(event, "sensor")
    return chip if sensor == "temp1" else f"{chip} {sensor}"


def find_sensor_limits(look: Look, event: Event) -> tuple[float | None, float | None]:
    """Where this sensor is high and where it is critical, in degrees Celsius."""
    return find_limits(look.samples, {"chip": text_of(event, "chip"), "sensor": text_of(event, "sensor")})


def grade_sensor(look: Look, event: Event) -> str:
    """The level of a temperature that is above its limit, where a reason says so."""
    high, critical = find_sensor_limits(look, event)
    celsius = number_of(event, "celsius") or 0
    # a reason is on a part of the host, of whose sensors not all may be hot
    is_hot = any(limit is not None and celsius >= limit for limit in (high, critical))
    return look.grade("heat", part_of(text_of(event, "chip"))) if is_hot else ""


def _say_limits(look: Look, event: Event) -> str:
    limits = [f"{limit:.0f}" if limit is not None else UNKNOWN for limit in find_sensor_limits(look, event)]
    return f"{' / '.join(limits)} °C" if set(limits) != {UNKNOWN} else UNKNOWN


def _power(look: Look) -> Panel | None:
    facts = [*_causes(look), *_supply(look)]
    parts: list[Facts | Fold] = [Facts(facts=facts)] if facts else []
    rows = [*_power_rows(look, "power", "sensor"), *_power_rows(look, "power.rail", "rail")]
    if rows:
        table = build_table(("Sensor", "Voltage", "Current", "Power"), rows)
        parts.append(Fold(title=f"Voltages and currents ({len(rows)})", part=table))
    return Panel(id="power", title="Power", parts=parts) if parts else None


def _causes(look: Look) -> Iterator[Fact]:
    for event in look.all("throttling"):
        cause = text_of(event, "cause")
        level = look.grade("power") if number_of(event, "active") else ""
        pieces = [[show_words(event, "active", Words("now", "not now"), level)], *_seen(event, look)]
        yield Fact(term=CAUSES.get(cause, cause), said=join(pieces))


def _seen(event: Event, look: Look) -> Iterator[list[Value]]:
    """How often it was seen, how long in all, and when last: nothing where it was not."""
    if not number_of(event, "events"):
        if number_of(event, "since_boot"):
            yield [say("seen since boot, before the exporter started")]
        return
    yield [show(event, "events"), say(" times")] if number_of(event, "events") != 1 else [say("once")]
    yield [show(event, "seconds"), say(" in all")]
    if number_of(event, "last") is not None:
        yield [say("last at "), show_time(event, "last", look)]


def _supply(look: Look) -> Iterator[Fact]:
    board, budget, source = look.one("power.board"), look.one("power.budget"), look.one("throttling.source")
    if board is not None and number_of(board, "input_volts") is not None:
        yield Fact(term="5 V input", said=[show(board, "input_volts", look.grade("power", "input"))])
    if board is not None and number_of(board, "watts") is not None:
        yield Fact(term="Board power", said=[show(board, "watts")])
    for clock in look.all("firmware.clock"):
        if text_of(clock, "clock") == "arm":
            yield Fact(term="CPU clock", said=[show(clock, "hertz"), say(", requested "), show(clock, "requested")])
    if budget is not None:
        known = number_of(budget, "amperes") is not None
        promised = show(budget, "amperes") if known else say("not negotiated")
        yield Fact(term="Supply promises", said=[promised, *_wanted(budget)])
        if number_of(budget, "usb_overcurrent"):
            yield Fact(term="USB ports", said=[show_words(budget, "usb_overcurrent", Words("overcurrent", "fine"))])
    if source is not None and number_of(source, "undervoltage_detectable") is False:
        yield Fact(term="Undervoltage", said=[say("cannot be measured: this board has no detector")])
    if source is not None and source.body.hint:  # type: ignore[attr-defined]  # of ThrottlingSource
        yield Fact(term="To know more", said=[say(text_of(source, "hint"))])


def _wanted(budget: Event) -> list[Value]:
    return [say(", the board needs "), show(budget, "wanted")] if number_of(budget, "wanted") is not None else []


def _power_rows(look: Look, name: str, label: str) -> Iterator[Row]:
    for event in look.all(name):
        chip = getattr(event.body, "chip", "")
        yield Row(
            name=split_name(text_of(event, label)),
            small=chip,
            subject=subject_of(event),
            cells=[show(event, field) for field in ("volts", "amperes", "watts")],
        )


def _load(look: Look) -> Panel | None:
    facts = [*_cpu_facts(look), *_memory_facts(look), *_pressure_facts(look)]
    return Panel(id="load", title="CPU and memory", parts=[Facts(facts=facts)]) if facts else None


def _cpu_facts(look: Look) -> Iterator[Fact]:
    load, usage = look.one("load"), look.one("cpu.usage")
    if load is not None:
        averages = [[show(load, name)] for name in ("load1", "load5", "load15")]
        yield Fact(term="Load", said=[*join(averages), say(" over 1, 5 and 15 min")])
    if usage is not None:
        known = [mode for mode in _MODES if (number_of(usage, f"{mode}_percent") or 0) >= _MODE_SEEN_PERCENT]
        if known:
            yield Fact(term="CPU time", said=join([say(f"{mode} "), show(usage, f"{mode}_percent")] for mode in known))
    hertz = [event for event in look.all("cpu.frequency") if number_of(event, "frequency") is not None]
    if hertz and not look.all("firmware.clock"):
        slowest = min(hertz, key=lambda event: number_of(event, "frequency") or 0)
        fastest = max(hertz, key=lambda event: number_of(event, "frequency") or 0)
        ends = [slowest] if number_of(slowest, "frequency") == number_of(fastest, "frequency") else [slowest, fastest]
        yield Fact(term="Requested clock", said=join(([show(event, "frequency")] for event in ends), " to "))


def _memory_facts(look: Look) -> Iterator[Fact]:
    usage = look.one("memory.usage")
    if usage is None:
        return
    yield Fact(term="Available", said=[show(usage, "available"), say(" of "), show(usage, "total")])
    if number_of(usage, "cached") is not None:
        yield Fact(term="File cache", said=[show(usage, "cached")])
    if number_of(usage, "dirty") is not None:
        yield Fact(term="Not yet on disk", said=[show(usage, "dirty"), say(" (dirty)")])
    if number_of(usage, "swap_total"):
        used = [show(usage, "swap_used_percent"), say(" of "), show(usage, "swap_total"), say(" used")]
        yield Fact(term="Swap", said=used)
    if number_of(usage, "oom_kills"):
        yield Fact(term="Killed for memory", said=[show(usage, "oom_kills"), say(" since boot")])


def _pressure_facts(look: Look) -> Iterator[Fact]:
    known = [event for event in look.all("pressure") if number_of(event, "waiting_percent_60s") is not None]
    if known:
        said = join([say(f"{text_of(event, 'resource')} "), show(event, "waiting_percent_60s")] for event in known)
        yield Fact(term="Pressure (PSI)", said=[*said, say(" of the last minute with tasks waiting")])


def _machine(look: Look) -> Panel | None:
    facts = [*_identity_facts(look), *_boot_facts(look), *_clock_facts(look)]
    return Panel(id="machine", title="Machine and clock", parts=[Facts(facts=facts)]) if facts else None


def _identity_facts(look: Look) -> Iterator[Fact]:
    identity, board = look.one("identity"), look.one("board")
    if identity is not None:
        body = identity.body
        system = " ".join(text for name in ("os", "os_version") if (text := getattr(body, name)))
        kernel = f"kernel {body.kernel}" if body.kernel else ""  # type: ignore[attr-defined]  # of Identity
        if said := ", ".join(filter(None, (system, kernel))):
            yield Fact(term="System", said=[say(said)])
        inside = [
            text for name in ("virtualization", "container") if (text := getattr(body, name)) not in (None, "none")
        ]
        if inside:
            yield Fact(term="Runs in", said=[say(", ".join(inside))])
    if board is not None:
        known = [text for name in ("processor", "maker") if (text := getattr(board.body, name))]
        yield Fact(term="Board", said=[say(", ".join([*known, f"revision {text_of(board, 'revision')}"]))])


def _boot_facts(look: Look) -> Iterator[Fact]:
    boot, reset, shutdowns = look.one("boot"), look.one("reset"), look.one("shutdown")
    if boot is not None and number_of(boot, "boot_time") is not None:
        yield Fact(term="Started", said=[show_time(boot, "boot_time", look)])
    if reset is not None and reset.body.reason is not None:  # type: ignore[attr-defined]  # of Reset
        yield Fact(term="Last reset", said=[say(text_of(reset, "reason").replace("_", " "))])
    if shutdowns is not None and number_of(shutdowns, "unclean") is not None:
        said = [show(shutdowns, "unclean")]
        if number_of(shutdowns, "last_seen") is not None:
            said += [say(", last at "), show_time(shutdowns, "last_seen", look)]
        yield Fact(term="Unclean shutdowns", said=said)


def _clock_facts(look: Look) -> Iterator[Fact]:
    clock = look.one("clock")
    if clock is not None:
        words = Words("synchronised (NTP)", "not synchronised (no NTP)")
        said = [show_words(clock, "synchronised", words, look.grade("clock"))]
        if number_of(clock, "synchronised"):
            said += [say(", off by at most "), show(clock, "maximum_error")]
        yield Fact(term="Clock", said=said)
    yield Fact(term="Time zone", said=[say(look.zone.name)])


_PANELS: tuple[Callable[[Look], Panel | None], ...] = (
    _filesystems,
    _disks,
    _network,
    _sensors,
    _power,
    _load,
    _machine,
)
