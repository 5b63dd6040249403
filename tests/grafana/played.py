"""A simulated board and its exporter, driven second by second, while no real time passes.

The exporter is the real one: its collectors and their scheduler, its fold and its projection, its history on a disk.
Only its clocks and its threads' rhythm are held from outside.
"""

import errno
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Semaphore, get_ident
from typing import Any
from unittest.mock import patch

from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.throttling import Throttling
from sysvitals.config.load import load_settings
from sysvitals.exporter import Exporter
from sysvitals.host.host import Host, Timex
from sysvitals.model.event import Event
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.inbox import Inbox
from sysvitals.pipeline.plan import COALESCE_SECONDS, LOOK
from sysvitals.simulation.nodes import NODES
from sysvitals.simulation.simulation import Simulation
from sysvitals.sources.proc.own_process import OwnProcess
from tests.grafana.plan import Plan, Target
from tests.patience import PATIENCE
from tests.recorded import HOSTS

CLOCK_SET_AFTER_BOOT_SECONDS = 40
"""Until a board without a clock of its own has heard of the time."""

_LOOKED_AT = 0.09
_PATIENCE_SECONDS = 9.5
_STUCK_SECONDS = 120.0
_RESIDENT_BYTES = 34_000_000


class PlayedBoard(Simulation):
    """Writes its files only when something began or ended, or when somebody wants to read them.

    What an exporter reads in between, for its history only, is as old as the scrape before.
    """

    is_wanted = True

    def _publish(self) -> None:
        if self.is_wanted or self._unwritten:
            super()._publish()


class PlayedHost(Host):
    """The board's tree, with the system calls of the recorded host that it is made of, moved on by the target."""

    def __init__(self, board: PlayedBoard, target: Target, plan: Plan, *, storage: str) -> None:
        folder = board.tree.folder
        super().__init__(
            procfs=f"{folder}/proc", sysfs=f"{folder}/sys", rootfs=folder, devfs=f"{folder}/dev", storage=storage
        )
        self._board = board
        self._target = target
        self._plan = plan
        self._booted_cold_at = self._now if board.tree.boots > 1 else None
        self._syscalls: dict[str, Any] = json.loads((HOSTS / board.board.recorded / "syscalls.json").read_text())

    @property
    def _now(self) -> float:
        return self._board.elapsed - self._plan.before(self._target)

    @property
    def is_synchronised(self) -> bool:
        now, booted = self._now, self._booted_cold_at
        has_heard = booted is None or now >= booted + CLOCK_SET_AFTER_BOOT_SECONDS
        return has_heard and not any(span.holds(now) for span in self._target.unsynchronised)

    def read_bytes(self, path: str | bytes, limit: int = 1 << 20) -> bytes:
        for part, span in self._target.unreadable.items():
            if span.holds(self._now) and part in os.fsdecode(path):
                raise OSError(errno.EIO, os.strerror(errno.EIO), path)
        return super().read_bytes(path, limit)

    def exists(self, path: str) -> bool:
        return self._node(path) is not None or super().exists(path)

    def ioctl(self, path: str, request: int, buffer: bytearray) -> None:
        # without the simulation's sockets: they have a second to answer, and this machine may be busy for longer
        node = self._node(path)
        if node is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        buffer[:] = self._board.firmware.ioctl(request, bytes(buffer), gencmd_only=node == "vcio_gencmd")

    def _node(self, path: str) -> str | None:
        """The firmware's node at that path."""
        folder, name = os.path.split(path)
        there = folder == self.devfs and name in NODES and self._board.facts.rpi_volt is not None
        return name if there else None

    def time(self) -> float:
        return self._board.time

    def uname(self) -> os.uname_result:
        known = self._syscalls["uname"]
        return os.uname_result([known[name] for name in ("sysname", "nodename", "release", "version", "machine")])

    def adjtimex(self) -> Timex:
        known = self._syscalls["adjtimex"]
        good = self.is_synchronised
        return Timex(
            state=0 if good else 5,
            status=known.get("status", 0) if good else 64,
            offset=known.get("offset", 0) if good else 0,
            frequency=known.get("freq", 0),
            maximum_error=known.get("maxerror", 187500) if good else 16_000_000,
            estimated_error=known.get("esterror", 842) if good else 16_000_000,
            tick=10000,
        )

    def statvfs(self, path: str | bytes) -> os.statvfs_result:
        inside = "/" + os.path.relpath(os.fsdecode(path), self.rootfs).removeprefix(".").lstrip("/")
        known = dict(self._syscalls["statvfs"].get(inside, {"errno": "ENOENT"}))
        if "errno" in known:
            number = getattr(errno, known["errno"])
            raise OSError(number, os.strerror(number), inside)
        if inside in self._target.used:
            before, after = self._target.used[inside]
            used = before + (after - before) * min(1.0, max(0.0, self._now / self._plan.lasts))
            reserved = known["bfree"] - known["bavail"]
            known["bavail"] = round((known["blocks"] - reserved) * (1 - used))
            known["bfree"] = min(known["blocks"], known["bavail"] + reserved)
        names = ("bsize", "frsize", "blocks", "bfree", "bavail", "files", "ffree", "ffree", "flag")
        return os.statvfs_result([*(known[name] for name in names), 255])


