"""What the kernel tells of links and devices: its messages, what follows from them, and a real network namespace."""

import errno
import json
import os
import socket
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sysvitals.host.host import Host
from sysvitals.model.collector import Watch
from sysvitals.pipeline import kernel_notices
from sysvitals.pipeline.kernel_notices import (
    DEVICE,
    LINK,
    LOST,
    Notice,
    NoticeSocket,
    open_notices,
    parse_link_messages,
    parse_uevent,
)
from sysvitals.pipeline.plan import COOLDOWN_SECONDS, NOTICED_SECONDS, RECHECK_SECONDS
from sysvitals.pipeline.scheduler import FIND_NOTICED_SECONDS, FIND_SECONDS
from tests.pipeline.rig import Beta, Rig, Script, Things
from tests.tools import need_tool

NEW, GONE, ADDRESS = 16, 17, 20

# messages


def link_message(name: str, kind: int = NEW) -> bytes:
    """As the kernel sends them: a head, the device's number and flags, its MTU and its name."""
    text = name.encode() + b"\0"
    attributes = struct.pack("=HHI", 8, 4, 1500)
    attributes += struct.pack("=HH", 4 + len(text), 3) + text + b"\0" * (-len(text) % 4)
    body = struct.pack("=BxHiII", 0, 1, 2, 0x1043, 0xFFFFFFFF) + attributes
    return struct.pack("=IHHII", 16 + len(body), kind, 0, 0, 0) + body


def test_a_datagram_may_name_several_links_and_says_which_are_gone() -> None:
    data = link_message("eth0") + link_message("wlan0", ADDRESS) + link_message("enx00e04c534458", GONE)
    assert list(parse_link_messages(data)) == [Notice("eth0", settled=True), Notice("enx00e04c534458")]


def test_a_message_that_is_cut_off_or_lies_about_its_length_names_nothing() -> None:
    whole = link_message("eth0")
    named = whole.index(b"eth0\0") + len(b"eth0\0")
    for length in range(named):
        assert list(parse_link_messages(whole[:length])) == []
        assert list(parse_link_messages(struct.pack("=I", length) + whole[4:])) == []


def test_a_uevent_names_the_subsystem_of_what_came_or_went() -> None:
    fields = "DEVPATH=/devices/virtual/hwmon/hwmon3\0SUBSYSTEM=hwmon\0SEQNUM=4711\0"
    for action, found in (("add", [Notice("hwmon")]), ("remove", [Notice("hwmon")]), ("change", [])):
        text = f"{action}@/devices/virtual/hwmon/hwmon3\0ACTION={action}\0{fields}"
        assert list(parse_uevent(text.encode())) == found
    assert list(parse_uevent(b"")) == []
    assert list(parse_uevent(b"\xff\0SUBSYSTEM")) == []


# a socket


