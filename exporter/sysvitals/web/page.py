"""The page at `/`: a picture of this host as of now, which needs no script; static/live.js keeps it alive."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from sysvitals.judgement.links import PROJECT_URL, RUNBOOK_URL
from sysvitals.judgement.verdict import Level, Verdict
from sysvitals.model.changes import CollectorUnavailable
from sysvitals.model.event import Event, body_data, format_time
from sysvitals.model.reading import Reading, labels_of
from sysvitals.model.unit import format_value
from sysvitals.web.cards import Lines, Look, draw_cards
from sysvitals.web.markup import units_of

WORDS = {
    Level.GOOD: "All is well",
    Level.NOTE: "All is well",
    Level.WARNING: "Needs attention",
    Level.CRITICAL: "In trouble",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What the page shows. `grafana` is where this host is to be seen in Grafana, if somewhere."""

    host: str
    version: str
    now: float
    readings: Sequence[Event]
    changes: Sequence[Event]
    lines: Lines
    verdict: Verdict
    collectors: Mapping[str, str]
    grafana: str = ""


def render_page(glance: Glance) -> str:
    """HTML without a word of script or style in it. Every name from the host is escaped."""
    events: dict[str, list[Event]] = {}
    for event in glance.readings:
        if isinstance(event.body, Reading):
            events.setdefault(event.name, []).append(event)
    host = escape(glance.host)
    grafana = f'<a href="{escape(glance.grafana)}">Grafana</a>' if glance.grafana else ""
    collectors = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(words)}</td></tr>'
        for name, words in glance.collectors.items()
    )
    changes = "".join(render_change(event) for event in reversed(glance.changes))
    moment = format_time(glance.now)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{host} · sysvitals</title>
<link rel="icon" href="static/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="static/style.css">
<script src="static/live.js" defer></script>
<noscript><meta http-equiv="refresh" content="15"></noscript>
</head>
<body>
<header>
<h1>{host}</h1>
<p id="connection" role="status">as of <time datetime="{moment}">{moment[11:19]} UTC</time></p>
</header>
<noscript><p class="note">Without JavaScript this is a picture of one moment. It is taken again every 15 seconds.</p>
</noscript>
<main id="main">
{render_verdict(glance.verdict)}
<div class="cards">
{draw_cards(Look(events, glance.lines))}
<section class="card wide" aria-labelledby="changes-title">
<h2 id="changes-title">What happened</h2>
<ol id="changes" tabindex="0" aria-labelledby="changes-title">{changes}</ol>
</section>
</div>
<details><summary>All readings</summary>
{_render_all(glance.readings)}
</details>
<details><summary>Collectors</summary>
<div class="scroll" tabindex="0" role="region" aria-label="Collectors"><table><tbody>{collectors}</tbody></table></div>
</details>
</main>
<footer>
<nav aria-label="Elsewhere">{grafana}<a href="metrics">metrics</a><a href="api/v1/state">state as JSON</a>
<a href="api/v1/events">events</a><a href="{PROJECT_URL}#readme">documentation</a></nav>
<p>sysvitals {escape(glance.version)}</p>
</footer>
</body>
</html>
"""


def render_verdict(verdict: Verdict) -> str:
    """The verdict with its reasons, each with a link to what can be done about it."""
    reasons = "".join(
        f'<li class="{reason.level.name.lower()}">{escape(reason.text)} '
        f'<a href="{RUNBOOK_URL}#{reason.alert.lower()}">what to do</a></li>'
        for reason in verdict.reasons
    )
    return (
        f'<section id="verdict" class="{verdict.level.name.lower()}" aria-live="polite" data-runbook="{RUNBOOK_URL}">'
        f"<h2>{WORDS[verdict.level]}</h2><ul>{reasons}</ul></section>"
    )


def render_change(event: Event) -> str:
    """One line of what happened."""
    moment = format_time(event.stamp.time)
    units, labels = units_of(event), labels_of(type(event.body))
    said = ", ".join(
        _say(name, format_value(value, units[name]), is_label=name in labels)
        for name, value in body_data(event.body).items()
    )
    return (
        f'<li><time datetime="{moment}">{moment[:19].replace("T", " ")} UTC</time> '
        f"<b>{escape(name_in_words(event.name))}</b> <span>{escape(said)}</span></li>"
    )


def _say(name: str, text: str, *, is_label: bool) -> str:
    return text if is_label else f"for {text}" if name == "seconds" else f"{name.replace('_', ' ')} {text}"


def name_in_words(name: str) -> str:
    """An event's name as it is spoken: `throttling started`."""
    return name.removeprefix("system.").removesuffix(".updated").replace(".", " ").replace("_", " ")


def _render_all(readings: Iterable[Event]) -> str:
    rows = []
    for event in sorted(readings, key=lambda event: (event.name, event.seq)):
        if isinstance(event.body, CollectorUnavailable):
            continue
        units = units_of(event)
        said = "".join(
            f"<span><i>{escape(name.replace('_', ' '))}</i> {escape(format_value(value, units[name]))}</span> "
            for name, value in body_data(event.body).items()
        )
        rows.append(f'<tr><th scope="row">{escape(name_in_words(event.name))}</th><td class="all">{said}</td></tr>')
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="All readings">'
        f"<table><tbody>{''.join(rows)}</tbody></table></div>"
    )
