import contextlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.sys.dmi import Dmi, parse_bios_date, read_dmi, read_product_serial
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

ROOT = "sys/class/dmi/id"


def test_a_recorded_pc_says_what_it_is() -> None:
    dmi = read_dmi(RecordedHost(HOSTS / "nuc"))
    assert dmi == Dmi(
        vendor="Intel Corporation",
        product="NUC8i7HVK",
        product_version="J71485-504",
        board_vendor="Intel Corporation",
        board="NUC8i7HVB",
        bios_vendor="Intel Corp.",
        bios_version="HNKBLi70.86A.0067.2021.0528.1339",
        bios_date="05/28/2021",
    )
    assert dmi.model == "Intel Corporation NUC8i7HVK"


def test_a_machine_without_dmi_says_nothing(tmp_path: Path) -> None:
    dmi = read_dmi(build_host(tmp_path, {}))
    assert dmi == Dmi()
    assert dmi.model is None


def test_what_the_maker_forgot_to_fill_in_is_taken_from_the_main_board(tmp_path: Path) -> None:
    files = {
        "sys_vendor": "To Be Filled By O.E.M.",
        "product_name": "Default string",
        "board_vendor": "ASRock",
        "board_name": "B450M Pro4",
        "bios_version": " ",
    }
    dmi = read_dmi(build_host(tmp_path, {f"{ROOT}/{name}": f"{text}\n" for name, text in files.items()}))
    assert dmi.model == "ASRock B450M Pro4"
    assert dmi.bios_version is None


def test_a_vendor_is_not_said_twice() -> None:
    assert Dmi(vendor="Dell", product="Dell System XPS").model == "Dell System XPS"
    assert Dmi(product="Thing").model == "Thing"


def test_a_serial_number_is_for_root(tmp_path: Path) -> None:
    with pytest.raises(PermissionError):
        read_product_serial(RecordedHost(HOSTS / "nuc"))
    assert read_product_serial(build_host(tmp_path, {f"{ROOT}/product_serial": "G6BN\n"})) == "G6BN"


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("05/28/2021", datetime(2021, 5, 28, tzinfo=UTC)),
        ("04/01/2014", datetime(2014, 4, 1, tzinfo=UTC)),
        ("12/31/98", datetime(1998, 12, 31, tzinfo=UTC)),
        ("01/02/07", datetime(2007, 1, 2, tzinfo=UTC)),
    ],
)
def test_a_date_is_month_day_year(text: str, day: datetime) -> None:
    assert parse_bios_date(text) == int(day.timestamp())


@pytest.mark.parametrize("text", ["", "28/05/2021", "2021-05-28", "05/28", "05/28/021", "0\uff15/28/2021", "1/1/0000"])
def test_what_is_no_date_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_bios_date(text)


@given(st.text(alphabet="0123456789/- x", max_size=12))
def test_any_text_is_a_date_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_bios_date(text)
