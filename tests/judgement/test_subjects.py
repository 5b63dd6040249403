"""What a host says of its filesystems, memory, processor, disks and network, and what is no reason to say anything."""

from collections.abc import Callable

import pytest

from sysvitals.judgement.judgement import Facts
from sysvitals.judgement.judgements import JUDGEMENTS
from sysvitals.judgement.network.judge import DOWN, SLOW
from sysvitals.judgement.verdict import Verdict
from sysvitals.model.metric import Metric
from sysvitals.model.summary import Series, Stretch
from tests.judgement.judging import CATALOG, Board, alerts, texts

MINUTE, HOUR = 60.0, 3600.0
ROOT = {"device": "/dev/mmcblk0p2", "mountpoint": "/", "fstype": "ext4"}
DATA = {"device": "/dev/sda1", "mountpoint": "/srv/data", "fstype": "btrfs"}


def mount(
    board: Board, labels: dict[str, str], *, size: float = 32e9, left: float = 16e9, read_only: float = 0
) -> None:
    for what, value in (("size", size), ("free", left), ("avail", left)):
        board.shows(f"system_filesystem_{what}_bytes", value, **labels)
    board.shows("system_filesystem_readonly", read_only, **labels)
    board.shows("system_filesystem_device_error", 0, **labels)


def settled(*mounts: dict[str, str]) -> Board:
    """A board that was well until now."""
    board = Board()
    for labels in mounts or (ROOT,):
        mount(board, labels)
    board.after(10 * MINUTE)
    return board


def grow(board: Board, seconds: float, rates: dict[str, float], labels: dict[str, str]) -> Verdict:
    """So long, while these counters grow by so much a second."""
    for _ in range(int(seconds / 15)):
        for metric, rate in rates.items():
            board.grows(metric, 15 * rate, **labels)
        board.after(15)
    return board.judged()


def fill(board: Board) -> Verdict:
    mount(board, ROOT, left=1e9)
    return board.after(31 * MINUTE)


def fill_up(board: Board) -> Verdict:
    mount(board, ROOT, left=0.5e9)
    return board.after(6 * MINUTE)


def fill_slowly(board: Board) -> Verdict:
    for minute in range(150):
        mount(board, ROOT, left=10e9 - minute * 10e6)
        board.after(MINUTE)
    return board.judged()


def turn_read_only(board: Board) -> Verdict:
    mount(board, ROOT, read_only=1)
    return board.after(MINUTE)


def stop_answering(board: Board) -> Verdict:
    board.shows("system_filesystem_device_error", 1, **ROOT)
    return board.after(11 * MINUTE)


def take_inodes(board: Board) -> Verdict:
    board.shows("system_filesystem_files", 1e6, **ROOT)
    board.shows("system_filesystem_files_free", 20e3, **ROOT)
    return board.after(6 * MINUTE)


def take_memory(board: Board) -> Verdict:
    board.shows("system_memory_size_bytes", 1e9)
    board.shows("system_memory_available_bytes", 80 * 1024**2)
    return board.after(31 * MINUTE)


def take_all_memory(board: Board) -> Verdict:
    board.shows("system_memory_size_bytes", 1e9)
    board.shows("system_memory_available_bytes", 20 * 1024**2)
    return board.after(6 * MINUTE)


def thrash(board: Board) -> Verdict:
    return grow(board, 26 * MINUTE, {"system_pressure_stalled_seconds_total": 0.2}, {"resource": "memory"})


def kill(board: Board) -> Verdict:
    board.shows("system_memory_oom_kills_total", 4)
    board.after(MINUTE)
    board.shows("system_memory_oom_kills_total", 6)
    return board.after(MINUTE)


def overload(board: Board) -> Verdict:
    for cpu in ("0", "1"):
        board.shows("system_cpu_seconds_total", 1e5, cpu=cpu, mode="idle")
    board.shows("system_load1", 18.8)
    return board.after(31 * MINUTE)


