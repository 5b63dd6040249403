"""One host: is it well, and what keeps it busy? Utilisation, saturation and errors, resource by resource."""

from grafana.builder import colours, heat, units
from grafana.builder.dashboard import Dashboard, link_to
from grafana.builder.host_details import DETAILS
from grafana.builder.judging import rising, value_mappings
from grafana.builder.layout import Line, Section
from grafana.builder.panels import About, stat, time_series
from grafana.builder.queries import Look, Query, rate, select
from grafana.builder.states import ALERTS, POWER, START, THROTTLING
from sysvitals.judgement.thresholds import (
    DISK_BUSY,
    FILESYSTEM_FULL,
    FILESYSTEM_NEARLY_FULL,
    LOAD_HIGH,
    MEMORY_LOW,
    MEMORY_VERY_LOW,
    NETWORK_ERRORS,
)

_READ_ONLY = 2
"""Stands for a filesystem that can no longer be written: more than any used part of one."""

_SILENT = -1
"""Stands for a host that does not answer: less than any time."""

_READ_ONLY_FIRES = select("ALERTS", 'alertname="FilesystemReadOnly", alertstate="firing"')

_HEALTH = (
    stat(
        About(
            title="Alerts?",
            description="The worst alert that fires for this host. The dashboard *Alerts* shows all of them.",
            docs="prometheus/RUNBOOK.md",
            missing="not seen",
            mappings=ALERTS.mappings,
            value_links=[link_to("sysvitals-alerts", "All its alerts")],
        ),
        Query(ALERTS.expression),
        coloured="background",
        text="value",
    ),
    stat(
        About(
            title="Power OK?",
            description="Whether the board's own detector sees too low a voltage, saw one within a day, or saw one "
            "since boot. *No detector*: this board cannot tell, and its silence is not health.",
            docs="exporter/POWER.md#undervoltage",
            missing="not measured",
            mappings=POWER.mappings,
            value_links=[link_to("sysvitals-power", "Its power and heat")],
        ),
        Query(POWER.expression),
        coloured="background",
        text="value",
    ),
    stat(
        About(
            title="How hot?",
            description="The sensor that is nearest to its own limit. The colour goes by that limit and not by a fixed "
            "number: orange from where a Raspberry Pi begins to slow down, red where it is critical.",
            docs="exporter/POWER.md#frequency_capped-and-throttled",
            missing="not measured",
            unit=units.CELSIUS,
            decimals=0,
            thresholds=((None, colours.GOOD),),
            overrides=[heat.coloured("B", colours.WARNING), heat.coloured("C", colours.CRITICAL)],
            value_links=[link_to("sysvitals-power", "Its power and heat")],
        ),
        Query(heat.FINE),
        Query(heat.TOO_WARM),
        Query(heat.TOO_HOT),
        coloured="background",
        text="value",
    ),
    stat(
        About(
            title="Throttled?",
            description="Whether firmware or kernel hold the processor back, because of heat or of a weak supply.",
            docs="exporter/POWER.md#frequency_capped-and-throttled",
            missing="not measured",
            mappings=THROTTLING.mappings,
            value_links=[link_to("sysvitals-power", "Its power and heat")],
        ),
        Query(THROTTLING.expression),
        coloured="background",
        text="value",
    ),
    stat(
        About(
            title="Disk full?",
            description="Used part of the fullest filesystem that can be written, or *read-only* where one can no "
            "longer be written.",
            docs="prometheus/RUNBOOK.md#filesystemfull",
            missing="not seen",
            unit=units.RATIO,
            decimals=0,
            thresholds=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL),
            mappings=value_mappings({_READ_ONLY: ("read-only", colours.CRITICAL)}),
        ),
        Query(
            f"max by (job, instance) ({_READ_ONLY_FIRES}) * {_READ_ONLY}\nor\n"
            f"max by (job, instance) ({select('instance:system_filesystem_used:ratio_max')})"
        ),
        coloured="background",
        text="value",
    ),
    stat(
        About(
            title="RAM full?",
            description="Part of the memory that programs can no longer have. Cache that the kernel would give back "
            "does not count.",
            docs="prometheus/RUNBOOK.md#memorylow",
            missing="not seen",
            unit=units.RATIO,
            decimals=0,
            thresholds=rising(MEMORY_LOW, MEMORY_VERY_LOW),
        ),
        Query(select("instance:system_memory_used:ratio")),
        coloured="background",
        text="value",
    ),
    stat(
        About(
            title="Up for?",
            description="How long the host has been running. *Silent*: it does not answer Prometheus now.",
            docs="exporter/METRICS.md#boot",
            missing="not seen",
            unit=units.SECONDS,
            decimals=1,
            mappings=value_mappings({_SILENT: ("silent", colours.CRITICAL)}),
        ),
        Query(
            f"max by (job, instance) ({select('system_uptime_seconds')})\nor\n"
            f"max by (job, instance) ({select('up')} == 0) * 0 {_SILENT}"
        ),
        text="value",
    ),
    stat(
        About(
            title="Why boot?",
            description="What the board noted about its last start, and whether the boot before ended without a "
            "shutdown within a day. *Restart or hang*: Linux restarts by means of the watchdog, too.",
            docs="exporter/POWER.md#the-lights-went-out",
            missing="not recorded",
            mappings=START.mappings,
        ),
        Query(START.expression),
        text="value",
    ),
)

