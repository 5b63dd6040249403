"""What the page says of node_exporter's metrics is so: the real program and ours look at the same hosts."""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sysvitals.collectors.catalog import build_full_catalog
from tests.patience import PATIENCE
from tests.stack.running import answers, free_port, run, run_exporter, wait_until
from tests.tools import need_tool

ROOT = Path(__file__).parent.parent.parent
HOSTS = ROOT / "tests/hosts"
PAGE = (ROOT / "deploy/NODE_EXPORTER.md").read_text(encoding="utf-8")
RECORDED = ("nuc", "jetson", "pi-4b-browning-out", "pi-5", "pi-zero-w", "qemu-x86-wifi-emmc", "vm")

NOT_AT_HAND = {
    "node_cpu_frequency_hertz": "its cpufreq collector wants files that no recorded host has",
    "node_cpu_frequency_max_hertz": "likewise",
    "node_cpu_frequency_min_hertz": "likewise",
    "node_cpu_online": "from 1.9 on",
    "node_cpu_scaling_frequency_hertz": "cpufreq",
    "node_cpu_scaling_frequency_max_hertz": "cpufreq",
    "node_cpu_scaling_frequency_min_hertz": "cpufreq",
    "node_pressure_irq_stalled_seconds_total": "from 1.9 on",
    "node_thermal_zone_temp": "its collector wants files of a zone that no recorded host has",
    "node_wifi_station_signal_dbm": "asked by netlink, of a real Wi-Fi card",
}
"""Names that Debian's node_exporter shows on none of the hosts here, and why."""

STEADY = (
    "node_boot_",
    "node_filesystem_",
    "node_memory_MemTotal",
    "node_memory_SwapTotal",
    "node_network_",
    "node_timex_",
)
"""What does not move on its own, or is on no recorded host."""

Labels = frozenset[tuple[str, str]]
Series = dict[str, dict[Labels, float]]


@dataclass(frozen=True)
class Row:
    """One line of the page's tables."""

    theirs: str
    ours: str
    """Empty where we have none."""

    labels: Mapping[str, str]
    """Those of our series that stand for the name of theirs."""

    verdict: str


def parse_rows(page: str) -> list[Row]:
    rows = []
    for line in re.findall(r"(?m)^\| `node_.*$", page):
        theirs, ours, verdict = (cell.strip() for cell in line.strip("|").split("|"))
        name, selector = re.fullmatch(r"(\w*)(?:\{(.*)\})?", ours.strip("`")).groups()  # type: ignore[union-attr]
        labels = dict(re.findall(r'(\w+)="([^"]*)"', selector or ""))
        rows.append(Row(theirs.strip("`"), name, labels, verdict))
    return rows


ROWS = parse_rows(PAGE)
SAME = [row for row in ROWS if row.verdict.startswith("same")]
OTHER_LABELS = [row for row in ROWS if row.verdict.startswith("other labels")]


def parse_series(text: str) -> Series:
    found: Series = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def renamed(ours: Series, row: Row) -> dict[Labels, float]:
    """Our series with the labels that theirs would have."""
    standing = frozenset(row.labels.items())
    return {labels - standing: value for labels, value in ours.get(row.ours, {}).items() if standing <= labels}


@dataclass(frozen=True)
class Pair:
    """Both exporters' view of one host, theirs before and after ours."""

    before: Series
    ours: Series
    after: Series


def ask(address: str) -> Series:
    return parse_series(httpx.get(f"http://{address}/metrics", timeout=PATIENCE).text)


def flags_of(host: Path) -> list[str]:
    return [f"--path.procfs={host / 'proc'}", f"--path.sysfs={host / 'sys'}"]


