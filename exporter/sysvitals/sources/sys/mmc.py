"""`/sys/block/mmcblk*/device`: SD cards and eMMC, and what eMMC tells of its wear.

SD cards have no such registers. Some industrial ones answer CMD56 in their maker's own format, which takes root and is
not asked here.
"""

from string import hexdigits
from typing import NamedTuple

from sysvitals.host.files import attempt, optional, shorten
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names, read_label
from sysvitals.model.collector import Fault


class Card(NamedTuple):
    """One card or chip. `type` is `SD` or `MMC`; `manufacturer` the number in its registers; `date` is `MM/YYYY`.

    The codes of eMMC 5.0 are given as read, 0 being "not defined"; SD cards have none. `life_time` of areas A and B:
    1 to 10 for each tenth of life begun, 11 beyond all of it. `pre_eol`: 1 normal, 2 once 80 % of the spare blocks
    are used, 3 once 90 % are. The kernel reads them when it finds the chip, as a rule at boot.
    """

    device: str
    type: str
    name: str | None
    manufacturer: str | None
    date: str | None
    life_time: tuple[int, int] | Fault | None
    pre_eol: int | Fault | None


def list_cards(host: Host) -> list[str]:
    """Names of all cards and chips. Raises OSError."""
    # mmcblk0boot0 and mmcblk0rpmb are parts of mmcblk0 with disks of their own
    names = list_names(host, f"{host.sysfs}/block")
    return [name for name in names if name.startswith("mmcblk") and name.removeprefix("mmcblk").isdigit()]


def read_card(host: Host, device: str) -> Card | None:
    """One card or chip, or None where it was just taken out. Raises OSError."""
    folder = f"{host.sysfs}/block/{device}/device/"
    kind = optional(read_label, host, folder + "type")
    if kind is None:
        return None
    return Card(
        device=device,
        type=kind,
        name=optional(read_label, host, folder + "name") or None,
        manufacturer=optional(read_label, host, folder + "manfid") or None,
        date=optional(read_label, host, folder + "date") or None,
        life_time=attempt(f"{device} life_time", _read_life_time, host, folder),
        pre_eol=attempt(f"{device} pre_eol_info", optional, _read_pre_eol, host, folder + "pre_eol_info"),
    )


def parse_life_time(text: str) -> tuple[int, int]:
    """From `0x02 0x01`; some kernels print `02 01`."""
    area_a, area_b = (parse_code(word, most=11) for word in text.split())
    return area_a, area_b


def parse_code(text: str, *, most: int) -> int:
    """A hexadecimal code of the eMMC standard; those above `most` are reserved and make no sense."""
    digits = text.removeprefix("0x")
    if not digits or len(digits) > 8 or digits.strip(hexdigits) or int(digits, 16) > most:
        raise ValueError(f"not a code of the eMMC standard: {shorten(text)!r}")
    return int(digits, 16)


def _read_life_time(host: Host, folder: str) -> tuple[int, int] | None:
    text = optional(Host.read_text, host, folder + "life_time")
    if text is None:
        # kernels that came from Android have a file for each area
        text_a = optional(Host.read_text, host, folder + "life_time_est_typ_a")
        text_b = optional(Host.read_text, host, folder + "life_time_est_typ_b")
        if text_a is None or text_b is None:
            return None
        text = f"{text_a} {text_b}"
    return parse_life_time(text)


def _read_pre_eol(host: Host, path: str) -> int:
    return parse_code(host.read_text(path), most=3)
