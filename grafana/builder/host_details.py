"""What one looks at only after the first page of *Host* has said where: a collapsed row for each resource."""

from grafana.builder import colours, units
from grafana.builder.judging import any_is, line_at, none_is, rising, value_mappings, yes_no
from grafana.builder.layout import Line, Section, repeated
from grafana.builder.panels import About, Column, painted, state_timeline, table, time_series
from grafana.builder.queries import Look, Query, increase, rate, select
from sysvitals.judgement.thresholds import (
    CLOCK_ERROR,
    CPU_WAITING,
    FILESYSTEM_FULL,
    FILESYSTEM_NEARLY_FULL,
    INODES_FULL,
    INODES_NEARLY_FULL,
    IO_STALLED,
    MEMORY_STALLED,
    NETWORK_ERRORS,
    STORAGE_WORN,
    STORAGE_WORN_OUT,
    WIFI_WEAK,
)

_CPU_DOCS = "exporter/METRICS.md#cpu"
_MEMORY_DOCS = "exporter/METRICS.md#memory"
_PRESSURE_DOCS = "exporter/METRICS.md#pressure"
_DISK_DOCS = "exporter/METRICS.md#disk"
_NETWORK_DOCS = "exporter/METRICS.md#network"
_WIFI_DOCS = "exporter/METRICS.md#wifi"

_NO_CPU = "no CPU time was seen"
_NO_MEMORY = "no memory was seen"
_NO_DISK = "no disk was seen"
_NO_NETWORK = "no network device was seen"
_NO_PRESSURE = "this kernel measures no pressure (psi=1 on its command line)"
_NO_WIFI = "no Wi-Fi, or its driver keeps silent"

_MODES = {
    "user": colours.USER,
    "nice": colours.NICE,
    "system": colours.SYSTEM,
    "iowait": colours.IOWAIT,
    "irq": colours.INTERRUPTS,
    "softirq": colours.SOFT_INTERRUPTS,
    "steal": colours.STEAL,
}
_BY_MODE = rate("system_cpu_seconds_total", 'mode!="idle"')
_WORKING = rate("system_cpu_seconds_total", 'mode!~"idle|iowait"')
_WAITING_FOR_CPU = rate("system_pressure_waiting_seconds_total", 'resource="cpu"')

_CPU = (
    time_series(
        About(
            title="What do the CPUs of $instance do?",
            description="Time of all CPUs together by what it went into. *iowait* is waiting for a disk with nothing "
            "else to do, *steal* is time that a virtual machine's host took.",
            docs=_CPU_DOCS,
            missing=_NO_CPU,
            unit=units.RATIO,
            minimum=0,
            maximum=1,
            overrides=[painted(mode, colour) for mode, colour in _MODES.items()],
        ),
        Query(f"avg by (job, instance, mode) ({_BY_MODE})", "{{mode}}"),
        stacked=True,
    ),
    time_series(
        About(
            title="How busy is each CPU?",
            description="Part of the time that each CPU worked. One at its limit beside idle ones is a program that "
            "can use one CPU only.",
            docs=_CPU_DOCS,
            missing=_NO_CPU,
            unit=units.RATIO,
            minimum=0,
            maximum=1,
        ),
        Query(f"sum by (job, instance, cpu) ({_WORKING})", "{{instance}} CPU {{cpu}}"),
        fill=0,
    ),
    time_series(
        About(
            title="How often does work wait for a CPU?",
            description="Part of the time in which at least one task was ready to run and no CPU was free.",
            docs=_PRESSURE_DOCS,
            missing=_NO_PRESSURE,
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(CPU_WAITING),
        ),
        Query(_WAITING_FOR_CPU),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="How fast do the CPUs run?",
            description="Clock that the kernel asked for, and dashed the most that it allows now: lower than usual "
            "where it cools the CPU. What firmware does to it is on *Power and heat*.",
            docs=_CPU_DOCS,
            missing="this host does not tell its clock, as virtual machines do not",
            unit=units.HERTZ,
            minimum=0,
        ),
        Query(f"avg by (job, instance) ({select('system_cpu_scaling_frequency_hertz')})"),
        Query(
            f"max by (job, instance) ({select('system_cpu_scaling_frequency_max_hertz')})",
            "{{instance}} allowed",
            Look(colour=colours.SIZE, dashed=True),
        ),
    ),
    time_series(
        About(
            title="How many tasks run or are stuck?",
            description="Tasks that run or are ready to, and tasks that can do nothing but wait for a disk.",
            docs="exporter/METRICS.md#load",
            missing="no tasks were seen",
            unit=units.COUNT,
            minimum=0,
        ),
        Query(select("system_procs_running"), "{{instance}} running"),
        Query(select("system_procs_blocked"), "{{instance}} stuck", Look(colour=colours.WAITING, shades=True)),
    ),
    time_series(
        About(
            title="How often are CPUs interrupted?",
            description="Interrupts and switches from one task to another, each second.",
            docs=_CPU_DOCS,
            missing="no interrupts were seen",
            unit=units.PER_SECOND,
            minimum=0,
        ),
        Query(rate("system_context_switches_total"), "{{instance}} switches"),
        Query(rate("system_intr_total"), "{{instance}} interrupts"),
    ),
)

