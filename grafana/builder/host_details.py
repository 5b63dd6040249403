"""What *Host* shows folded: a row of charts for each resource, which ask only when somebody opens it."""

from grafana.builder import colours, units
from grafana.builder.firing import OURS, WATCHDOG
from grafana.builder.host_charts import (
    CPU_DOCS,
    DISK_DOCS,
    DISKS,
    LINKS,
    MEMORY_DOCS,
    NETWORK_DOCS,
    NETWORKS,
    NO_CPU,
    NO_DISK,
    NO_MEMORY,
    NO_NETWORK,
    NO_PRESSURE,
)
from grafana.builder.judging import any_is, line_at, none_is, rising, value_mappings, yes_no
from grafana.builder.layout import Line, Section
from grafana.builder.panels import About, Column, state_timeline, table, time_series
from grafana.builder.queries import Look, Query, increase, rate, select
from sysvitals.judgement.thresholds import (
    CLOCK_ERROR,
    CPU_STOLEN,
    CPU_WAITING,
    FILESYSTEM_FULL,
    FILESYSTEM_NEARLY_FULL,
    IO_STALLED,
    MEMORY_STALLED,
    NETWORK_DROPS,
    NETWORK_ERRORS,
    STORAGE_WORN,
    STORAGE_WORN_OUT,
    WIFI_WEAK,
)

_PRESSURE_DOCS = "exporter/METRICS.md#pressure"
_WIFI_DOCS = "exporter/METRICS.md#wifi"
_NO_WIFI = "no Wi-Fi in this range, or its driver reports no signal"
_LINE, _OTHER = Look(colour=colours.USED), Look(colour=colours.SWAP)
_NOT_COUNTED = "not counted in this range"


def _of_severity(severity: str, rank: int) -> str:
    fired = select("ALERTS", f'{OURS}, alertname!="{WATCHDOG}", alertstate="firing", severity="{severity}"')
    return f"max by (job, instance, alertname) ({fired}) * {rank}"


_HISTORY = state_timeline(
    About(
        title="Alert history",
        description="Every alert of this host while it fired.",
        docs="prometheus/RUNBOOK.md",
        missing="no alert fired in this range, or the rules did not run",
        interval="1m",
        mappings=value_mappings(
            {
                3: ("critical", colours.CRITICAL),
                2: ("warning", colours.WARNING),
                1: ("info", colours.INFO),
            }
        ),
    ),
    Query(
        f"{_of_severity('critical', 3)}\nor\n{_of_severity('warning', 2)}\nor\n{_of_severity('info', 1)}",
        "{{alertname}}",
    ),
)

_STEAL = rate("system_cpu_seconds_total", 'mode="steal"')
_BUSY = rate("system_cpu_seconds_total", 'mode!~"idle|iowait"')

