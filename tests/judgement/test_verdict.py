"""The verdict: one word on the host, with its reasons, by the thresholds of the alert rules."""

import json

import pytest

from prometheus.rulebook.subjects import SUBJECTS
from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.judgement import thresholds
from sysvitals.judgement.heat.limits import find_limits
from sysvitals.judgement.rule import Alert
from sysvitals.judgement.verdict import Level, Reason, Verdict, encode_verdict, judge
from sysvitals.model.reading import Reading
from sysvitals.model.samples import Sample, Samples, sample_bodies
from tests.recorded import HOSTS, NOW, RecordedHost

ALERTS = {(rule.name, rule.severity) for subject in SUBJECTS for rule in subject.rules if isinstance(rule, Alert)}
SEVERITIES = {Level.CRITICAL: "critical", Level.WARNING: "warning", Level.NOTE: None}

UNDERVOLTAGE = {"cause": "undervoltage"}
CPU = {"chip": "cpu_thermal", "sensor": "temp1"}
NVME = {"chip": "nvme0", "sensor": "Composite"}
ROOT = {"device": "/dev/mmcblk0p2", "mountpoint": "/", "fstype": "ext4"}


def values(*rows: tuple[str, dict[str, str], float]) -> Samples:
    found: dict[str, list[Sample]] = {}
    for name, labels, value in rows:
        found.setdefault(name, []).append(Sample(labels, value))
    return found


def found(*rows: tuple[str, dict[str, str], float], cpus: int = 4) -> list[tuple[str, str]]:
    return [(reason.alert, reason.level.name) for reason in judge(values(*rows), now=NOW, cpus=cpus).reasons]