_SIZE = select("system_memory_size_bytes")
_AVAILABLE = select("system_memory_available_bytes")
_FREE = select("system_memory_free_bytes")
_SWAP = f"{select('system_memory_swap_size_bytes')} - {select('system_memory_swap_free_bytes')}"

_MEMORY = (
    time_series(
        About(
            title="Where does the memory of $instance go?",
            description="Used by programs and the kernel; cache that it gives back when needed; free. Dashed: what is "
            "swapped out, on top of all that.",
            docs=_MEMORY_DOCS,
            missing=_NO_MEMORY,
            unit=units.BYTES,
            minimum=0,
        ),
        Query(f"{_SIZE} - {_AVAILABLE}", "used", Look(colour=colours.USED)),
        Query(f"{_AVAILABLE} - {_FREE}", "cache", Look(colour=colours.CACHE)),
        Query(_FREE, "free", Look(colour=colours.FREE)),
        Query(_SWAP, "swapped out", Look(colour=colours.SWAP, dashed=True, stacked=False, width=2)),
        stacked=True,
    ),
    time_series(
        About(
            title="Does nothing get done for want of memory?",
            description="Part of the time in which all tasks waited for memory.",
            docs="prometheus/RUNBOOK.md#memorystalled",
            missing=_NO_PRESSURE,
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(MEMORY_STALLED),
        ),
        Query(rate("system_pressure_stalled_seconds_total", 'resource="memory"')),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="Is memory swapped?",
            description="Pages read back from swap above the line, pages written to it below. Reading back all the "
            "time makes a host crawl.",
            docs=_MEMORY_DOCS,
            missing="this kernel does not count swapping",
            unit=units.PER_SECOND,
        ),
        Query(rate("system_memory_swapped_in_pages_total"), "{{instance}} in", Look(colour=colours.READ, shades=True)),
        Query(
            rate("system_memory_swapped_out_pages_total"),
            "{{instance}} out",
            Look(colour=colours.WRITE, shades=True, below=True),
        ),
        at_least=1,
    ),
    time_series(
        About(
            title="Were programs killed for memory?",
            description="Tasks that the kernel killed because memory ran out.",
            docs="prometheus/RUNBOOK.md#outofmemory",
            missing="this kernel does not count it",
            unit=units.COUNT,
            minimum=0,
            thresholds=any_is(colours.WARNING),
        ),
        Query(f"round({increase('system_memory_oom_kills_total')})", look=Look(bars=True, fill=80)),
        at_least=1,
    ),
    time_series(
        About(
            title="How often is memory read from disk?",
            description="Times a second that a task had to wait for a page of memory from a disk.",
            docs=_MEMORY_DOCS,
            missing="this kernel does not count it",
            unit=units.PER_SECOND,
            minimum=0,
        ),
        Query(rate("system_memory_major_page_faults_total")),
        at_least=1,
    ),
    time_series(
        About(
            title="How much would a power cut lose?",
            description="Data that waits to be written to a disk, or is being written.",
            docs=_MEMORY_DOCS,
            missing=_NO_MEMORY,
            unit=units.BYTES,
            minimum=0,
        ),
        Query(f"{select('system_memory_dirty_bytes')} + {select('system_memory_writeback_bytes')}"),
    ),
)