def saturate(board: Board) -> Verdict:
    board.shows("system_cpu_seconds_total", 1e5, cpu="0", mode="idle")
    board.shows("system_load1", 9)
    return grow(board, 41 * MINUTE, {"system_pressure_waiting_seconds_total": 0.63}, {"resource": "cpu"})


def withhold(board: Board) -> Verdict:
    return grow(board, 41 * MINUTE, {"system_cpu_seconds_total": 0.4}, {"cpu": "0", "mode": "steal"})


def leak(board: Board) -> Verdict:
    board.shows("system_memory_size_bytes", 4e9)
    for minute in range(60):
        board.shows("system_memory_available_bytes", 3e9 - minute * 40e6)
        board.after(MINUTE)
    return board.judged()


def wear_out(board: Board) -> Verdict:
    rates = {
        "system_disk_io_time_seconds_total": 1.0,
        "system_disk_io_time_weighted_seconds_total": 4.0,
        "system_disk_reads_completed_total": 0.0,
        "system_disk_writes_completed_total": 2.0,
    }
    return grow(board, 65 * MINUTE, rates, {"device": "mmcblk0"})


FAILING = {
    "system_disk_io_time_seconds_total": 1.0,
    "system_disk_io_time_weighted_seconds_total": 20.0,
    "system_disk_reads_completed_total": 0.0,
    "system_disk_writes_completed_total": 2.0,
}
"""A card with a queue before it, of which a second has 2 writes, that take 10 s each."""


