"""How full each mounted filesystem is, and whether it can still be written to and asked."""

import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import Annotated, NamedTuple

from sysvitals.host.files import attempt, fault
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable, Watch
from sysvitals.model.metric import Detail, Gauge, Label
from sysvitals.model.pattern import choose_by
from sysvitals.model.reading import Change, Reading, amend
from sysvitals.model.space import used_ratio
from sysvitals.sources.os.statvfs import Space, is_remote, read_space
from sysvitals.sources.proc.mountinfo import Mount, find_mounts, read_mounts

_MOUNTS = "/proc/1/mountinfo"
_SPACE = "statvfs(2) of the mount point"


class Options(NamedTuple):
    """What is left out, what is meant to be full, and how long a network mount may take.

    The root filesystem is never left out for its type: on a board with a read-only system it is an overlay.
    """

    exclude_mount_points: Annotated[str, "Leave out mount points that match this as a whole."] = (
        r"/(dev|proc|sys)(/.*)?"
        r"|/run/(?!media/).+"
        r"|/(snap|var/snap|var/lib/snapd)/.+"
        r"|/var/lib/(docker|containers|containerd|kubelet|k0s/kubelet|lxc|lxcfs|lxd|incus)/.+"
        r"|/home/[^/]+/\.local/share/containers/.+"
        r"|/etc/(hostname|hosts|resolv\.conf)"
        r"|/tmp/\.mount_.+"
    )
    exclude_fs_types: Annotated[str, "Leave out types of filesystem that match this as a whole."] = (
        "autofs|binder|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|erofs|fusectl"
        "|fuse[.](gvfsd-fuse|lxcfs|portal|revokefs-fuse|snapfuse|squashfuse.*)|hugetlbfs|iso9660|mqueue|nsfs|overlay"
        "|proc|pstore|ramfs|resctrl|rootfs|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs|udf"
    )
    full_expected: Annotated[
        str,
        "Mount points that match this as a whole are meant to be full, such as `/mnt/media`: neither alert nor verdict "
        "judges their space and inodes.",
    ] = ""
    network_timeout: Annotated[float, "How long a network mount may take to answer."] = 1.0


class Filesystem(Reading, event="system.disk.usage.updated"):
    """One mounted filesystem; where the same is mounted more than once, the shortest mount point stands for all."""

    device: Annotated[str, Label("What is mounted, as the kernel names it: `/dev/mmcblk0p2`, `nas:/export`, `tmpfs`.")]
    mountpoint: Annotated[str, Label("Where it is mounted, as the host sees it.")]
    fstype: Annotated[str, Label("Type of the filesystem.")]
    size: Annotated[
        int | None, Gauge("filesystem_size", unit="bytes", help="Size of the filesystem.", origin=_SPACE)
    ] = None
    free: Annotated[
        int | None, Gauge("filesystem_free", unit="bytes", help="Free space, root's reserve included.", origin=_SPACE)
    ] = None
    available: Annotated[
        int | None,
        Gauge(
            "filesystem_avail",
            unit="bytes",
            help="Free space that users other than root may fill.",
            origin=_SPACE,
            summary=True,
        ),
    ] = None
    used_percent: Annotated[
        float | None,
        Detail("Used part of what users other than root may fill, as `df` reckons it.", unit="percent", summary=True),
    ] = None
    files: Annotated[
        int | None,
        Gauge("filesystem_files", help="Inodes in all; none where their number is not fixed.", origin=_SPACE),
    ] = None
    files_free: Annotated[
        int | None,
        Gauge("filesystem_files_free", help="Free inodes; without one, no file is made.", origin=_SPACE, summary=True),
    ] = None
    read_only: Annotated[
        bool,
        Gauge(
            "filesystem_readonly",
            help="1 while nothing can be written: mounted so, or turned so by the kernel after an error.",
            origin=_MOUNTS,
            summary=True,
        ),
    ]
    device_error: Annotated[
        bool,
        Gauge(
            "filesystem_device_error",
            help="1 while the mount does not answer: a server is away, a disk fails, or permission is missing.",
            origin=_SPACE,
            summary=True,
        ),
    ]
    full_expected: Annotated[
        bool | None,
        Gauge(
            "filesystem_full_expected",
            help="1 where it is meant to be full, and alerts and verdict leave its space alone; no series without the "
            "setting.",
            origin="the setting `collector.filesystem.full_expected`",
        ),
    ] = None


class Automount(Reading, event="system.disk.automount.updated"):
    """A mount point that is mounted when it is next used, such as one of systemd with `x-systemd.automount`."""

    mountpoint: Annotated[str, Label("Where it will be mounted, as the host sees it.")]
    waiting: Annotated[
        bool,
        Gauge(
            "filesystem_automount_waiting",
            help="1 while an automount waits for someone to use the mount point; no series while it is mounted.",
            origin=_MOUNTS,
        ),
    ]