def look(folder: Path, name: str, paths: list[str], own: list[str]) -> Pair:
    theirs = f"127.0.0.1:{free_port()}"
    # by netlink it would see this machine's network devices instead of the recorded ones
    from_files = "--no-collector.netdev.netlink"
    program = [need_tool("prometheus-node-exporter"), f"--web.listen-address={theirs}", from_files, *paths]
    with run(program, folder, f"{name}-node-exporter") as log, run_exporter(folder, name, *paths, *own) as ours:
        wait_until(lambda: answers(f"http://{theirs}/metrics"), f"node_exporter answers: {log}")
        return Pair(ask(theirs), ask(ours), ask(theirs))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Pair]:
    folder = tmp_path_factory.mktemp("recorded")
    pairs = {}
    for name in RECORDED:
        host = HOSTS / name
        own = [f"--path.rootfs={host}", f"--path.devfs={host / 'dev'}"]
        pairs[name] = look(folder, name, flags_of(host), own)
    return pairs


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The addresses of both on this machine, theirs and ours."""
    folder = tmp_path_factory.mktemp("here")
    theirs = f"127.0.0.1:{free_port()}"
    program = [need_tool("prometheus-node-exporter"), f"--web.listen-address={theirs}"]
    names = ("clock", "cpu", "disk", "filesystem", "load", "memory", "network", "pressure")
    fresh = [f"--collector.{name}.max-age=0s" for name in names]  # each scrape reads anew, as theirs does
    with run(program, folder, "node-exporter") as log, run_exporter(folder, "ours", *fresh) as ours:
        wait_until(lambda: answers(f"http://{theirs}/metrics"), f"node_exporter answers: {log}")
        yield theirs, ours


def differences(pair: Pair, row: Row) -> list[str]:
    """Series that both have and whose values differ; a value may lie between theirs before and after."""
    before, after = pair.before.get(row.theirs, {}), pair.after.get(row.theirs, {})
    wrong = []
    for labels, value in renamed(pair.ours, row).items():
        if labels in before and labels in after:
            low, high = sorted((before[labels], after[labels]))
            slack = 1e-9 * max(abs(low), abs(high))
            if not low - slack <= value <= high + slack:
                wrong.append(f"{row.ours}{dict(labels)}: {value}, theirs {low} to {high}")
    return wrong


def count_shared(pair: Pair, row: Row) -> int:
    return len(renamed(pair.ours, row).keys() & pair.before.get(row.theirs, {}).keys())


def test_the_page_has_rows_of_each_kind() -> None:
    assert len(SAME) > 60
    assert len(OTHER_LABELS) >= 6
    assert len({row.theirs for row in ROWS}) == len(ROWS)
    beginnings = ("same", "other labels", "differs:", "missing")
    assert [row.theirs for row in ROWS if not row.verdict.startswith(beginnings)] == []
    assert [row.theirs for row in ROWS if row.verdict.startswith("missing") != (row.ours == "")] == []


def test_each_name_of_ours_is_declared_with_the_labels_that_it_is_shown_with() -> None:
    families = build_full_catalog().families
    assert [row.ours for row in ROWS if row.ours and row.ours not in families] == []
    for row in ROWS:
        if row.ours:
            assert set(row.labels) <= set(families[row.ours].labels), row.ours


def test_each_name_of_theirs_is_one_that_the_real_program_exposes(
    recorded: dict[str, Pair], here: tuple[str, str]
) -> None:
    exposed = set(ask(here[0])).union(*(pair.before for pair in recorded.values()))
    named = {row.theirs for row in ROWS} | set(re.findall(r"`(node_\w*[a-z0-9])`", PAGE))
    named -= {"node_hwmon_power_watt"}  # power1_input, which none of these chips has
    assert named - exposed == set(NOT_AT_HAND)


@pytest.mark.parametrize("host", RECORDED)
def test_what_the_page_calls_the_same_is_the_same_on_a_recorded_host(host: str, recorded: dict[str, Pair]) -> None:
    pair = recorded[host]
    # a recorded uptime is not that of now, so that we take the boot time for that of a container's host
    rows = [row for row in SAME if row.theirs != "node_boot_time_seconds"]
    assert [words for row in rows for words in differences(pair, row)] == []
    assert sum(count_shared(pair, row) for row in SAME) > 50


def test_what_the_page_calls_the_same_is_the_same_on_this_machine(here: tuple[str, str]) -> None:
    theirs, ours = here
    families = build_full_catalog().families
    shared: set[str] = set()
    # what moves both ways, such as free memory, is compared on recorded hosts, where it stands still
    left = [row for row in SAME if families[row.ours].kind == "counter" or row.theirs.startswith(STEADY)]

    def agree() -> bool:
        # free space moves both ways, and may have been elsewhere in between: there are further tries
        pair = Pair(ask(theirs), ask(ours), ask(theirs))
        shared.update(row.theirs for row in SAME if count_shared(pair, row))
        left[:] = [row for row in left if differences(pair, row)]
        return not left

    wait_until(agree, "each value of ours lies between two of theirs")
    for needed in ("node_memory_MemTotal_bytes", "node_boot_time_seconds", "node_filesystem_size_bytes"):
        assert needed in shared
    assert {"node_cpu_seconds_total", "node_timex_maxerror_seconds", "node_intr_total"} <= shared


def test_each_row_called_the_same_was_compared_somewhere(recorded: dict[str, Pair], here: tuple[str, str]) -> None:
    pairs = [*recorded.values(), Pair(series := ask(here[0]), ask(here[1]), series)]
    never = {row.theirs for row in SAME if not any(count_shared(pair, row) for pair in pairs)}
    assert never == set(NOT_AT_HAND) & {row.theirs for row in SAME}


@pytest.mark.parametrize("row", OTHER_LABELS, ids=lambda row: row.theirs)
def test_what_only_has_other_labels_has_the_same_values(row: Row, recorded: dict[str, Pair]) -> None:
    compared = 0
    for host, pair in recorded.items():
        theirs = list(pair.before.get(row.theirs, {}).values())
        for labels, value in pair.ours.get(row.ours, {}).items():
            if theirs:
                assert any(value == pytest.approx(other, abs=1e-6) for other in theirs), (host, dict(labels), value)
                compared += 1
    assert compared or row.theirs in NOT_AT_HAND


def test_an_undervoltage_is_1_here_and_a_thousandth_there(recorded: dict[str, Pair]) -> None:
    pair = recorded["pi-4b-browning-out"]
    assert set(pair.before["node_hwmon_in_lcrit_alarm_volts"].values()) == {0.001}
    assert pair.ours["system_throttled"][frozenset({("cause", "undervoltage")})] == 1
    assert set(recorded["pi-zero-w"].before["node_hwmon_in_lcrit_alarm_volts"].values()) == {0}
    assert frozenset({("cause", "undervoltage")}) not in recorded["pi-zero-w"].ours.get("system_throttled", {})


def test_a_fans_drive_is_a_ratio_here(recorded: dict[str, Pair]) -> None:
    (there,) = recorded["pi-5"].before["node_hwmon_pwm"].values()
    (ours,) = recorded["pi-5"].ours["system_fan_duty_ratio"].values()
    assert ours == pytest.approx(there / 255, abs=1e-3)


def carry(text: str, folder: Path) -> str:
    """The page's sed script, run on this text by the page's command."""
    script = re.search(r"(?s)```sed\n(.*?)```", PAGE)
    command = re.search(r"(?m)^(sed .*) > ", PAGE)
    assert script is not None
    assert command is not None
    (folder / "carry.sed").write_text(script[1], encoding="utf-8")
    (folder / "my-rules.yml").write_text(text, encoding="utf-8")
    return subprocess.run(command[1].split(), cwd=folder, capture_output=True, text=True, check=True).stdout


def test_the_sed_script_carries_over_what_is_the_same_and_nothing_else(
    tmp_path: Path, recorded: dict[str, Pair], here: tuple[str, str]
) -> None:
    exposed = set(ask(here[0])).union(*(pair.before for pair in recorded.values()))
    wanted = {row.theirs: row.ours + "".join(f'{{{k}="{v}"}}' for k, v in row.labels.items()) for row in SAME}
    names = sorted(exposed | wanted.keys())
    assert dict(zip(names, carry("\n".join(names), tmp_path).splitlines(), strict=True)) == {
        name: wanted.get(name, name) for name in names
    }


def test_the_sed_script_carries_whole_queries_over(tmp_path: Path) -> None:
    queries = [
        '1 - avg without (cpu) (rate(node_cpu_seconds_total{job="node",mode="idle"}[5m]))',
        "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes < 0.1",
        'rate(node_pressure_io_waiting_seconds_total{instance="pi4"}[5m]) > 0.1',
        "rate(node_pressure_memory_waiting_seconds_total[5m]) > 0.1",
        'node_filesystem_avail_bytes{mountpoint="/"} / node_filesystem_size_bytes',
        "my_node_load1 + node_load1_total + node_load1",
    ]
    assert carry("\n".join(queries), tmp_path).splitlines() == [
        '1 - avg without (cpu) (rate(system_cpu_seconds_total{job="node",mode="idle"}[5m]))',
        "system_memory_available_bytes / system_memory_size_bytes < 0.1",
        'rate(system_pressure_waiting_seconds_total{resource="io",instance="pi4"}[5m]) > 0.1',
        'rate(system_pressure_waiting_seconds_total{resource="memory"}[5m]) > 0.1',
        'system_filesystem_avail_bytes{mountpoint="/"} / system_filesystem_size_bytes',
        "my_node_load1 + node_load1_total + system_load1",
    ]


def test_a_row_that_is_wrong_would_be_seen(recorded: dict[str, Pair]) -> None:
    wrong = Row("node_memory_MemFree_bytes", "system_memory_available_bytes", {}, "same")
    assert differences(recorded["pi-5"], wrong) != []
