"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement import left_alone
from sysvitals.judgement.left_alone import LeftAlone
from sysvitals.judgement.rule import Alert, Subject, beside, still_firing
from sysvitals.judgement.vanished import judge
from sysvitals.judgement.vanished.judge import DISK, MOUNT, SENSOR, Kind


def _was_there(metric: str, hours: int, which: str = "") -> str:
    return f"count_over_time({metric}{which}[15m] offset {hours}h)"


def _gone(kind: Kind) -> str:
    """Conditions: it is gone, its collector sees others, and it was there half a day ago, or its alert goes on."""
    on = f"on (job, instance, {', '.join(kind.names)})"
    sees = "\n".join(
        f'and on (job, instance) sysvitals_collector_{what}{{collector="{kind.collector}"}} == 1'
        for what in ("success", "available")
    )
    return f"""unless {on} {kind.metric}
{sees}
and {on} (
  {_was_there(kind.metric, judge.HALF_A_DAY_AGO)}
  or
  {still_firing(kind.alert, "warning")}
)"""


def _not_left_alone(left: LeftAlone) -> str:
    """Gone with its thing, the gauge is looked for within the day."""
    return f"unless on (job, instance, {', '.join(left.labels)}) max_over_time({left.gauge}[1d]) == 1"


_GONE_DISKS = f"({_was_there(DISK.metric, judge.HALF_A_DAY_AGO)} unless on (job, instance, device) {DISK.metric})"


DISKS = Alert(
    **beside(judge.DISKS),
    value=_was_there(DISK.metric, judge.DAY_AGO, f'{{device!~"{judge.ON_OTHERS}"}}'),
    compares=">",
    threshold=0,
    condition=f"""{_gone(DISK)}
{_not_left_alone(left_alone.DISK)}
unless on (job, instance, device)
label_replace(
  max_over_time(ALERTS{{alertname="{MOUNT.alert}"}}[1d]),
  "device", "$1", "disk", "(.+)"
)""",
    summary="{{ $labels.instance }}: the disk {{ $labels.device }} has gone",
    description=(
        "{{ $labels.device }} of {{ $labels.instance }} was there for a day and is not any more: its plug, its cable "
        "or its supply, or it has failed. What was mounted from it is gone or broken. Look at `dmesg | tail -50`; it "
        "may have come back under another name (`lsblk`). If you took it away on purpose, this ends after a day."
    ),
    why=(
        "It was there a day ago and half a day ago: a stick that is plugged in for the evening is "
        "not missed. One whose mount was missing first was unmounted, and taken away on purpose. A quarter of an hour "
        "for disks that are late after a reboot, and as long so that a reboot makes no end."
    ),
)

MOUNTS = Alert(
    **beside(judge.MOUNTS),
    value=f"""label_replace(
  {_was_there(MOUNT.metric, judge.DAY_AGO, f'{{fstype!~"{judge.IN_MEMORY}"}}')},
  "disk", "$1$2", "device", "{judge.PARTITION}"
)""",
    compares=">",
    threshold=0,
    condition=f"""{_gone(MOUNT)}
unless on (job, instance, device) {MOUNT.metric}
unless on (job, instance, mountpoint) {judge.AUTOMOUNT} == 1
unless on (job, instance, disk)
label_replace(
  {_GONE_DISKS},
  "disk", "$1", "device", "(.+)"
)""",
    summary="{{ $labels.instance }}: {{ $labels.mountpoint }} is no longer mounted",
    description=(
        "{{ $labels.mountpoint }} ({{ $labels.fstype }} from {{ $labels.device }}) was mounted for a day and is not "
        "any more: programs write into the empty folder below it, or fail. Mount it again (`sudo mount -a`); "
        "`journalctl -b -u '*.mount'` says why it was not. If you unmounted it on purpose, this ends after a day."
    ),
    why=(
        "As with disks. Where its disk has gone too, the disk is what to look for; where it is mounted elsewhere, "
        "nothing is missing, nor where an automount waits for its use. What lies in memory comes and goes with its "
        "program."
    ),
)

SENSORS = Alert(
    **beside(judge.SENSORS),
    value=_was_there(SENSOR.metric, judge.DAY_AGO, f'{{chip!~"{judge.SLEEPS}"}}'),
    compares=">",
    threshold=0,
    condition=f"""{_gone(SENSOR)}
{_not_left_alone(left_alone.SENSOR)}
unless on (job, instance) increase({judge.ERRORS}{{collector="{SENSOR.collector}"}}[15m]) > 0
unless on (job, instance, chip, sensor) (
  {_was_there(SENSOR.metric, judge.DAY_AGO, f'{{chip=~"{judge.OF_A_DISK}"}}')}
  and on (job, instance) {_GONE_DISKS}
)""",
    summary="{{ $labels.instance }}: the sensor {{ $labels.chip }} {{ $labels.sensor }} has gone",
    description=(
        "{{ $labels.chip }} {{ $labels.sensor }} of {{ $labels.instance }} was read for a day and is not there any "
        "more, while other sensors are: nothing watches this temperature now. Check its plug, its bus and its driver: "
        "`dmesg | tail -50`. If you took it away on purpose, this ends after a day."
    ),
    why=(
        "As with disks, whose own sensors go with them. One that is there and cannot be read is SensorsUnreadable's. "
        "Graphics and radio chips sleep or are switched off, and are not missed."
    ),
)

SUBJECT = Subject(
    name="vanished",
    help="Disks, mounts and sensors that were there for a day and are gone.",
    rules=(MOUNTS, DISKS, SENSORS),
)