def wait_for(board: Board, seconds: float, devices: tuple[str, ...], rates: dict[str, float] = FAILING) -> Verdict:
    """So long, while all tasks wait for these disks: by turns four, and one, for 25 minutes each."""
    for _ in range(int(seconds / MINUTE)):
        board.shows("system_procs_blocked", 4 if board.up // (25 * MINUTE) % 2 else 1)
        board.grows("system_pressure_stalled_seconds_total", 0.8 * MINUTE, resource="io")
        for device in devices:
            for metric, rate in rates.items():
                board.grows(metric, MINUTE * rate, device=device)
        board.after(MINUTE)
    return board.judged()


def keep_disk_busy(board: Board) -> Verdict:
    rates = {"system_disk_io_time_seconds_total": 0.98, "system_disk_io_time_weighted_seconds_total": 40.0}
    return grow(board, 155 * MINUTE, rates, {"device": "mmcblk0"})


def stall(board: Board) -> Verdict:
    board.shows("system_procs_blocked", 5)
    return grow(board, 71 * MINUTE, {"system_pressure_stalled_seconds_total": 0.4}, {"resource": "io"})


def wear(board: Board) -> Verdict:
    board.shows("system_storage_life_used_ratio", 0.9, device="mmcblk0", area="a")
    return board.after(MINUTE)


def lose_packets(board: Board) -> Verdict:
    names = ("receive_packets", "transmit_packets", "receive_errs", "transmit_errs")
    rates = dict(zip((f"system_network_{name}_total" for name in names), (19.0, 0.0, 1.0, 0.0), strict=True))
    return grow(board, 25 * MINUTE, rates, {"device": "eth0"})


def drop_packets(board: Board) -> Verdict:
    names = ("receive_packets", "transmit_packets", "receive_drop", "transmit_drop")
    rates = dict(zip((f"system_network_{name}_total" for name in names), (85.0, 5.0, 10.0, 0.0), strict=True))
    return grow(board, 35 * MINUTE, rates, {"device": "eth0"})


def slow_down(board: Board) -> Verdict:
    board.shows("system_network_speed_bytes", 125e6, device="eth0")
    board.after(HOUR)
    board.shows("system_network_speed_bytes", 12.5e6, device="eth0")
    return board.after(16 * MINUTE)


def flap(board: Board) -> Verdict:
    return grow(board, 5 * MINUTE, {"system_network_carrier_changes_total": 1 / 30}, {"device": "eth0"})


def pull(board: Board) -> Verdict:
    board.shows("system_network_carrier", 1, device="eth0")
    board.after(HOUR)
    board.shows("system_network_carrier", 0, device="eth0")
    return board.after(16 * MINUTE)


def weaken(board: Board) -> Verdict:
    board.shows("system_wifi_associated", 1, device="wlan0")
    board.shows("system_wifi_signal_dbm", -78, device="wlan0")
    return board.after(31 * MINUTE)


@pytest.mark.parametrize(
    ("happens", "text"),
    [
        (fill, "/ is 97 % full (954 MiB left)"),
        (fill_up, "/ is 98 % full (477 MiB left)"),
        (fill_slowly, "/ will be full in 14 h 11 min at this pace (7.93 GiB left)"),
        (turn_read_only, "/ became read-only"),
        (stop_answering, "/ does not respond"),
        (take_inodes, "98 % of the inodes of / are used"),
        (take_memory, "92 % of the memory is used (80 MiB left)"),
        (take_all_memory, "98 % of the memory is used (20 MiB left), and no swap is left"),
        (thrash, "All tasks wait for memory 20 % of the time"),
        (kill, "Memory ran out: the kernel killed 2 tasks within the last hour"),
        (overload, "Overloaded: load 18.8 on 2 CPUs"),
        (saturate, "Overloaded: tasks wait for a CPU 63 % of the time"),
        (withhold, "The virtual machine's host withholds the CPUs 40 % of the time"),
        (leak, "The memory will be used up in less than 20 min at this pace (610 MiB left)"),
        (wear_out, "mmcblk0 takes 2.0 s for a read or write"),
        (keep_disk_busy, "mmcblk0 is busy 98 % of the time, with 40 waiting"),
        (stall, "All tasks wait for a disk 40 % of the time"),
        (wear, "The storage mmcblk0 has used up to 90 % of its life"),
        (lose_packets, "5.0 % of the packets of eth0 are damaged or cannot be sent"),
        (drop_packets, "10.0 % of the packets of eth0 are dropped"),
        (slow_down, "eth0 runs at 100 Mbit/s instead of up to 1 Gbit/s"),
        (flap, "The link of eth0 came or went 10 times within ten minutes"),
        (pull, "The link of eth0 is down"),
        (weaken, "Weak Wi-Fi: -78 dBm on wlan0"),
    ],
)
def test_each_trouble_is_one_sentence(happens: Callable[[Board], Verdict], text: str) -> None:
    assert texts(happens(settled())) == [text]


def test_one_space_that_many_mount_points_show_is_one_line() -> None:
    mounts = [{**DATA, "mountpoint": f"/srv/{name}"} for name in ("data", "home", "log")]
    board = settled(*mounts)
    for labels in mounts:
        mount(board, labels, left=1e9)
    assert texts(board.after(31 * MINUTE)) == ["/srv/data is 97 % full (954 MiB left), and 2 more like it"]


def test_several_full_filesystems_are_a_line_each_the_fullest_first() -> None:
    board = settled(ROOT, DATA)
    mount(board, ROOT, left=1.6e9)
    mount(board, DATA, left=1e9)
    assert [text.partition(" is")[0] for text in texts(board.after(31 * MINUTE))] == ["/srv/data", "/"]


@pytest.mark.parametrize(
    "labels",
    [
        {"device": "/dev/loop0", "mountpoint": "/snap/core", "fstype": "squashfs"},
        {"device": "/dev/sr0", "mountpoint": "/media/cd", "fstype": "iso9660"},
        {"device": "/dev/sda1", "mountpoint": "/media/stick", "fstype": "vfat"},
    ],
    ids=lambda labels: labels["fstype"],
)
def test_what_was_always_read_only_and_full_is_as_it_should_be(labels: dict[str, str]) -> None:
    board = Board()
    mount(board, ROOT)
    mount(board, labels, size=1e9, left=0, read_only=1)
    assert texts(board.after(3 * HOUR)) == []


def test_a_root_that_is_read_only_since_the_start_is_a_reason_where_its_boot_partition_is_not() -> None:
    board = settled({"device": "/dev/mmcblk0p1", "mountpoint": "/boot/firmware", "fstype": "vfat"})
    mount(board, ROOT, read_only=1)
    assert alerts(board.after(16 * MINUTE)) == [("FilesystemReadOnly", "warning")]


def test_what_turned_read_only_is_a_reason_for_as_long_as_it_lasts() -> None:
    board = settled()
    turn_read_only(board)
    assert alerts(board.after(40 * HOUR)) == [("FilesystemReadOnly", "critical")]


def test_a_card_that_filled_for_hours_before_a_restart_is_known_after_it() -> None:
    board = Board(restores=True)
    mount(board, ROOT, left=8e9)
    series = Series("system.disk.usage.updated", tuple(ROOT.values()), "available")
    past = [(hours * HOUR, HOUR) for hours in range(26, 2, -1)] + [
        (minutes * MINUTE, MINUTE) for minutes in range(120, 0, -1)
    ]
    rows = [_stretch(board.time - ago, seconds, 8e9 + ago / MINUTE * 10e6) for ago, seconds in past]
    board.engine.restore([(series, rows)], [])
    assert texts(board.judged()) == ["/ will be full in 13 h 20 min at this pace (7.45 GiB left)"]


def _stretch(begin: float, seconds: float, value: float) -> Stretch:
    return Stretch(begin, seconds, 1, value, value, value, value)


def test_a_card_that_fails_is_one_reason_however_many_tasks_wait_for_it() -> None:
    board = settled()
    assert texts(wait_for(board, HOUR, ("mmcblk0",))) == ["mmcblk0 takes 10.0 s for a read or write"]
    for _ in range(8):
        assert texts(wait_for(board, HOUR / 2, ("mmcblk0",))) == ["mmcblk0 takes 10.0 s for a read or write"]


def test_all_tasks_that_wait_for_a_busy_disk_are_one_reason_with_it() -> None:
    board = settled()
    board.shows("system_procs_blocked", 5)
    rates = {"system_disk_io_time_seconds_total": 1.0, "system_disk_io_time_weighted_seconds_total": 40.0}
    for _ in range(3 * 60):
        board.grows("system_pressure_stalled_seconds_total", 24.0, resource="io")
        grow(board, MINUTE, rates, {"device": "sda"})
    assert alerts(board.judged()) == [("DiskStalled", "warning")]
    assert {alert for alert, _, _ in board.engine.firing} == {"DiskStalled", "DiskSaturated"}


@pytest.mark.parametrize("others", [(), ("sda",)])
def test_that_all_tasks_wait_is_no_reason_where_each_busy_disk_is_left_alone(others: tuple[str, ...]) -> None:
    board = settled()
    board.shows("system_disk_left_alone", 1, device="mmcblk0")
    board.shows("system_procs_blocked", 5)
    for _ in range(80):
        board.grows("system_pressure_stalled_seconds_total", 24.0, resource="io")
        for device in ("mmcblk0", *others):
            board.grows("system_disk_io_time_seconds_total", 60.0, device=device)
        board.after(MINUTE)
    assert alerts(board.judged()) == ([("DiskStalled", "warning")] if others else [])


def test_a_port_that_nothing_is_plugged_into_is_no_reason() -> None:
    board = settled()
    board.shows("system_network_carrier", 0, device="eth0")
    assert texts(board.after(3 * HOUR)) == []


def test_a_lost_link_is_a_reason_until_it_is_up_again_or_was_down_for_a_day() -> None:
    board = settled()
    assert alerts(pull(board)) == [("LinkDown", "warning")]
    assert alerts(board.after(22 * HOUR)) == [("LinkDown", "warning")]
    assert alerts(board.after(3 * HOUR)) == []


def test_a_slow_link_is_a_reason_until_it_is_as_fast_again_or_was_not_for_a_day() -> None:
    board = settled()
    assert alerts(slow_down(board)) == [("LinkSlow", "warning")]
    assert alerts(board.after(22 * HOUR)) == [("LinkSlow", "warning")]
    assert alerts(board.after(3 * HOUR)) == []


def test_what_a_laptop_has_at_another_desk_is_not_missed() -> None:
    board = Board((DOWN, SLOW))

    def is_used(hours: float, speed: float, carrier: float) -> None:
        board.shows("system_network_speed_bytes", speed, device="eth0")
        board.shows("system_network_carrier", carrier, device="eth1")
        board.after(hours * HOUR)

    is_used(5.5, 12.5e6, 0)
    for _ in range(2):
        board.passes(9 * HOUR)  # asleep
        is_used(8.5, 125e6, 1)
        board.passes(HOUR)
        is_used(5.5, 12.5e6, 0)
        assert texts(board.judged()) == []


def test_a_link_that_was_weak_and_is_lost_is_never_less_of_a_reason() -> None:
    board = settled()
    for metric, value in (
        ("system_network_carrier", 1),
        ("system_wifi_associated", 1),
        ("system_wifi_signal_dbm", -60),
    ):
        board.shows(metric, value, device="wlan0")
    board.after(2 * HOUR)
    board.shows("system_wifi_signal_dbm", -82, device="wlan0")
    assert alerts(board.after(HOUR)) == [("WifiWeak", "warning")]
    board.loses("system_wifi_signal_dbm", device="wlan0")
    board.shows("system_network_carrier", 0, device="wlan0")
    board.shows("system_wifi_associated", 0, device="wlan0")
    for _ in range(20 * 4):
        assert board.after(HOUR / 4).name == "warning"
    assert ("LinkDown", "warning") in alerts(board.judged())


def test_a_large_reserve_of_root_is_not_used_space() -> None:
    board = settled()
    board.shows("system_filesystem_size_bytes", 16e9, **ROOT)
    board.shows("system_filesystem_free_bytes", 15e9, **ROOT)
    board.shows("system_filesystem_avail_bytes", 1e9, **ROOT)
    assert texts(board.after(HOUR)) == []


@pytest.mark.parametrize("judgement", JUDGEMENTS, ids=lambda one: f"{one.alert}-{one.severity}")
def test_nothing_known_is_no_reason(judgement: object) -> None:
    assert list(judgement.find(Facts({}, now=0.0, uptime=1e6))) == []  # type: ignore[attr-defined]


NOT_IN_SUMMARIES = {
    "system_cpu_seconds_total": "ten minutes: known again before LoadHigh could fire",
    "system_disk_reads_completed_total": "known again before DiskSlow could fire, which is kept for as long",
    "system_disk_writes_completed_total": "as above",
    "system_network_receive_drop_total": "known again before PacketsDropped could fire, which is kept for as long",
    "system_network_transmit_drop_total": "as above",
    "sysvitals_collector_available": "the exporter's own state, no reading",
    "sysvitals_collector_success": "the exporter's own state, no reading",
    "sysvitals_events_dropped_total": "the exporter's own state, no reading",
    "sysvitals_read_errors_total": "the exporter's own state, no reading",
    "sysvitals_thread_deaths_total": "the exporter's own state, no reading",
}


def test_what_a_judgement_watches_is_in_the_summaries_and_so_known_after_a_restart() -> None:
    missing = set()
    for watch in (watch for judgement in JUDGEMENTS for watch in judgement.watches):
        for sample in CATALOG.families[watch.metric].samples:
            mark, fixed = sample.field.mark, dict(sample.labels)
            is_meant = all(fixed.get(name, text) == text for name, text in watch.labels)
            if isinstance(mark, Metric) and is_meant and not mark.summary:
                missing.add(watch.metric)
    assert missing == NOT_IN_SUMMARIES.keys()
