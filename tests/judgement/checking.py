"""What must hold at each beat of a life: of the verdict, of the rules beside it, of events and metrics."""

from collections.abc import Iterator, Mapping

from sysvitals.judgement.judgements import JUDGEMENTS
from sysvitals.judgement.thresholds import UNDERVOLTAGE_RECENT
from sysvitals.judgement.verdict import Level
from sysvitals.model.changes import VerdictChanged
from tests.judgement.lives import BEAT, Course, Said
from tests.judgement.situations import DAY, TRUTHS, Truth

KNOWN_WITHIN = 45.0
"""Seconds after a start of the exporter within which its verdict is known."""

UNWRITTEN_SECONDS = 180.0
"""Of what is not urgent so much may be lost in a power cut, with the time that the next start takes."""

INFO = frozenset(one.alert for one in JUDGEMENTS if one.severity == "info")


def find_lies(course: Course) -> Iterator[str]:
    """Where the verdict is better than the truth, or says what is not true."""
    for said in course.said:
        verdict = said.verdict
        if verdict is None or said.at - said.started < KNOWN_WITHIN:
            continue
        if verdict.level is Level.UNKNOWN:
            if not course.situation.stays_unknown:
                yield f"{said.at}: not known: {verdict.unknown}"
            continue
        for name, truth, is_over in _must_be_said(said):
            present = {reason.alert for reason in verdict.reasons if is_over or reason.last is None}
            wanted = min(truth.level, Level.WARNING) if is_over else truth.level
            if not present & truth.alerts:
                yield f"{said.at}: nothing is said of {name}{' that is over' if is_over else ''}: {verdict}"
            elif verdict.level < (wanted if wanted > Level.NOTE else Level.GOOD):
                yield f"{said.at}: {verdict.name} in spite of {name}"
        explained, over = _may_be_said(said), _may_be_said(said, lingers=DAY)
        for reason in verdict.reasons:
            allowed = explained if reason.last is None else over
            if reason.level > Level.NOTE and reason.alert not in allowed:
                yield f"{said.at}: {reason.alert} is said, and not true: {reason.text}"


def _must_be_said(said: Said) -> Iterator[tuple[str, Truth, bool]]:
    for name, since in said.true.items():
        if said.at - max(since, said.started) >= TRUTHS[name].within:
            yield name, TRUTHS[name], False
    for name, until in said.over.items():
        truth = TRUTHS[name]
        if name not in said.true and said.at - until < truth.stays and said.at - max(until, said.started) >= 30:
            yield name, truth, True


def _may_be_said(said: Said, lingers: float = 0.0) -> set[str]:
    ago = {name: said.at - until for name, until in said.over.items()}
    names = {*said.true, *(name for name, seconds in ago.items() if seconds < max(lingers, TRUTHS[name].lingers))}
    return {alert for name in names for alert in TRUTHS[name].alerts | TRUTHS[name].may}


def find_wrong_betterings(course: Course) -> Iterator[str]:
    """Where the verdict gets better although not less is wrong than since it became so."""
    before: Said | None = None
    rose = 0
    for said in course.said:
        if said.verdict is None or said.verdict.level is Level.UNKNOWN:
            continue
        last = before.verdict if before is not None else None
        if last is None or said.verdict.level > last.level:
            rose = said.at - BEAT
        elif said.verdict.level < last.level:
            ended = [name for name, until in said.over.items() if until >= rose]
            # what goes on may be bad enough for the level that it has now
            worse = [name for name in said.true if TRUTHS[name].level >= last.level]
            if worse or not ended:
                yield f"{said.at}: from {last.name} to {said.verdict.name}: goes on {worse}, ended {ended}"
            rose = min((int(since) for since in said.true.values()), default=said.at)
        before = said


def find_disagreements(course: Course) -> Iterator[str]:
    """Where only one of both engines says something, for longer than a minute, without a reason that is known."""
    lone: dict[tuple[str, str], list[int]] = {}
    for said in course.said:
        if said.verdict is None or said.verdict.level is Level.UNKNOWN or said.at not in course.rules:
            continue
        rules = {alert for alert, severity in course.rules[said.at] if severity in ("warning", "critical")}
        rules -= ONLY_RULES.keys()
        host = said.alerts - INFO
        if "UndervoltageRecurring" in host:  # three dips that are over are said by it alone
            host |= {"Undervoltage"}
        assumed = {one.alert for one in JUDGEMENTS if said.at - said.started <= 2 * one.lasts}
        for alert in host - rules - REMEMBERED.keys() - assumed:
            lone.setdefault(("the verdict", alert), []).append(said.at)
        for alert in rules - host:
            if said.at - said.started > KEEPS.get(alert, 0.0) + 60:
                lone.setdefault(("the rules", alert), []).append(said.at)
    for (who, alert), beats in lone.items():
        if len(beats) > 2 and (who, alert) not in course.situation.apart:
            yield f"only {who}: {alert} at {beats[0]} to {beats[-1]} ({len(beats)} beats)"


ONLY_RULES: Mapping[str, str] = {
    "Watchdog": "it watches Prometheus and Alertmanager, not the host",
    "HostDown": "a host that is down cannot say so",
    "HostFlapping": "the host does not know that it is not reached",
}

REMEMBERED: Mapping[str, str] = {
    "Undervoltage": "The verdict remembers it for a day, the rule says it for half an hour.",
    "UndervoltageRecurring": "The rule looks at a day each two minutes.",
    "UncleanShutdown": "The verdict remembers it for a day, the rule says it for an hour.",
}

_RULE_KEEPS = {"Undervoltage": UNDERVOLTAGE_RECENT.value}
KEEPS: Mapping[str, float] = {one.alert: max(one.keeps, _RULE_KEEPS.get(one.alert, 0.0)) for one in JUDGEMENTS}
"""What only outlives its end ends with the exporter: the next one does not take it up."""


def find_wrong_events(course: Course) -> Iterator[str]:
    """Where the events of changed verdicts, or the metrics, are not what the verdict was."""
    for said in course.said:
        if said.verdict is None:
            continue
        if said.level != said.verdict.name:
            yield f"{said.at}: the metric says {said.level}, the verdict is {said.verdict.name}"
        if said.since != (None if said.verdict.since is None else round(said.verdict.since, 3)):
            yield f"{said.at}: the metric says since {said.since}, the verdict since {said.verdict.since}"
        reasons = said.verdict.reasons
        wanted = {reason.alert for reason in reasons if reason.level > Level.NOTE and reason.last is None}
        if said.verdict.level is not Level.UNKNOWN and not wanted <= said.alerts:
            yield f"{said.at}: the event has {sorted(said.alerts)}, the verdict {sorted(wanted)}"
    known = [(0.0, "unknown")]
    for event in course.changes:
        body = event.body
        assert isinstance(body, VerdictChanged)
        # what was not on the disk when the power went is not known afterwards
        lately = {level for at, level in known if at >= event.stamp.time - UNWRITTEN_SECONDS} | {
            known[-1][1],
            "unknown",
        }
        if body.before not in lately:
            yield f"{event.stamp.time}: a change from {body.before}, but it was {known[-1][1]}"
        known.append((event.stamp.time, body.level))
