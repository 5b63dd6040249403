from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.model.collector import Fault
from sysvitals.sources.proc.wireless import Wireless, parse_wireless, read_wireless
from tests.building import build_host

HEAD = """\
Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE
 face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22
"""
ROW = " wlan0: 0000   59.  -51.  -256.       1      2      3      4     18        6\n"
READ = Wireless("wlan0", link=59, level=-51, noise=-256, retry=4, misc=18)


def test_a_row_is_read_without_its_dots() -> None:
    assert parse_wireless(HEAD + ROW) == [READ]
    assert parse_wireless(HEAD + ROW.replace(".", " ")) == [READ]


def test_signal_and_quality_are_those_of_the_kernels_scale() -> None:
    assert (READ.signal_dbm, READ.noise_dbm, READ.quality, READ.heard) == (-51, None, 59 / 70, True)


@pytest.mark.parametrize(
    ("link", "level", "noise", "expected"),
    [
        (70, -30, -92, (-30, -92, 1.0)),
        (0, -110, -256, (-110, None, 0.0)),
        (45, 45, 0, (None, None, 0.45)),  # a driver that has a scale of its own and no dBm
        (99, -40, -256, (-40, None, None)),  # beyond the kernel's scale: the driver's is not known
    ],
)
def test_what_the_driver_does_not_tell_is_none(
    link: int, level: int, noise: int, expected: tuple[int | None, int | None, float | None]
) -> None:
    row = Wireless("wlan0", link, level, noise, retry=0, misc=0)
    assert (row.signal_dbm, row.noise_dbm, row.quality) == expected


@pytest.mark.parametrize("level", [0, -256])
def test_a_row_of_zeros_says_nothing_of_an_access_point(level: int) -> None:
    row = Wireless("wlan0", 0, level, level, retry=0, misc=0)
    assert row.heard is False
    assert (row.signal_dbm, row.noise_dbm, row.quality) == (None, None, None)


def test_counters_that_the_kernel_prints_with_a_sign_have_none() -> None:
    (row,) = parse_wireless(HEAD + ROW.replace(" 18 ", " -1 "))
    assert isinstance(row, Wireless)
    assert row.misc == (1 << 32) - 1


@pytest.mark.parametrize(
    ("link", "level", "heard"),
    [(None, -51, True), (59, None, True), (None, 0, None), (0, None, None), (None, None, None), (0, -51, True)],
)
def test_what_makes_no_sense_is_no_word_of_an_access_point(
    link: int | None, level: int | None, *, heard: bool | None
) -> None:
    assert Wireless("wlan0", link, level).heard is heard
    assert link is None or level is None or Wireless("wlan0", link, level).quality == 0.0


@pytest.mark.parametrize("row", [ROW.replace("59", "300"), ROW.replace("59", "-3"), ROW.replace("59", "xx")])
def test_a_quality_beyond_its_scale_is_absent_and_its_siblings_stay(row: str) -> None:
    found, fault = parse_wireless(HEAD + row)
    assert found == READ._replace(link=None)
    assert isinstance(fault, Fault)
    assert (fault.what, fault.error) == ("net/wireless wlan0 link", "garbage")


@pytest.mark.parametrize("row", [" wlan1: 0000   59.", "x"])
def test_a_row_that_makes_no_sense_is_a_fault_and_its_siblings_are_read(row: str) -> None:
    first, second = parse_wireless(f"{HEAD}{row.rstrip()}\n{ROW}")
    assert isinstance(first, Fault)
    assert first.error == "garbage"
    assert second == READ


@given(st.text(max_size=200))
def test_arbitrary_text_gives_devices_or_faults(text: str) -> None:
    for row in [*parse_wireless(text), *parse_wireless(HEAD + text)]:
        assert isinstance(row, Wireless | Fault)


@given(
    link=st.integers(0, 255),
    level=st.integers(0, 255),
    noise=st.integers(0, 255),
    dbm=st.booleans(),
    dots=st.tuples(*[st.sampled_from(". ")] * 3),
    counts=st.lists(st.integers(0, (1 << 32) - 1), min_size=6, max_size=6),
)
def test_whatever_the_kernel_prints_comes_back(
    *, link: int, level: int, noise: int, dbm: bool, dots: tuple[str, ...], counts: list[int]
) -> None:
    # as wireless_seq_printf_stats does, %d of unsigned numbers included
    level, noise = (number - (256 if dbm else 0) for number in (level, noise))
    nwid, crypt, frag, retry, misc, beacon = (n - (1 << 32) if n >= 1 << 31 else n for n in counts)
    line = (
        f"{'wlan0':>6}: 0000  {link:3d}{dots[0]}  {level:3d}{dots[1]}  {noise:3d}{dots[2]}  "
        f"{nwid:6d} {crypt:6d} {frag:6d} {retry:6d} {misc:6d}   {beacon:6d}\n"
    )
    assert parse_wireless(HEAD + line) == [Wireless("wlan0", link, level, noise, counts[3], counts[4])]


def test_the_first_process_is_asked_because_its_network_is_the_hosts(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/1/net/wireless": HEAD + ROW, "proc/net/wireless": HEAD})
    assert read_wireless(host) == [READ]


def test_without_the_first_process_the_readers_own_network_serves(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"proc/1/net/wireless.ERRNO-EACCES": "", "proc/net/wireless": HEAD + ROW})
    assert read_wireless(host) == [READ]


def test_a_kernel_without_the_file_is_told_from_one_without_a_device(tmp_path: Path) -> None:
    assert read_wireless(build_host(tmp_path / "a", {"proc/uptime": "1 1"})) is None
    assert read_wireless(build_host(tmp_path / "b", {"proc/net/wireless": HEAD})) == []


def test_a_missing_permission_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        read_wireless(build_host(tmp_path, {"proc/net/wireless.ERRNO-EACCES": ""}))
