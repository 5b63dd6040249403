"""Findings through time: what stands, and what stood within the last day. Times are seconds since boot."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sysvitals.judgement.judgement import DAY_SECONDS, Finding, Judgement
from sysvitals.model.changes import AlertEnded, AlertFired
from sysvitals.model.event import Event

Key = tuple[str, str, tuple[str, ...]]
"""Alert, severity and subject."""

MOST_OVER = 256
"""Findings that are over and still remembered, the latest."""

_ALMOST_A_DAY = DAY_SECONDS - 7200.0

_APART = "\n"
"""What stands between the labels of a subject in an event."""


@dataclass(slots=True)
class Standing:
    """A finding through time, in seconds since boot. `began` is assumed where it was there at the first look."""

    judgement: Judgement
    finding: Finding
    began: float
    first: float
    seen: float
    is_assumed: bool
    worst: Finding = field(init=False)

    def __post_init__(self) -> None:
        self.worst = self.finding

    def see(self, finding: Finding, at: float) -> None:
        """It is so still."""
        self.finding, self.seen = finding, at
        if finding.last is None and (finding.value or 0.0) >= (self.worst.value or 0.0):
            self.worst = finding

    @property
    def key(self) -> Key:
        """What it is about."""
        return self.judgement.alert, self.judgement.severity, self.finding.subject

    @property
    def fires(self) -> bool:
        """Whether it has lasted."""
        return self.seen - self.began >= self.judgement.lasts

    @property
    def is_watched(self) -> bool:
        """Whether it was seen to last; what was only assumed to leaves no trace."""
        return self.fires and (not self.is_assumed or self.seen - self.first >= self.judgement.lasts)

    @property
    def is_state(self) -> bool:
        """Whether its end is to be remembered: what spoils a verdict, and does not remember the past by itself."""
        return self.judgement.severity != "info" and self.finding.last is None

    @property
    def is_remembered(self) -> bool:
        """Whether it is a reason for a day after its end; what was taken for intended in the end is not."""
        return not (self.judgement.fades and self.seen - self.began >= _ALMOST_A_DAY)

    def goes_on(self, at: float) -> bool:
        """Whether it outlives its end. What is of the past does not."""
        return self.is_watched and self.finding.last is None and at - self.seen < self.judgement.keeps


class Ended:
    """What fired and is over, for a day. Each beginning and end is an event, by which the next start knows it."""

    def __init__(self, judgements: Iterable[Judgement]) -> None:
        self._judgements: dict[tuple[str, str], Judgement] = {(one.alert, one.severity): one for one in judgements}
        self._firing: dict[Key, Standing] = {}
        self._over: dict[Key, Standing] = {}

    def follow(self, found: Mapping[Key, Standing], at: float) -> Iterator[AlertFired | AlertEnded]:
        """Take in what stands now, and say what began and what ended."""
        firing = {
            key: one
            for key, one in found.items()
            if one.is_state and one.fires and (one.is_watched or key in self._firing)
        }
        for key, one in firing.items():
            self._over.pop(key, None)
            if key not in self._firing:
                yield _tell_beginning(one)
        for key, one in self._firing.items():
            if key not in firing:
                if key not in found:
                    self._remember(one)
                yield _tell_end(one)
        self._firing = firing
        for key in [key for key, one in self._over.items() if at - one.seen >= DAY_SECONDS]:
            del self._over[key]

    def restore(
        self, past: Iterable[tuple[float, Event]], found: Mapping[Key, Standing], until: float
    ) -> Iterator[AlertEnded]:
        """Take up what the history knows, oldest first. What fired when it ended, at `until`, is over unless found."""
        fired: dict[Key, Standing] = {}
        for place, event in past:
            body = event.body
            if not isinstance(body, AlertFired | AlertEnded):
                continue
            key = (body.alert, body.severity, tuple(body.subject.split(_APART)) if body.subject else ())
            if isinstance(body, AlertFired):
                if (judgement := self._judgements.get(key[:2])) is not None:
                    finding = Finding(key[2], body.text, cause=body.cause)
                    fired[key] = Standing(judgement, finding, place, place, max(place, until), is_assumed=False)
            elif (one := fired.pop(key, None)) is not None and key not in self._firing:
                one.see(one.finding._replace(text=body.text), min(place, one.began + body.seconds))
                self._remember(one)
        for key, one in fired.items():
            if key in found and found[key].fires:
                self._firing[key] = found[key]
                self._over.pop(key, None)
            elif key not in self._firing and key not in self._over:
                self._remember(one)
                yield _tell_end(one)

    def __iter__(self) -> Iterator[Standing]:
        """What is over."""
        return iter(self._over.values())

    def _remember(self, one: Standing) -> None:
        if one.is_remembered:
            self._over[one.key] = one
        if len(self._over) > MOST_OVER:
            del self._over[min(self._over, key=lambda key: self._over[key].seen)]


def _tell_beginning(one: Standing) -> AlertFired:
    alert, severity, subject = one.key
    text, cause = one.finding.text, one.finding.cause
    return AlertFired(alert=alert, severity=severity, subject=_APART.join(subject), text=text, cause=cause)


def _tell_end(one: Standing) -> AlertEnded:
    alert, severity, subject = one.key
    seconds = round(one.seen - one.began, 3)
    return AlertEnded(
        alert=alert, severity=severity, subject=_APART.join(subject), text=one.worst.text, seconds=seconds
    )
