"""The charts that *Host* shows at first: the host's resources over time, each with its limits."""

from collections.abc import Sequence

from grafana.builder import colours, heat, units
from grafana.builder.cells import NO_COLOUR
from grafana.builder.hosts import ASLEEP, NOBODY_KNOWS, SILENT, UP, per_host
from grafana.builder.judging import Json, line_at, rising, value_mappings
from grafana.builder.naming import SENSOR_COLOURS
from grafana.builder.panels import About, Column, painted, state_timeline, table, thresholds_of, time_series
from grafana.builder.queries import Look, Query, increase, rate, select
from sysvitals.judgement.thresholds import (
    DISK_BUSY,
    INODES_FULL,
    INODES_NEARLY_FULL,
    INPUT_VOLTS_LOW,
)

CPU_DOCS = "exporter/METRICS.md#cpu"
MEMORY_DOCS = "exporter/METRICS.md#memory"
DISK_DOCS = "exporter/METRICS.md#disk"
NETWORK_DOCS = "exporter/METRICS.md#network"
_PI5 = "exporter/POWER.md#raspberry-pi-5"

NO_CPU = "no CPU time in this range"
NO_MEMORY = "no memory data in this range"
NO_DISK = "no disk in this range"
NO_NETWORK = "no network device in this range"
NO_PRESSURE = "no pressure in this range (older kernels measure it with psi=1 only)"

LINKS = 'device!="lo"'

_LIMIT = {"custom_lineStyle": {"dash": [8, 6], "fill": "dash"}, "custom_fillOpacity": 0}
"""How lines are drawn that are limits of others."""


def _limit(name: str, colour: str) -> Json:
    """`name` is a name, or a pattern between slashes."""
    return painted(name, colour, **_LIMIT)


def by_device(kinds: Sequence[str]) -> list[Json]:
    """A colour for each device whose name is one of these patterns, whatever follows the name in the legend."""
    return [painted(f"/^(?:{kind})(?: |$)/", colour) for kind, colour in zip(kinds, colours.DEVICES, strict=False)]


DISKS = by_device(("mmcblk0|vda", "nvme0n1", "sda", "sdb|vdb", "nvme1n1", "mmcblk1", "sdc|vdc", "sdd"))
NETWORKS = by_device(
    (
        "eth0|end0|eno1|enp[^ ]+|ens[^ ]+",
        "wl[^ ]+",
        "wg[^ ]*|tun[^ ]*|tailscale[^ ]*",
        "docker[^ ]*|br[^ ]*|virbr[^ ]*",
        "veth[^ ]*",
        "eth1|end1|eno2",
        "usb[^ ]*|enx[^ ]*|ww[^ ]+",
        "eth2",
    )
)

MODES = {
    "user": colours.USER,
    "nice": colours.NICE,
    "system": colours.SYSTEM,
    "iowait": colours.IOWAIT,
    "irq": colours.INTERRUPTS,
    "softirq": colours.SOFT_INTERRUPTS,
    "steal": colours.STEAL,
}
_BY_MODE = rate("system_cpu_seconds_total", 'mode!="idle"')
_RESOURCES = {"cpu": colours.USED, "io": colours.WAITING, "memory": colours.SWAP}


def _load(minutes: int) -> str:
    return f'label_replace({select(f"system_load{minutes}")}, "over", "{minutes} min", "", "")'


_LOAD_MINUTES = (1, 5, 15)

CPU_CHARTS = (
    time_series(
        About(
            title="CPU by mode",
            description="Time of all CPUs together by what it went into; what is left to 100 % was idle. *iowait* is "
            "waiting for a disk with no other work, *steal* is time that a virtual machine's host gave to others.",
            docs=CPU_DOCS,
            missing=NO_CPU,
            unit=units.RATIO,
            minimum=0,
            maximum=1,
            overrides=[painted(mode, colour) for mode, colour in MODES.items()],
        ),
        Query(f"avg by (job, instance, mode) ({_BY_MODE})", "{{mode}}"),
        stacked=True,
    ),
    time_series(
        About(
            title="Load",
            description="Tasks that run or wait, as averages. Above the dashed line there are more of them than CPUs.",
            docs="prometheus/RUNBOOK.md#loadhigh",
            missing="no load in this range",
            unit=units.COUNT,
            minimum=0,
            overrides=[
                *(
                    painted(f"{minutes} min", colour)
                    for minutes, colour in zip(_LOAD_MINUTES, colours.LOADS, strict=True)
                ),
                _limit("CPUs", colours.SIZE),
            ],
        ),
        Query(" or ".join(map(_load, _LOAD_MINUTES)), "{{over}}"),
        Query(per_host(select("instance:system_cpus:count")), "CPUs"),
        at_least=1,
    ),
    time_series(
        About(
            title="Pressure",
            description="Part of the time in which at least one task waited for a CPU, for memory or for a disk (PSI).",
            docs="exporter/METRICS.md#pressure",
            missing=NO_PRESSURE,
            unit=units.RATIO,
            minimum=0,
            overrides=[painted(name, colour) for name, colour in _RESOURCES.items()],
        ),
        Query(f"max by (job, instance, resource) ({rate('system_pressure_waiting_seconds_total')})", "{{resource}}"),
    ),
)

