"""`/proc/net/dev`: what each network device received and sent."""

from dataclasses import dataclass

from sysvitals.host.files import attempt, parse_int
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.namespaces import read_first_process


@dataclass(frozen=True, slots=True)
class NetDev:
    """Totals of one device since it appeared. A few drivers count in 32 bits and begin again at 4 GiB."""

    device: str
    receive_bytes: int
    receive_packets: int
    receive_errs: int
    receive_drop: int
    transmit_bytes: int
    transmit_packets: int
    transmit_errs: int
    transmit_drop: int


def read_netdev(host: Host) -> list[NetDev | Fault]:
    """The host's network devices. Raises OSError; a line that makes no sense is a Fault."""
    table = read_first_process(host, "net/dev")
    if table is None:
        table = host.read_bytes(f"{host.procfs}/net/dev", limit=16 << 20)
    return parse_netdev(table.decode("utf-8", "backslashreplace"))


def parse_netdev(text: str) -> list[NetDev | Fault]:
    """From two lines of heading, then `eth0: 8012334 12519 0 0 …` with eight columns for each direction."""
    rows = text.rstrip("\n\0").split("\n")[2:]
    return [attempt(f"net/dev {row.partition(':')[0].strip()}", _parse_row, row) for row in rows if row]


def _parse_row(row: str) -> NetDev:
    device, _, numbers = row.rpartition(":")
    columns = numbers.split()
    device = device.strip(" ")
    if not device or len(columns) < 16:
        raise ValueError(f"not a device's line: {row[:80]!r}")
    totals = [parse_int(column) for column in columns[:12]]
    if min(totals) < 0:
        raise ValueError(f"a total below zero: {row[:80]!r}")
    return NetDev(device, *totals[0:4], *totals[8:12])