_READ_SECONDS = rate("system_disk_read_time_seconds_total")
_WRITE_SECONDS = rate("system_disk_write_time_seconds_total")
_FLUSH_SECONDS = rate("system_disk_flush_requests_time_seconds_total")
_READS = rate("system_disk_reads_completed_total")
_WRITES = rate("system_disk_writes_completed_total")
_FLUSHES = rate("system_disk_flush_requests_total")

_DISK = (
    time_series(
        About(
            title="What do disks read and write?",
            description="Bytes read above the line, bytes written below it.",
            docs=_DISK_DOCS,
            missing=_NO_DISK,
            unit=units.unit_of_rate("system_disk_read_bytes_total"),
        ),
        Query(
            rate("system_disk_read_bytes_total"), "{{instance}} {{device}} read", Look(colour=colours.READ, shades=True)
        ),
        Query(
            rate("system_disk_written_bytes_total"),
            "{{instance}} {{device}} written",
            Look(colour=colours.WRITE, shades=True, below=True),
        ),
    ),
    time_series(
        About(
            title="How long does a request take?",
            description="Average time of the reads, writes and flushes that were completed. A flush is what a database "
            "or fsync waits for.",
            docs=_DISK_DOCS,
            missing="no disk did anything",
            unit=units.SECONDS,
            minimum=0,
        ),
        Query(
            f"{_READ_SECONDS} / ({_READS} > 0)", "{{instance}} {{device}} read", Look(colour=colours.READ, shades=True)
        ),
        Query(
            f"{_WRITE_SECONDS} / ({_WRITES} > 0)",
            "{{instance}} {{device}} write",
            Look(colour=colours.WRITE, shades=True),
        ),
        Query(
            f"{_FLUSH_SECONDS} / ({_FLUSHES} > 0)",
            "{{instance}} {{device}} flush",
            Look(colour=colours.FLUSH, shades=True),
        ),
        fill=0,
    ),
    time_series(
        About(
            title="Does nothing get done for want of a disk?",
            description="Part of the time in which all tasks waited for a disk.",
            docs="prometheus/RUNBOOK.md#diskstalled",
            missing=_NO_PRESSURE,
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(IO_STALLED),
        ),
        Query(rate("system_pressure_stalled_seconds_total", 'resource="io"')),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="How many requests?",
            description="Reads above the line, writes below it, each second.",
            docs=_DISK_DOCS,
            missing=_NO_DISK,
            unit=units.OPERATIONS_PER_SECOND,
        ),
        Query(_READS, "{{instance}} {{device}} reads", Look(colour=colours.READ, shades=True)),
        Query(_WRITES, "{{instance}} {{device}} writes", Look(colour=colours.WRITE, shades=True, below=True)),
    ),
    time_series(
        About(
            title="How long is the queue?",
            description="Requests that are under way or wait, on average.",
            docs=_DISK_DOCS,
            missing=_NO_DISK,
            unit=units.COUNT,
            minimum=0,
        ),
        Query(rate("system_disk_io_time_weighted_seconds_total"), "{{instance}} {{device}}"),
    ),
    time_series(
        About(
            title="How worn is the storage?",
            description="Used part of an eMMC's life, known by tenths. That of NVMe drives, and of the few SD cards "
            "that know it, takes root and is not read.",
            docs="prometheus/RUNBOOK.md#storageworn",
            missing="no eMMC: the wear of other storage is not read",
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(STORAGE_WORN, STORAGE_WORN_OUT),
        ),
        Query(select("system_storage_life_used_ratio"), "{{instance}} {{device}} {{area}}"),
        at_least=1,
        thresholds_drawn=True,
    ),
)

_FILESYSTEM = "job, instance, device, mountpoint, fstype"
_FILES = select("system_filesystem_files")
_FILES_FREE = select("system_filesystem_files_free")