_CPU = (
    time_series(
        About(
            title="CPU usage by CPU",
            description="Part of the time that each CPU worked. One at its limit beside idle ones is a program that "
            "can use one CPU only.",
            docs=CPU_DOCS,
            missing=NO_CPU,
            unit=units.RATIO,
            minimum=0,
            maximum=1,
        ),
        Query(f"sum by (job, instance, cpu) ({_BUSY})", "CPU {{cpu}}", Look(colour=colours.USED, shades=True)),
        fill=0,
    ),
    time_series(
        About(
            title="CPU pressure",
            description="Part of the time in which at least one task was ready to run and no CPU was free. Dashed: "
            "where the alert begins, if the load is high as well.",
            docs="prometheus/RUNBOOK.md#cpusaturated",
            missing=NO_PRESSURE,
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(CPU_WAITING),
        ),
        Query(rate("system_pressure_waiting_seconds_total", 'resource="cpu"'), "waiting", _LINE),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="CPU steal",
            description="Part of the time in which a virtual machine had work, and its host gave the CPU to others.",
            docs="prometheus/RUNBOOK.md#cpustolen",
            missing=NO_CPU,
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(CPU_STOLEN),
        ),
        Query(f"avg by (job, instance) ({_STEAL})", "steal", _LINE),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="Tasks running and blocked",
            description="Tasks that run or are ready to, and tasks that can do nothing but wait for a disk.",
            docs="exporter/METRICS.md#load",
            missing="no tasks counted in this range",
            unit=units.COUNT,
            minimum=0,
        ),
        Query(select("system_procs_running"), "running", Look(colour=colours.USED)),
        Query(select("system_procs_blocked"), "blocked", Look(colour=colours.WAITING)),
    ),
    time_series(
        About(
            title="Interrupts and context switches",
            description="Interrupts and switches from one task to another, each second.",
            docs=CPU_DOCS,
            missing=_NOT_COUNTED,
            unit=units.PER_SECOND,
            minimum=0,
        ),
        Query(rate("system_context_switches_total"), "context switches", _LINE),
        Query(rate("system_intr_total"), "interrupts", _OTHER),
    ),
    time_series(
        About(
            title="Forks",
            description="Tasks that were started, each second.",
            docs=CPU_DOCS,
            missing=_NOT_COUNTED,
            unit=units.PER_SECOND,
            minimum=0,
        ),
        Query(rate("system_forks_total"), "forks", _LINE),
    ),
)

_MEMORY = (
    time_series(
        About(
            title="Memory stalls",
            description="Part of the time in which all tasks waited for memory.",
            docs="prometheus/RUNBOOK.md#memorystalled",
            missing=NO_PRESSURE,
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(MEMORY_STALLED),
        ),
        Query(rate("system_pressure_stalled_seconds_total", 'resource="memory"'), "stalled", _LINE),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="Swap in and out",
            description="Pages read back from swap above the line, pages written to it below. Reading back all the "
            "time makes a host crawl.",
            docs=MEMORY_DOCS,
            missing=_NOT_COUNTED,
            unit=units.PER_SECOND,
        ),
        Query(rate("system_memory_swapped_in_pages_total"), "in", Look(colour=colours.READ)),
        Query(rate("system_memory_swapped_out_pages_total"), "out", Look(colour=colours.WRITE, below=True)),
        at_least=1,
    ),
    time_series(
        About(
            title="Out-of-memory kills",
            description="Tasks that the kernel killed because memory ran out.",
            docs="prometheus/RUNBOOK.md#outofmemory",
            missing=_NOT_COUNTED,
            unit=units.COUNT,
            minimum=0,
            thresholds=any_is(colours.WARNING),
        ),
        Query(
            f"round({increase('system_memory_oom_kills_total')})",
            "kills",
            Look(colour=colours.WARNING, bars=True, fill=80),
        ),
        at_least=1,
    ),
    time_series(
        About(
            title="Major page faults",
            description="Times a second that a task had to wait for a page of memory from a disk.",
            docs=MEMORY_DOCS,
            missing=_NOT_COUNTED,
            unit=units.PER_SECOND,
            minimum=0,
        ),
        Query(rate("system_memory_major_page_faults_total"), "major faults", _LINE),
        at_least=1,
    ),
    time_series(
        About(
            title="Dirty and writeback",
            description="Data that is not yet on a disk: a power cut loses it.",
            docs=MEMORY_DOCS,
            missing=NO_MEMORY,
            unit=units.BYTES,
            minimum=0,
        ),
        Query(select("system_memory_dirty_bytes"), "dirty", _LINE),
        Query(select("system_memory_writeback_bytes"), "writeback", _OTHER),
    ),
    time_series(
        About(
            title="Slab",
            description="The kernel's own objects: those that it gives back when memory is short, and those that it "
            "cannot. What only grows there is a leak in the kernel or a driver.",
            docs=MEMORY_DOCS,
            missing=NO_MEMORY,
            unit=units.BYTES,
            minimum=0,
        ),
        Query(select("system_memory_slab_reclaimable_bytes"), "reclaimable", _LINE),
        Query(select("system_memory_slab_unreclaimable_bytes"), "unreclaimable", _OTHER),
    ),
)

