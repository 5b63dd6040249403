"""What a page is drawn from, made for one test."""

from collections.abc import Iterable, Mapping

from sysvitals.judgement.verdict import Level, Verdict
from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Body
from sysvitals.web.page import Glance
from sysvitals.web.trends import Trends

NOW = 1_789_905_600.0
STAMP = Stamp(NOW, "pi4", "b", 100.0, synced=True)


def look(
    host: str = "pi4",
    readings: Iterable[Body] = (),
    changes: Iterable[Body] = (),
    *,
    collectors: Mapping[str, str] | None = None,
    verdict: Verdict | None = None,
    version: str = "1.2.3",
    grafana: str = "",
) -> Glance:
    """A glance at these readings and changes, with charts of the readings."""
    events = tuple(Event(STAMP, number, body) for number, body in enumerate(readings))
    trends = Trends()
    trends.offer(events)
    return Glance(
        host=host,
        version=version,
        now=NOW,
        readings=events,
        changes=tuple(Event(STAMP, 1000 + number, body) for number, body in enumerate(changes)),
        lines=trends.lines(),
        verdict=verdict or Verdict(Level.GOOD, ()),
        collectors=collectors or {},
        grafana=grafana,
    )