_TEMPERATURE = select("system_temperature_celsius")
_ARM = 'clock="arm"'
_VOLTS = per_host(select("system_board_input_volts"))
_WATTS = f"({select('system_board_power_watts')} or sum by (job, instance) ({select('system_power_supply_watts')}))"

HEAT_CHARTS = (
    time_series(
        About(
            title="Temperature by sensor",
            description="Of the processor, each disk and each other chip the sensor that came nearest to its own "
            f"limit, at most {len(colours.DEVICES)}. Dashed: the high limit (orange) and the critical limit (red) of "
            "the one that came nearest of all.",
            docs="exporter/POWER.md#frequency_capped-and-throttled",
            missing="no temperature sensor in this range",
            unit=units.CELSIUS,
            overrides=[
                *SENSOR_COLOURS,
                _limit("/ high limit$/", colours.HIGH_LIMIT),
                _limit("/ critical limit$/", colours.CRITICAL_LIMIT),
            ],
        ),
        Query(
            f"{_TEMPERATURE}\nand on (job, instance, chip, sensor) {heat.HOTTEST}",
            "{{chip}} {{sensor}}",
        ),
        Query(heat.of_hottest(heat.HIGH), "{{chip}} {{sensor}} high limit"),
        Query(heat.of_hottest(heat.CRITICAL), "{{chip}} {{sensor}} critical limit"),
        fill=0,
    ),
    time_series(
        About(
            title="CPU clock",
            description="Actual, requested and allowed. Actual below requested: the firmware holds the board back. "
            "Allowed drops: the kernel cools the CPU. Few hosts report the actual clock.",
            docs=CPU_DOCS,
            missing="no clock in this range (virtual machines report none)",
            unit=units.HERTZ,
            minimum=0,
            overrides=[
                painted("actual", colours.USED, custom_lineWidth=2),
                _limit("requested", colours.REQUESTED),
                painted("allowed", "purple"),
            ],
        ),
        Query(per_host(select("system_firmware_clock_hertz", _ARM)), "actual"),
        Query(
            f"{per_host(select('system_firmware_clock_requested_hertz', _ARM))}\n"
            f"or {per_host(select('system_cpu_scaling_frequency_hertz'))}",
            "requested",
        ),
        Query(per_host(select("system_cpu_scaling_frequency_max_hertz")), "allowed"),
        fill=0,
    ),
    time_series(
        About(
            title="Input voltage and power",
            description="Volts at the 5 V input (left; dashed is where the alert begins) and watts measured (right).",
            docs=_PI5,
            missing="no voltage or power in this range (a Raspberry Pi 5, a Jetson and some PCs measure it)",
            unit=units.VOLTS,
            decimals=2,
            thresholds=NO_COLOUR,
            overrides=[
                painted(
                    "input voltage",
                    colours.USED,
                    custom_thresholdsStyle={"mode": "dashed"},
                    thresholds=thresholds_of(line_at(INPUT_VOLTS_LOW)),
                ),
                painted("power", "purple", decimals=1, min=0),
            ],
        ),
        Query(_VOLTS, "input voltage"),
        Query(_WATTS, "power", Look(unit=units.WATTS, right=True)),
        fill=0,
    ),
    time_series(
        About(
            title="Fan",
            description="Speed of each fan, and how much it is driven (dashed, right). Driven without speed: stalled.",
            docs=_PI5,
            missing="no fan in this range",
            unit=units.unit_of("system_fan_speed_rpm"),
            minimum=0,
            overrides=SENSOR_COLOURS,
        ),
        Query(select("system_fan_speed_rpm"), "{{fan}} speed"),
        Query(
            select("system_fan_duty_ratio"),
            "{{fan}} duty",
            Look(dashed=True, right=True, unit=units.RATIO),
        ),
        fill=0,
    ),
)

# what firmware and kernel did, in lanes below each other


def _lane(values: str, name: str, *, part: str = "") -> str:
    """Values with a label `what`: the name, after the label `part` where there are several of them."""
    named = f'label_replace({values}, "what", "{name}", "", "")'
    return f'label_join({named}, "what", " ", "{part}", "what")' if part else named