BAD: list[tuple[str, Level, list[tuple[str, dict[str, str], float]], str]] = [
    ("Undervoltage", Level.CRITICAL, [("system_throttled", UNDERVOLTAGE, 1)], "too low right now"),
    (
        "UndervoltageRecurring",
        Level.WARNING,
        [
            ("system_throttle_last_timestamp_seconds", UNDERVOLTAGE, NOW - 7200),
            ("system_throttle_events_total", UNDERVOLTAGE, 3),
        ],
        "too low 3 times, last 2 h ago",
    ),
    (
        "UndervoltageRecurring",
        Level.NOTE,
        [
            ("system_throttle_last_timestamp_seconds", UNDERVOLTAGE, NOW - 600),
            ("system_throttle_events_total", UNDERVOLTAGE, 1),
        ],
        "too low once, last 10 min ago",
    ),
    ("UndervoltageUndetectable", Level.NOTE, [("system_undervoltage_detectable", {}, 0)], "cannot tell"),
    ("Throttled", Level.WARNING, [("system_throttled", {"cause": "throttled"}, 1)], "slows the processor"),
    ("FrequencyCapped", Level.WARNING, [("system_throttled", {"cause": "frequency_capped"}, 1)], "clock down"),
    ("SoftTemperatureLimit", Level.NOTE, [("system_throttled", {"cause": "soft_temperature_limit"}, 1)], "on purpose"),
    (
        "PowerBudgetInsufficient",
        Level.WARNING,
        [("system_power_budget_sufficient", {}, 0), ("system_power_budget_amperes", {}, 3)],
        "3 A only",
    ),
    ("InputVoltsLow", Level.WARNING, [("system_board_input_volts", {}, 4.79)], "4.79 V"),
    (
        "UncleanShutdown",
        Level.WARNING,
        [("system_last_unclean_shutdown_timestamp_seconds", {}, NOW - 3 * 3600)],
        "3 h ago",
    ),
    (
        "TemperatureHigh",
        Level.WARNING,
        [("system_board_memory_bytes", {}, 4e9), ("system_temperature_celsius", CPU, 80)],
        "80 °C is high",
    ),
    (
        "TemperatureHigh",
        Level.CRITICAL,
        [("system_board_memory_bytes", {}, 4e9), ("system_temperature_celsius", CPU, 85)],
        "85 °C is critical",
    ),
    ("FanStalled", Level.CRITICAL, [("system_fan_stalled", {"chip": "pwmfan", "fan": "fan1"}, 1)], "fan1"),
    ("HeatLimited", Level.WARNING, [("system_heat_limited", {"component": "gpu"}, 1)], "GPU"),
    ("FilesystemReadOnly", Level.CRITICAL, [("system_filesystem_readonly", ROOT, 1)], "cannot be written"),
    ("FilesystemUnresponsive", Level.WARNING, [("system_filesystem_device_error", ROOT, 1)], "/ does not answer"),
    (
        "FilesystemFull",
        Level.WARNING,
        [("system_filesystem_avail_bytes", ROOT, 0.9e9), ("system_filesystem_size_bytes", ROOT, 10e9)],
        "/ is 91% full",
    ),
    (
        "FilesystemFull",
        Level.CRITICAL,
        [("system_filesystem_avail_bytes", ROOT, 0.2e9), ("system_filesystem_size_bytes", ROOT, 10e9)],
        "/ is 98% full",
    ),
    (
        "FilesystemFull",
        Level.WARNING,
        [("system_filesystem_avail_bytes", ROOT, 19e9), ("system_filesystem_size_bytes", ROOT, 1000e9)],
        "/ is 98% full",
    ),
    (
        "MemoryLow",
        Level.CRITICAL,
        [("system_memory_available_bytes", {}, 2), ("system_memory_size_bytes", {}, 100)],
        "98% of the memory",
    ),
    (
        "StorageWorn",
        Level.CRITICAL,
        [("system_storage_pre_eol", {"device": "mmcblk0", "state": "urgent"}, 1)],
        "spare blocks of mmcblk0",
    ),
    (
        "InodesFull",
        Level.CRITICAL,
        [("system_filesystem_files_free", ROOT, 2), ("system_filesystem_files", ROOT, 100)],
        "98% out of inodes",
    ),
    (
        "MemoryLow",
        Level.WARNING,
        [("system_memory_available_bytes", {}, 8), ("system_memory_size_bytes", {}, 100)],
        "92% of the memory",
    ),
    ("LoadHigh", Level.WARNING, [("system_load5", {}, 8.5)], "8.5 tasks run or wait on 4 CPUs"),
    ("StorageWorn", Level.WARNING, [("system_storage_life_used_ratio", {"device": "m", "area": "a"}, 0.8)], "80%"),
    ("WifiWeak", Level.WARNING, [("system_wifi_signal_dbm", {"device": "wlan0"}, -78)], "-78 dBm"),
    (
        "ClockUnsynchronised",
        Level.WARNING,
        [("system_timex_sync_status", {}, 0), ("system_uptime_seconds", {}, 7200)],
        "no time server",
    ),
    ("CollectorFailing", Level.WARNING, [("sysvitals_collector_success", {"collector": "disk"}, 0)], "disk"),
    ("HistoryNotWritable", Level.WARNING, [("sysvitals_history_writable", {}, 0)], "history"),
]


@pytest.mark.parametrize(("alert", "level", "rows", "words"), BAD, ids=lambda value: str(value)[:30])
def test_what_is_bad_is_a_reason_in_words(
    alert: str, level: Level, rows: list[tuple[str, dict[str, str], float]], words: str
) -> None:
    verdict = judge(values(*rows), now=NOW, cpus=4)
    [reason] = verdict.reasons
    assert (reason.alert, reason.level) == (alert, level)
    assert words in reason.text
    assert verdict.level == (level if level > Level.NOTE else Level.GOOD)


@pytest.mark.parametrize(("alert", "level"), sorted({(alert, level) for alert, level, _, _ in BAD}))
def test_a_reason_is_as_bad_as_the_alert_of_its_name(alert: str, level: Level) -> None:
    severities = {severity for name, severity in ALERTS if name == alert}
    wanted = SEVERITIES[level]
    assert severities
    assert wanted is None or wanted in severities


def test_every_value_that_is_judged_is_a_metric_that_is_declared() -> None:
    families = build_full_catalog().families
    for _, _, rows, _ in BAD:
        for name, labels, _ in rows:
            assert set(labels) <= set(families[name].labels), name


