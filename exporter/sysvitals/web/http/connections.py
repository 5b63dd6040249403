"""All open connections: what each waits for, and how long it may."""

import asyncio
import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sysvitals.web.http.budget import READ_BYTES, Budget
from sysvitals.web.http.refusals import Refusals

if TYPE_CHECKING:
    from sysvitals.web.http.channel import Channel

_COARSE_SECONDS = 1.0


class Lane:
    """The connections that wait for the same thing, oldest first: all have equally long, so the first ends first."""

    __slots__ = ("seconds", "waiting")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.waiting: dict[Channel, float] = {}
        """Each with the time of the loop at which its time is over."""


class Connections:
    """Each open connection is in one lane.

    One timer serves all of them. It may come a second late, and there is none while nothing has a deadline.
    """

    def __init__(self, budget: Budget, refusals: Refusals) -> None:
        self.budget = budget
        self.refusals = refusals
        self.is_ending = False
        self.generation = 0
        """Raised where all clients must connect again: what is older takes no further request."""
        self.buffer = memoryview(bytearray(READ_BYTES))
        """All read into this one: what came is taken before the next one reads."""
        self.reading = Lane(budget.header_seconds)
        self.idle = Lane(budget.idle_seconds)
        self.queued = Lane(math.inf)
        self.answering = Lane(math.inf)
        self.turns = asyncio.Semaphore(budget.turns)
        self.blocked = Lane(budget.write_seconds)
        self.watching = Lane(budget.ping_seconds)
        self.closing = Lane(budget.close_seconds)
        self._lanes = (
            self.reading,
            self.idle,
            self.queued,
            self.answering,
            self.blocked,
            self.watching,
            self.closing,
        )
        self.loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._emptied = asyncio.Event()
        self._emptied.set()

    def __len__(self) -> int:
        """How many are open."""
        return sum(len(lane.waiting) for lane in self._lanes)

    def enter(self, channel: "Channel", lane: Lane) -> None:
        """From now on the channel waits in this lane, with all of its time."""
        if channel.lane is not None:
            del channel.lane.waiting[channel]
        else:
            self._emptied.clear()
        channel.lane = lane
        deadline = lane.waiting[channel] = self.loop.time() + lane.seconds
        if deadline < math.inf and (self._timer is None or deadline < self._timer.when()):
            self._set_timer(deadline)

    def leave(self, channel: "Channel") -> None:
        """Forget this channel. It may have left before."""
        if channel.lane is None:
            return
        del channel.lane.waiting[channel]
        channel.lane = None
        if not len(self):
            self._emptied.set()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def make_room(self) -> bool:
        """Close the oldest that can be spared.

        One that has its last answer goes first, then one without a complete request, then an idle one, then one that
        waits for its turn, then one that has just come. Returns False where all are being answered.
        """
        channel = next(self._find_expendable(), None)
        if channel is None:
            return False
        self.refusals.count("crowded")
        channel.abort()
        return True

    def _find_expendable(self) -> Iterator["Channel"]:
        yield from self.closing.waiting
        young = self.loop.time() - self.budget.young_seconds + self.reading.seconds
        yield from itertools.takewhile(lambda channel: self.reading.waiting[channel] < young, self.reading.waiting)
        for lane in (self.idle, self.queued, self.reading):
            yield from lane.waiting

    def spare_blocked(self) -> None:
        """Drop those blocked for longest, where too many are: each of them holds an answer in memory."""
        while len(self.blocked.waiting) > self.budget.blocked:
            next(iter(self.blocked.waiting)).expire()

    def renew(self) -> None:
        """Close what is open; what is being answered is closed after its answer."""
        self.generation += 1
        for lane in self._lanes:
            for channel in [*lane.waiting]:
                channel.renew()

    def end(self) -> None:
        """Close all that wait for nothing of ours; the others are closed after their answer."""
        self.is_ending = True
        self.generation += 1
        for lane in (self.reading, self.idle, self.queued, self.blocked, self.closing):
            for channel in [*lane.waiting]:
                channel.abort()

    async def wait_until_empty(self, seconds: float) -> None:
        """Give the others this long, and then abort them."""
        try:
            await asyncio.wait_for(self._emptied.wait(), seconds)
        except TimeoutError:
            for lane in self._lanes:
                for channel in [*lane.waiting]:
                    channel.abort()

    def _set_timer(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.loop.call_at(at, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now = self.loop.time()
        for lane in self._lanes:
            for channel in [channel for channel, deadline in lane.waiting.items() if deadline <= now]:
                channel.expire()
        first = min((deadline for lane in self._lanes for deadline in [*lane.waiting.values()][:1]), default=math.inf)
        if first < math.inf and self._timer is None:
            self._set_timer(max(first, now + _COARSE_SECONDS))