_FLUSHES = rate("system_disk_flush_requests_total")

_DISK = (
    time_series(
        About(
            title="Filesystem use over time",
            description="Used part of what users other than root may fill, as df counts it.",
            docs="prometheus/RUNBOOK.md#filesystemfull",
            missing="no filesystem in this range, or the rules did not run",
            unit=units.RATIO,
            minimum=0,
            maximum=1,
            thresholds=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL),
        ),
        Query(select("mountpoint:system_filesystem_used:ratio"), "{{mountpoint}}"),
        fill=0,
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="Disk stalls",
            description="Part of the time in which all tasks waited for a disk.",
            docs="prometheus/RUNBOOK.md#diskstalled",
            missing=NO_PRESSURE,
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(IO_STALLED),
        ),
        Query(rate("system_pressure_stalled_seconds_total", 'resource="io"'), "stalled", _LINE),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="Flush latency",
            description="Mean time of the flushes that were completed: what a database or fsync waits for.",
            docs=DISK_DOCS,
            missing="no flush in this range (Linux 5.5 and later count them)",
            unit=units.SECONDS,
            minimum=0,
            overrides=DISKS,
        ),
        Query(
            f"{rate('system_disk_flush_requests_time_seconds_total')} / ({_FLUSHES} > 0)",
            "{{device}}",
        ),
        fill=0,
    ),
    time_series(
        About(
            title="Disk IOPS",
            description="Reads above the line, writes below it, each second.",
            docs=DISK_DOCS,
            missing=NO_DISK,
            unit=units.OPERATIONS_PER_SECOND,
            overrides=DISKS,
        ),
        Query(rate("system_disk_reads_completed_total"), "{{device}} reads"),
        Query(rate("system_disk_writes_completed_total"), "{{device}} writes", Look(below=True)),
    ),
    time_series(
        About(
            title="Disk queue",
            description="Requests that are under way or wait, on average.",
            docs=DISK_DOCS,
            missing=NO_DISK,
            unit=units.COUNT,
            minimum=0,
            overrides=DISKS,
        ),
        Query(rate("system_disk_io_time_weighted_seconds_total"), "{{device}}"),
    ),
    time_series(
        About(
            title="eMMC wear",
            description="Used part of an eMMC's life, known by tenths. That of NVMe drives, and of the few SD cards "
            "that know it, takes root and is not read.",
            docs="prometheus/RUNBOOK.md#storageworn",
            missing="no eMMC in this range (the wear of other storage is not read)",
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(STORAGE_WORN, STORAGE_WORN_OUT),
        ),
        Query(select("system_storage_life_used_ratio"), "{{device}} {{area}}"),
        at_least=1,
        thresholds_drawn=True,
    ),
)


def _part(way: str, what: str) -> str:
    """Part of the packets of this way that were damaged (`errs`) or thrown away (`drop`)."""
    lost = rate(f"system_network_{way}_{what}_total", LINKS)
    whole = rate(f"system_network_{way}_packets_total", LINKS)
    return f"{lost} / ({lost} + {whole} > 0)"


_SPEED = select("system_network_speed_bytes", LINKS)


def _use(way: str) -> str:
    return f"{rate(f'system_network_{way}_bytes_total', LINKS)} / ({_SPEED} > 0)"


