"""`/sys/class/dmi/id`: what a PC's or a virtual machine's firmware says that it is."""

from datetime import UTC, datetime
from typing import NamedTuple

from sysvitals.host.files import optional
from sysvitals.host.host import Host
from sysvitals.host.sysfs import read_label

_FILLERS = ("to be filled by o.e.m", "default string", "system manufacturer", "system product name", "not specified")
"""What makers leave in fields that they forgot."""


class Dmi(NamedTuple):
    """Texts as the firmware gives them, None where it gives none. `bios_date` is `MM/DD/YYYY`."""

    vendor: str | None = None
    product: str | None = None
    product_version: str | None = None
    board_vendor: str | None = None
    board: str | None = None
    bios_vendor: str | None = None
    bios_version: str | None = None
    bios_date: str | None = None

    @property
    def model(self) -> str | None:
        """Vendor and product, or those of the main board where the system's were not filled in."""
        return _join(self.vendor, self.product) or _join(self.board_vendor, self.board)


def read_dmi(host: Host) -> Dmi:
    """All None on a machine without DMI, such as most boards. Raises OSError."""
    root = f"{host.sysfs}/class/dmi/id"
    if not host.exists(root):
        return Dmi()
    return Dmi(
        vendor=_read(host, f"{root}/sys_vendor"),
        product=_read(host, f"{root}/product_name"),
        product_version=_read(host, f"{root}/product_version"),
        board_vendor=_read(host, f"{root}/board_vendor"),
        board=_read(host, f"{root}/board_name"),
        bios_vendor=_read(host, f"{root}/bios_vendor"),
        bios_version=_read(host, f"{root}/bios_version"),
        bios_date=_read(host, f"{root}/bios_date"),
    )


def read_product_serial(host: Host) -> str | None:
    """The machine's serial number. Raises PermissionError for all but root."""
    return _read(host, f"{host.sysfs}/class/dmi/id/product_serial")


def parse_bios_date(text: str) -> int:
    """Unix time at which a day such as `05/28/2021` began in UTC; the standard allows `05/28/21` too."""
    month, day, year = text.split("/")
    if not all(part.isascii() and part.isdigit() for part in (month, day, year)) or len(year) not in {2, 4}:
        raise ValueError(f"not a date: {text!r}")
    # with two digits: this standard is of 1995
    century = 0 if len(year) == 4 else 1900 if int(year) >= 90 else 2000
    return int(datetime(century + int(year), int(month), int(day), tzinfo=UTC).timestamp())


def _join(vendor: str | None, product: str | None) -> str | None:
    if not product:
        return None
    return product if not vendor or product.startswith(vendor) else f"{vendor} {product}"


def _read(host: Host, path: str) -> str | None:
    text = optional(read_label, host, path)
    return text if text and not text.lower().startswith(_FILLERS) else None