class HeldInbox(Inbox):
    """Hands the history's writer what waits when it is told to, not when real time has passed."""

    def __init__(self, name: str, *, limit: int) -> None:
        super().__init__(name, limit=limit)
        self._go, self._asked = Semaphore(0), Semaphore(0)

    @property
    def is_due(self) -> bool:
        """Whether something urgent waits."""
        return any(event.body.urgent for batch in self._batches for event in batch)

    def take(self, seconds: float | None = None) -> tuple[Event, ...]:  # noqa: ARG002
        self._asked.release()
        self._go.acquire()
        return super().take(0)

    def await_writer(self) -> None:
        """Wait until the writer asks for more. Raises RuntimeError where it never does."""
        if not self._asked.acquire(timeout=_STUCK_SECONDS):
            raise RuntimeError("the history's writer is gone")

    def flush(self) -> None:
        """Let the writer write what waits, and wait until it has."""
        self._go.release()
        self.await_writer()

    def cut(self) -> None:
        """The power fails: what waits is lost, and the writer ends."""
        self.close()
        self._batches.clear()
        self._waiting = 0
        self._go.release()


class PlayedExporter(Exporter):
    """The exporter of one boot, which does in each second what its threads would have done in it."""

    def __init__(self, board: PlayedBoard, host: PlayedHost, *, flags: Mapping[str, Any] | None = None) -> None:
        self._board = board
        self._driver = get_ident()
        self._reckoned = time.process_time()
        self._held: list[HeldInbox] = []
        self._cpu = 0.0
        self._flushed_at = float("-inf")
        settings = load_settings(COLLECTORS, flags={"--storage.path": host.storage, **(flags or {})})
        clock = Clock(
            wall=lambda: board.time,
            uptime=lambda: board.uptime,
            monotonic=self._monotonic,
            synced=lambda: host.is_synchronised,
        )
        super().__init__(settings, load=lambda: settings, host=host, clock=clock)
        self._began = board.time
        with patch.object(self._scheduler, "start"):  # its loop runs on this thread, when it is asked for something
            self.start()
        for inbox in self._held:
            inbox.await_writer()
        with self._reckon():
            self.refresh(_PATIENCE_SECONDS)
        if self._history is not None:
            # as if there were no past: reading it takes another process, which a busy machine may keep waiting
            self._engine.restore((), ())

    def is_wanted(self, moment: float) -> bool:
        """Whether at this moment of the board some collector runs again because of an edge."""
        waits = [at for slot in self._scheduler._plan.slots.values() for at in (slot.wake_at, slot.recheck_at)]
        return any(at is not None and moment + 1 >= at for at in waits)

    def live(self, *, look: bool, beats: bool) -> None:
        """What the scheduler and the history's writer do in this second.

        `look` is whether there may be something new to see. Without `beats`, only what is under way is followed.
        """
        now = self._board.elapsed
        with self._reckon():
            if look or self.is_wanted(now - 1 + _LOOKED_AT) or ((beats or self._is_throttled()) and self._is_due()):
                self._scheduler.settle(_PATIENCE_SECONDS)
        for inbox in self._held:
            if inbox.is_due or now >= self._flushed_at + self.settings.history.flush_interval:
                self._flushed_at = now
                inbox.flush()

    def scrape(self) -> tuple[tuple[str, ...], float]:
        """The samples, and how long it took."""
        before = self._cpu
        with self._reckon(), patch("sysvitals.exporter.read_own_process", self._own_process):
            text, _ = self.metrics(None, _PATIENCE_SECONDS)
        return tuple(line for line in text.decode().split("\n") if line and line[0] != "#"), self._cpu - before

    def cut(self) -> None:
        """The power fails: nothing is told to anybody."""
        self.stop_reading()
        for inbox in self._held:
            inbox.cut()
        for sink in self._sinks:
            sink.stop(PATIENCE)

    def _is_due(self) -> bool:
        now = self._monotonic() + COALESCE_SECONDS
        return any(key.kind != LOOK and now >= slot.due for key, slot in self._scheduler._plan.slots.items())

    def _is_throttled(self) -> bool:
        """Whether something lasts whose seconds are counted, as long as it is read in time."""
        return any(isinstance(event.body, Throttling) and event.body.active for event in self.latest_readings())

    def _monotonic(self) -> float:
        if get_ident() == self._driver:
            # the loop looks behind the runs of this second, so that what took them how long decides nothing
            return self._board.elapsed + _LOOKED_AT
        # CPU time, so that collectors take as long as they do, however busy this machine is
        return self._board.elapsed + min(_LOOKED_AT, time.process_time() - self._reckoned)

    @contextmanager
    def _reckon(self) -> Iterator[None]:
        began = self._reckoned = time.process_time()
        yield
        self._cpu += time.process_time() - began
        self._reckoned = time.process_time()

    def _add_inbox(self, name: str, limit: int) -> Inbox:
        inbox = HeldInbox(name, limit=limit)
        self._inboxes.append(inbox)
        self._held.append(inbox)
        self._bus.subscribe(inbox)
        return inbox

    def _own_process(self, _host: Host) -> OwnProcess:
        """CPU time is what the exporter really took here; memory is what a real one was measured to take."""
        return OwnProcess(
            cpu=self._cpu,
            virtual=round(4.1 * _RESIDENT_BYTES),
            resident=_RESIDENT_BYTES,
            started=round(self._began, 2),
            open_files=14,
            most_files=524288,
        )