def test_nothing_known_is_no_reason() -> None:
    assert judge({}, now=NOW, cpus=4) == Verdict(Level.GOOD, ())


@pytest.mark.parametrize(
    "rows",
    [
        [("system_throttled", UNDERVOLTAGE, 0)],
        [("system_throttle_last_timestamp_seconds", UNDERVOLTAGE, NOW - 90_000)],
        [("system_throttle_last_timestamp_seconds", UNDERVOLTAGE, NOW + 90_000)],
        [("system_last_unclean_shutdown_timestamp_seconds", {}, NOW - 90_000)],
        [("system_board_memory_bytes", {}, 4e9), ("system_temperature_celsius", CPU, 79.9)],
        [("system_temperature_celsius", CPU, 200)],
        [("system_timex_sync_status", {}, 0), ("system_uptime_seconds", {}, 60)],
        [("system_filesystem_readonly", {**ROOT, "mountpoint": "/media/cd"}, 1)],
        [
            ("system_filesystem_readonly", {**ROOT, "mountpoint": "/snap"}, 1),
            ("system_filesystem_avail_bytes", {**ROOT, "mountpoint": "/snap"}, 0),
            ("system_filesystem_size_bytes", {**ROOT, "mountpoint": "/snap"}, 100),
        ],
        [("system_filesystem_avail_bytes", ROOT, 0), ("system_filesystem_size_bytes", ROOT, 0)],
        [("system_filesystem_avail_bytes", ROOT, 21e9), ("system_filesystem_size_bytes", ROOT, 1000e9)],
        [("system_filesystem_avail_bytes", ROOT, 1e6), ("system_filesystem_size_bytes", ROOT, 100e6)],
        [
            ("system_filesystem_avail_bytes", {**ROOT, "mountpoint": "/boot/firmware"}, 40e6),
            ("system_filesystem_size_bytes", {**ROOT, "mountpoint": "/boot/firmware"}, 500e6),
        ],
        [("system_memory_available_bytes", {}, 1.1e9), ("system_memory_size_bytes", {}, 64e9)],
        [("system_storage_pre_eol", {"device": "mmcblk0", "state": "normal"}, 1)],
        [("system_wifi_signal_dbm", {"device": "wlan0"}, -75)],
        [("system_load5", {}, 8)],
        [("system_load5", {}, 30), ("system_uptime_seconds", {}, 300)],
        [("system_temperature_critical_celsius", CPU, 20.8), ("system_temperature_celsius", CPU, 60)],
    ],
    ids=lambda rows: rows[-1][0],
)
def test_what_is_not_bad_is_no_reason(rows: list[tuple[str, dict[str, str], float]]) -> None:
    assert found(*rows) == []


def test_the_worst_reason_comes_first_and_gives_the_verdict() -> None:
    rows = [
        ("system_undervoltage_detectable", {}, 0.0),
        ("system_wifi_signal_dbm", {"device": "wlan0"}, -80.0),
        ("system_fan_stalled", {"chip": "pwmfan", "fan": "fan1"}, 1.0),
    ]
    assert found(*rows) == [("FanStalled", "CRITICAL"), ("WifiWeak", "WARNING"), ("UndervoltageUndetectable", "NOTE")]
    assert judge(values(*rows), now=NOW).level is Level.CRITICAL


def test_memory_that_can_still_be_swapped_is_no_more_than_a_warning() -> None:
    none: dict[str, str] = {}
    rows = [("system_memory_available_bytes", none, 2.0), ("system_memory_size_bytes", none, 100.0)]
    swap = [("system_memory_swap_size_bytes", none, 100.0), ("system_memory_swap_free_bytes", none, 50.0)]
    assert found(*rows, *swap) == [("MemoryLow", "WARNING")]


def test_undervoltage_speaks_for_the_cap_that_it_causes() -> None:
    rows = [("system_throttled", {"cause": cause}, 1.0) for cause in ("undervoltage", "frequency_capped")]
    assert found(*rows) == [("Undervoltage", "CRITICAL")]


