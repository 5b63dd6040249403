"""Whether this is a virtual machine or a container, and of which kind, from files alone.

Of the machine and root that the host's roots show: in a container that sees the host's /proc, /sys and root, the host.
The words are those of systemd-detect-virt.
"""

from sysvitals.host.files import optional
from sysvitals.host.host import Host
from sysvitals.host.sysfs import list_names
from sysvitals.sources.proc.lxcfs import read_lxcfs
from sysvitals.sources.sys.devicetree import read_property_texts
from sysvitals.sources.sys.dmi import Dmi

_CLOCKS = (("kvm-clock", "kvm"), ("hyperv_clocksource", "microsoft"), ("xen", "xen"))
"""Clocks that a hypervisor offers its guests."""
_VENDORS = (
    ("OpenStack", "kvm"),
    ("KubeVirt", "kvm"),
    ("KVM", "kvm"),
    ("Amazon EC2", "amazon"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "oracle"),
    ("VirtualBox", "oracle"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "microsoft"),
    ("Apple Virtualization", "apple"),
    ("Google Compute Engine", "google"),
    ("QEMU", "qemu"),
)

_MARKS = (("run/.containerenv", "podman"), (".dockerenv", "docker"))
"""Files that the managers of containers put into them."""

_CGROUPS = (
    ("/docker/", "docker"),
    ("/docker-", "docker"),
    ("/libpod-", "podman"),
    ("/lxc/", "lxc"),
    ("/lxc.payload", "lxc"),
    ("/machine.slice/systemd-nspawn", "systemd-nspawn"),
)
"""Parts of cgroup paths that the managers of containers make, by file or by systemd."""


def read_virtualization(host: Host, dmi: Dmi) -> str:
    """`none`, a hypervisor's name, or `vm-other` for one not known here. Raises OSError."""
    kind = kind_of_dmi(dmi)
    if host.uname().machine in {"x86_64", "i386", "i486", "i586", "i686"}:
        cpuinfo = optional(_read_start, host, f"{host.procfs}/cpuinfo") or ""
        if not has_hypervisor_flag(cpuinfo):
            return "none"  # a rented machine without hypervisor has the vendor's name too
        kind = kind or ("qemu" if "QEMU" in cpuinfo else None)
        # the clock tells that QEMU's guest runs on KVM
        return (_kind_of_clock(host) if kind in {None, "qemu"} else None) or kind or "vm-other"
    compatible = read_property_texts(host, "hypervisor/compatible")
    for word, name in (("kvm", "kvm"), ("xen", "xen"), ("vmware", "vmware")):
        if any(word in text for text in compatible):
            return name
    if "linux,dummy-virt" in read_property_texts(host, "compatible"):
        return "qemu"
    return kind or ("vm-other" if compatible else "none")


def read_container(host: Host) -> str:
    """`none`, or `kubernetes`, `docker`, `podman`, `lxc`, `wsl`, ... Raises OSError.

    In the order of systemd's detect_container (src/basic/virt.c), but for Kubernetes, which that does not know.
    """
    if kind := _kind_of_kernel(host):
        return kind
    root = host.rootfs
    cgroup = optional(_read_text, host, f"{host.procfs}/1/cgroup") or ""
    if "/kubepods" in cgroup or list_names(host, f"{root}/var/run/secrets/kubernetes.io"):
        return "kubernetes"
    for mark, kind in _MARKS:
        if host.exists(f"{root}/{mark}"):
            return kind
    for place in ("run/host/container-manager", "run/systemd/container"):
        if manager := optional(_read_text, host, f"{root}/{place}"):
            return manager if manager.isascii() and manager.isprintable() else "container-other"
    kind = kind_of_cgroup(cgroup)
    return "lxc" if kind == "none" and read_lxcfs(host) else kind


def kind_of_dmi(dmi: Dmi) -> str | None:
    """The hypervisor whose firmware names itself, or None."""
    for text in (dmi.product, dmi.vendor, dmi.board_vendor, dmi.bios_vendor, dmi.product_version):
        for start, kind in _VENDORS:
            if text and text.startswith(start):
                return kind
    if dmi.vendor == "Microsoft Corporation" and dmi.product == "Virtual Machine":
        return "microsoft"
    return None


def has_hypervisor_flag(cpuinfo: str) -> bool:
    """Whether x86's CPU says that it runs under a hypervisor."""
    for line in cpuinfo.split("\n"):
        if line.startswith("flags"):
            return "hypervisor" in line.split()
    return False


def kind_of_cgroup(text: str) -> str:
    """From /proc/1/cgroup, whose paths name the manager unless the container has a cgroup namespace of its own."""
    return next((kind for part, kind in _CGROUPS if part in text), "none")


def _kind_of_kernel(host: Host) -> str | None:
    """The containers that have a kernel made for them: Virtuozzo's, and Windows's (WSL 2) or its stand-in (WSL 1)."""
    if host.exists(f"{host.procfs}/vz") and not host.exists(f"{host.procfs}/bc"):
        return "openvz"
    release = optional(_read_text, host, f"{host.procfs}/sys/kernel/osrelease") or ""
    # not `microsoft`: so do kernels of Azure call themselves; WSL with a kernel of one's own has the folder
    if "Microsoft" in release or "WSL" in release or host.exists(f"{host.rootfs}/run/WSL"):
        return "wsl"
    return None


def _kind_of_clock(host: Host) -> str | None:
    path = f"{host.sysfs}/devices/system/clocksource/clocksource0/available_clocksource"
    clocks = optional(_read_text, host, path) or ""
    return next((kind for clock, kind in _CLOCKS if clock in clocks), None)


def _read_text(host: Host, path: str) -> str:
    return host.read_text(path)


def _read_start(host: Host, path: str) -> str:
    # the first CPU is enough
    return host.read_bytes(path, 8192).decode("ascii", "replace")
