"""Hosts that are silent: silence is not health."""

from sysvitals.judgement.rule import Alert, Subject
from sysvitals.judgement.texts import ask, tell
from sysvitals.judgement.thresholds import HOST_FLAPS, SCRAPE_INTERVAL_LONG, SCRAPE_INTERVAL_MARGIN, SCRAPE_SLOW

_UP = 'up{job=~"sysvitals.*"}'
_ANSWERS = f"max_over_time({_UP}[5m])"
_AWAKE = 'up{job=~"sysvitals.*", sleeps!="true"}'
"""Hosts that should always answer: those that may sleep have `sleeps: "true"` in their target file."""

_BROWNED_OUT = 'increase(system_throttle_seconds_total{cause="undervoltage",SAME}[1h]) > 0'

DOWN = Alert(
    name="HostDown",
    severity="critical",
    value=_AWAKE,
    threshold=0,
    lasts="5m",
    keeps="6m",
    summary="{{ $labels.instance }}: does not answer",
    description=(
        tell(
            "floor((time() - max(max_over_time(timestamp(up{SAME} == 1)[1d:1m]))) / 300) * 300",
            "{{ if ge (VALUE) 300.0 }}No answer for at least {{ VALUE | humanizeDuration }}. {{ end }}",
            "No answer in the last 24 hours, or never. ",
        )
        + f"{{{{ if {ask(_BROWNED_OUT)} }}}}Shortly before, its voltage was too low: the supply may have failed. "
        "{{ end }}"
        "Does `ping` reach it? If not: power, network, card. If so, the exporter is down: `systemctl status "
        "sysvitals` on the host. All other alerts of this host are held back until it answers."
    ),
    why=(
        "A reboot takes a small board up to three minutes, so five. Kept for six, so that one answer from a host that "
        "is not really back makes no end; and when its target gets other labels, which is another alert to Prometheus, "
        "the new one begins before the old one ends."
    ),
)

FLAPPING = Alert(
    name="HostFlapping",
    severity="warning",
    value=f"floor(changes({_AWAKE}[1h]) / 2)",
    compares=">=",
    threshold=HOST_FLAPS,
    keeps="30m",
    summary="{{ $labels.instance }}: comes and goes",
    description=(
        "Within 1 hour the host stopped answering and came back {{ $value }} times. Weak Wi-Fi, a bad cable, a supply "
        "that gives up, or a host too busy to answer in time. Look at its network and power, and at "
        "`scrape_duration_seconds`."
    ),
    why=(
        "Such a host is never down for long enough for HostDown. Each outage is two changes, and the one that the edge "
        "of the hour cuts off counts half: it is rounded down. The hour is the patience; half an hour more, since it "
        "is calm in between."
    ),
)

VANISHED = Alert(
    name="HostVanished",
    severity="warning",
    value='instance:up:max1d{sleeps!="true"}',
    condition=f"unless on (instance)\n({_UP} or max_over_time({_UP}[10m]) == 1)",
    lasts="5m",
    summary="{{ $labels.instance }}: is not watched any more",
    description=(
        "Prometheus scraped {{ $labels.instance }} within the last 24 hours and now has no such target: its alerts "
        "cannot fire any more. Was it taken out of the target files, or did its discovery fail? Put it back; if it is "
        "gone for good, silence this alert for a day."
    ),
    why=(
        "A quarter of an hour after its last answer is enough to write the target files again. A host that was down "
        "for ten minutes before has only the five left, less than the six for which HostDown is kept: its end must not "
        "be the last that is heard of a host that did not come back. It ends by itself after a day, when nothing "
        "remembers the host. A host that only has another job or other labels is still there."
    ),
)

SLOW = Alert(
    name="ScrapeSlow",
    severity="warning",
    value='avg_over_time(scrape_duration_seconds{job=~"sysvitals.*"}[10m])',
    compares=">",
    threshold=SCRAPE_SLOW,
    condition=f"and on (job, instance) {_ANSWERS} == 1",
    lasts="10m",
    keeps="15m",
    summary="{{ $labels.instance }}: scrapes are close to their timeout",
    description=(
        'A scrape of this host has taken {{ $value | printf "%.0f" }} s on average over the last 10 minutes. '
        "Prometheus gives up after 10 s unless set otherwise; then the host counts as down. A busy host, weak Wi-Fi, "
        "or a device that hangs: `sysvitals doctor` on the host says how long each collector takes."
    ),
    why="Twenty minutes in all: a backup or an update may slow the host down for some.",
)

INTERVAL = Alert(
    name="ScrapeIntervalLong",
    severity="warning",
    value=f"3600 / count_over_time({_UP}[1h])",
    compares=">",
    threshold=f"{SCRAPE_INTERVAL_LONG.value * SCRAPE_INTERVAL_MARGIN.value:g}",
    condition=f"and last_over_time({_UP}[10m] offset 1h)",
    lasts="1h",
    summary="{{ $labels.instance }}: scraped too seldom for these rules",
    description=(
        f"Prometheus scrapes this host less often than each {SCRAPE_INTERVAL_LONG.value:g} s, which these rules do not "
        "support: some alerts come late, and others never. Set `scrape_interval: 15s` in its scrape job; 1m is fine as "
        "well."
    ),
    why=(
        f"{SCRAPE_INTERVAL_LONG.why} {SCRAPE_INTERVAL_MARGIN.why} An hour: a Prometheus "
        "that was off has fewer scrapes in the hour for as long. A target that is new is not even pending."
    ),
)

NONE = Alert(
    name="NoHosts",
    severity="critical",
    value=f"absent({_UP})",
    lasts="10m",
    summary="No host is watched",
    description=(
        "Prometheus has not one target in a job called sysvitals: silence means nothing. Look at the files in "
        "targets/sysvitals; `sysvitals doctor --prometheus URL` on a host says what is missing. The rules know hosts "
        "by the name of the job."
    ),
    why="Ten minutes: a Prometheus that starts has to read its target files first.",
)

STRANGER = Alert(
    name="NotSysvitals",
    severity="warning",
    value=_ANSWERS,
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
    rules=(DOWN, FLAPPING, VANISHED, NONE, STRANGER, SLOW, INTERVAL, WATCHDOG),
)