_NETWORK = (
    time_series(
        About(
            title="Packets",
            description="Packets received above the line, sent below it, each second.",
            docs=NETWORK_DOCS,
            missing=NO_NETWORK,
            unit=units.PACKETS_PER_SECOND,
            overrides=NETWORKS,
        ),
        Query(rate("system_network_receive_packets_total", LINKS), "{{device}} in"),
        Query(rate("system_network_transmit_packets_total", LINKS), "{{device}} out", Look(below=True)),
    ),
    time_series(
        About(
            title="Network errors",
            description="Damaged part of the packets (solid: in, dashed: out): a bad cable, port or radio link. The "
            "dashed line in orange is where the alert begins.",
            docs="prometheus/RUNBOOK.md#networkerrors",
            missing="no packet in this range",
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(NETWORK_ERRORS),
            overrides=NETWORKS,
        ),
        Query(_part("receive", "errs"), "{{device}} in"),
        Query(_part("transmit", "errs"), "{{device}} out", Look(dashed=True)),
        thresholds_drawn=True,
        fill=0,
    ),
    time_series(
        About(
            title="Network drops",
            description="Part of the packets that was thrown away (solid: in, unread; dashed: out, unsent). The dashed "
            "line in orange is where the alert begins.",
            docs="prometheus/RUNBOOK.md#packetsdropped",
            missing="no packet in this range",
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(NETWORK_DROPS),
            overrides=NETWORKS,
        ),
        Query(_part("receive", "drop"), "{{device}} in"),
        Query(_part("transmit", "drop"), "{{device}} out", Look(dashed=True)),
        thresholds_drawn=True,
        fill=0,
    ),
    state_timeline(
        About(
            title="Links",
            description="Whether a device could carry packets. A device with no cable in it is down.",
            docs="prometheus/RUNBOOK.md#linkflapping",
            missing=NO_NETWORK,
            mappings=value_mappings({0: ("down", colours.UNKNOWN), 1: ("up", colours.CALM)}),
            thresholds=none_is(colours.UNKNOWN),
        ),
        Query(select("system_network_up", LINKS), "{{device}}"),
    ),
    time_series(
        About(
            title="Link speed",
            description="Bits a second that each link was negotiated at. One that fell from 1 Gbit/s to 100 Mbit/s has "
            "a bad cable or plug.",
            docs="prometheus/RUNBOOK.md#linkslow",
            missing="no link in this range reports its speed (Wi-Fi and virtual devices do not)",
            unit=units.BITS_PER_SECOND,
            minimum=0,
            overrides=NETWORKS,
        ),
        Query(f"{_SPEED} * 8", "{{device}}"),
        fill=0,
        steps_drawn=True,
    ),
    time_series(
        About(
            title="Link use",
            description="Received and sent part of what the link was negotiated at (solid: in, dashed: out).",
            docs=NETWORK_DOCS,
            missing="no link in this range reports its speed (Wi-Fi and virtual devices do not)",
            unit=units.RATIO,
            minimum=0,
            overrides=NETWORKS,
        ),
        Query(_use("receive"), "{{device}} in"),
        Query(_use("transmit"), "{{device}} out", Look(dashed=True)),
        fill=0,
        at_least=1,
    ),
    time_series(
        About(
            title="Wi-Fi signal",
            description="Strength of the signal: -50 dBm is strong, below the line rates fall and packets are lost.",
            docs="prometheus/RUNBOOK.md#wifiweak",
            missing=_NO_WIFI,
            unit=units.unit_of("system_wifi_signal_dbm"),
            thresholds=line_at(WIFI_WEAK),
            overrides=NETWORKS,
        ),
        Query(select("system_wifi_signal_dbm"), "{{device}}"),
        fill=0,
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="Wi-Fi discarded packets",
            description="Packets that Wi-Fi gave up after retries, or could not use, each second.",
            docs=_WIFI_DOCS,
            missing=_NO_WIFI,
            unit=units.PACKETS_PER_SECOND,
            minimum=0,
        ),
        Query(rate("system_wifi_discarded_packets_total"), "{{device}} {{reason}}"),
        at_least=1,
    ),
)


def _left(metric: str, kind: str, *labels: str) -> str:
    joined = ", ".join(f'"{label}"' for label in labels)
    return f'label_replace(label_join({select(metric)} == 1, "where", " ", {joined}), "kind", "{kind}", "", "")'


