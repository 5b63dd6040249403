"""Alerts as Prometheus records them: `ALERTS` while they are pending or firing, `ALERTS_FOR_STATE` since when.

Some alerts are about no host, such as NoHosts: nobody is there. They belong to every choice of hosts, so the
variables match an empty label, too.
"""

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