@pytest.mark.parametrize(
    ("rows", "sensor", "limits"),
    [
        ([("system_board_memory_bytes", {}, 1.0), ("system_temperature_critical_celsius", CPU, 110.0)], CPU, (80, 85)),
        (
            [
                ("system_board_memory_bytes", {}, 1.0),
                ("system_firmware_temperature_limit_celsius", {"sensor": "soc"}, 75.0),
            ],
            CPU,
            (70, 75),
        ),
        (
            [("system_temperature_max_celsius", NVME, 70.0), ("system_temperature_critical_celsius", NVME, 85.0)],
            NVME,
            (70, 80),
        ),
        (
            [("system_temperature_max_celsius", NVME, 81.0), ("system_temperature_critical_celsius", NVME, 85.0)],
            NVME,
            (81, 83),
        ),
        (
            [("system_undervoltage_detectable", {}, 0.0), ("system_temperature_critical_celsius", CPU, 110.0)],
            CPU,
            (80, 85),
        ),
        (
            [("system_temperature_max_celsius", NVME, 100.0), ("system_temperature_critical_celsius", NVME, 100.0)],
            NVME,
            (85, 95),
        ),
        ([("system_temperature_critical_celsius", CPU, 115.0)], CPU, (100, 110)),
        ([("system_temperature_max_celsius", NVME, 70.0)], NVME, (70, None)),
        ([], NVME, (None, None)),
    ],
)
def test_a_sensors_limits_are_its_own_or_where_the_board_throttles(
    rows: list[tuple[str, dict[str, str], float]], sensor: dict[str, str], limits: tuple[float | None, float | None]
) -> None:
    assert find_limits(values(*rows), sensor) == limits


def recorded(name: str) -> Verdict:
    host = RecordedHost(HOSTS / name)
    bodies: list[Reading] = []
    for collector in COLLECTORS:
        if collector.name in ("throttling", "temperature", "fan", "power_budget", "firmware", "identity", "memory"):
            try:
                bodies += [reading for reading in collector.run(host) if isinstance(reading, Reading)]
            except Exception:  # noqa: BLE001, S112  # what this host does not have
                continue
    return judge(sample_bodies(bodies), now=NOW)


def test_a_board_that_browns_out_is_critical_and_one_that_is_fine_is_good() -> None:
    assert recorded("pi-4b-browning-out").level is Level.CRITICAL
    assert recorded("pi-4b-fine") == Verdict(Level.GOOD, ())


def test_silence_is_not_health_where_a_board_cannot_know() -> None:
    assert [reason.alert for reason in recorded("pi-zero-w").reasons] == ["UndervoltageUndetectable"]


def test_a_weak_supply_shows_before_it_gives_way() -> None:
    assert "PowerBudgetInsufficient" in [reason.alert for reason in recorded("pi-5-weak-supply").reasons]


def test_the_verdict_as_json_names_levels_in_words() -> None:
    weak = Reason(
        Level.WARNING, "WifiWeak", "The signal <is> weak", ("wlan0",), "network", since=1.0, remedy="Move closer."
    )
    assert json.loads(encode_verdict(Verdict(Level.WARNING, (weak,), since=2.0, now="Now.", unknown=""))) == {
        "level": "warning",
        "since": 2.0,
        "now": "Now.",
        "unknown": "",
        "reasons": [
            {
                "level": "warning",
                "alert": "WifiWeak",
                "text": "The signal <is> weak",
                "subject": ["wlan0"],
                "area": "network",
                "since": 1.0,
                "last": None,
                "remedy": "Move closer.",
            }
        ],
    }


def test_thresholds_in_pairs_are_in_order() -> None:
    for first, second in (
        (thresholds.FILESYSTEM_NEARLY_FULL, thresholds.FILESYSTEM_FULL),
        (thresholds.INODES_NEARLY_FULL, thresholds.INODES_FULL),
        (thresholds.MEMORY_LOW, thresholds.MEMORY_VERY_LOW),
        (thresholds.STORAGE_WORN, thresholds.STORAGE_WORN_OUT),
    ):
        assert first.value < second.value
