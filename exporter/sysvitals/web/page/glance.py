"""What the page is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sysvitals.judgement.verdict import Verdict
from sysvitals.model.event import Event
from sysvitals.sources.os.zone import Zone


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What is known at this moment.

    `zone` is the board's time zone; `busy` is how busy each CPU is, in percent, by its number; `collectors`
    says in words how each one's last run ended; `time_line` is an answer of `api/v1/timeline`, or holds nothing where
    it was not asked for; `grafana` is where this host is to be seen in Grafana, if somewhere.
    """

    host: str
    version: str
    now: float
    zone: Zone
    readings: Sequence[Event]
    busy: Mapping[str, float]
    verdict: Verdict
    collectors: Mapping[str, str]
    time_line: Mapping[str, Any]
    grafana: str = ""
