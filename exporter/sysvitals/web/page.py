"""The page at `/`: what this machine tells now, how the collectors fare, and where everything else is."""

from collections.abc import Iterable, Mapping
from html import escape

from sysvitals.model.changes import CollectorUnavailable
from sysvitals.model.event import Event, format_time
from sysvitals.model.metric import Label
from sysvitals.model.reading import Body, Reading, fields_of, labels_of

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif }
body { max-width: 62rem; margin: 1.5rem auto; padding: 0 1rem }
h1 { margin: 0 } h2 { margin: 1.6rem 0 .4rem; font-size: 1.1rem }
table { border-collapse: collapse; width: 100%; table-layout: fixed }
td, th { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid #8883; vertical-align: top;
  overflow-wrap: break-word }
th { font-weight: 600; opacity: .7; width: 12rem } td:nth-child(2):not(:last-child) { width: 13rem }
b { font-weight: 600 } i { font-style: normal; opacity: .65 } span { display: inline-block; margin-right: 1rem }
nav a { margin-right: 1rem }
@media (max-width: 40rem) { th, td { display: block; width: auto !important; border: 0; padding: .1rem 0 }
  tr { display: block; border-bottom: 1px solid #8883; padding: .3rem 0 } }
"""

_FIRST = (
    "system.throttling",
    "system.temperature",
    "system.fan",
    "system.power",
    "system.cpu.usage",
    "system.load",
    "system.memory",
    "system.disk.usage",
    "system.network",
    "system.wifi",
)
"""What people look for first; the rest follows by name."""

_SIZES = ("B", "KiB", "MiB", "GiB", "TiB")


def render_page(host: str, version: str, collectors: Mapping[str, str], events: Iterable[Event]) -> str:
    """HTML without a script; it is as of when it was asked for. Every name from the host is escaped."""
    events = sorted(events, key=lambda event: (_rank(event.name), event.name, event.seq))
    readings = [event for event in events if isinstance(event.body, Reading)]
    # what this host does not have stands with the collectors below
    changes = [event for event in events if not isinstance(event.body, Reading | CollectorUnavailable)]
    changes.sort(key=lambda event: -event.seq)
    rows = "\n".join(f"<tr><th>{escape(name)}</th><td>{escape(words)}</td></tr>" for name, words in collectors.items())
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(host)} · sysvitals</title>
<style>{_STYLE}</style>
<h1>{escape(host)}</h1>
<p>What this machine tells about itself, as of the last reading. sysvitals {escape(version)}.</p>
<nav><a href="metrics">metrics</a> <a href="api/v1/state">state as JSON</a> <a href="-/healthy">healthy</a>
<a href="-/ready">ready</a></nav>
<h2>What happened last</h2>
<table>
{_render_rows(changes)}
</table>
<h2>Readings</h2>
<table>
{_render_rows(readings)}
</table>
<h2>Collectors</h2>
<table>
{rows}
</table>
</html>
"""


def _rank(name: str) -> int:
    return next((rank for rank, first in enumerate(_FIRST) if name.startswith(first)), len(_FIRST))


def _render_rows(events: Iterable[Event]) -> str:
    return "\n".join(
        f"<tr><th>{_render_name(event)}</th><td>{_render_labels(event.body)}</td>"
        f"<td>{_render_values(event.body)}</td></tr>"
        for event in events
    )


def _render_name(event: Event) -> str:
    name = escape(event.name.removeprefix("system.").removesuffix(".updated").replace(".", " "))
    if isinstance(event.body, Reading):
        return name
    return f"{name}<br><i>{format_time(event.stamp.time)[:19].replace('T', ' ')} UTC</i>"


def _render_labels(body: Body) -> str:
    return escape(" ".join(str(getattr(body, name)) for name in labels_of(type(body))))


def _render_values(body: Body) -> str:
    shown = []
    for field in fields_of(type(body)):
        value = getattr(body, field.name)
        if value is not None and not isinstance(field.mark, Label):
            name = field.name.replace("_", " ")
            shown.append(f"<span><i>{escape(name)}</i> <b>{escape(_format(value, field.mark.unit))}</b></span>")
    return " ".join(shown)


def _format(value: float | str, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if unit in ("bytes", "bytes per second"):
        size, power = float(value), 0
        while size >= 1024 and power < len(_SIZES) - 1:
            size, power = size / 1024, power + 1
        return f"{size:.4g} {_SIZES[power]}{'/s' if unit.endswith('second') else ''}"
    if unit == "timestamp_seconds":
        return format_time(value)[:19].replace("T", " ") + " UTC"
    if unit == "hertz":
        return f"{value / 1e6:.5g} MHz"
    short = {"celsius": "°C", "seconds": "s", "percent": "%", "volts": "V", "amperes": "A", "watts": "W", "dbm": "dBm"}
    number = f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"
    return f"{number} {short.get(unit, unit) if unit != 'ratio' else ''}".strip()
