from pathlib import Path

import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.netdev import NetDev, parse_netdev, read_netdev
from tests.building import build_host, known

HEAD = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier …
"""
ETH0 = "  eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
READ = NetDev("eth0", 1, 2, 3, 4, 9, 10, 11, 12)


def test_both_directions_are_read() -> None:
    assert parse_netdev(HEAD + ETH0) == [READ]
    assert (READ.receive_drop, READ.transmit_bytes) == (4, 9)


def test_a_long_counter_may_touch_the_name() -> None:
    assert parse_netdev(HEAD + ETH0.replace(": ", ":")) == [READ]


def test_columns_of_a_later_kernel_do_no_harm() -> None:
    assert parse_netdev(HEAD + ETH0.rstrip() + " 17 x\n") == [READ]


@pytest.mark.parametrize("row", [" wlan0: 50 1 0", "no colon here", ": 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16"])
def test_a_row_that_makes_no_sense_is_a_fault_and_its_siblings_are_read(row: str) -> None:
    first, second = parse_netdev(f"{HEAD}{row.rstrip()}\n{ETH0}")
    assert isinstance(first, Fault)
    assert first.error == "garbage"
    assert second == READ


def test_rows_of_devices_that_are_not_wanted_are_passed_over() -> None:
    assert parse_netdev(f"{HEAD}  lo: x{' 0' * 15}\n{ETH0}", lambda name: name != "lo") == [READ]


@given(st.text(max_size=200))
def test_arbitrary_text_gives_devices_or_faults(text: str) -> None:
    for device in [*parse_netdev(text), *parse_netdev(HEAD + text)]:
        assert isinstance(device, NetDev | Fault)


# the kernel allows any name without `/` and white space; only old ones allow `:`
NAMES = st.text(st.characters(min_codepoint=33, exclude_characters="/", exclude_categories=["Z", "C"]), min_size=1)


@example("eth0:1", list(range(16)))
@given(NAMES, st.lists(st.integers(0, (1 << 63) - 1), min_size=16, max_size=16))
def test_any_name_and_any_63_bits_come_back(name: str, totals: list[int]) -> None:
    columns = " ".join(f"{total:8d}" for total in totals)
    assert parse_netdev(f"{HEAD}{name:>6}: {columns}\n") == [NetDev(name, *totals[:4], *totals[8:12])]


def test_the_first_process_is_asked_because_its_network_is_the_hosts(tmp_path: Path) -> None:
    own = HEAD + ETH0.replace("eth0", "container0")
    host = build_host(tmp_path, {"proc/1/net/dev": HEAD + ETH0, "proc/net/dev": own})
    assert read_netdev(host) == [READ]


@pytest.mark.parametrize("refusal", ["ENOENT", "EACCES", "EPERM"])
def test_without_the_first_process_the_readers_own_network_serves(tmp_path: Path, refusal: str) -> None:
    host = build_host(tmp_path, {f"proc/1/net/dev.ERRNO-{refusal}": "", "proc/net/dev": HEAD + ETH0})
    assert read_netdev(host) == [READ]


def test_this_machines_devices_are_as_psutil_says() -> None:
    before = psutil.net_io_counters(pernic=True, nowrap=False)
    ours = {device.device: device for device in read_netdev(Host()) if isinstance(device, NetDev)}
    after = psutil.net_io_counters(pernic=True, nowrap=False)
    assert set(before) == set(ours)
    for name, device in ours.items():
        assert before[name].bytes_recv <= known(device.receive_bytes) <= after[name].bytes_recv
        assert before[name].bytes_sent <= known(device.transmit_bytes) <= after[name].bytes_sent
        assert before[name].packets_recv <= known(device.receive_packets) <= after[name].packets_recv
        assert before[name].dropin <= known(device.receive_drop) <= after[name].dropin
        assert before[name].errout <= known(device.transmit_errs) <= after[name].errout
