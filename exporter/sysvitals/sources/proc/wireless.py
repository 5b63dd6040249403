"""`/proc/net/wireless`: how well each Wi-Fi device hears its access point."""

from typing import NamedTuple

from sysvitals.host.files import fault, optional, parse_fields, parse_int, shorten
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.namespaces import read_first_process


class Wireless(NamedTuple):
    """One device's row. `link` has the driver's own scale; `level` and `noise` are dBm where negative.

    `retry` counts packets given up after retries, `misc` packets received and thrown away. What makes no sense is None.
    """

    device: str
    link: int | None = None
    level: int | None = None
    noise: int | None = None
    retry: int | None = None
    misc: int | None = None

    @property
    def heard(self) -> bool | None:
        """Whether the driver tells of an access point; None where the fields that would say so make no sense.

        False where there is none, or it is one, or it does not serve this old interface.
        """
        if self.link or self.level not in {None, 0, _UNKNOWN}:
            return True
        return None if self.link is None or self.level is None else False

    @property
    def signal_dbm(self) -> int | None:
        """None where the driver gives no signal, or gives it on a scale of its own."""
        return _negative(self.level)

    @property
    def noise_dbm(self) -> int | None:
        """None where the driver gives no noise: most do not."""
        return _negative(self.noise)

    @property
    def quality(self) -> float | None:
        """Link quality from 0 to 1. The kernel's scale ends at 70 where the signal is in dBm, else at 100."""
        if self.link is None or self.level is None or not self.heard:
            return None
        scale = 70 if self.level < 0 else 100
        return self.link / scale if self.link <= scale else None


def read_wireless(host: Host) -> list[Wireless | Fault] | None:
    """The host's Wi-Fi devices that the kernel tells of, or None where it keeps no such file.

    Most kernels have no row for a device without an access point, some have one of zeros. Raises OSError; a line or
    a field that makes no sense is a Fault.
    """
    table = read_first_process(host, "net/wireless")
    if table is not None:
        return parse_wireless(table.decode("utf-8", "backslashreplace"))
    text = optional(Host.read_text, host, f"{host.procfs}/net/wireless")
    return None if text is None else parse_wireless(text)


def parse_wireless(text: str) -> list[Wireless | Fault]:
    """From two lines of heading, then `wlan0: 0000   59.  -51.  -256.       0      0      0      0     18        0`."""
    rows = text.rstrip("\n\0").split("\n")[2:]
    return [found for row in rows if row for found in _parse_row(row)]


def _parse_row(row: str) -> list[Wireless | Fault]:
    device, _, numbers = row.rpartition(":")
    columns = numbers.split()
    device = device.strip(" ")
    if not device or len(columns) < 10:
        what = f"net/wireless {row.partition(':')[0].strip()}"
        return [fault(what, ValueError(f"not a Wi-Fi device's line: {shorten(row, 80)!r}"))]
    what = f"net/wireless {device}"
    qualities, faults = parse_fields(what, zip(("link", "level", "noise"), columns[1:4], strict=True), _parse_quality)
    if qualities.get("link", 0) < 0:
        faults.append(Fault(f"{what} link", "garbage", f"a quality below zero: {qualities.pop('link')}"))
    counts, more = parse_fields(what, (("retry", columns[7]), ("misc", columns[8])), _parse_counter)
    return [Wireless(device, **qualities, **counts), *faults, *more]


def _parse_quality(text: str) -> int:
    # a dot says that the number is new since the last look
    quality = parse_int(text.removesuffix("."))
    if not _UNKNOWN <= quality <= 255:
        raise ValueError(f"beyond a byte: {quality}")
    return quality


def _parse_counter(text: str) -> int:
    # unsigned, yet printed with a sign
    return parse_int(text) & 0xFFFFFFFF


def _negative(decibels: int | None) -> int | None:
    return decibels if decibels is not None and _UNKNOWN < decibels < 0 else None


_UNKNOWN = -256