class Channel:
    """Stands for a netlink socket: a test puts into it what the kernel sends."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[bytes, int] | OSError] = deque()
        self._readable = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def put(self, what: bytes | OSError, sender: int = 0) -> None:
        self.waiting.append(what if isinstance(what, OSError) else (what, sender))
        os.eventfd_write(self._readable, 1)

    def fileno(self) -> int:
        return self._readable

    def recvfrom(self, _limit: int) -> tuple[bytes, tuple[int, int]]:
        if not self.waiting:
            os.eventfd_read(self._readable)
            raise BlockingIOError
        found = self.waiting.popleft()
        if isinstance(found, OSError):
            raise found
        return found[0], (found[1], 1)

    def close(self) -> None:
        os.close(self._readable)


def lost() -> OSError:
    return OSError(errno.ENOBUFS, "No buffer space available")


def test_all_that_arrived_is_taken_but_for_what_the_kernel_did_not_send() -> None:
    channel = Channel()
    source = NoticeSocket(LINK, channel, parse_link_messages)  # type: ignore[arg-type]
    channel.put(link_message("eth0"))
    channel.put(link_message("evil"), sender=4711)
    channel.put(link_message("eth0"))
    channel.put(link_message("eth1"))
    assert source.read() == [Notice("eth0", settled=True), Notice("eth1", settled=True)]
    assert source.read() == []
    channel.put(lost())
    channel.put(link_message("eth0"))
    assert source.read() == [LOST, Notice("eth0", settled=True)]
    source.close()


def test_what_became_of_a_link_last_is_heard_last() -> None:
    channel = Channel()
    source = NoticeSocket(LINK, channel, parse_link_messages)  # type: ignore[arg-type]
    for kind in (16, 17, 16, 17):  # made and deleted, twice
        channel.put(link_message("ppp0", kind=kind))
    assert source.read() == [Notice("ppp0", settled=True), Notice("ppp0", settled=False)]
    channel.put(link_message("ppp0", kind=17))
    channel.put(link_message("ppp0", kind=16))
    assert source.read() == [Notice("ppp0", settled=False), Notice("ppp0", settled=True)]
    source.close()


def test_where_no_socket_can_be_had_there_are_no_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(kernel_notices, "shows_own_links", lambda _: True)
    monkeypatch.setattr(socket, "socket", refuse)
    assert open_notices(Host()) == []


def test_a_recorded_host_has_none_of_this_machines_notices(tmp_path: Path) -> None:
    assert open_notices(Host(procfs=str(tmp_path / "proc"), sysfs=str(tmp_path / "sys"))) == []
    assert open_notices(Host(sysfs=str(tmp_path / "sys"))) == []


# what follows


class Told(Rig):
    """A rig that the kernel tells of links and devices, with a collector of links named eth0 and eth1."""

    def __init__(self, folder: Path) -> None:
        self.channels = {LINK: Channel(), DEVICE: Channel()}
        parsers = {LINK: parse_link_messages, DEVICE: parse_uevent}
        super().__init__(folder)
        sources = [NoticeSocket(kind, one, parsers[kind]) for kind, one in self.channels.items()]  # type: ignore[arg-type]
        self.scheduler.listen(sources)
        self.looks = self.script()
        self.links = self.add_things(
            "alpha", "eth0", "eth1", interval=15.0, watch=lambda _: self._watches(), subsystems=("net",)
        )
        self.chips = self.add_things("beta", interval=15.0, subsystems=("hwmon",))
        self.chips.add("cpu", Beta(sensor="cpu"))
        self.mounts = self.add_things("gamma", interval=15.0)
        self.settle()
        self.live(1.0)

    def _watches(self) -> Iterator[Watch]:
        for name in self.links.reads:
            yield Watch(f"{name} changes", look=lambda: list(self.looks()), link=name, thing=name)

    def tell(self, kind: str, what: bytes | OSError) -> None:
        self.channels[kind].put(what)
        self.settle()

    def runs(self, found: Things) -> dict[str, int]:
        return {name: read.runs for name, read in found.reads.items()}

    def notices(self) -> int:
        return sum(one.total for one in self.scheduler.wakes() if one.how == "notice")


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    rig = Told(tmp_path)
    yield rig
    rig.close()


def test_a_link_is_read_at_its_notice_and_no_other(told: Told) -> None:
    before = told.runs(told.links)
    told.tell(LINK, link_message("eth1"))
    assert told.runs(told.links) == {"eth0": before["eth0"], "eth1": before["eth1"] + 1}
    assert told.notices() == 1
    told.live(COOLDOWN_SECONDS)
    told.tell(LINK, link_message("eth1"))
    assert told.runs(told.links)["eth1"] == before["eth1"] + 2


def test_links_with_notices_are_neither_looked_at_nor_read_again_meanwhile(told: Told) -> None:
    before = told.runs(told.links)
    told.live(NOTICED_SECONDS / 2, step=10.0)
    told.refresh()
    assert told.runs(told.links) == before
    assert told.looks.runs == 0
    assert told.sensors("alpha") == {"eth0", "eth1"}
    told.live(NOTICED_SECONDS, step=10.0)
    assert min(told.runs(told.links).values()) > max(before.values())


def test_a_link_that_cannot_be_read_is_tried_again_as_often_as_anything(told: Told) -> None:
    eth0 = told.links.reads["eth0"]
    eth0.error, eth0.items = OSError(errno.EIO, "EIO"), ()
    told.tell(LINK, link_message("eth0"))
    runs = eth0.runs
    told.live(60.0)
    assert eth0.runs >= runs + 3


def test_a_new_link_is_found_soon_and_one_that_is_left_out_is_searched_for_once(told: Told) -> None:
    searches = told.links.search.runs
    told.links.add("eth2")
    told.tell(LINK, link_message("eth2"))
    assert told.links.search.runs == searches, "it may still get its name"
    told.live(RECHECK_SECONDS)
    assert told.sensors("alpha") == {"eth0", "eth1", "eth2"}
    for _ in range(3):
        told.tell(LINK, link_message("veth1"))
        told.live(RECHECK_SECONDS)
    assert told.links.search.runs == searches + 2


@pytest.mark.fault(
    "sources",
    "hot-plug in a storm: links that come by the hundred",
    seen="the last ones some seconds later",
    heals="by itself",
)
def test_a_storm_of_new_links_makes_few_searches_and_the_last_one_is_found(told: Told) -> None:
    searches = told.links.search.runs
    for number in range(100):
        told.links.add(f"eth{number + 2}")
        told.tell(LINK, link_message(f"eth{number + 2}"))
        told.time.now += 0.05
    told.live(2 * RECHECK_SECONDS)
    assert len(told.sensors("alpha")) == 102
    assert told.links.search.runs - searches <= 5


def test_where_there_was_no_link_the_first_one_is_found(told: Told) -> None:
    told.links.reads.clear()
    told.tell(LINK, link_message("eth0", GONE))
    told.live(RECHECK_SECONDS)
    assert told.sensors("alpha") == set()
    told.links.add("eth5")
    told.tell(LINK, link_message("eth5"))
    told.live(RECHECK_SECONDS)
    assert told.sensors("alpha") == {"eth5"}


@pytest.mark.fault(
    "sources",
    "hot-plug: a link that is taken away",
    seen="its series end; an event `collector.unavailable`",
    heals="by itself, when it comes back",
)
def test_a_link_that_is_gone_leaves(told: Told) -> None:
    del told.links.reads["eth1"]
    told.tell(LINK, link_message("eth1", GONE))
    told.live(RECHECK_SECONDS)
    assert told.sensors("alpha") == {"eth0"}


def test_a_device_of_a_subsystem_makes_its_collectors_search_and_no_other(told: Told) -> None:
    before = [found.search.runs for found in (told.chips, told.links)]
    told.chips.add("nvme", Beta(sensor="nvme"))
    told.tell(DEVICE, b"add@/devices/x\0SUBSYSTEM=hwmon\0")
    told.tell(DEVICE, b"add@/devices/y\0SUBSYSTEM=tty\0")
    told.live(RECHECK_SECONDS)
    assert [found.search.runs for found in (told.chips, told.links)] == [before[0] + 1, before[1]]
    assert told.sensors("beta") == {"cpu", "nvme"}


def test_things_with_notices_are_looked_for_rarely_and_others_each_minute(told: Told) -> None:
    before = [found.search.runs for found in (told.chips, told.links, told.mounts)]
    told.live(FIND_NOTICED_SECONDS, step=5.0)
    searches = [found.search.runs for found in (told.chips, told.links, told.mounts)]
    assert [later - earlier for earlier, later in zip(before, searches, strict=True)] == [
        1,
        1,
        FIND_NOTICED_SECONDS / FIND_SECONDS,
    ]


@pytest.mark.fault(
    "sources",
    "notices of the kernel that were lost (ENOBUFS)",
    seen="nothing",
    heals="by itself, all is read and looked for again",
)
def test_where_notices_were_lost_all_is_read_and_looked_for_again(told: Told) -> None:
    before, searches = told.runs(told.links), told.chips.search.runs
    told.tell(LINK, lost())
    told.tell(DEVICE, lost())
    told.live(RECHECK_SECONDS)
    assert told.runs(told.links) == {name: runs + 1 for name, runs in before.items()}
    assert told.chips.search.runs == searches + 1


@pytest.mark.fault(
    "sources",
    "a netlink socket that fails",
    seen="changes are seen at the next look",
    heals="at the next start",
)
def test_where_a_source_breaks_all_goes_on_without_it(told: Told) -> None:
    told.tell(LINK, OSError(errno.EBADF, "Bad file descriptor"))
    told.tell(DEVICE, OSError(errno.EBADF, "Bad file descriptor"))
    looks, runs, searches = told.looks.runs, told.runs(told.links), told.chips.search.runs
    told.live(60.0)
    assert told.looks.runs - looks >= 2 * 50
    assert all(told.runs(told.links)[name] >= runs[name] + 3 for name in runs)
    told.live(2 * FIND_SECONDS)
    assert told.chips.search.runs >= searches + 2
    told.looks.items = ["changed"]
    told.live(1.25)
    assert {(one.how, one.total) for one in told.scheduler.wakes()} == {("look", 4), ("notice", 0)}


def test_a_look_reads_the_thing_that_it_is_about_alone(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    looks: dict[str, Script] = {name: rig.script() for name in ("eth0", "eth1")}
    links = rig.add_things(
        "alpha",
        *looks,
        interval=600.0,
        watch=lambda _: [Watch(name, look=lambda name=name: list(looks[name]()), thing=name) for name in looks],  # type: ignore[misc]
    )
    rig.settle()
    rig.live(2.0)
    before = {name: read.runs for name, read in links.reads.items()}
    looks["eth0"].items = ["changed"]
    rig.live(1.25)
    assert {name: read.runs - before[name] for name, read in links.reads.items()} == {"eth0": 1, "eth1": 0}
    rig.close()


# the kernel's own


FLAPS = """
import json, subprocess, sys, threading
from sysvitals.collectors.network import COLLECTOR, LinkChanged
from sysvitals.host.host import Host
from sysvitals.model.changes import CollectorUnavailable
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.scheduler import Scheduler