class Remounted(Change, event="system.disk.remounted", urgent=True):
    """A filesystem became read-only, mostly because its disk failed, or writable again."""

    device: Annotated[str, Label("What is mounted.")]
    mountpoint: Annotated[str, Label("Where it is mounted.")]
    read_only: Annotated[bool, Detail("Whether it is read-only now.")]


def find(host: Host, options: Options) -> Iterator[Probe | Fault]:
    """One probe for each mount: a server that is away, or a disk that dies, holds up no other."""
    found = read_mounts(host)
    yield from (mount for mount in found if isinstance(mount, Fault))
    mounts = _choose((mount for mount in found if isinstance(mount, Mount)), options)
    for mount in _find_automounts(found, options):
        yield Probe(_name(mount), partial(tuple, [Automount(mountpoint=mount.path, waiting=True)]))
    if not mounts:
        raise Unavailable(
            "no mounted filesystems, except those left out (in a container, mount the host's / and /proc)"
        )
    full_expected = choose_by(options.full_expected)
    for mount in mounts:
        known = _describe(mount, full_expected=full_expected(mount.path))
        yield Probe(
            _name(mount),
            read=partial(_read, host, mount, known),
            otherwise=partial(tuple, [known]),
            timeout=options.network_timeout if is_remote(mount.fstype) else None,
        )


def changes(now: Filesystem | Automount, before: Filesystem | Automount | None) -> Iterator[Remounted]:
    """Whether it became read-only or writable."""
    if isinstance(now, Filesystem) and isinstance(before, Filesystem) and now.read_only != before.read_only:
        yield Remounted(device=now.device, mountpoint=now.mountpoint, read_only=now.read_only)


def watch(host: Host, _options: Options) -> Iterator[Watch]:
    """The table of mounts: the kernel gives notice when something is mounted, remounted or unmounted."""
    yield Watch(find_mounts(host), seconds=15.0, notifies=True)


def _choose(mounts: Iterable[Mount], options: Options) -> list[Mount]:
    excluded_point = re.compile(options.exclude_mount_points).fullmatch
    excluded_type = re.compile(options.exclude_fs_types).fullmatch
    chosen: dict[tuple[str, str], Mount] = {}
    for mount in mounts:
        if excluded_point(mount.path) or (mount.point != b"/" and excluded_type(mount.fstype)):
            continue
        # bind mounts show the same space again, and containers make them by the hundred
        same = (mount.number, mount.root)
        if same not in chosen or len(mount.point) < len(chosen[same].point):
            chosen[same] = mount
    return list(chosen.values())


def _find_automounts(found: Iterable[Mount | Fault], options: Options) -> Iterator[Mount]:
    """Those on which nothing is mounted now: what is mounted on one hides it."""
    excluded_point = re.compile(options.exclude_mount_points).fullmatch
    for mount in found:
        if isinstance(mount, Mount) and mount.fstype == "autofs" and not excluded_point(mount.path):
            yield mount


def _name(mount: Mount) -> str:
    """Unlike that of a mount that took its place: it can be read while the one that was there before still hangs.

    The kernel gives a mount's id away again only after the last call that hangs has returned: cleanup_mnt() in its
    fs/namespace.c.
    """
    return f"{mount.path} (mount {mount.id})"


def _read(host: Host, mount: Mount, known: Filesystem) -> Iterator[Filesystem | Fault]:
    """The mount's reading. Where it fails, a Fault and what is `known` all the same."""
    space = attempt(_name(mount), read_space, host, mount)
    if isinstance(space, Fault):
        yield space
        yield known
        return
    if space.doubts:
        yield fault(_name(mount), ValueError("; ".join(space.doubts)))
    if space.size != 0:  # one of no size holds no files of users
        yield _measure(known, space)


def _describe(mount: Mount, *, full_expected: bool | None) -> Filesystem:
    """What the table of mounts and the settings say of one that does not answer."""
    return Filesystem(
        device=mount.source,
        mountpoint=mount.path,
        fstype=mount.fstype,
        read_only=mount.read_only,
        device_error=True,
        full_expected=full_expected,
    )


def _measure(known: Filesystem, space: Space) -> Filesystem:
    used = used_ratio(space.size, space.free, space.available)
    return amend(
        known,
        device_error=False,
        size=space.size,
        free=space.free,
        available=space.available,
        used_percent=None if used is None else round(100 * used, 2),
        files=space.files,
        files_free=space.files_free,
    )


COLLECTOR = Collector(
    name="filesystem",
    help="Space and inodes of mounted filesystems",
    readings=(Filesystem, Automount),
    reports=(Remounted,),
    find=find,
    changes=changes,
    watch=watch,
    options=Options(),
    interval=60.0,
    max_age=60.0,
    max_series=2500,  # 256 mounts, each with all that it may have
)
