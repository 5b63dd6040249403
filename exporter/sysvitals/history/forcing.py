"""When what was written is forced to the disk: pure, without a clock of its own."""

EDGE_SECONDS = 5.0
"""While edges keep coming, they are forced at most this often: each forced write may cost a card an erase block."""

UNFORCED_BYTES = 1 << 20
"""So much is forced without further delay: it is kept in memory until the disk has confirmed it."""


class Forcing:
    """Decides when the next forced write is due. Times are monotonic seconds; `due` is infinite where nothing waits."""

    def __init__(self) -> None:
        self.due = float("inf")
        self.has_edge = False
        self._edge_forced_at = float("-inf")

    def note(self, now: float, *, within: float, urgent: bool, waiting: int) -> None:
        """Something came that shall reach the disk `within` seconds, or now where an edge is among it."""
        self.due = min(self.due, now if waiting >= UNFORCED_BYTES else now + within)
        if urgent:
            self.has_edge = True
            self.due = min(self.due, max(now, self._edge_forced_at + EDGE_SECONDS))

    def note_forced(self, now: float) -> None:
        """All that came has reached the disk."""
        if self.has_edge:
            self._edge_forced_at = now
        self.due = float("inf")
        self.has_edge = False
