from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.model.collector import Fault
from sysvitals.sources.sys.mmc import Card, list_cards, parse_code, parse_life_time, read_card
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

EMMC = {
    "type": "MMC\n",
    "name": "BJTD4R\n",
    "manfid": "0x000015\n",
    "date": "08/2021\n",
    "serial": "0xc0ffee14\n",
    "life_time": "0x02 0x01\n",
    "pre_eol_info": "0x01\n",
}


def build_card(folder: Path, files: dict[str, str], device: str = "mmcblk0") -> RecordedHost:
    return build_host(folder, {f"sys/block/{device}/device/{name}": text for name, text in files.items()})


def only_card(host: RecordedHost) -> Card:
    (device,) = list_cards(host)
    card = read_card(host, device)
    assert card is not None
    return card


def test_an_emmc_is_read_whole_but_for_its_serial(tmp_path: Path) -> None:
    card = only_card(build_card(tmp_path, EMMC))
    assert card == Card("mmcblk0", "MMC", "BJTD4R", "0x000015", "08/2021", life_time=(2, 1), pre_eol=1)
    assert "c0ffee" not in repr(card)


def test_an_sd_card_tells_no_wear() -> None:
    card = only_card(RecordedHost(HOSTS / "pi-4b-fine"))
    assert card == Card("mmcblk0", "SD", "SD32G", "0x000003", "04/2023", life_time=None, pre_eol=None)


def test_parts_of_a_chip_are_no_chips_of_their_own() -> None:
    assert only_card(RecordedHost(HOSTS / "pi-cm4-emmc")).device == "mmcblk0"


@pytest.mark.parametrize(
    ("text", "areas"), [("0x02 0x01", (2, 1)), ("02 01", (2, 1)), ("0x0B 0x0a", (11, 10)), ("0x00 0x00", (0, 0))]
)
def test_life_time_is_read_with_and_without_its_prefix(text: str, areas: tuple[int, int]) -> None:
    assert parse_life_time(text) == areas


@pytest.mark.parametrize("text", ["", "0x02", "0x02 0x01 0x01", "0x0c 0x01", "0xff 0xff", "two one", "-1 -1", "0x 0x"])
def test_a_life_time_outside_the_standard_makes_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_life_time(text)


@given(st.text(max_size=30))
def test_arbitrary_text_gives_a_code_or_a_value_error(text: str) -> None:
    for parse in (parse_life_time, lambda text: parse_code(text, most=3)):
        try:
            parse(text)
        except ValueError:
            continue


@given(st.integers(0, 11), st.integers(0, 11), st.sampled_from(["0x%02x 0x%02x", "%02x %02x", "0x%02X 0x%02X"]))
def test_codes_come_back_however_the_kernel_prints_them(area_a: int, area_b: int, form: str) -> None:
    assert parse_life_time(form % (area_a, area_b)) == (area_a, area_b)


def test_a_file_for_each_area_serves_too(tmp_path: Path) -> None:
    files = EMMC | {"life_time_est_typ_a": "0x03\n", "life_time_est_typ_b": "0x04\n"}
    del files["life_time"]
    assert only_card(build_card(tmp_path, files)).life_time == (3, 4)


def test_wear_that_cannot_be_read_does_not_hide_the_chip(tmp_path: Path) -> None:
    files = EMMC | {"life_time.ERRNO-EIO": "", "pre_eol_info": "0x07\n"}
    del files["life_time"]
    card = only_card(build_card(tmp_path, files))
    assert isinstance(card.life_time, Fault)
    assert (card.life_time.what, card.life_time.error) == ("mmcblk0 life_time", "EIO")
    assert isinstance(card.pre_eol, Fault)
    assert (card.pre_eol.what, card.pre_eol.error) == ("mmcblk0 pre_eol_info", "garbage")
    assert card.name == "BJTD4R"


def test_a_card_just_taken_out_is_left_out(tmp_path: Path) -> None:
    assert read_card(build_host(tmp_path, {"sys/block/mmcblk0/size": "1"}), "mmcblk0") is None


def test_other_disks_are_no_cards(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"sys/block/sda/device/type": "0", "sys/block/0/device/type": "0"})
    assert list_cards(host) == []


def test_a_host_without_sysfs_has_no_cards(tmp_path: Path) -> None:
    assert list_cards(build_host(tmp_path, {"proc/uptime": "1 1"})) == []