def _in_step(cause: str, code: int) -> str:
    """Whether the cause was there since the step before, however short: the exporter counts its seconds."""
    grown = increase("system_throttle_seconds_total", f'cause="{cause}"')
    return f"{per_host(f'{grown} > bool 0')} * {code}"


_STALLED = f"max by (job, instance, fan) ({select('system_fan_stalled')})"
_SLOWED = f"max by (job, instance, component) ({select('system_heat_limited')})"
_CANNOT = f"{per_host(select('system_undervoltage_detectable') + ' == 0')} * 0 + 8"
_ANSWERS = f"({per_host(SILENT)} * 0 + 7 or {per_host(ASLEEP)} * 0 + 9 or {per_host(UP)} * 0)"

LANES = state_timeline(
    About(
        title="Power and throttling",
        description="What the firmware and the kernel reported, even between two scrapes. Grey: the board cannot "
        "know, or did not answer.",
        docs="exporter/POWER.md#the-causes",
        missing="not scraped in this range",
        mappings=value_mappings(
            {
                0: ("no", colours.CALM),
                1: ("soft limit", colours.WATCHING),
                2: ("clock capped", colours.FREQUENCY_CAPPED),
                3: ("throttled", colours.THROTTLED),
                4: ("undervoltage", colours.UNDERVOLTAGE),
                5: ("slowed by heat", colours.THROTTLED),
                6: ("stalled", colours.CRITICAL),
                7: ("no answer", colours.UNKNOWN),
                8: ("no detector", colours.FADED),
                9: ("asleep", colours.FADED),
            }
        ),
    ),
    Query(_ANSWERS, "silent"),
    Query(
        "\nor\n".join(
            (
                _lane(f"({_in_step('undervoltage', 4)} or {_CANNOT})", "undervoltage"),
                _lane(_in_step("throttled", 3), "throttled"),
                _lane(_in_step("frequency_capped", 2), "clock capped"),
                _lane(_in_step("soft_temperature_limit", 1), "soft limit"),
                _lane(f"{_SLOWED} * 5", "slowed by heat", part="component"),
                _lane(f"{_STALLED} * 6", "stalled", part="fan"),
            )
        ),
        "{{what}}",
    ),
)

_SIZE = select("system_memory_size_bytes")
_FREE = select("system_memory_free_bytes")
_SHARED = select("system_memory_shmem_bytes")
_CACHES = " + ".join(select(f"system_memory_{kind}_bytes") for kind in ("buffers", "cached", "slab_reclaimable"))
_SWAPPED = f"{select('system_memory_swap_size_bytes')} - {select('system_memory_swap_free_bytes')}"

MEMORY_CHART = time_series(
    About(
        title="Memory by use",
        description="Used by programs and the kernel; shared memory and tmpfs, which can go to swap only; cache that "
        "the kernel gives back; free. Dashed: what is swapped out, on top of all that.",
        docs=MEMORY_DOCS,
        missing=NO_MEMORY,
        unit=units.BYTES,
        minimum=0,
    ),
    Query(f"{_SIZE} - {_FREE} - ({_CACHES})", "used", Look(colour=colours.USED)),
    Query(_SHARED, "shared, tmpfs", Look(colour="dark-blue")),
    Query(f"{_CACHES} - {_SHARED}", "cache", Look(colour=colours.CACHE)),
    Query(_FREE, "free", Look(colour=colours.FADED)),
    Query(_SWAPPED, "swap used", Look(colour=colours.SWAP, dashed=True, stacked=False, width=2)),
    stacked=True,
)


def _each(way: str) -> str:
    """Mean seconds that a request takes."""
    done = rate(f"system_disk_{way}s_completed_total")
    return f"{rate(f'system_disk_{way}_time_seconds_total')} / ({done} > 0)"


DISK_CHARTS = (
    time_series(
        About(
            title="Disk I/O",
            description="Bytes read above the line, bytes written below it. A disk has one colour in all charts.",
            docs=DISK_DOCS,
            missing=NO_DISK,
            unit=units.unit_of_rate("system_disk_read_bytes_total"),
            overrides=DISKS,
        ),
        Query(rate("system_disk_read_bytes_total"), "{{device}} read"),
        Query(rate("system_disk_written_bytes_total"), "{{device}} write", Look(below=True)),
    ),
    time_series(
        About(
            title="Disk busy",
            description="Part of the time with at least one request under way. Dashed: where the alert begins, if "
            "requests wait as well.",
            docs="prometheus/RUNBOOK.md#disksaturated",
            missing=NO_DISK,
            unit=units.RATIO,
            minimum=0,
            maximum=1,
            thresholds=rising(DISK_BUSY),
            overrides=DISKS,
        ),
        Query(rate("system_disk_io_time_seconds_total"), "{{device}}"),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="Disk latency",
            description="Mean time of a read (solid) and of a write (dashed). Programs stand still where a card writes "
            "for 100 ms and more; the alert begins at 1 s.",
            docs="prometheus/RUNBOOK.md#diskslow",
            missing="no request in this range",
            unit=units.SECONDS,
            minimum=0,
            overrides=DISKS,
        ),
        Query(_each("read"), "{{device}} read"),
        Query(_each("write"), "{{device}} write", Look(dashed=True)),
        fill=0,
    ),
)