class Ear:
    def __init__(self):
        self.changed = threading.Condition()
        self.bodies = []

    def offer(self, events):
        with self.changed:
            self.bodies += [event.body for event in events]
            self.changed.notify_all()

    def wait_for(self, what):
        with self.changed:
            assert self.changed.wait_for(lambda: any(what(body) for body in self.bodies), 20), self.bodies


def ip(*lines):
    subprocess.run(["ip", "-batch", "-"], input="\\n".join(lines), text=True, check=True)


ear = Ear()
clock = Clock()
bus = Bus(clock=clock, host="host", boot="boot")
bus.subscribe(ear)
scheduler = Scheduler([COLLECTOR], host=Host(), bus=bus, clock=clock)
scheduler.start()
scheduler.refresh(seconds=20)
scheduler.settle(20)
ip("link set lan1 up")
ear.wait_for(lambda body: isinstance(body, LinkChanged) and body.device == "lan0" and body.carrier)
ear.bodies.clear()
ip("link set lan1 down", "link set lan1 up")
total = lambda: sum(body.changes for body in ear.bodies if isinstance(body, LinkChanged) and body.device == "lan0")
ear.wait_for(lambda _: total() == 2)
ip("link del lan0")
ear.wait_for(lambda body: isinstance(body, CollectorUnavailable) and body.thing == "lan0")
print(json.dumps({one.how: one.total for one in scheduler.wakes()}))
scheduler.stop()
"""


FLOOD = """
import subprocess
from sysvitals.collectors.network import COLLECTOR, Link
from sysvitals.host.host import Host
from sysvitals.model.state import State
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.kernel_notices import LOST, open_notices
from sysvitals.pipeline.scheduler import Scheduler