_FILESYSTEMS = table(
    About(
        title="What is mounted, and how full is it?",
        description="Space that programs may still fill, and inodes: without a free one no file can be made. An image "
        "that is read-only is full by nature.",
        docs="exporter/METRICS.md#filesystem",
        missing="no filesystem was seen",
    ),
    Query(f"max by ({_FILESYSTEM}) ({select('system_filesystem_size_bytes')})"),
    Query(f"max by ({_FILESYSTEM}) ({select('system_filesystem_avail_bytes')})"),
    Query(f"max by ({_FILESYSTEM}) ({select('mountpoint:system_filesystem_used:ratio')})"),
    Query(f"max by ({_FILESYSTEM}) (1 - {_FILES_FREE} / ({_FILES} > 0))"),
    Query(f"max by ({_FILESYSTEM}) ({select('system_filesystem_readonly')})"),
    Query(f"max by ({_FILESYSTEM}) ({select('system_filesystem_device_error')})"),
    columns=(
        Column(name="instance", title="Host"),
        Column(name="mountpoint", title="Mounted at", width=170),
        Column(name="device", title="Device", width=150),
        Column(name="fstype", title="Type", width=80),
        Column(name="Value #A", title="Size", unit=units.BYTES),
        Column(name="Value #B", title="Left", unit=units.BYTES),
        Column(
            name="Value #C",
            title="Used",
            width=180,
            unit=units.RATIO,
            decimals=0,
            minimum=0,
            maximum=1,
            cell="gauge",
            thresholds=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL),
        ),
        Column(
            name="Value #D",
            title="Inodes used",
            width=180,
            unit=units.RATIO,
            decimals=0,
            minimum=0,
            maximum=1,
            cell="gauge",
            thresholds=rising(INODES_NEARLY_FULL, INODES_FULL),
            mappings=value_mappings({}, missing=("no fixed number", colours.UNKNOWN)),
        ),
        Column(
            name="Value #E",
            title="Writable",
            cell="color-text",
            mappings=value_mappings({0: ("yes", colours.GOOD), 1: ("no", colours.WARNING)}),
        ),
        Column(
            name="Value #F",
            title="Answers",
            cell="color-text",
            mappings=value_mappings({0: ("yes", colours.GOOD), 1: ("no", colours.CRITICAL)}),
        ),
    ),
    sort=("Used", True),
)


def _damaged(way: str) -> str:
    damaged = rate(f"system_network_{way}_errs_total", 'device!="lo"')
    whole = rate(f"system_network_{way}_packets_total", 'device!="lo"')
    return f"{damaged} / ({damaged} + {whole} > 0)"


_NETWORK = (
    time_series(
        About(
            title="How many packets?",
            description="Packets received above the line, sent below it, each second.",
            docs=_NETWORK_DOCS,
            missing=_NO_NETWORK,
            unit=units.PACKETS_PER_SECOND,
        ),
        Query(
            rate("system_network_receive_packets_total", 'device!="lo"'),
            "{{instance}} {{device}} in",
            Look(colour=colours.RECEIVE, shades=True),
        ),
        Query(
            rate("system_network_transmit_packets_total", 'device!="lo"'),
            "{{instance}} {{device}} out",
            Look(colour=colours.TRANSMIT, shades=True, below=True),
        ),
    ),
    time_series(
        About(
            title="Which way are packets damaged?",
            description="Damaged part of the packets: a bad cable, port or radio link.",
            docs="prometheus/RUNBOOK.md#networkerrors",
            missing="no packet was seen",
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(NETWORK_ERRORS),
        ),
        Query(_damaged("receive"), "{{instance}} {{device}} in", Look(colour=colours.RECEIVE, shades=True)),
        Query(_damaged("transmit"), "{{instance}} {{device}} out", Look(colour=colours.TRANSMIT, shades=True)),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="Are packets thrown away?",
            description="Packets thrown away unread above the line, unsent below it, each second.",
            docs=_NETWORK_DOCS,
            missing=_NO_NETWORK,
            unit=units.PACKETS_PER_SECOND,
        ),
        Query(
            rate("system_network_receive_drop_total", 'device!="lo"'),
            "{{instance}} {{device}} in",
            Look(colour=colours.RECEIVE, shades=True),
        ),
        Query(
            rate("system_network_transmit_drop_total", 'device!="lo"'),
            "{{instance}} {{device}} out",
            Look(colour=colours.TRANSMIT, shades=True, below=True),
        ),
        at_least=1,
    ),
    state_timeline(
        About(
            title="When were links up?",
            description="Whether a device could carry packets. A device with nothing plugged in is down.",
            docs="prometheus/RUNBOOK.md#linkflapping",
            missing=_NO_NETWORK,
            mappings=value_mappings({0: ("down", colours.UNKNOWN), 1: ("up", colours.GOOD)}),
            thresholds=none_is(colours.UNKNOWN),
        ),
        Query(select("system_network_up", 'device!="lo"'), "{{instance}} {{device}}"),
    ),
    time_series(
        About(
            title="How strong is the Wi-Fi?",
            description="Strength of the signal: -50 dBm is strong, below the line rates fall and packets are lost.",
            docs="prometheus/RUNBOOK.md#wifiweak",
            missing=_NO_WIFI,
            unit=units.unit_of("system_wifi_signal_dbm"),
            thresholds=line_at(WIFI_WEAK),
        ),
        Query(select("system_wifi_signal_dbm"), "{{instance}} {{device}}"),
        fill=0,
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="Is the Wi-Fi lossy?",
            description="Packets that Wi-Fi gave up after retries, or could not use, each second.",
            docs=_WIFI_DOCS,
            missing=_NO_WIFI,
            unit=units.PACKETS_PER_SECOND,
            minimum=0,
        ),
        Query(rate("system_wifi_discarded_packets_total"), "{{instance}} {{device}} {{reason}}"),
        at_least=1,
    ),
)

