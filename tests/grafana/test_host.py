"""Host shows silent, sleeping and overloaded hosts as such, and what alerts, verdict and settings say."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grafana.builder import colours
from grafana.builder.host import DASHBOARD
from grafana.builder.host_charts import DISKS, NETWORKS
from grafana.builder.layout import lay_out
from tests.grafana.asking import DASHBOARDS, Question, open_dashboard, read_questions
from tests.grafana.backfill import parse_series
from tests.grafana.remote_write import Series
from tests.grafana.server import Server, run_prometheus

Json = dict[str, Any]

HOST = next(path for path in DASHBOARDS if path.stem == "host")
POWER = HOST.with_name("power.json")
QUESTIONS = read_questions(HOST)
PANELS = {one["title"]: one for panel in lay_out(DASHBOARD.sections) for one in (panel, *panel.get("panels", ()))}
TILES = [panel for panel in lay_out(DASHBOARD.sections) if panel["type"] == "stat"]

HOST_CHARTS = [
    one
    for path in DASHBOARDS
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]
    for one in (panel, *panel.get("panels", ()))
    if one["type"] == "timeseries" and any(target["legendFormat"] == "{{instance}}" for target in one["targets"])
]

END = 1_795_221_000
ALERT = 'alertstate="firing",subject="x"'


def sensor(chip: str, name: str, part: str, celsius: int, *, high: int) -> Iterator[str]:
    labels = f'chip="{chip}",sensor="{name}"'
    yield f"system_temperature_celsius{{{labels}}} {celsius}"
    yield f"sensor:system_temperature_high_celsius:limit{{{labels}}} {high}"
    yield f'sensor:system_temperature_high:excess{{{labels},part="{part}"}} {celsius - high}'


SAMPLES = {
    "busy": (
        "up 1",
        "instance:sysvitals_state:worst 6",
        "instance:system_load1_per_cpu:ratio 9",
        'system_verdict_reasons{alert="LoadHigh",level="warning"} 1',
        'system_verdict_reasons{alert="FilesystemFull",level="critical"} 1',
        f'ALERTS{{alertname="FilesystemFull",severity="critical",mountpoint="/",{ALERT}}} 1',
        f'ALERTS{{alertname="FilesystemFull",severity="warning",mountpoint="/",{ALERT}}} 1',
        'ALERTS_FOR_STATE{alertname="FilesystemFull",severity="critical",mountpoint="/",subject="x"} 1795220000',
        'ALERTS_FOR_STATE{alertname="FilesystemFull",severity="warning",mountpoint="/",subject="x"} 1795210000',
        'ALERTS{alertname="LoadHigh",severity="warning",alertstate="pending",subject="x"} 1',
        'ALERTS{alertname="WifiWeak",severity="warning",device="wlan0",alertstate="pending",subject="x"} 1',
        'system_filesystem_readonly{mountpoint="/",device="a",fstype="ext4"} 0',
        'system_filesystem_readonly{mountpoint="/media",device="b",fstype="ext4"} 0',
        'system_filesystem_full_expected{mountpoint="/media",device="b",fstype="ext4"} 1',
        'system_temperature_left_alone{chip="nct",sensor="AUXTIN"} 1',
        'system_temperature_left_alone{chip="nct",sensor="CPUTIN"} 0',
    ),
    "hot": (
        "up 1",
        *(line for core in range(6) for line in sensor("coretemp", f"Core {core}", "cpu", 110 + core, high=95)),
        *sensor("amdgpu", "edge", "amdgpu", 97, high=89),
        *sensor("nvme0", "Composite", "nvme0", 60, high=81),
        'system_temperature_celsius{chip="acpitz",sensor="temp1"} 120',
    ),
    "dipped": (
        "up 1",
        "instance:system_cpu_busy:ratio_rate5m 0.25",
        'system_throttled{cause="undervoltage"} 0',
        f'ALERTS{{alertname="Undervoltage",severity="critical",{ALERT}}} 1',
    ),
    "archive": (
        "up 1",
        'system_filesystem_size_bytes{mountpoint="/",device="a",fstype="ext4"} 100e9',
        'system_filesystem_avail_bytes{mountpoint="/",device="a",fstype="ext4"} 40e9',
        'system_filesystem_size_bytes{mountpoint="/srv",device="b",fstype="ext4"} 4e12',
        'system_filesystem_avail_bytes{mountpoint="/srv",device="b",fstype="ext4"} 80e9',
    ),
    "dips": ("up 1", 'system_throttled{cause="undervoltage"} 1'),
    "gone": ("up 0",),
    "dropped": ("instance:up:max1d 1",),
    "laptop": ('up{sleeps="true"} 0',),
    "dropped-laptop": ('instance:up:max1d{sleeps="true"} 1',),
}


def build_series() -> Series:
    series: Series = {}
    for instance, lines in SAMPLES.items():
        for line in lines:
            name, _, value = line.rpartition(" ")
            labels = parse_series(name, {"instance": instance, "job": "sysvitals"})
            series[labels] = [((END - ago) * 1000, float(value)) for ago in (30, 15, 0)]
    return series


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("host")
    with run_prometheus(folder / "data", log=folder / "prometheus.log") as running:
        running.write(build_series())
        yield running


def ask(server: Server, title: str, instance: str) -> list[tuple[Question, Json]]:
    """Each series of a panel with its question."""
    viewer = open_dashboard(server, HOST, end=END, scrape_seconds=15, instances=[instance])
    found = [one for one in QUESTIONS if one.place.rpartition(" [")[0] == title]
    return [(question, series) for question in found for series in viewer.ask(question)]


def read(server: Server, title: str, instance: str) -> set[str]:
    """The words that a tile shows; numbers that have none as they are."""
    config = PANELS[title]["fieldConfig"]
    mappings = [*config["defaults"]["mappings"]]
    for rule in config["overrides"]:
        mappings += [one for part in rule["properties"] if part["id"] == "mappings" for one in part["value"]]
    return {_word(float(series["value"][1]), mappings) for _, series in ask(server, title, instance)}


def _word(value: float, mappings: list[Json]) -> str:
    for one in mappings:
        options = one["options"]
        if one["type"] == "range" and options["from"] <= value <= options["to"]:
            return str(options["result"]["text"])
        if one["type"] == "value" and f"{value:g}" in options:
            return str(options[f"{value:g}"]["text"])
    return f"{value:g}"


def alerts(server: Server, instance: str) -> list[tuple[str, str]]:
    found = ask(server, "Alerts", instance)
    ranks = PANELS["Alerts"]["fieldConfig"]["overrides"][0]["properties"]
    mappings = next(part["value"] for part in ranks if part["id"] == "mappings")
    rows = [series for question, series in found if question.place.endswith("[A]")]
    return sorted((row["metric"]["alertname"], _word(float(row["value"][1]), mappings)) for row in rows)


@pytest.mark.parametrize("title", [panel["title"] for panel in TILES if panel["title"] != "State"])
@pytest.mark.parametrize(
    ("instance", "words"),
    [("gone", "no answer"), ("dropped", "no answer"), ("laptop", "asleep"), ("dropped-laptop", "asleep")],
)
def test_each_tile_says_why_a_host_gives_no_value(server: Server, title: str, instance: str, words: str) -> None:
    assert read(server, title, instance) == {words}


@pytest.mark.parametrize(
    ("instance", "words"), [("gone", "no answer"), ("dropped", "no answer"), ("busy", "overloaded")]
)
def test_the_state_is_the_same_as_on_fleet(server: Server, instance: str, words: str) -> None:
    assert words in read(server, "State", instance)


def test_a_tile_does_not_make_up_what_a_host_does_not_measure(server: Server) -> None:
    assert read(server, "Temperature", "busy") == read(server, "Power", "busy") == {"not measured"}


def test_a_voltage_is_too_low_only_while_it_is_however_long_the_alert_is_kept(server: Server) -> None:
    assert read(server, "Power", "dips") == {"too low"}
    assert read(server, "Power", "dipped") == {"was too low"}


def test_a_full_filesystem_with_room_enough_does_not_count_before_the_rules_have_run(server: Server) -> None:
    assert read(server, "Disk space", "archive") == {"0.6"}


def test_the_cpu_is_as_busy_as_on_fleet(server: Server) -> None:
    assert read(server, "CPU", "dipped") == {"0.25"}


def test_an_overloaded_host_has_a_red_tile(server: Server) -> None:
    assert read(server, "Load / CPU", "busy") == {"9"}
    steps = PANELS["Load / CPU"]["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["color"] for step in steps if step["value"] is None or step["value"] <= 9][-1] == colours.CRITICAL


def test_an_alert_and_the_reason_of_the_verdict_that_it_stands_for_are_one_row(server: Server) -> None:
    assert alerts(server, "busy") == [("FilesystemFull", "critical"), ("LoadHigh", "warning"), ("WifiWeak", "pending")]


def test_each_row_of_the_alerts_has_a_severity(server: Server) -> None:
    labels: dict[str, set[tuple[str, ...]]] = {"[A]": set(), "[B]": set()}
    for question, series in ask(server, "Alerts", "busy"):
        labels[question.place[-3:]].add(tuple(sorted(series["metric"].items())))
    assert labels["[B]"] < labels["[A]"]


def test_a_silent_host_is_an_alert_before_it_fires_and_a_sleeping_one_is_none(server: Server) -> None:
    assert alerts(server, "gone") == [("HostDown", "critical")]
    assert alerts(server, "dropped") == [("HostVanished", "warning")]
    assert alerts(server, "laptop") == []


def test_each_host_counts_once_among_those_with_and_without_a_detector(server: Server) -> None:
    viewer = open_dashboard(server, POWER, end=END, scrape_seconds=15, instances=list(SAMPLES))
    counts = {
        series["metric"].get("__name__", question.legend): float(series["value"][1])
        for question in read_questions(POWER)
        if question.place.startswith("Undervoltage detectors")
        for series in viewer.ask(question)
    }
    assert sum(counts.values()) == len(SAMPLES)
    assert counts["asleep"] == len([name for name in SAMPLES if "laptop" in name])


def test_a_filesystem_says_what_the_alerts_say_of_it(server: Server) -> None:
    states = next(
        part["value"]
        for rule in PANELS["Filesystems"]["fieldConfig"]["overrides"]
        if rule["matcher"]["options"] == "State"
        for part in rule["properties"]
        if part["id"] == "mappings"
    )
    found = {
        series["metric"]["mountpoint"]: _word(float(series["value"][1]), states)
        for question, series in ask(server, "Filesystems", "busy")
        if question.place.endswith("[E]") and series["metric"].get("device")
    }
    assert found == {"/": "writable", "/media": "full expected"}


def test_each_part_of_a_host_has_the_sensor_in_the_chart_that_is_nearest_to_its_own_limit(server: Server) -> None:
    names = {
        question.legend.replace("{{chip}}", series["metric"]["chip"]).replace("{{sensor}}", series["metric"]["sensor"])
        for question, series in ask(server, "Temperature by sensor", "hot")
    }
    assert names == {"coretemp Core 5", "amdgpu edge", "nvme0 Composite", "acpitz temp1", "coretemp Core 5 high limit"}


def test_what_the_settings_leave_alone_is_listed(server: Server) -> None:
    left = [(series["metric"]["kind"], series["metric"]["where"]) for _, series in ask(server, "Left alone", "busy")]
    assert sorted(left) == [("full expected", "/media"), ("sensor", "nct AUXTIN")]


def _colour(rules: list[Json], name: str) -> str:
    [found] = {
        rule["properties"][0]["value"]["fixedColor"]
        for rule in rules
        if re.search(rule["matcher"]["options"].strip("/"), name)
    }
    return str(found)


@pytest.mark.parametrize(
    ("rules", "device", "other", "ways"),
    [
        (NETWORKS, "eth0", "wlan0", ("in", "out")),
        (NETWORKS, "enp5s0", "wg0", ("in", "out")),
        (NETWORKS, "eth0", "eth1", ("in", "out")),
        (DISKS, "mmcblk0", "sda", ("read", "write")),
        (DISKS, "nvme0n1", "nvme1n1", ("read", "write")),
    ],
)
def test_a_device_keeps_its_colour_both_ways(rules: list[Json], device: str, other: str, ways: tuple[str, str]) -> None:
    one, two = ({_colour(rules, f"{name} {way}") for way in ways} for name in (device, other))
    assert len(one) == len(two) == 1
    assert one != two


def _colour_rules(panel: Json) -> list[Json]:
    rules = panel["fieldConfig"]["overrides"]
    return [rule for rule in rules if rule["matcher"]["id"] == "byRegexp" and rule["properties"][0]["id"] == "color"]


def _last_colour(rules: list[Json], name: str) -> str:
    """As Grafana has it: the last rule that fits."""
    return [
        str(rule["properties"][0]["value"]["fixedColor"])
        for rule in rules
        if re.search(rule["matcher"]["options"].strip("/i"), name, re.IGNORECASE)
    ][-1]


@pytest.mark.parametrize(
    "names",
    [
        ("pi1", "pi2", "pi3", "pi4", "pi5", "pi6", "pi7", "pi8", "pi9", "pi10"),
        ("192.168.1.11", "192.168.1.12:9817", "192.168.1.13 fan1"),
        ("attic.lan", "kitchen.lan", "nas.lan:9817"),
    ],
)
def test_a_host_has_one_colour_in_all_charts_and_none_that_is_a_judgement(names: tuple[str, ...]) -> None:
    of_charts = {tuple(_last_colour(_colour_rules(chart), name) for name in names) for chart in HOST_CHARTS}
    assert len(of_charts) == 1
    [found] = of_charts
    assert len(set(found)) == len(names)
    assert not [colour for colour in found if re.search("red|orange|green", colour)]


def test_sensors_and_the_means_of_the_load_can_be_told_apart() -> None:
    sensors = (
        "coretemp Package id 0",
        "amdgpu_0000:01:00.0 edge",
        "nvme0 Composite",
        "nvme1 Composite",
        "acpitz temp1",
    )
    found = [_last_colour(_colour_rules(PANELS["Temperature by sensor"]), name) for name in sensors]
    loads = PANELS["Load"]["fieldConfig"]["overrides"]
    found_loads = [
        rule["properties"][0]["value"]["fixedColor"] for rule in loads if "min" in rule["matcher"]["options"]
    ]
    assert len(set(found)) == len(sensors)
    assert len({colour.rpartition("-")[2] for colour in found_loads}) == len(found_loads) == 3


def test_networks_are_in_bits_with_what_is_sent_below() -> None:
    panel = PANELS["Network"]
    assert panel["fieldConfig"]["defaults"]["unit"] == "bps"
    assert all(target["expr"].endswith("* 8") for target in panel["targets"])
    assert "negative-Y" in json.dumps(panel["fieldConfig"]["overrides"])


PAGE = Path(HOST).parents[1] / "NODE_EXPORTER_FULL.md"


def test_the_comparison_names_only_panels_that_are_there() -> None:
    rows = [line.split("|")[2] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    named = {name.strip() for row in rows for name in row.split(";") if name.strip()}
    words = {"no", "*Exporter*", "first two lines of *Host*", "open rows of *Host*"}
    tiles = {name.removesuffix(" (tile)") for name in named - words}
    assert tiles - set(PANELS) == set()
    assert len(tiles) > 30, "nothing was compared"
