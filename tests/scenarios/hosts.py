"""The hosts, what befalls each, which alerts it should fire, and how many messages people should get of it.

Faults that a person should hear of, ordinary hosts that should stay silent, and the chain of servers itself.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from tests.scenarios.course import MINUTES, Host, count, levels

NEVER = MINUTES * 2


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """What befalls the hosts of these instances, what each fires (`Undervoltage critical`), and messages for people.

    A message about several of the hosts counts once.
    """

    name: str
    hosts: tuple[Host, ...]
    fires: frozenset[str] = frozenset()
    messages: int = 0


def fault(name: str, *hosts: Host, fires: str, messages: int = 2) -> Scenario:
    """Something that people should hear of: when it begins and when it is over, unless they say otherwise."""
    return Scenario(name=name, hosts=hosts, fires=frozenset(filter(None, fires.split(", "))), messages=messages)


def silent(name: str, *hosts: Host, fires: str = "") -> Scenario:
    """Something ordinary: no message, and what fires is for the digest or said by another alert."""
    return fault(name, *hosts, fires=fires, messages=0)


def _dips(minutes: range, begin: int = 0) -> dict[str, list[float | None]]:
    """Undervoltages of six seconds at these minutes, each with its throttling, after so many in the past."""
    events = [float(begin + sum(minute > dip for dip in minutes)) for minute in range(MINUTES)]
    seconds: list[float | None] = [6.0 * (value or 0) for value in events]
    return {
        'system_throttle_events_total{cause="undervoltage"}': [*events],
        'system_throttle_seconds_total{cause="undervoltage"}': seconds,
        'system_throttle_events_total{cause="throttled"}': [*events],
        'system_throttle_seconds_total{cause="throttled"}': seconds,
    }


_ROOT = 'mountpoint="/"'
_CPU = 'system_temperature_celsius{chip="cpu_thermal"}'
_SYNCHRONISED: dict[str, list[float | None]] = {"system_timex_sync_status": [1], "system_timex_maxerror_seconds": [0.1]}
_USB = 'device="sda"'


def _disk(busy: float, queue: float, done: float, start: int, minutes: int) -> dict[str, list[float | None]]:
    """The card: so much of the time busy, so many waiting, so many requests a second, for so many minutes."""

    def grow(rate: float) -> list[float | None]:
        return count((start, 0.06), (minutes, 60 * rate), (1, 0.06))

    return {
        'system_disk_io_time_seconds_total{device="mmcblk0"}': grow(busy),
        'system_disk_io_time_weighted_seconds_total{device="mmcblk0"}': grow(queue),
        'system_disk_reads_completed_total{device="mmcblk0"}': grow(done / 10),
        'system_disk_writes_completed_total{device="mmcblk0"}': grow(done),
    }


def _cpus(mode: str, part: float, start: int, minutes: int) -> dict[str, list[float | None]]:
    """All CPUs: so much of their time in this mode, for so many minutes, and idle otherwise."""
    return {
        f'system_cpu_seconds_total{{mode="{mode}"}}': count((start, 0), (minutes, 60 * part), (1, 0)),
        'system_cpu_seconds_total{mode="idle"}': count((start, 60), (minutes, 60 * (1 - part)), (1, 60)),
    }


def _pressure(resource: str, kind: str, part: float, start: int, minutes: int) -> dict[str, list[float | None]]:
    name = f'system_pressure_{kind}_seconds_total{{resource="{resource}"}}'
    return {name: count((start, 0), (minutes, 60 * part), (1, 0))}


def _packets(drops: float, packets: float) -> dict[str, list[float | None]]:
    """So many packets of eth0 a minute that arrive and are dropped from the second hour on."""
    return {
        'system_network_receive_packets_total{device="eth0"}': count((NEVER, packets)),
        'system_network_receive_drop_total{device="eth0"}': count((120, 0), (NEVER, drops)),
    }


def _relabelled(name: str, values: list[float | None], at: int) -> tuple[Host, Host]:
    """One host, whose target is given the label `site` at this minute."""
    before = Host(changes={name: values}, gone=((at, NEVER),), instance="host-moved")
    return before, replace(before, gone=((0, at),), labels={"site": "attic"})


FAULTS = (
    fault(
        "a supply that is too weak, and dips again and again for forty minutes",
        Host(changes=_dips(range(120, 160, 7))),
        fires="Undervoltage critical",
    ),
    fault(
        "one dip of six seconds between two scrapes",
        Host(changes=_dips(range(200, 201))),
        fires="Undervoltage critical",
    ),
    fault(
        "a fan that stands still: heat and throttling follow",
        Host(
            recorded="pi-5",
            changes={
                "system_fan_stalled": levels((120, 0), (120, 1), (1, 0)),
                _CPU: levels((125, 55), (120, 82), (1, 55)),
                'system_throttle_seconds_total{cause="throttled"}': count((130, 0), (115, 45), (1, 0)),
            },
        ),
        fires="FanStalled critical, TemperatureHigh warning, Throttled warning",
    ),
    fault(
        "97 degrees on a chip that names no limits",
        Host(
            recorded="nuc",
            changes={
                'system_temperature_celsius{chip="acpitz",sensor="temp1"}': levels((120, 45), (120, 97), (1, 45)),
                'system_temperature_max_celsius{chip="acpitz",sensor="temp1"}': [None],
                'system_temperature_critical_celsius{chip="acpitz",sensor="temp1"}': [None],
            },
        ),
        fires="TemperatureHigh warning",
    ),
    fault(
        "a Raspberry Pi at its limit in a closed case",
        Host(changes={_CPU: levels((120, 55), (120, 86), (1, 50))}),
        fires="TemperatureHigh critical, TemperatureHigh warning",
    ),
    fault(
        "a card that is full",
        Host(
            changes={
                f"system_filesystem_avail_bytes{{{_ROOT}}}": levels((120, 15e9), (120, 0.2e9), (1, 15e9)),
                f"system_filesystem_free_bytes{{{_ROOT}}}": levels((120, 16.5e9), (120, 1.7e9), (1, 16.5e9)),
            },
        ),
        fires="FilesystemFull critical, FilesystemFull warning",
    ),
    fault(
        "a root that turns read-only: the history cannot be written, and events are lost",
        Host(
            changes={
                f"system_filesystem_readonly{{{_ROOT}}}": levels((120, 0), (120, 1), (1, 0)),
                "sysvitals_history_writable": levels((120, 1), (120, 0), (1, 1)),
                'sysvitals_events_dropped_total{sink="history"}': count((121, 0), (119, 30), (1, 0)),
            },
        ),
        fires="FilesystemReadOnly critical",
    ),
    fault(
        "a dying card: always busy, four waiting, two seconds a write, and a kernel without pressure",
        Host(
            changes={
                **_disk(1.0, 4.0, 2.0, 120, 180),
                "system_pressure_stalled_seconds_total": [None],
                "system_pressure_waiting_seconds_total": [None],
            },
        ),
        fires="DiskSlow warning",
    ),
    fault(
        "a virtual machine of whose CPU time others take 40 %",
        Host(
            recorded="vm",
            changes={**_cpus("steal", 0.4, 120, 180), **_SYNCHRONISED},
        ),
        fires="CpuStolen warning",
    ),
    fault(
        "a link that loses a tenth of what it receives",
        Host(changes=_packets(drops=6_000, packets=54_000)),
        fires="PacketsDropped warning",
        messages=1,
    ),
    fault(
        "a cable that fell from 1 Gbit/s to 100 Mbit/s",
        Host(changes={'system_network_speed_bytes{device="eth0"}': levels((200, 125e6), (120, 12.5e6), (1, 125e6))}),
        fires="LinkSlow warning",
    ),
    fault(
        "a leak that takes all memory within forty minutes",
        Host(
            changes={
                "system_memory_available_bytes": [
                    *levels((120, 3e9)),
                    *[3e9 - minute * 70e6 for minute in range(40)],
                    *levels((1, 3e9)),
                ],
                "system_memory_oom_kills_total": levels((160, 0), (1, 1)),
                "system_memory_swap_free_bytes": [0],
            },
        ),
        fires="MemoryFilling warning, OutOfMemory warning",
        messages=4,  # what is foretold, and what comes of it
    ),
    fault(
        "a host that is down for two hours",
        Host(off=((120, 240),)),
        fires="HostDown critical",
    ),
    fault(
        "six hosts behind one switch that fails: one message",
        *[Host(off=((130, 200),)) for _ in range(6)],
        fires="HostDown critical",
    ),
    fault(
        "a host with node_exporter alone that is down",
        Host(
            recorded="",
            job="node-exporter",
            changes={"node_exporter_build_info": [1], "node_context_switches_total": count((NEVER, 60))},
            off=((120, 240),),
        ),
        fires="NodeHostDown critical",
    ),
    fault(
        "a host that answers each scrape after 9.9 seconds",
        Host(changes={"scrape_duration_seconds": levels((120, 0.1), (90, 9.9), (1, 0.1))}),
        fires="ScrapeSlow warning",
    ),
    fault(
        "a target that something else answers",
        Host(recorded="", changes={"other_metric": [1]}),
        fires="NotSysvitals warning",
        messages=1,
    ),
    fault(
        "a board that starts again and again",
        Host(boots=(120, 135, 150, 165), off=((119, 121), (134, 136), (149, 151), (164, 166))),
        fires="HostFlapping warning, RebootLoop critical",
    ),
    fault(
        "a power cut of ten minutes, that is known as such after the boot",
        Host(
            boots=(130,),
            off=((120, 131),),
            changes={"system_unclean_shutdowns_total": levels((131, 2), (1, 3))},
        ),
        fires="HostDown critical, UncleanShutdown warning",
        messages=4,
    ),
    fault(
        "a program that was killed for want of memory",
        Host(changes={"system_memory_oom_kills_total": levels((120, 0), (1, 1))}),
        fires="OutOfMemory warning",
    ),
    fault(
        "an access point that is too far away",
        Host(whole=True, changes={'system_wifi_signal_dbm{device="wlan0"}': levels((120, -60), (90, -84), (1, -60))}),
        fires="WifiWeak warning",
    ),
    fault(
        "a plug that has no firm contact",
        Host(changes={'system_network_carrier_changes_total{device="eth0"}': count((120, 0), (30, 2), (1, 0))}),
        fires="LinkFlapping warning",
    ),
    fault(
        "an eMMC that is nearly worn out",
        Host(
            recorded="pi-cm4-emmc",
            changes={"system_storage_life_used_ratio": levels((120, 0.7), (1, 0.8))},
        ),
        fires="StorageWorn warning, UndervoltageUndetectable info",
        messages=1,
    ),
    fault(
        "a collector that fails",
        Host(whole=True, changes={'sysvitals_collector_success{collector="wifi"}': levels((120, 1), (90, 0), (1, 1))}),
        fires="CollectorFailing warning",
    ),
    fault(
        "a clock that is twenty seconds wrong",
        Host(
            changes={
                "sysvitals_collector_last_success_timestamp_seconds": [
                    60.0 * minute - 20 * (120 <= minute < 220) for minute in range(MINUTES)
                ]
            }
        ),
        fires="ClockWrong warning",
    ),
    fault(
        "a clock that follows no time server, on a board",
        Host(changes={"system_timex_sync_status": levels((120, 1), (180, 0), (1, 1))}),
        fires="ClockUnsynchronised warning",
    ),
    fault(
        "a disk without free inodes",
        Host(changes={f"system_filesystem_files_free{{{_ROOT}}}": levels((120, 1.5e6), (120, 9e3), (1, 1.5e6))}),
        fires="InodesFull critical, InodesFull warning",
    ),
    fault(
        "a fault that goes on while its target is given a label, by which Prometheus takes it for another one",
        *_relabelled(_CPU, levels((120, 55), (200, 86), (1, 50)), at=200),
        fires="TemperatureHigh critical, TemperatureHigh warning",
        messages=4,  # the second beginning comes before the first end, so that it is never said to be over
    ),
)

ORDINARY = (
    silent(
        "a Raspberry Pi that is well",
        Host(whole=True),
        Host(recorded="pi-5", whole=True),
        Host(recorded="pi-zero-w", whole=True),
        fires="UndervoltageUndetectable info",
    ),
    silent("a small PC that is well", Host(recorded="nuc", whole=True)),
    silent(
        "a virtual machine whose hypervisor steers its clock",
        Host(recorded="vm", changes={"system_timex_sync_status": [0]}),
    ),
    silent(
        "a backup of two hours onto a card",
        Host(changes={**_disk(0.99, 25, 120, 120, 120), **_pressure("io", "stalled", 0.45, 120, 120)}),
    ),
    silent(
        "an upgrade of twenty-five minutes on a card",
        Host(
            changes={
                **_disk(0.99, 40, 60, 120, 25),
                **_pressure("io", "stalled", 0.6, 120, 25),
                "system_procs_blocked": levels((120, 0), (25, 4), (1, 0)),
            }
        ),
    ),
    silent(
        "a clock that waits forty minutes for a time server after a boot",
        Host(boots=(120,), off=((119, 121),), changes={"system_timex_sync_status": levels((120, 1), (40, 0), (1, 1))}),
    ),
    silent(
        "two reboots for an update",
        Host(boots=(120, 135), off=((119, 122), (134, 137))),
    ),
    silent(
        "a host that is new, with old counters",
        Host(
            gone=((0, 200),),
            changes={
                **_dips(range(0), begin=40),
                "system_memory_oom_kills_total": [3],
                "system_unclean_shutdowns_total": [7],
                'system_network_carrier_changes_total{device="eth0"}': [88],
                'system_throttled_since_boot{cause="undervoltage"}': [1],
            },
        ),
    ),
    silent(
        "a host that is out of reach for three minutes of each hour",
        Host(off=tuple((hour * 60 + 30, hour * 60 + 33) for hour in range(8))),
    ),
    silent("a laptop that sleeps", Host(recorded="nuc", labels={"sleeps": "true"}, off=((100, 160), (200, 400)))),
    silent("a desktop that is off at night", Host(recorded="nuc", labels={"sleeps": "true"}, off=((60, NEVER),))),
    silent(
        "a media disk of 8 TB that is meant to be full",
        Host(
            changes={
                'system_filesystem_size_bytes{mountpoint="/srv/data"}': [8e12],
                'system_filesystem_avail_bytes{mountpoint="/srv/data"}': [4e9],
                'system_filesystem_free_bytes{mountpoint="/srv/data"}': [4e9],
                'system_filesystem_full_expected{device="/dev/sda1",fstype="ext4",mountpoint="/srv/data"}': [1],
            }
        ),
    ),
    silent(
        "a processor that compiles for hours at 88 of 100 degrees",
        Host(
            recorded="nuc",
            whole=True,
            changes={
                'system_temperature_celsius{chip="coretemp"}': levels((120, 50), (180, 88), (1, 50)),
                'system_temperature_celsius{chip="x86_pkg_temp"}': levels((120, 50), (180, 88), (1, 50)),
                'system_temperature_critical_celsius{chip="coretemp"}': [100],
                'system_temperature_max_celsius{chip="coretemp"}': [86],
                **_cpus("user", 0.98, 120, 180),
                "system_load1": levels((120, 0.5), (180, 8), (1, 0.5)),
            },
        ),
    ),
    silent(
        "a game at 82 degrees of a graphics chip whose maker calls 80 the most",
        Host(
            recorded="nuc",
            changes={
                'system_temperature_celsius{chip="amdgpu_0000:01:00.0",sensor="edge"}': levels(
                    (120, 50), (150, 82), (1, 50)
                ),
                'system_temperature_max_celsius{chip="amdgpu_0000:01:00.0",sensor="edge"}': [80],
                'system_temperature_critical_celsius{chip="amdgpu_0000:01:00.0",sensor="edge"}': [100],
            },
        ),
    ),
    silent(
        "three hours of a film that is encoded on all cores",
        Host(
            whole=True,
            changes={
                **_cpus("user", 0.99, 120, 180),
                **_pressure("cpu", "waiting", 0.7, 120, 180),
                "system_load1": levels((120, 0.3), (180, 6), (1, 0.3)),
            },
        ),
    ),
    silent(
        "a switch that starts again: the link is down for three minutes",
        Host(changes={'system_network_carrier{device="eth0"}': levels((120, 1), (3, 0), (1, 1))}),
    ),
    silent("a link that has had 100 Mbit/s from the first", Host(changes={"system_network_speed_bytes": [12.5e6]})),
    silent("an idle link that drops broadcasts", Host(changes=_packets(drops=40, packets=300))),
    silent(
        "a virtual machine with a little steal",
        Host(recorded="vm", changes={**_cpus("steal", 0.05, 0, NEVER), **_SYNCHRONISED}),
    ),
    silent(
        "a database that takes three quarters of the memory when it starts",
        Host(
            changes={
                "system_memory_available_bytes": [
                    *levels((120, 3.3e9)),
                    *[3.3e9 - minute * 120e6 for minute in range(20)],
                    *levels((1, 0.9e9)),
                ]
            }
        ),
    ),
    silent(
        "a board that had a dip before its exporter was first asked",
        Host(changes={'system_throttled_since_boot{cause="undervoltage"}': [1]}),
    ),
    silent(
        "a kiosk whose disk is read-only on purpose",
        Host(changes={"system_filesystem_readonly": [1]}),
    ),
    silent(
        "an exporter that is updated",
        Host(off=((200, 201),), changes={"process_cpu_seconds_total": levels((200, 900), (1, 1))}),
    ),
    silent(
        "a summer's day: a board is warm, at its soft limit, and no more",
        Host(
            changes={
                _CPU: levels((120, 60), (180, 74), (1, 60)),
                'system_throttle_seconds_total{cause="soft_temperature_limit"}': count((120, 0), (180, 50), (1, 0)),
            }
        ),
        fires="SoftTemperatureLimit info",
    ),
    silent(
        "a disk, a sensor and a link that are to be left alone",
        Host(
            changes={
                **_disk(1.0, 4.0, 2.0, 120, 180),
                'system_disk_left_alone{device="mmcblk0"}': [1],
                _CPU: levels((120, 50), (180, 95), (1, 50)),
                'system_temperature_left_alone{chip="cpu_thermal",sensor="temp1"}': [1],
                'system_network_carrier{device="eth0"}': levels((300, 1), (1, 0)),
                'system_network_left_alone{device="eth0"}': [1],
            }
        ),
    ),
)

CHAIN = (
    fault(
        "a receiver whose token was revoked",
        Host(
            recorded="",
            job="alertmanager",
            changes={
                'alertmanager_notifications_failed_total{integration="telegram"}': count((120, 0), (90, 1), (1, 0)),
                'alertmanager_notifications_total{integration="telegram"}': count((120, 0), (90, 1), (1, 0)),
            },
        ),
        fires="NotificationsFailing critical",
    ),
    fault(
        "a Prometheus that refused its new configuration",
        Host(
            recorded="",
            job="prometheus",
            changes={"prometheus_config_last_reload_successful": levels((120, 1), (90, 0), (1, 1))},
        ),
        fires="PrometheusReloadFailed warning",
    ),
    fault(
        "an Alertmanager that refused its new configuration",
        Host(
            recorded="",
            job="alertmanager",
            changes={"alertmanager_config_last_reload_successful": levels((120, 1), (90, 0), (1, 1))},
        ),
        fires="AlertmanagerReloadFailed warning",
    ),
    fault(
        "rules that fail",
        Host(
            recorded="",
            job="prometheus",
            changes={'prometheus_rule_evaluation_failures_total{rule_group="mine"}': count((120, 0), (90, 4), (1, 0))},
        ),
        fires="RulesFailing warning",
    ),
    fault(
        "an Alertmanager that does not answer",
        Host(
            recorded="",
            job="prometheus",
            changes={
                'prometheus_notifications_errors_total{alertmanager="http://a:9093/api/v2/alerts"}': count(
                    (120, 0), (90, 2), (1, 0)
                )
            },
        ),
        fires="AlertmanagerDown critical",
    ),
)

_DAY = 1_800
"""Thirty hours, for what has to be there for a day before it is missed."""


def _usb_disk(unmounted: int, gone: int) -> dict[str, list[float | None]]:
    """The USB disk is unmounted at a minute and gone from another on."""
    mount = dict.fromkeys(("readonly", "device_error"), 0.0)
    mount |= {"size_bytes": 492e9, "avail_bytes": 162e9, "free_bytes": 187e9, "files": 3e7, "files_free": 2e7}
    disk = (
        "io_now",
        "io_time_seconds_total",
        "io_time_weighted_seconds_total",
        "written_bytes_total",
        "read_bytes_total",
    )
    return {
        f'system_filesystem_{name}{{mountpoint="/srv/data"}}': levels((unmounted, value), (1, None))
        for name, value in mount.items()
    } | {f"system_disk_{name}{{{_USB}}}": levels((gone, 1), (1, None)) for name in disk}


VANISHED = (
    fault(
        "a USB disk that vanishes with its mount: one message",
        Host(changes=_usb_disk(1_600, 1_600), minutes=_DAY),
        fires="DiskVanished warning",
        messages=1,
    ),
    silent("a USB disk that is taken away after it was unmounted", Host(changes=_usb_disk(1_600, 1_608), minutes=_DAY)),
    fault(
        "a sensor that vanishes while the others stay",
        Host(
            recorded="pi-5",
            changes={'system_temperature_celsius{chip="rp1_adc"}': levels((1_600, 50), (1, None))},
            minutes=_DAY,
        ),
        fires="SensorVanished warning",
        messages=1,
    ),
)
"""Played by themselves: they take more than a day."""

SCENARIOS = FAULTS + ORDINARY + CHAIN


def instances(scenarios: Iterable[Scenario] = SCENARIOS) -> Iterator[tuple[str, Scenario, Host]]:
    """Each host by the name that it goes by."""
    for number, scenario in enumerate(scenarios):
        for place, host in enumerate(scenario.hosts):
            yield host.instance or f"host-{number}-{place}", scenario, host
