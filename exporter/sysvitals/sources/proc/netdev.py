"""`/proc/net/dev`: what each network device received and sent."""

from collections.abc import Callable
from typing import NamedTuple

from sysvitals.host.files import fault, parse_count, parse_fields, shorten
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.namespaces import read_first_process


class NetDev(NamedTuple):
    """Totals of one device since it appeared; what makes no sense is None.

    A few drivers count in 32 bits and begin again at 4 GiB.
    """

    device: str
    receive_bytes: int | None = None
    receive_packets: int | None = None
    receive_errs: int | None = None
    receive_drop: int | None = None
    transmit_bytes: int | None = None
    transmit_packets: int | None = None
    transmit_errs: int | None = None
    transmit_drop: int | None = None


def read_netdev(host: Host, wanted: Callable[[str], object] = bool) -> list[NetDev | Fault]:
    """The host's network devices with a wanted name.

    Raises OSError. A line or a field that makes no sense is a Fault.
    """
    table = read_first_process(host, "net/dev")
    if table is None:
        table = host.read_bytes(f"{host.procfs}/net/dev", limit=16 << 20)
    return parse_netdev(table.decode("utf-8", "backslashreplace"), wanted)


def parse_netdev(text: str, wanted: Callable[[str], object] = bool) -> list[NetDev | Fault]:
    """From two lines of heading, then `eth0: 8012334 12519 0 0 …` with eight columns for each direction."""
    rows = text.rstrip("\n\0").split("\n")[2:]
    return [found for row in rows if row for found in _parse_row(row, wanted)]


def _parse_row(row: str, wanted: Callable[[str], object]) -> list[NetDev | Fault]:
    device, _, numbers = row.rpartition(":")
    columns = numbers.split()
    device = device.strip(" ")
    if not device or len(columns) < 16:
        what = f"net/dev {row.partition(':')[0].strip()}"
        return [fault(what, ValueError(f"not a device's line: {shorten(row, 80)!r}"))]
    if not wanted(device):
        return []
    fields = zip(_FIELDS, (*columns[0:4], *columns[8:12]), strict=True)
    totals, faults = parse_fields(f"net/dev {device}", fields, parse_count)
    return [NetDev(device, **totals), *faults]


_FIELDS = tuple(f"{way}_{what}" for way in ("receive", "transmit") for what in ("bytes", "packets", "errs", "drop"))