_LEFT_ALONE = "\nor\n".join(
    (
        _left("system_disk_left_alone", "disk", "device"),
        _left("system_temperature_left_alone", "sensor", "chip", "sensor"),
        _left("system_network_left_alone", "link", "device"),
        _left("system_filesystem_full_expected", "full expected", "mountpoint"),
    )
)

_MACHINE = (
    table(
        About(
            title="Machine",
            description="What the host reports about itself: model, system, kernel.",
            docs="exporter/METRICS.md#identity",
            missing="not known now: the host does not answer",
        ),
        Query(select("system_identity_info")),
        columns=(
            Column(name="model", title="Model", width=260),
            Column(name="os", title="System"),
            Column(name="os_version", title="Version"),
            Column(name="kernel", title="Kernel", width=170),
            Column(name="architecture", title="Architecture"),
            Column(name="virtualization", title="Virtual machine"),
            Column(name="container", title="Container"),
        ),
    ),
    table(
        About(
            title="Cards and drives",
            description="Cards, eMMC and NVMe drives. Other disks report what they are over SMART only.",
            docs="exporter/METRICS.md#storage_wear",
            missing="no SD card, eMMC or NVMe drive reported now",
        ),
        Query(select("system_storage_info")),
        columns=(
            Column(name="device", title="Device"),
            Column(name="type", title="Type"),
            Column(name="model", title="Model"),
            Column(name="manufactured", title="Made"),
            Column(name="firmware", title="Firmware"),
            Column(name="state", title="State"),
        ),
    ),
    state_timeline(
        About(
            title="Clock synchronised",
            description="Whether the clock followed a time server (NTP). A board without a battery starts with a "
            "wrong one.",
            docs="prometheus/RUNBOOK.md#clockunsynchronised",
            missing="not reported in this range",
            mappings=yes_no(no=colours.WARNING),
            thresholds=none_is(colours.WARNING),
        ),
        Query(select("system_timex_sync_status"), "synchronised"),
    ),
    time_series(
        About(
            title="Clock error",
            description="Most that the clock can be wrong by. It grows while no time server answers.",
            docs="prometheus/RUNBOOK.md#clockinexact",
            missing="not reported in this range",
            unit=units.SECONDS,
            minimum=0,
            thresholds=rising(CLOCK_ERROR),
        ),
        Query(select("system_timex_maxerror_seconds"), "maximum error", _LINE),
        thresholds_drawn=True,
    ),
    table(
        About(
            title="Left alone",
            description="What alerts, verdict and colours leave alone because the settings of the exporter say so: "
            "`leave_alone` of disks, sensors and links, `full_expected` of filesystems.",
            docs="exporter/SETTINGS.md",
            missing="no setting leaves anything alone, or the host does not answer",
        ),
        Query(_LEFT_ALONE),
        columns=(
            Column(name="kind", title="Kind", width=140),
            Column(name="where", title="Which"),
        ),
    ),
)

DETAILS = (
    Section(title="Alerts over time", collapsed=True, lines=(Line(8, (_HISTORY,)),)),
    Section(title="CPU in detail", collapsed=True, lines=(Line(8, _CPU[:3]), Line(8, _CPU[3:]))),
    Section(title="Memory in detail", collapsed=True, lines=(Line(8, _MEMORY[:3]), Line(8, _MEMORY[3:]))),
    Section(title="Disks and filesystems in detail", collapsed=True, lines=(Line(8, _DISK[:3]), Line(8, _DISK[3:]))),
    Section(
        title="Network and Wi-Fi in detail",
        collapsed=True,
        lines=(Line(8, _NETWORK[:3]), Line(8, _NETWORK[3:6]), Line(8, _NETWORK[6:])),
    ),
    Section(
        title="Machine, storage and clock",
        collapsed=True,
        lines=(Line(5, _MACHINE[:1]), Line(6, (_MACHINE[1], _MACHINE[4]), (16, 8)), Line(6, _MACHINE[2:4])),
    ),
)
