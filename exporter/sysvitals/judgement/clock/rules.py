"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.clock import judge
from sysvitals.judgement.rule import Alert, Subject, beside
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import CLOCK_DEVIATION, CLOCK_ERROR

_DEVIATION = """max without (collector) (abs(last_over_time((
  timestamp(sysvitals_collector_last_success_timestamp_seconds{collector="load"})
  - sysvitals_collector_last_success_timestamp_seconds{collector="load"}
)[5m:1m])))"""
"""Of the last scrape that succeeded: what `timestamp()` asks does not outlast a failed one."""

_DEVIATION_HERE = _DEVIATION.replace("}", ",SAME}")

UNSYNCHRONISED = Alert(
    **beside(judge.UNSYNCHRONISED),
    value="system_timex_sync_status",
    threshold=0,
    condition=f"""unless on (job, instance) (
  {_DEVIATION} <= {CLOCK_DEVIATION.value:g}
  and on (job, instance)
  system_identity_info{{virtualization!~"|none"}}
)""",
    summary="{{ $labels.instance }}: clock not synchronised (no NTP)",
    description=(
        "For an hour no time server has steered the clock of {{ $labels.instance }}: it drifts by seconds a day."
        + tell(
            f"{_DEVIATION_HERE} > {CLOCK_DEVIATION.value:g}",
            " Now it is {{ VALUE | humanizeDuration }} off from Prometheus's.",
            tell(f"{_DEVIATION_HERE} <= {CLOCK_DEVIATION.value:g}", " It still agrees with Prometheus's."),
        )
        + " Look at `timedatectl timesync-status` or `chronyc sources`, and whether UDP port 123 gets out."
    ),
    why=(
        "A board without a clock of its own has no time after each start, until the network is up and a server has "
        "answered: minutes, and on a bad day half an hour. With systemd-timesyncd the kernel gives a synchronised "
        "clock up only after nine hours without a server, so an hour more costs little and spares each reboot. A "
        "hypervisor may steer the clock of a virtual machine, of which the kernel knows nothing: not where it agrees "
        "with Prometheus's."
    ),
)

INEXACT = Alert(
    **beside(judge.INEXACT),
    value="system_timex_maxerror_seconds",
    compares=">",
    threshold=CLOCK_ERROR,
    condition="unless on (job, instance) system_timex_sync_status == 0",
    summary="{{ $labels.instance }}: the clock may be wrong by {{ $value | humanizeDuration }}",
    description=(
        "{{ $labels.instance }} has not heard of a good time server for a while: its clock may be wrong by up to {{ "
        "$value | humanizeDuration }}, and the bound grows by 1.8 s an hour. Look at `timedatectl timesync-status` "
        "or `chronyc sources -v`."
    ),
    why=(
        "The kernel adds half a millisecond a second to the bound until a server answers. systemd-timesyncd asks "
        "every 34 minutes at rest, so that the bound touches one second each time; an hour above it means answers "
        "that did not come. The estimated error is no help: timesyncd always writes 0. The estimate of chrony stays "
        "small as well."
    ),
)

WRONG = Alert(
    name="ClockWrong",
    severity="warning",
    value=_DEVIATION,
    compares=">",
    threshold=CLOCK_DEVIATION,
    condition='and on (job, instance) sysvitals_collector_success{collector="load"} == 1',
    lasts="15m",
    keeps="5m",
    summary="{{ $labels.instance }}: the clock is {{ $value | humanizeDuration }} off from Prometheus's",
    description=(
        "The clock of {{ $labels.instance }} and that of Prometheus differ by {{ $value | humanizeDuration }}. Log "
        "lines and events carry the wrong time; beyond minutes, certificates and logins fail. If all hosts have it, "
        "Prometheus's own clock is wrong. Look at `timedatectl` on both."
    ),
    why=(
        "The load is read anew at each scrape, so the time at which that succeeded is the host's clock, and the "
        "sample's own timestamp is Prometheus's: this measures what no daemon need admit. Fifteen minutes leave a "
        "board without a clock of its own the time to find a server after it started."
    ),
)

SUBJECT = Subject(name="clock", help="Whether the clock can be trusted.", rules=(UNSYNCHRONISED, INEXACT, WRONG))
