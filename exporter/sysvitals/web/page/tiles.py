"""The four tiles beside the verdict: what is looked at first."""

from collections.abc import Callable, Mapping

from sysvitals.judgement.verdict import Level
from sysvitals.model.event import Event
from sysvitals.model.unit import format_duration, format_value
from sysvitals.web.page.panels import find_sensor_limits, grade_sensor, keep_judged, name_sensor, say_mounts
from sysvitals.web.page.supply import find_undervoltage, say_undervoltage
from sysvitals.web.page.times import say_time
from sysvitals.web.page.values import Look, Scale, join, number_of, say, show, show_bar, text_of
from sysvitals.web.page.view import Cores, Tile, Value

TILES = 4
COLDEST = 20.0
"""Degrees Celsius at which the bar of a temperature begins."""

_ABOVE_LIMIT = 6.0
_COLUMNS = 64
_HOT_PERCENT = 90.0


def build_tiles(look: Look) -> list[Tile]:
    """The first four that this host has; without a sensor for power or heat, what else there is moves up."""
    found = (build(look) for build in _TILES)
    return [tile for tile in found if tile is not None][:TILES]


def _power(look: Look) -> Tile | None:
    source, board = look.one("throttling.source"), look.one("power.board")
    under, volts = find_undervoltage(look), number_of(board, "input_volts")
    if under is None and volts is None:
        return None
    is_low, level = bool(number_of(under, "active")), look.grade("power")
    is_well = not any(reason.area == "power" and reason.level > Level.NOTE for reason in look.reasons)
    small: list[list[Value]] = []
    if under is not None and source is not None:
        small.append([say(say_undervoltage(look))])
    if board is not None and number_of(board, "watts") is not None:
        small.append([show(board, "watts")])
    word = "Too low" if is_low else "Not OK" if level else "OK" if is_well else "OK now"
    big = [show(board, "input_volts")] if board is not None and volts is not None else [say(word)]
    tint = level or ("warning" if is_low else "good" if is_well else "")
    return Tile(id="power", title="Power", level=tint, big=big, small=join(small))


def _heat(look: Look) -> Tile | None:
    events = [event for event in look.all("temperature") if number_of(event, "celsius") is not None]
    if not events:
        return None

    def nearness(event: Event) -> tuple[bool, float]:
        limit = _limit(look, event)
        celsius = number_of(event, "celsius") or 0
        return limit is not None, celsius / limit if limit else celsius

    hottest = max(keep_judged(events, "left_alone"), key=nearness)
    limit = _limit(look, hottest)
    level = look.grade("heat")
    small = [[say(name_sensor(hottest))]] if len(events) > 1 else []
    small += [[say(f"limit {limit:.0f} °C")]] if limit is not None else []
    small += [[say(f"{len(events)} sensors")]] if len(events) > 1 else []
    fans = [event for event in look.all("fan") if number_of(event, "speed") is not None]
    small += [[say("fan "), show(fans[0], "speed")]] if len(fans) == 1 else []
    top = 100.0 if limit is None else limit + _ABOVE_LIMIT
    bar = show_bar(hottest, "celsius", grade_sensor(look, hottest), Scale(COLDEST, top, limit))
    return Tile(id="heat", title="Heat", level=level, big=[show(hottest, "celsius")], bar=bar, small=join(small))


def _limit(look: Look, event: Event) -> float | None:
    high, critical = find_sensor_limits(look, event)
    return high if high is not None else critical  # as the time line draws it


def _cpu(look: Look) -> Tile | None:
    usage, load = look.one("cpu.usage"), look.one("load")
    if usage is None and load is None:
        return None
    count = sum(bool(number_of(event, "online")) for event in look.all("cpu.time"))
    small: list[list[Value]] = []
    if load is not None:
        on = f" on {count} CPUs" if count > 1 else ""
        small.append([say("load "), show(load, "load1"), say(on)])
    clocks = [event for event in look.all("firmware.clock") if text_of(event, "clock") == "arm"]
    small += [[show(clocks[0], "hertz")]] if clocks else []
    return Tile(
        id="cpu",
        title="CPU",
        level=look.grade("cpu"),
        big=[show(usage, "busy_percent")],
        cores=build_cores(look.busy),
        small=join(small),
    )


def build_cores(busy: Mapping[str, float]) -> Cores | None:
    """A bar for each CPU, in rows of 64. None where it is not known how busy each is."""
    if not busy:
        return None
    columns, rows = min(_COLUMNS, len(busy)), -(-len(busy) // _COLUMNS)
    calm: list[str] = []
    hot: list[str] = []
    for number, percent in enumerate(busy.values()):
        x, bottom = number % _COLUMNS, 100 * (number // _COLUMNS + 1)
        height = round(min(percent, 96 if rows > 1 else 100))
        bar = f"M{x} {bottom}v{-height}h.9v{height}z"
        (hot if percent >= _HOT_PERCENT else calm).append(bar)
    busiest = max(busy, key=lambda cpu: busy[cpu])
    noun = "CPU" if len(busy) == 1 else "CPUs"
    title = f"{len(busy)} {noun}, busiest {busiest} with {format_value(busy[busiest], 'percent')}"
    return Cores(columns=columns, height=100 * rows, calm="".join(calm), hot="".join(hot), title=title)


def _memory(look: Look) -> Tile | None:
    usage = look.one("memory.usage")
    if usage is None:
        return None
    swap = number_of(usage, "swap_total")
    used = number_of(usage, "swap_used_percent")
    swapped = (
        [say("no swap")]
        if not swap
        else [say("swap not used")]
        if not used
        else [say("swap "), show(usage, "swap_used_percent"), say(" used")]
    )
    return Tile(
        id="memory",
        title="Memory",
        level=look.grade("memory"),
        big=[show(usage, "available"), Value("available", level="quiet")],
        bar=show_bar(usage, "used_percent", look.grade("memory")),
        small=join([[say("of "), show(usage, "total")], swapped]),
    )


def _storage(look: Look) -> Tile | None:
    known = [event for event in look.all("disk.usage") if number_of(event, "used_percent") is not None]
    if not known:
        return None
    # what cannot be written to is full by nature, such as the image of a package
    written = [event for event in known if not number_of(event, "read_only")] or known
    fullest = max(keep_judged(written, "full_expected"), key=lambda event: number_of(event, "used_percent") or 0)
    level = look.grade("storage")
    mounts = say_mounts(look.all("disk.usage"))
    return Tile(
        id="storage",
        title="Storage",
        level=level,
        big=[show(fullest, "used_percent"), Value("used", level="quiet")],
        bar=show_bar(fullest, "used_percent", look.grade("storage", text_of(fullest, "mountpoint"))),
        small=join([[say(text_of(fullest, "mountpoint"))], [show(fullest, "available"), say(" free")], [say(mounts)]]),
    )


def _uptime(look: Look) -> Tile | None:
    boot = look.one("boot")
    uptime = number_of(boot, "uptime")
    if boot is None or uptime is None:
        return None
    return Tile(
        id="uptime",
        title="Up for",
        big=[say(format_duration(uptime))],
        small=[say("since "), say(_started(boot, look))],
    )


def _started(boot: Event, look: Look) -> str:
    at = number_of(boot, "boot_time")
    return format_value(None) if at is None else say_time(at, look.now, look.zone)


_TILES: tuple[Callable[[Look], Tile | None], ...] = (_power, _heat, _cpu, _memory, _storage, _uptime)
