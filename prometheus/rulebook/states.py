"""What state a host is in, as one number with its word: the page, the alerts and the dashboards say the same.

Where a host answers, its own verdict counts (`system_verdict`, and `system_verdict_reasons` for the kind of trouble);
so do the alerts of Prometheus, which sees what the host cannot. The worst of both is the state.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from sysvitals.judgement.rule import Alert, Record, Subject

STATE = "instance:sysvitals_state:worst"
"""The recorded number. It is evaluated with the rules: where it is missing, nothing is judged."""

Tone = Literal["silent", "critical", "warning", "watching", "well", "unknown"]
"""How bad a state is, which gives its colour: `silent` is as bad as critical, `unknown` is neither good nor bad."""


@dataclass(frozen=True, slots=True)
class State:
    """One state. The higher `code` is the worse.

    `alerts` are the names and `subjects` the subjects of the alerts that put a host into it, if they are as severe as
    its tone; a state of trouble without either takes those that no other state takes.
    """

    code: int
    words: str
    tone: Tone
    alerts: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()

    def takes(self, alert: Alert, subject: str) -> bool:
        """Whether an alert of this subject puts a host into this state, unless one before it does."""
        named = alert.name in self.alerts or subject in self.subjects
        return alert.severity == self.tone and (named or not (self.alerts or self.subjects))


NO_ANSWER = State(20, "no answer", "silent")
TROUBLE = (
    State(19, "undervoltage", "critical", alerts=("Undervoltage",)),
    State(18, "read-only", "critical", alerts=("FilesystemReadOnly",)),
    State(17, "disk full", "critical", alerts=("FilesystemFull", "InodesFull")),
    State(16, "disk filling", "critical", alerts=("FilesystemFilling",)),
    State(15, "too hot", "critical", alerts=("TemperatureHigh",)),
    State(14, "fan stalled", "critical", alerts=("FanStalled",)),
    State(13, "memory full", "critical", subjects=("memory",)),
    State(12, "critical", "critical"),
    State(11, "throttled", "warning", alerts=("Throttled", "FrequencyCapped", "HeatLimited")),
    State(10, "hot", "warning", subjects=("heat",)),
    State(9, "disk nearly full", "warning", alerts=("FilesystemFull", "InodesFull", "FilesystemFilling")),
    State(8, "disk trouble", "warning", subjects=("filesystem", "disk")),
    State(7, "memory low", "warning", subjects=("memory",)),
    State(6, "overloaded", "warning", subjects=("cpu",)),
    State(5, "power trouble", "warning", subjects=("power",)),
    State(4, "network trouble", "warning", subjects=("network",)),
    State(3, "warning", "warning"),
)
EARLIER = State(2, "trouble earlier", "warning")
"""The host's verdict remembers for a day what is over."""

WATCHING = State(1, "watching", "watching")
"""An alert is pending: its condition holds, and not yet for long enough."""

WELL = State(0, "well", "well")
UNKNOWN = State(-1, "not known yet", "unknown")
ASLEEP = State(-2, "asleep", "unknown")
"""A host that may sleep (`sleeps="true"`) does not answer."""

STATES = (NO_ANSWER, *TROUBLE, EARLIER, WATCHING, WELL, UNKNOWN, ASLEEP)
"""All, worst first."""

_OURS = 'job=~"sysvitals.*"'
_SILENT = f"""up{{{_OURS}, sleeps!="true"}} == 0
  or
  instance:up:max1d{{sleeps!="true"}} unless on (instance) up{{{_OURS}}}"""


def build_state_subject(subjects: Iterable[Subject]) -> Subject:
    """The rule that records the state, from all alerts of these subjects."""
    return Subject(
        name="states",
        help="The state of each host, for dashboards.",
        rules=(Record(STATE, _write_expression(list(subjects)), _HELP),),
    )


def sort_alerts(subjects: Iterable[Subject]) -> dict[State, list[str]]:
    """The names of the alerts that put a host into each state of trouble, in the order of their rules."""
    sorted_alerts: dict[State, list[str]] = {state: [] for state in TROUBLE}
    for subject in subjects:
        for rule in subject.rules:
            if isinstance(rule, Alert):
                state = next((state for state in TROUBLE if state.takes(rule, subject.name)), None)
                if state is not None and rule.name not in sorted_alerts[state]:
                    sorted_alerts[state].append(rule.name)
    return sorted_alerts


_HELP = (
    "The state of each host: the first of these that holds. "
    + ", ".join(f"{state.code} {state.words}" for state in STATES)
    + "."
)


def _write_expression(subjects: list[Subject]) -> str:
    kinds = sort_alerts(subjects)
    judged = [
        *(_numbered(_in_trouble(state, kinds[state]), state) for state in TROUBLE),
        _numbered('system_verdict{level="warning"} == 1', EARLIER),
        _numbered(_alerts("pending", 'severity=~"critical|warning"'), WATCHING),
        _numbered('system_verdict{level="good"} == 1', WELL),
        _numbered('system_verdict{level="unknown"} == 1', UNKNOWN),
        # an exporter older than its verdict is judged by the rules alone
        _numbered("sysvitals_build_info", WELL),
    ]
    answers = f"up{{{_OURS}}} == 1"
    return "\nor\n".join(
        (
            _numbered(_SILENT, NO_ANSWER),
            _numbered(f'up{{{_OURS}, sleeps="true"}} == 0', ASLEEP),
            f"(\n{_indent(f'{chr(10)}or{chr(10)}'.join(judged))}\n)\nand on (job, instance) {answers}",
            _numbered(answers, UNKNOWN),
        )
    )


def _numbered(hosts: str, state: State) -> str:
    sign = "-" if state.code < 0 else "+"
    number = f" {sign} {abs(state.code)}" if state.code else ""
    return f"max by (job, instance) (\n  {hosts}\n) * 0{number}"


def _in_trouble(state: State, names: list[str]) -> str:
    """Hosts on which an alert of this kind fires, or whose verdict has such a reason."""
    if not (state.alerts or state.subjects):
        found = (
            _alerts("firing", f'severity="{state.tone}"'),
            f'system_verdict_reasons{{level="{state.tone}"}}',
            *(('system_verdict{level="critical"} == 1',) if state.tone == "critical" else ()),
        )
        return "\n  or\n  ".join(found)
    chosen = f'="{names[0]}"' if len(names) == 1 else f'=~"{"|".join(names)}"'
    return "\n  or\n  ".join(
        (
            _alerts("firing", f'severity="{state.tone}", alertname{chosen}'),
            f'system_verdict_reasons{{level="{state.tone}", alert{chosen}}}',
        )
    )


def _alerts(how: str, matchers: str) -> str:
    return f'ALERTS{{{_OURS}, alertstate="{how}", subject!="", {matchers}}}'


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
