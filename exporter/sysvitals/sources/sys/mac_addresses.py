"""The hardware addresses of the network interfaces that stand for a device."""

from sysvitals.host.files import optional
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names, read_label


def read_mac_addresses(host: Host) -> list[str]:
    """Sorted, each once; bridges, tunnels and containers' links have made-up addresses and are left out."""
    root = f"{host.sysfs}/class/net"
    addresses = {
        optional(read_label, host, f"{root}/{name}/address")
        for name in list_names(host, root)
        if host.exists(f"{root}/{name}/device")
    }
    return sorted(address for address in addresses if address and address.strip("0:"))
