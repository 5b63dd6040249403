"""Where findings come together, whatever goes wrong on the way."""

from collections.abc import Callable, Iterable
from contextlib import ExitStack, closing
from typing import TypeVar

from sysvitals.client.access import Access
from sysvitals.client.address import Address
from sysvitals.doctor.check import Check, broken
from sysvitals.doctor.effort import CPU_SECONDS, TooMuchError, limited_effort
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.report import Report
from sysvitals.doctor.trouble import Trouble

T = TypeVar("T")

STRANGE = (LookupError, TypeError, ValueError, AttributeError, TooMuchError)
"""What comes of answers that are not of the form that was expected: servers of other makes have their own ways."""


class Desk:
    """Takes what is found. What goes wrong on the way becomes a finding of its own: nothing ends the examination."""

    def __init__(self, report: Report | None, stack: ExitStack) -> None:
        self.checks: list[Check] = []
        self._report = report
        self._stack = stack

    def connect(self, name: str, address: Address, access: Access, *, direct: bool = False) -> Server:
        """A server, to be asked until the examination ends."""
        return self._stack.enter_context(closing(Server(name, address, access, direct=direct)))

    def heading(self, text: str) -> None:
        """The next link."""
        if self._report:
            self._report.heading(text)

    def put(self, check: Check) -> None:
        """One finding."""
        self.checks.append(check)
        if self._report:
            self._report.check(check)

    def progress(self, text: str) -> None:
        """What takes a while."""
        if self._report:
            self._report.progress(text)

    def take(self, name: str, look: Callable[[], Iterable[Check]]) -> None:
        """All that is found by looking there; `name` is for what keeps it from looking."""
        checks = self.attempt(name, lambda: iter(look()))
        while checks is not None and (check := self.attempt(name, lambda: next(checks, None))):
            self.put(check)

    def attempt(self, name: str, ask: Callable[[], T]) -> T | None:
        """What `ask` gives, or None where it could not be had, which is a finding."""
        try:
            with limited_effort(CPU_SECONDS):
                return ask()
        except Trouble as trouble:
            self.put(broken(name, trouble.text, trouble.remedy))
        except OSError as error:
            self.put(broken(name, str(error), "is the installation whole, and may you read it?"))
        except STRANGE as error:
            self.put(broken(name, explain_strange(error), "is it a server of another make, or of a very old version?"))
        return None


def explain_strange(error: Exception) -> str:
    """In words."""
    if isinstance(error, TooMuchError):
        return f"its answer {error}"
    missing = f": {error} is missing" if isinstance(error, KeyError) else ""
    return f"its answer is not of the usual form{missing}"