_IDLE = rate("system_cpu_seconds_total", 'mode=~"idle|iowait"')

_DAMAGED = " + ".join(rate(f"system_network_{way}_errs_total", 'device!="lo"') for way in ("receive", "transmit"))
_WHOLE = " + ".join(rate(f"system_network_{way}_packets_total", 'device!="lo"') for way in ("receive", "transmit"))

_WORK = (
    time_series(
        About(
            title="How busy are the CPUs?",
            description="Part of the time that the CPUs worked, all of them together. Waiting for a disk is not work.",
            docs="exporter/METRICS.md#cpu",
            missing="no CPU time was seen",
            unit=units.RATIO,
            minimum=0,
            maximum=1,
        ),
        Query(f"1 - avg by (job, instance) (sum by (job, instance, cpu) ({_IDLE}))"),
    ),
    time_series(
        About(
            title="Is there more work than CPUs?",
            description="Tasks that run or wait, for each CPU, over five minutes. Above 1 some wait; the dashed line "
            "is where the alert begins.",
            docs="prometheus/RUNBOOK.md#loadhigh",
            missing="no load was seen",
            unit=units.COUNT,
            minimum=0,
            thresholds=rising(LOAD_HIGH),
        ),
        Query(f"{select('system_load5')}\n/ on (job, instance) {select('instance:system_cpus:count')}"),
        at_least=1,
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="How much memory is used?",
            description="Part of the memory that programs can no longer have without swapping.",
            docs="prometheus/RUNBOOK.md#memorylow",
            missing="no memory was seen",
            unit=units.RATIO,
            minimum=0,
            maximum=1,
            thresholds=rising(MEMORY_LOW, MEMORY_VERY_LOW),
        ),
        Query(select("instance:system_memory_used:ratio")),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="What do programs wait for?",
            description="Part of the time in which at least one program could not go on for want of a CPU, of memory "
            "or of a disk.",
            docs="exporter/METRICS.md#pressure",
            missing="this kernel measures no pressure (psi=1 on its command line)",
            unit=units.RATIO,
            minimum=0,
        ),
        Query(
            f"max by (job, instance, resource) ({rate('system_pressure_waiting_seconds_total')})",
            "{{instance}} {{resource}}",
        ),
    ),
    time_series(
        About(
            title="How busy are the disks?",
            description="Part of the time in which a disk had work. Small cards get to their limit long before others.",
            docs="prometheus/RUNBOOK.md#disksaturated",
            missing="no disk was seen",
            unit=units.RATIO,
            minimum=0,
            maximum=1,
            thresholds=rising(DISK_BUSY),
        ),
        Query(rate("system_disk_io_time_seconds_total"), "{{instance}} {{device}}"),
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="How full are the filesystems?",
            description="Used part of what users other than root may fill, as df counts it.",
            docs="prometheus/RUNBOOK.md#filesystemfull",
            missing="no filesystem was seen",
            unit=units.RATIO,
            minimum=0,
            maximum=1,
            thresholds=rising(FILESYSTEM_NEARLY_FULL, FILESYSTEM_FULL),
        ),
        Query(select("mountpoint:system_filesystem_used:ratio"), "{{instance}} {{mountpoint}}"),
        fill=0,
        thresholds_drawn=True,
    ),
    time_series(
        About(
            title="What goes over the network?",
            description="Bytes received above the line, bytes sent below it, of each device but the loopback.",
            docs="exporter/METRICS.md#network",
            missing="no network device was seen",
            unit=units.unit_of_rate("system_network_receive_bytes_total"),
        ),
        Query(
            rate("system_network_receive_bytes_total", 'device!="lo"'),
            "{{instance}} {{device}} in",
            Look(colour=colours.RECEIVE, shades=True),
        ),
        Query(
            rate("system_network_transmit_bytes_total", 'device!="lo"'),
            "{{instance}} {{device}} out",
            Look(colour=colours.TRANSMIT, shades=True, below=True),
        ),
    ),
    time_series(
        About(
            title="Are packets damaged?",
            description="Damaged part of the packets that came and went: a bad cable, port or radio link.",
            docs="prometheus/RUNBOOK.md#networkerrors",
            missing="no packet was seen",
            unit=units.RATIO,
            minimum=0,
            thresholds=rising(NETWORK_ERRORS),
        ),
        Query(f"({_DAMAGED})\n/ ({_DAMAGED} + {_WHOLE} > 0)", "{{instance}} {{device}}"),
        thresholds_drawn=True,
        at_least=NETWORK_ERRORS.value,
    ),
)

DASHBOARD = Dashboard(
    uid="sysvitals-host",
    title="Host",
    description="Is this host well, and what keeps it busy? Opens with one host; choose more to compare them.",
    docs="grafana/README.md#host",
    sections=(
        Section(title="Is $instance well?", lines=(Line(4, _HEALTH),), repeat="instance"),
        Section(
            title="What is it doing?",
            lines=(
                Line(8, _WORK[0:3]),
                Line(8, _WORK[3:6]),
                Line(8, _WORK[6:8], (16, 8)),
            ),
        ),
        *DETAILS,
    ),
    all_hosts=False,
    refresh="30s",
)
