"""Every loss becomes an event: when an inbox lost some, and from time to time while it goes on."""

import logging
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from sysvitals.model.changes import SinkDropped
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.inbox import Inbox

_log = logging.getLogger(__name__)

QUIET_ROUNDS = 4
"""While losses go on, they are told only every so many rounds: an event for each loss would drown the rest."""


class LossReporter:
    """Tells of what inboxes lost since it last told."""

    def __init__(self, bus: Bus, inboxes: Iterable[Inbox]) -> None:
        self._bus = bus
        self._inboxes = inboxes
        # by inbox and not by name: viewers come and go, and several may have one name
        self._told: WeakKeyDictionary[Inbox, int] = WeakKeyDictionary()
        self._quiet: WeakKeyDictionary[Inbox, int] = WeakKeyDictionary()

    def tell(self) -> None:
        """Publish an event for each inbox that lost some and was not told of lately. Call it every few seconds."""
        for inbox in self._inboxes:
            dropped = inbox.dropped
            lost = dropped - self._told.get(inbox, 0)
            quiet = self._quiet.get(inbox, 0)
            if lost and not quiet:
                self._told[inbox] = dropped
                self._quiet[inbox] = QUIET_ROUNDS
                _log.warning("%s lost %d events: %s", inbox.name, lost, inbox.reason)
                self._bus.publish([SinkDropped(sink=inbox.name, events=lost, reason=inbox.reason)])
            elif quiet:
                self._quiet[inbox] = quiet - 1
