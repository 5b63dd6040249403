"""From what is known to what is shown."""

from collections.abc import Mapping

from sysvitals.judgement.links import PROJECT_URL
from sysvitals.model.event import Event, format_time
from sysvitals.model.reading import Reading
from sysvitals.model.samples import sample_bodies
from sysvitals.web.page.bounds import Bound, measure_texts
from sysvitals.web.page.glance import Glance
from sysvitals.web.page.judged import build_verdict
from sysvitals.web.page.names import show, split_name
from sysvitals.web.page.panels import build_panels
from sysvitals.web.page.readings import list_readings
from sysvitals.web.page.tiles import build_tiles
from sysvitals.web.page.time_line import Asked, build_time_line
from sysvitals.web.page.times import open_zone
from sysvitals.web.page.values import Look, number_of, say
from sysvitals.web.page.values import show as show_field
from sysvitals.web.page.view import Fact, Facts, Fold, Panel, Value, View

FAILING = Bound(100, 15_000)
"""What is beyond is counted, and stands in the metrics."""

_FACT_CHARACTERS = 60
_SIGNS = {"good": "✓", "warning": "▲", "critical": "✖", "unknown": "?"}


def build_view(glance: Glance, asked: Asked) -> View:
    """The page of this moment, with the stretch of time that was asked for."""
    look = _look(glance)
    verdict = build_verdict(glance.verdict, look)
    readings, left_out = list_readings(glance.readings)
    return View(
        host=split_name(glance.host),
        # without a script nothing takes it back
        title=f"{_SIGNS[verdict.level]} {show(glance.host)}: {verdict.words} at {look.zone.at(glance.now):%H:%M}",
        facts=_find_facts(look),
        now=round(glance.now, 3),
        zone=look.zone.name,
        moment=f"{look.zone.at(glance.now):%H:%M}",
        iso_moment=format_time(glance.now),
        verdict=verdict,
        tiles=build_tiles(look),
        time_line=build_time_line(glance.time_line, asked, look.zone),
        panels=[*build_panels(look), _build_exporter(glance.collectors, look)],
        readings=readings,
        readings_left_out=left_out,
        version=glance.version,
        grafana=glance.grafana,
        documentation=f"{PROJECT_URL}#readme",
    )


def _look(glance: Glance) -> Look:
    events: dict[str, list[Event]] = {}
    for event in glance.readings:
        if isinstance(event.body, Reading):
            events.setdefault(event.name, []).append(event)
    return Look(
        events=events,
        samples=sample_bodies(event.body for event in glance.readings),
        reasons=glance.verdict.reasons,
        busy=glance.busy,
        now=glance.now,
        zone=open_zone(glance.zone),
    )


def _find_facts(look: Look) -> list[Value]:
    """What stands beside the host's name."""
    identity, boot = look.one("identity"), look.one("boot")
    facts = [say(identity.body.model)] if identity is not None and identity.body.model else []  # type: ignore[attr-defined]  # of Identity
    if number_of(boot, "uptime") is not None:
        facts += [say(" · up " if facts else "up "), show_field(boot, "uptime")]
    return facts


def _build_exporter(collectors: Mapping[str, str], look: Look) -> Panel:
    """Which collectors fail, and in its fold how the last run of each other one ended."""
    failing = [name for name, words in collectors.items() if words.startswith("failed")]
    others = [name for name in collectors if name not in failing]
    bad, left_out = FAILING.keep(failing, lambda name: _FACT_CHARACTERS + measure_texts(name, collectors[name]))
    facts = [Fact(term=name, said=[say(collectors[name], look.grade("exporter", name))]) for name in bad]
    if left_out:
        facts.append(Fact(term=f"{left_out} more", said=[say("see the metrics")]))
    rest = Facts(facts=[Fact(term=name, said=[say(collectors[name])]) for name in others])
    fold = Fold(title=f"Collectors that work, or have nothing to read here: {len(others)}", part=rest)
    note = {0: "no collector fails", 1: "1 collector fails"}.get(len(failing), f"{len(failing)} collectors fail")
    return Panel(id="exporter", title="Exporter", note=note, parts=[*([Facts(facts=facts)] if facts else []), fold])
