"""Which files of `/proc` lxcfs stands in for: in a container of LXC, LXD, Incus or Proxmox.

There, files of /proc are bound over by those of lxcfs, a FUSE filesystem of the host, that show the container's share.
What a file then holds is the container's in part only: `share/lxc.mount.hook.in` and `src/` of lxcfs say which.
"""

from threading import Event
from time import monotonic

from sysvitals.host.files import attempt, optional, read_int
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.proc.namespaces import read_first_process

AGAIN_SECONDS = 60.0
"""How long mounts that could not be read are left alone."""

PATIENCE_SECONDS = 1.0
"""How long after it was asked an answer is waited for: less than the 3 s after which a read counts as hanging."""


def read_lxcfs(host: Host) -> frozenset[str]:
    """Names below /proc that lxcfs serves; none on a host of its own, or where its mounts cannot be read.

    The first call reads the mounts, and its answer is kept: they are bound before the container's first process
    starts. While that read hangs, it holds up its caller alone.
    """
    question = host.kept.get(_KEY)
    if question is None or question.is_void:
        # two that come here together read both, and either's answer is right
        question = host.kept[_KEY] = _Question()
        question.ask(host)
    return question.wait()


def has_own_diskstats(host: Host) -> bool:
    """Whether /proc/diskstats is about what it is found on: a host, or a container that lxcfs knows the traffic of.

    Of cgroup v2 lxcfs cannot read that, and passes the file of its host on.
    """
    lxcfs = read_lxcfs(host)
    return not lxcfs or ("diskstats" in lxcfs and not host.exists(f"{host.sysfs}/fs/cgroup/cgroup.controllers"))


def read_own_tasks(host: Host) -> int | None:
    """How many tasks this container has, by its own control group; None where that does not say. Raises OSError."""
    for folder in ("cgroup", "cgroup/pids"):
        count = optional(read_int, host, f"{host.sysfs}/fs/{folder}/pids.current")
        if count is not None:
            return count
    return None


def parse_lxcfs(text: str) -> frozenset[str]:
    """From lines such as `247 223 0:39 /proc/uptime /proc/uptime rw - fuse.lxcfs lxcfs rw,allow_other`.

    A host that serves containers has the filesystem itself mounted, at /var/lib/lxcfs: that does not count.
    """
    lines = (line.partition(" - ") for line in text.split("\n") if " - fuse.lxcfs " in line)
    points = (mount.split(" ")[4] for mount, _, _ in lines if mount.count(" ") >= 4)
    return frozenset(point.removeprefix("/proc/") for point in points if point.startswith("/proc/"))


class _Question:
    """What one caller reads of a host's mounts, and others wait for."""

    def __init__(self) -> None:
        self._asked = monotonic()
        self._over = Event()
        self._names: frozenset[str] | None = None

    @property
    def is_void(self) -> bool:
        """Whether it failed, and long enough ago to try again."""
        return self._over.is_set() and self._names is None and monotonic() - self._asked >= AGAIN_SECONDS

    def ask(self, host: Host) -> None:
        try:
            found = attempt("mounts", _read_mounts, host)
            self._names = None if isinstance(found, Fault) else found
        finally:
            self._over.set()

    def wait(self) -> frozenset[str]:
        """The answer; none where there was none, or not in time."""
        if not self._over.is_set():
            self._over.wait(max(0.0, self._asked + PATIENCE_SECONDS - monotonic()))
        return self._names or frozenset()


_KEY = "lxcfs"


def _read_mounts(host: Host) -> frozenset[str]:
    table = read_first_process(host, "mountinfo")
    if table is None:
        table = optional(Host.read_bytes, host, f"{host.procfs}/self/mountinfo") or b""
    return parse_lxcfs(table.decode("utf-8", "replace"))
