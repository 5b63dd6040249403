"""The rules of this subject for Prometheus: never imported by the program.

Records say when each thing was last seen that had been there for a day. What is gone, since when, and what went with it
or before it, follows from these times, which no gap in yesterday's data changes.
"""

from textwrap import indent

from sysvitals.judgement import left_alone
from sysvitals.judgement.judgement import DAY_SECONDS
from sysvitals.judgement.left_alone import LeftAlone
from sysvitals.judgement.rule import Alert, Record, Subject, beside
from sysvitals.judgement.thresholds import READ_ERRORS, UNMOUNTED_BEFORE
from sysvitals.judgement.vanished import judge
from sysvitals.judgement.vanished.judge import DISK, MOUNT, SENSOR, Kind

_REAL = f'{{device!~"{judge.ON_OTHERS}"}}'


def _on(*labels: str) -> str:
    return f"on ({', '.join(('job', 'instance', *labels))})"


def _last_seen(kind: Kind, level: str, seen: str) -> Record:
    """When it was last seen, of which `seen` is what is known of the last five minutes.

    What was recorded before is found for an hour, in which Prometheus may have been off.
    """
    name, on = f"{level}:{kind.metric}:last_seen", _on(*kind.names)
    return Record(
        name,
        f"""{seen}
and {on} {kind.metric} offset {judge.HALF_A_DAY_AGO}h
and {on} {kind.metric} offset {judge.DAY_AGO}h
or {on} last_over_time({name}[1h]) > time() - {2 * DAY_SECONDS:g}""",
        f"When each {level} was last seen, while it had been there half a day and a day before. Kept for two days.",
    )


def _seen(metric: str, which: str = "") -> str:
    """Looked for each ten seconds, so that of two things the one that went a scrape earlier is known."""
    return f"max_over_time(timestamp({metric}{which})[5m:10s])"


DISK_SEEN = _last_seen(DISK, "device", _seen(DISK.metric))
MOUNT_SEEN = _last_seen(
    MOUNT,
    "mountpoint",
    f"""label_replace(
  {_seen(MOUNT.metric, f'{{fstype!~"{judge.IN_MEMORY}"}}')},
  "disk", "$1$2", "device", "{judge.PARTITION}"
)""",
)
SENSOR_SEEN = _last_seen(SENSOR, "sensor", _seen(SENSOR.metric, f'{{chip!~"{judge.SLEEPS}"}}'))


def _left_of_a_day(seen: Record, which: str = "") -> str:
    """The seconds until it is taken for meant that it is gone."""
    return f"{seen.name}{which} + {DAY_SECONDS:g} - time()"


def _gone(kind: Kind) -> str:
    """Conditions: it is gone, and its collector sees others."""
    sees = "\n".join(
        f'and on (job, instance) sysvitals_collector_{what}{{collector="{kind.collector}"}} == 1'
        for what in ("success", "available")
    )
    return f"unless {_on(*kind.names)} {kind.metric}\n{sees}"


def _not_left_alone(left: LeftAlone) -> str:
    """Gone with its thing, the gauge is looked for within the day."""
    return f"unless {_on(*left.labels)} max_over_time({left.gauge}[1d]) == 1"


_A_DISK_IS_GONE = f"on (job, instance) ({DISK_SEEN.name}{_REAL} unless {_on('device')} {DISK.metric})"

DISKS = Alert(
    **beside(judge.DISKS),
    value=_left_of_a_day(DISK_SEEN, _REAL),
    compares=">",
    threshold=0,
    condition=f"""{_gone(DISK)}
{_not_left_alone(left_alone.DISK)}
unless {_on("device")} (
  {DISK_SEEN.name} - {_on("device")} group_left ()
  max by (job, instance, device) (
    label_replace({MOUNT_SEEN.name}{{disk!=""}}, "device", "$1", "disk", "(.+)")
  )
  > 0 <= {UNMOUNTED_BEFORE.value:g}
)""",
    summary="{{ $labels.instance }}: the disk {{ $labels.device }} has gone",
    description=(
        "{{ $labels.device }} of {{ $labels.instance }} was there for a day and is not any more: its plug, its cable "
        "or its supply, or it has failed. What was mounted from it is gone or broken. Look at `dmesg | tail -50`; it "
        "may have come back under another name (`lsblk`). If you took it away on purpose, this ends after a day."
    ),
    why=(
        "It was there a day and half a day before it went: a stick that is plugged in for the evening is not missed. "
        "One whose last mount went up to a quarter of an hour before it was unmounted, and taken away on purpose; "
        "after a longer time the mount has been reported. A quarter of an hour for disks that are late after a "
        "reboot, and as long so that a reboot makes no end."
    ),
)