_MACHINE = (
    table(
        About(
            title="What machine is it?",
            description="What the host says about itself.",
            docs="exporter/METRICS.md#identity",
            missing="no host was seen",
        ),
        Query(select("system_identity_info")),
        columns=(
            Column(name="instance", title="Host"),
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
            title="What is it stored on?",
            description="Cards, eMMC and NVMe drives. Other disks tell what they are over SMART only.",
            docs="exporter/METRICS.md#storage_wear",
            missing="no SD card, eMMC or NVMe drive",
        ),
        Query(select("system_storage_info")),
        columns=(
            Column(name="instance", title="Host"),
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
            title="Could the clock be trusted?",
            description="Whether the clock followed a time server. A board without a battery starts with a wrong one.",
            docs="prometheus/RUNBOOK.md#clockunsynchronised",
            missing="the kernel does not tell",
            mappings=yes_no(no=colours.WARNING),
            thresholds=none_is(colours.WARNING),
        ),
        Query(select("system_timex_sync_status")),
    ),
    time_series(
        About(
            title="How wrong can the clock be?",
            description="Most that the clock can be wrong by. It grows while no time server is heard of.",
            docs="prometheus/RUNBOOK.md#clockinexact",
            missing="the kernel does not tell",
            unit=units.SECONDS,
            minimum=0,
            thresholds=rising(CLOCK_ERROR),
        ),
        Query(select("system_timex_maxerror_seconds")),
        thresholds_drawn=True,
    ),
)

DETAILS = (
    Section(
        title="CPU in detail",
        collapsed=True,
        lines=(Line(8, (repeated(_CPU[0]),)), Line(8, _CPU[1:4]), Line(8, _CPU[4:6])),
    ),
    Section(
        title="Memory in detail",
        collapsed=True,
        lines=(Line(8, (repeated(_MEMORY[0]),)), Line(8, _MEMORY[1:4]), Line(8, _MEMORY[4:6])),
    ),
    Section(
        title="Disks and filesystems in detail",
        collapsed=True,
        lines=(Line(8, _DISK[0:3]), Line(8, _DISK[3:6]), Line(8, (_FILESYSTEMS,))),
    ),
    Section(
        title="Network and Wi-Fi in detail",
        collapsed=True,
        lines=(Line(8, _NETWORK[0:3]), Line(8, _NETWORK[3:6])),
    ),
    Section(
        title="Machine, storage and clock",
        collapsed=True,
        lines=(Line(6, _MACHINE[0:1]), Line(6, _MACHINE[1:4])),
    ),
)