state = State({"system.network.link.updated": "network"})
clock = Clock()
bus = Bus(clock=clock, host="host", boot="boot")
bus.subscribe(type("Fold", (), {"offer": lambda _, events: state.apply(events)})())
scheduler = Scheduler([COLLECTOR], host=Host(), bus=bus, clock=clock)
link = next(source for source in open_notices(Host()) if source.kind == "link")
seen, read = [], link.read
link.read = lambda: seen.extend(notices := read()) or notices
scheduler.listen([link])
scheduler.refresh(seconds=20)
flaps = "\\n".join(["link set lan1 up", "link set lan1 down"] * 2000)  # which are not read
subprocess.run(["ip", "-batch", "-"], input=flaps, text=True, check=True)
before = len(seen)
scheduler.settle(20)
assert LOST in seen[before:], "nothing was lost"
scheduler.settle(20)
shown = [event.body for run in state.snapshot().runs.values() for event in run if isinstance(event.body, Link)]
changes = int(Host().read_text("/sys/class/net/lan0/carrier_changes"))
assert changes >= 4000
assert [one.carrier_changes for one in shown if one.device == "lan0"] == [changes], (changes, shown)
"""


def run_with_links(script: str, folder: Path) -> str:
    """What this script prints in separate namespaces with the two ends of a cable, lan0 and lan1."""
    need_tool("ip")
    ready = "mount -t sysfs sysfs /sys && ip link add lan0 type veth peer name lan1 && ip link set lan0 up"
    own = ["unshare", "--map-root-user", "--net", "--mount", "sh", "-c"]
    tried = subprocess.run([*own, ready], capture_output=True, text=True, check=False)
    if tried.returncode:
        pytest.skip(f"NOT TESTED: real notices of links take namespaces and veth devices: {tried.stderr}")
    (file := folder / "script.py").write_text(script)
    command = [*own, f'{ready} && exec "$0" "$1"', sys.executable, str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_kernel_tells_of_a_real_link_that_comes_flaps_and_goes(tmp_path: Path) -> None:
    wakes = json.loads(run_with_links(FLAPS, tmp_path))
    assert wakes["look"] == 0
    assert wakes["notice"] >= 2


@pytest.mark.fault(
    "sources",
    "a flood of the kernel's notices, more than their socket holds (ENOBUFS)",
    seen="nothing",
    heals="by itself: all links are read again, and devices are looked for",
)
def test_where_the_kernel_drops_notices_of_links_what_is_shown_is_how_they_are(tmp_path: Path) -> None:
    run_with_links(FLOOD, tmp_path)
