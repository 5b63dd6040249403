"""What a page is drawn from, made for one test."""

from collections.abc import Iterable, Mapping
from typing import Any

from sysvitals.judgement.verdict import Level, Verdict
from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Body
from sysvitals.sources.os.zone import Zone
from sysvitals.web.page.glance import Glance

NOW = 1_789_905_600.0
BERLIN = Zone("Europe/Berlin", ":/usr/share/zoneinfo/Europe/Berlin")
STAMP = Stamp(NOW, "pi4", "b", 100.0, synced=True)


def look(
    host: str = "pi4",
    readings: Iterable[Body] = (),
    *,
    busy: Mapping[str, float] | None = None,
    collectors: Mapping[str, str] | None = None,
    verdict: Verdict | None = None,
    version: str = "1.2.3",
    time_line: Mapping[str, Any] | None = None,
    grafana: str = "",
    zone: Zone = BERLIN,
) -> Glance:
    """A glance at these readings."""
    return Glance(
        host=host,
        version=version,
        now=NOW,
        zone=zone,
        readings=tuple(Event(STAMP, number, body) for number, body in enumerate(readings)),
        busy=busy or {},
        verdict=verdict or Verdict(Level.GOOD, ()),
        collectors=collectors or {},
        time_line=time_line or {},
        grafana=grafana,
    )
