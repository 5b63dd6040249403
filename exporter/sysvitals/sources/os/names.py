"""The names under which others may know this host, by its own files. No name server is asked."""

from collections.abc import Iterator

from sysvitals.host.files import optional
from sysvitals.host.host import Host
from sysvitals.sources.os.kernel import read_hostname


def read_names(host: Host) -> frozenset[str]:
    """Return its name, with the domains that /etc/resolv.conf adds, and its aliases in /etc/hosts, in lower case.

    Raises OSError where a file is there and cannot be read.
    """
    name = (read_hostname(host) or "").lower()
    label = name.partition(".")[0]
    names = {name, label} - {""}
    hosts = optional(Host.read_text, host, f"{host.rootfs}/etc/hosts") or ""
    resolver = optional(Host.read_text, host, f"{host.rootfs}/etc/resolv.conf") or ""
    aliases = find_aliases(hosts.lower(), names)
    return frozenset({*names, *aliases, *(f"{label}.{domain}" for domain in parse_search(resolver.lower()))})


def find_aliases(hosts: str, names: set[str]) -> set[str]:
    """Return what hosts(5) calls a host with one of these names: `127.0.1.1 pi.example.org pi`.

    Not all names of this host's addresses: lists that block advertising give 127.0.0.1 to names of strangers.
    """
    lines = ({*line.partition("#")[0].split()[1:]} for line in hosts.split("\n"))
    return {name for line in lines if line & names for name in line}


def parse_search(resolver: str) -> Iterator[str]:
    """Yield the domains that resolv.conf(5) appends to a name."""
    for line in resolver.split("\n"):
        keyword, *domains = line.split() or [""]
        if keyword in ("search", "domain"):
            yield from (domain.strip(".") for domain in domains if domain.strip("."))
