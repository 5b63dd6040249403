"""Hosts that are silent: silence is not health."""

from sysvitals.judgement.rule import Alert, Subject
from sysvitals.judgement.texts import ask, tell
from sysvitals.judgement.thresholds import HOST_FLAPS

_UP = 'up{job=~"sysvitals.*"}'
_BROWNED_OUT = 'increase(system_throttle_seconds_total{cause="undervoltage",SAME}[1h]) > 0'

DOWN = Alert(
    name="HostDown",
    severity="critical",
    value=_UP,
    threshold=0,
    lasts="5m",
    keeps="2m",
    summary="{{ $labels.instance }}: does not answer",
    description=(
        tell(
            "time() - max(max_over_time(timestamp(up{SAME} == 1)[1d:1m]))",
            "No answer for {{ VALUE | humanizeDuration }}. ",
            "No answer within the last 24 hours, or not ever. ",
        )
        + f"{{{{ if {ask(_BROWNED_OUT)} }}}}Shortly before, its voltage was too low: the supply may have failed. "
        "{{ end }}"
        "Does `ping` reach it? If not: power, network, card. If so, the exporter is down: `systemctl status "
        "sysvitals` on the host. All other alerts of this host are held back until it answers."
    ),
    why=(
        "A reboot takes a small board up to three minutes, so five. Two minutes more, so that one answer from a host "
        "that is not really back makes no end."
    ),
)

FLAPPING = Alert(
    name="HostFlapping",
    severity="warning",
    value=f"changes({_UP}[1h])",
    compares=">=",
    threshold=HOST_FLAPS,
    keeps="30m",
    summary="{{ $labels.instance }}: comes and goes",
    description=(
        "Within an hour the host stopped answering or answered again {{ $value }} times; it answered "
        + tell("avg_over_time(up{SAME}[1h])", "{{ VALUE | humanizePercentage }}", "some")
        + " of the scrapes. Weak Wi-Fi, a bad cable, a supply that gives up, or a host too busy to answer in time. "
        "Look at its network and power, and at `scrape_duration_seconds`."
    ),
    why=(
        "Such a host is never down for long enough to be told as down. An hour is looked at; half an hour more, since "
        "it is calm in between."
    ),
)

VANISHED = Alert(
    name="HostVanished",
    severity="warning",
    value="instance:up:max1d",
    condition=f"unless on (instance)\n{_UP}",
    lasts="15m",
    summary="{{ $labels.instance }}: is not watched any more",
    description=(
        "Prometheus scraped {{ $labels.instance }} within the last 24 hours and now has no such target: nothing tells "
        "of it any more. Was it taken out of the target files, or did its discovery fail? Put it back; if it is gone "
        "for good, silence this alert for a day."
    ),
    why=(
        "A quarter of an hour spares whoever writes the target files anew. It ends by itself after a day, when nothing "
        "remembers the host. A host that only has another job or new labels is still there."
    ),
)

NONE = Alert(
    name="NoHosts",
    severity="critical",
    value=f"absent({_UP})",
    lasts="10m",
    summary="No host is watched",
    description=(
        "Prometheus has not one target in a job called sysvitals: silence means nothing. Look at its page /targets and "
        "at the files in targets/sysvitals. The rules know hosts by the name of the job."
    ),
    why="Ten minutes: a Prometheus that starts has to read its target files first.",
)

STRANGER = Alert(
    name="NotSysvitals",
    severity="warning",
    value=_UP,
    condition="unless on (job, instance) (sysvitals_build_info or sysvitals_collector_available)",
    lasts="5m",
    summary="{{ $labels.instance }}: something else answers in place of sysvitals",
    description=(
        "{{ $labels.instance }} answers to the job {{ $labels.job }}, but not as sysvitals: no alert about this host "
        "can fire. Is the port right, is another exporter listening there? Look: `curl -s http://HOST:9877/metrics | "
        "grep sysvitals_build_info`."
    ),
    why="Five minutes, for a host that starts or gets a new version.",
)

WATCHDOG = Alert(
    name="Watchdog",
    severity="none",
    value="vector(1)",
    summary="Prometheus and Alertmanager work",
    description=(
        "This alert always fires. Send it to a service that tells you when it stops, and you know of the day on which "
        "Prometheus, Alertmanager or the way out of the house is down."
    ),
    why="Always, at once.",
)

SUBJECT = Subject(
    name="host",
    help="Hosts that are silent: silence is not health.",
    rules=(DOWN, FLAPPING, VANISHED, NONE, STRANGER, WATCHDOG),
)
