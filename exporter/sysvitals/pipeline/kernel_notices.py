"""Notices of the kernel over netlink: changes of network links, see rtnetlink(7), and devices that come and go.

Neither takes privilege. Both are of this machine and of this process's namespaces, so that they stand for a host only
where its files are those of the same kernel. Where a socket cannot be had, links are looked at, and devices looked for,
as often as before.
"""

import errno
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from sysvitals.host.host import Host
from sysvitals.sources.sys.netclass import shows_own_links

_log = logging.getLogger(__name__)

LINK = "link"
DEVICE = "device"

_BUFFER_BYTES = 1 << 20
"""Room for a burst; unprivileged processes get less (net.core.rmem_max). Beyond it the kernel says that some were
lost."""

_MESSAGE_BYTES = 1 << 16
_MESSAGES_LIMIT = 4096
"""So many messages are taken at a time, so that a storm does not keep the loop from its other work."""

_NETLINK_KOBJECT_UEVENT = 15
_RTMGRP_LINK = 1
_KERNEL_UEVENTS = 1  # group 2 is udev's, which not every host has
_RTM_NEWLINK = 16
_RTM_DELLINK = 17
_IFLA_IFNAME = 3
_MESSAGE_HEAD = struct.Struct("=IHHII")
_LINK_HEAD_BYTES = 16
_ATTRIBUTE_HEAD = struct.Struct("=HH")
_ALL_IDS = ["0", "0", "4294967295"]


class Notice(NamedTuple):
    """Something changed: the link or the subsystem of this name, or, where it is empty, any: notices were lost.

    `settled`: what is there is still there, and only its state has changed.
    """

    name: str = ""
    settled: bool = False


LOST = Notice()


class NoticeSocket:
    """A netlink socket that notices arrive at, of `kind`. `parse` reads one datagram."""

    def __init__(self, kind: str, channel: socket.socket, parse: Callable[[bytes], Iterator[Notice]]) -> None:
        self.kind = kind
        self._channel = channel
        self._parse = parse

    def fileno(self) -> int:
        """Readable while notices wait."""
        return self._channel.fileno()

    def read(self) -> list[Notice]:
        """What arrived, without waiting: each once, where it came last. Raises OSError where nothing will arrive."""
        notices: dict[Notice, None] = {}

        def note(notice: Notice) -> None:
            notices.pop(notice, None)  # a link that was made after it was deleted is there
            notices[notice] = None

        for _ in range(_MESSAGES_LIMIT):
            try:
                data, (sender, _) = self._channel.recvfrom(_MESSAGE_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                note(LOST)
                continue
            if sender == 0:  # the kernel; other processes may send, too
                for notice in self._parse(data):
                    note(notice)
        return [*notices]

    def close(self) -> None:
        """Receive nothing any more."""
        self._channel.close()


def open_notices(host: Host) -> list[NoticeSocket]:
    """What can be had of this host's notices."""
    found = []
    if host.is_own and shows_own_links(host):
        found.append(_open(LINK, socket.NETLINK_ROUTE, _RTMGRP_LINK, parse_link_messages))
    if host.is_own and _sees_all_devices():
        found.append(_open(DEVICE, _NETLINK_KOBJECT_UEVENT, _KERNEL_UEVENTS, parse_uevent))
    return [one for one in found if one is not None]


def parse_link_messages(data: bytes) -> Iterator[Notice]:
    """The links of a datagram of rtnetlink: messages, each with a head, a `struct ifinfomsg` and attributes."""
    start = 0
    while start + _MESSAGE_HEAD.size <= len(data):
        length, kind, *_ = _MESSAGE_HEAD.unpack_from(data, start)
        if not _MESSAGE_HEAD.size <= length <= len(data) - start:
            break
        if kind in {_RTM_NEWLINK, _RTM_DELLINK}:
            name = _find_name(data[start + _MESSAGE_HEAD.size + _LINK_HEAD_BYTES : start + length])
            if name:
                yield Notice(name, settled=kind == _RTM_NEWLINK)
        start += _align(length)


def parse_uevent(data: bytes) -> Iterator[Notice]:
    """The subsystem of a uevent: `add@/devices/…`, then `KEY=value` each, all ended by NUL."""
    head, *fields = data.split(b"\0")
    action = head.partition(b"@")[0]
    for field in fields:
        key, _, value = field.partition(b"=")
        if key == b"SUBSYSTEM" and value and action != b"change":  # a battery reports each percent so
            yield Notice(value.decode("utf-8", "backslashreplace"))


def _find_name(attributes: bytes) -> str:
    start = 0
    while start + _ATTRIBUTE_HEAD.size <= len(attributes):
        length, kind = _ATTRIBUTE_HEAD.unpack_from(attributes, start)
        if not _ATTRIBUTE_HEAD.size <= length <= len(attributes) - start:
            break
        if kind == _IFLA_IFNAME:
            return os.fsdecode(attributes[start + _ATTRIBUTE_HEAD.size : start + length].split(b"\0")[0])
        start += _align(length)
    return ""


def _align(length: int) -> int:
    return (length + 3) & ~3


def _open(kind: str, protocol: int, groups: int, parse: Callable[[bytes], Iterator[Notice]]) -> NoticeSocket | None:
    try:
        channel = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, protocol)
    except OSError as error:
        _log.debug("no %s notices: %s", kind, error)  # a sandbox without AF_NETLINK
        return None
    try:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        channel.bind((0, groups))
    except OSError as error:
        _log.debug("no %s notices: %s", kind, error)
        channel.close()
        return None
    return NoticeSocket(kind, channel, parse)


def _sees_all_devices() -> bool:
    """Whether the kernel sends all uevents here: it does to the first user namespace alone."""
    try:
        with open("/proc/self/uid_map", encoding="ascii") as file:
            return file.read().split() == _ALL_IDS
    except OSError:
        return False