_FILESYSTEM = "job, instance, device, mountpoint, fstype"


def _of_mounts(expr: str) -> str:
    return f"max by ({_FILESYSTEM}) ({expr})"


def _alert(names: str, severity: str = "critical|warning") -> str:
    return select("ALERTS", f'alertstate="firing", alertname=~"{names}", severity=~"{severity}"')


_SPACE = "FilesystemFull|FilesystemFilling|InodesFull"
_READONLY = select("system_filesystem_readonly")
_LEFT = select("system_filesystem_avail_bytes")
_SPACE_OF = select("system_filesystem_size_bytes")
_MOUNT_STATES = {
    6: ("full", colours.CRITICAL, _alert(_SPACE, "critical")),
    5: ("nearly full", colours.WARNING, _alert(_SPACE, "warning")),
    4: ("no answer", colours.CRITICAL, f"{select('system_filesystem_device_error')} == 1"),
    3: ("now read-only", colours.CRITICAL, _alert("FilesystemReadOnly")),
    2: ("read-only", colours.CLEAR, f"{_READONLY} == 1"),
    1: ("full expected", colours.UNKNOWN, f"{select('system_filesystem_full_expected')} == 1"),
    0: ("writable", colours.CLEAR, _READONLY),
}
_MOUNT_STATE = "\nor\n".join(f"{_of_mounts(when)} * 0 + {code}" for code, (_, _, when) in _MOUNT_STATES.items())

FILESYSTEMS = table(
    About(
        title="Filesystems",
        description="The fullest first; *Left* is what users other than root may fill. *State* is what the alerts say: "
        "a large disk with much space left is not full at 98 %, and one that is meant to be full is never.",
        docs="prometheus/RUNBOOK.md#filesystemfull",
        missing="not known now: the host does not answer, or has no filesystem that is watched",
    ),
    Query(
        f"{_of_mounts(select('mountpoint:system_filesystem_used:ratio'))}\n"
        f"or {_of_mounts(f'1 - {_LEFT} / {_SPACE_OF}')}"
    ),
    Query(_of_mounts(_LEFT)),
    Query(_of_mounts(_SPACE_OF)),
    Query(_of_mounts(f"1 - {select('system_filesystem_files_free')} / ({select('system_filesystem_files')} > 0)")),
    Query(_MOUNT_STATE),
    columns=(
        Column(name="mountpoint", title="Mounted at", min_width=100),
        Column(
            name="Value #A",
            title="Used",
            width=112,
            unit=units.RATIO,
            decimals=0,
            minimum=0,
            maximum=1,
            cell="gauge",
            thresholds=((None, colours.INFO),),
            missing=NOBODY_KNOWS,
        ),
        Column(name="Value #B", title="Left", unit=units.BYTES, width=82, missing=NOBODY_KNOWS),
        Column(name="Value #C", title="Size", unit=units.BYTES, width=82, missing=NOBODY_KNOWS),
        Column(
            name="Value #D",
            title="Inodes",
            width=62,
            unit=units.RATIO,
            decimals=0,
            cell="color-text",
            thresholds=rising(INODES_NEARLY_FULL, INODES_FULL, base=colours.PLAIN),
            missing=NOBODY_KNOWS,
        ),
        Column(
            name="Value #E",
            title="State",
            width=104,
            align="center",
            cell="color-background",
            mappings=value_mappings({code: (text, colour) for code, (text, colour, _) in _MOUNT_STATES.items()}),
            missing=NOBODY_KNOWS,
        ),
    ),
    sort=("Used", True),
)

NETWORK = time_series(
    About(
        title="Network",
        description="Bits received above the line, bits sent below it, of each device but the loopback. A device has "
        "one colour both ways.",
        docs=NETWORK_DOCS,
        missing=NO_NETWORK,
        unit=units.BITS_PER_SECOND,
        overrides=NETWORKS,
    ),
    Query(f"{rate('system_network_receive_bytes_total', LINKS)} * 8", "{{device}} in"),
    Query(f"{rate('system_network_transmit_bytes_total', LINKS)} * 8", "{{device}} out", Look(below=True)),
)