MOUNTS = Alert(
    **beside(judge.MOUNTS),
    value=_left_of_a_day(MOUNT_SEEN),
    compares=">",
    threshold=0,
    condition=f"""{_gone(MOUNT)}
unless {_on("device")} {MOUNT.metric}
unless {_on("mountpoint")} {judge.AUTOMOUNT} == 1
unless {_on("disk")} label_replace(
  {DISK_SEEN.name} unless {_on("device")} {DISK.metric},
  "disk", "$1", "device", "(.+)"
)
unless {_on("mountpoint")} ({MOUNT_SEEN.name}{{device=~"/dev/.+", disk=""}} and {_A_DISK_IS_GONE})""",
    summary="{{ $labels.instance }}: {{ $labels.mountpoint }} is no longer mounted",
    description=(
        "{{ $labels.mountpoint }} ({{ $labels.fstype }} from {{ $labels.device }}) was mounted for a day and is not "
        "any more: programs write into the empty folder below it, or fail. Mount it again (`sudo mount -a`); "
        "`journalctl -b -u '*.mount'` says why it was not. If you unmounted it on purpose, this ends after a day."
    ),
    why=(
        "As with disks. Where its disk has gone too, the disk is what to look for; where it is mounted elsewhere, "
        "nothing is missing, nor where an automount waits for its use. What lies in memory comes and goes with its "
        "program. Which disk a volume (LUKS, LVM) lies on is not known: it may be any that is gone."
    ),
)

_ERRORS = f'rate({judge.ERRORS}{{collector="{SENSOR.collector}"}}[15m]'

SENSORS = Alert(
    **beside(judge.SENSORS),
    value=f"""count without (sensor) (
  {_left_of_a_day(SENSOR_SEEN)} > 0
{
        indent(
            f'''{_gone(SENSOR)}
{_not_left_alone(left_alone.SENSOR)}
unless {_on("chip")} ({SENSOR_SEEN.name}{{chip=~"{judge.OF_A_DISK}"}} and {_A_DISK_IS_GONE})''',
            "  ",
        )
    }
)""",
    compares=">",
    threshold=0,
    condition=f"""unless on (job, instance) (
  {_ERRORS}) > {READ_ERRORS.value:g}
  unless {_ERRORS} offset 1d) > {READ_ERRORS.value:g}
)""",
    summary="{{ $labels.instance }}: the chip {{ $labels.chip }} has lost {{ $value }} of its sensors",
    description=(
        "{{ $value }} of the temperature sensors of {{ $labels.chip }} of {{ $labels.instance }} were read for a day "
        "and have gone, while others are there: nothing watches what they measured. Check the plug, the bus and the "
        "driver: `dmesg | tail -50`. If you took it away on purpose, this ends after a day."
    ),
    why=(
        "As with disks, whose own sensors go with them; once for a chip. Where sensors can no longer be read that "
        "could a day ago, that is SensorsUnreadable's. Graphics and radio chips sleep or are switched off, and are "
        "not missed."
    ),
)

SUBJECT = Subject(
    name="vanished",
    help="Disks, mounts and sensors that were there for a day and are gone.",
    interval="2m",  # below the five minutes after which Prometheus forgets a sample
    rules=(DISK_SEEN, MOUNT_SEEN, SENSOR_SEEN, MOUNTS, DISKS, SENSORS),
)
