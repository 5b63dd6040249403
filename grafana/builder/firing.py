"""Alerts as Prometheus records them: `ALERTS` while they are pending or firing, `ALERTS_FOR_STATE` since when.

Some alerts are about no host, such as NoHosts. They belong to every choice of hosts, so the
variables match an empty label, too.
"""

import re

from grafana.builder.colours import PLAIN
from grafana.builder.judging import Json, value_mappings
from prometheus.rulebook.subjects import JUDGED
from sysvitals.judgement.rule import Alert

CHOSEN = 'job=~"$job|", instance=~"$instance|"'

OURS = 'subject!=""'
"""All alerts of this project have a subject; those of other rules in the same Prometheus are not judged here."""

WATCHDOG = "Watchdog"
"""It always fires, which shows that the rules are evaluated; it is no alert of anything."""

RULES_RUN = f'ALERTS{{{CHOSEN}, alertname="{WATCHDOG}", alertstate="firing"}}'
"""One series where the rules are evaluated, none where they are not: nothing is watched then, whatever is silent."""


def alerts(matchers: str = "", *, state: str = "firing", over: str = "") -> str:
    """A selector of the alerts of the chosen hosts but the watchdog. `state` is firing or pending."""
    given = f", {matchers}" if matchers else ""
    window = f"[{over}]" if over else ""
    return f'ALERTS{{{CHOSEN}, {OURS}, alertname!="{WATCHDOG}", alertstate="{state}"{given}}}{window}'


def since(matchers: str = "") -> str:
    """Unix time since when each alert is pending or firing."""
    given = f", {matchers}" if matchers else ""
    return f'ALERTS_FOR_STATE{{{CHOSEN}, {OURS}, alertname!="{WATCHDOG}"{given}}}'


_ACTION = re.compile(r"\{\{((?:`[^`]*`|[^`}]|}(?!}))*)\}\}")
_BLOCK = re.compile(r"\x01([^\x01\x03]*)\x03")
_LABEL = "\x04"


WITHOUT_VALUES = {
    " … of the time": "",
    ", … °C": "",
    "the processor has … °C": "the processor is hot",
    "undervoltage seen … times within a day": "undervoltage again and again within a day",
    "… undervoltages within a day": "undervoltage again and again within a day",
    "only … V at the 5 V input": "low voltage at the 5 V input",
    "started … times within an hour": "started again and again within an hour",
    "the fan … has": "the fan has",
    "the disk … has": "the disk has",
    "the chip … has lost … of its sensors": "the chip has lost sensors",
    "the collector … ": "the collector ",
    "thread … died": "thread died",
    "notifications by … fail": "notifications fail",
    "may be wrong by …": "may be wrong",
    "is … off from Prometheus's": "differs from Prometheus's",
    "will be full in …": "will be full soon",
    "is … full": "is nearly full",
    "… of …'s inodes used": "nearly all inodes used",
    "… of the memory is used": "nearly all memory is used",
    "in less than … minutes at this pace": "soon",
    ", … killed": ", processes were killed",
    "load of … tasks for each CPU": "more tasks than the CPUs can run",
    "takes … s for a read or write": "takes long for a read or write",
    "… of the packets on … fail": "packets fail",
    "drops … of the packets": "drops packets",
    "the link of … came or went … times": "the link comes and goes",
    "runs at …bit/s only": "runs slower than before",
    "weak Wi-Fi, … dBm on …": "weak Wi-Fi",
}
"""What a summary says without the values and the parts of it that a table has no room for."""


def plain_summary(summary: str) -> str:
    """An alert's summary without its host, its part of the host, which stand beside it, and its values."""
    text = _ACTION.sub(_shorten, summary)
    while _BLOCK.search(text):  # what is chosen between depends on labels
        text = _BLOCK.sub(lambda block: _LABEL if "\x02" in block[1] else block[1], text)
    text = text.removeprefix(f"{_LABEL}: ").removeprefix(f"{_LABEL} ").replace(_LABEL, "…")
    for part, words in WITHOUT_VALUES.items():
        text = text.replace(part, words)
    return text


def _shorten(action: re.Match[str]) -> str:
    words = action[1].split()
    marks = {"if": "\x01", "with": "\x01", "range": "\x01", "else": "\x02", "end": "\x03"}
    return marks.get(words[0]) or (_LABEL if words[0].startswith("$labels.") else "…")


def said(expr: str) -> str:
    """The same alerts with a label `said`, which MEANINGS turns into what they say."""
    return f'label_join({expr}, "said", " ", "severity", "alertname")'


MEANINGS: list[Json] = value_mappings(
    {
        f"{rule.severity} {rule.name}": (plain_summary(rule.summary), PLAIN)
        for subject in JUDGED
        for rule in subject.rules
        if isinstance(rule, Alert) and rule.severity != "none"
    }
)
"""What each alert says, in the words of its summary."""

NAME_WIDTH = 204
"""Pixels that the longest name of an alert takes in a table."""

DETAILS = (
    "mountpoint",
    "device",
    "part",
    "chip",
    "sensor",
    "fan",
    "collector",
    "error",
    "sink",
    "cause",
    "component",
    "resource",
    "area",
    "state",
)
"""The labels by which an alert says which part of a host it is about."""


def parted(expr: str) -> str:
    """The same alerts with a label `where`, made of those that say which part of the host they are about."""
    one = f'label_replace({expr}, "device", "", "mountpoint", ".+")'  # its mountpoint says more than its device
    details = ", ".join(f'"{label}"' for label in DETAILS)
    joined = f'label_join({one}, "where", " ", {details})'
    return f'label_replace({joined}, "where", "", "where", " *")'  # a table would make 0 of blanks
