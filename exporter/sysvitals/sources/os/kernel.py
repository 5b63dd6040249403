"""The host's name and its kernel's release and architecture."""

from sysvitals.host.files import optional
from sysvitals.host.host import Host
from sysvitals.host.sysfs import read_label, tidy


def read_hostname(host: Host) -> str | None:
    """Where the root is mounted elsewhere, its /etc/hostname: the kernel tells a container the container's."""
    if host.rootfs and (name := optional(_read_etc_hostname, host, f"{host.rootfs}/etc/hostname")):
        return name
    return optional(_read_hostname, host, f"{host.procfs}/sys/kernel/hostname") or tidy(host.uname().nodename) or None


def read_kernel_release(host: Host) -> str | None:
    """Such as `6.12.47+rpt-rpi-v8`."""
    return optional(read_label, host, f"{host.procfs}/sys/kernel/osrelease") or tidy(host.uname().release) or None


def read_architecture(host: Host) -> str | None:
    """The kernel's, such as `aarch64`, even where a 32-bit program asks; kernels before 6.1 answer by uname."""
    return optional(read_label, host, f"{host.procfs}/sys/kernel/arch") or tidy(host.uname().machine) or None


def parse_etc_hostname(text: str) -> str:
    """The first line that is neither empty nor a comment, as hostname(5) has it; empty where there is none."""
    lines = (line.strip() for line in text.split("\n"))
    return tidy(next((line for line in lines if line and not line.startswith("#")), ""))


def _read_hostname(host: Host, path: str) -> str:
    return tidy(host.read_plain_text(path))


def _read_etc_hostname(host: Host, path: str) -> str:
    return parse_etc_hostname(host.read_plain_text(path))
