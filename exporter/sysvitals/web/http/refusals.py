"""What was refused, counted so that an attack can be seen."""

_BY_STATUS = {
    401: "password",
    403: "origin",
    408: "slow",
    421: "host",
    429: "rate",
    **dict.fromkeys((400, 413, 414, 417, 426, 431, 501, 505), "invalid"),
}

REASONS = ("busy", "crowded", "host", "invalid", "origin", "password", "rate", "slow", "tls", "unread", "viewer")
"""Why requests are refused and connections are closed early."""


class Refusals:
    """Counts, by reason."""

    def __init__(self) -> None:
        self.totals = dict.fromkeys(REASONS, 0)

    def count(self, reason: str) -> None:
        """Count one."""
        self.totals[reason] += 1

    def count_answer(self, status: int) -> None:
        """Count an answer with this status, if it is a refusal."""
        if reason := _BY_STATUS.get(status):
            self.totals[reason] += 1
