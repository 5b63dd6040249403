"""`/proc/net/wireless`: how well each Wi-Fi device hears its access point."""

from dataclasses import dataclass

from sysvitals.host.files import attempt, optional, parse_int
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.namespaces import read_first_process


@dataclass(frozen=True, slots=True)
class Wireless:
    """One device's row. `link` has the driver's own scale; `level` and `noise` are dBm where negative.

    `retry` counts packets given up after retries, `misc` packets received and thrown away.
    """

    device: str
    link: int
    level: int
    noise: int
    retry: int
    misc: int

    @property
    def silent(self) -> bool:
        """The driver has nothing to tell: no access point, or it is one, or it does not serve this old interface."""
        return self.link == 0 and self.level in {0, _UNKNOWN}

    @property
    def signal_dbm(self) -> int | None:
        """None where the driver gives no signal, or gives it on a scale of its own."""
        return self.level if _UNKNOWN < self.level < 0 else None

    @property
    def noise_dbm(self) -> int | None:
        """None where the driver gives no noise: most do not."""
        return self.noise if _UNKNOWN < self.noise < 0 else None

    @property
    def quality(self) -> float | None:
        """Link quality from 0 to 1. The kernel's scale ends at 70 where the signal is in dBm, else at 100."""
        scale = 70 if self.level < 0 else 100
        return self.link / scale if not self.silent and self.link <= scale else None


def read_wireless(host: Host) -> list[Wireless | Fault] | None:
    """The host's Wi-Fi devices that the kernel tells of, or None where it keeps no such file.

    Most kernels have no row for a device without an access point, some have one of zeros. Raises OSError; a line that
    makes no sense is a Fault.
    """
    table = read_first_process(host, "net/wireless")
    if table is not None:
        return parse_wireless(table.decode("utf-8", "backslashreplace"))
    text = optional(Host.read_text, host, f"{host.procfs}/net/wireless")
    return None if text is None else parse_wireless(text)


def parse_wireless(text: str) -> list[Wireless | Fault]:
    """From two lines of heading, then `wlan0: 0000   59.  -51.  -256.       0      0      0      0     18        0`."""
    rows = text.rstrip("\n\0").split("\n")[2:]
    return [attempt(f"net/wireless {row.partition(':')[0].strip()}", _parse_row, row) for row in rows if row]


def _parse_row(row: str) -> Wireless:
    device, _, numbers = row.rpartition(":")
    columns = numbers.split()
    device = device.strip(" ")
    if not device or len(columns) < 10:
        raise ValueError(f"not a Wi-Fi device's line: {row[:80]!r}")
    # a dot says that the number is new since the last look
    link, level, noise = (parse_int(column.removesuffix(".")) for column in columns[1:4])
    retry, misc = (parse_int(columns[n]) & 0xFFFFFFFF for n in (7, 8))  # unsigned, yet printed with a sign
    if not 0 <= link <= 255 or not _UNKNOWN <= level <= 255 or not _UNKNOWN <= noise <= 255:
        raise ValueError(f"beyond a byte: {row[:80]!r}")
    return Wireless(device, link, level, noise, retry, misc)


_UNKNOWN = -256
