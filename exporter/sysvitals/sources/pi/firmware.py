"""The Raspberry Pi's firmware: one way to ask it, whichever of its doors this host has.

The device nodes come first: `vcio_gencmd`, which may do nothing but ask, then `vcio`. The program vcgencmd is for
hosts that have neither. A `Firmware` is for one run of a collector: one that was silent is not asked again in it.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple, TypeVar

from sysvitals.host.files import fault
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.pi import vcio
from sysvitals.sources.pi.gencmd import parse_throttled
from sysvitals.sources.pi.throttle_word import ThrottleWord
from sysvitals.sources.pi.vcgencmd import Answer, ask_vcgencmd, find_vcgencmd
from sysvitals.sources.pi.vcio import NotSupportedError, Question, Tag

T = TypeVar("T")

NODES = (vcio.GENCMD_NODE, vcio.NODE)
HINT = "no device node of the firmware; in a container, pass --device /dev/vcio_gencmd or /dev/vcio"
"""What to say where there is no way to ask. Kernels that are not the vendor's have neither node."""


class FirmwareThrottling(NamedTuple):
    """The throttle word as the firmware itself gives it, and how long ago that was.

    `sticky_since_boot`: whether its "has occurred" bits are those since boot. They are in the text command's answer; in
    the property tag's they may be those since the kernel's driver asked, two seconds ago.
    """

    word: ThrottleWord
    sticky_since_boot: bool
    age_seconds: float = 0.0


class Firmware:
    """Asks the firmware of one host. `sources` answered so far; `age_seconds` is the age of the oldest answer."""

    def __init__(self, host: Host, nodes: Iterable[str], program: str | None) -> None:
        self.sources: list[str] = []
        self.age_seconds = 0.0
        self._host = host
        self._nodes = tuple(nodes)
        self._program = program
        self._silent: TimeoutError | None = None

    @property
    def source(self) -> str:
        """Those that answered, such as `vcio_gencmd` or `vcio+vcio_gencmd`; `none` before any did."""
        return "+".join(sorted(self.sources)) or "none"

    @property
    def is_costly(self) -> bool:
        """Whether each question takes a process: ask for little then."""
        return not self._nodes

    def ask(self, command: str) -> Answer | None:
        """The answer to a text command, one of `vcio.COMMANDS`; None where this firmware does not know it.

        Raises PermissionError with what to do about it, TimeoutError where the firmware is silent, else OSError or
        ValueError.
        """
        self._refuse_if_silent()
        denied: PermissionError | None = None
        for node in self._nodes:
            try:
                text = vcio.ask_gencmd(self._host, node, command)
            except (NotSupportedError, FileNotFoundError):
                continue
            except PermissionError as error:
                denied = denied or error
                continue
            except TimeoutError as error:
                self._silent = error
                raise
            self._note(node)
            return None if text is None else Answer(text)
        if denied is not None:
            raise denied  # the program would open the same nodes
        return self._ask_program(command)

    def ask_for(self, command: str, parse: Callable[[str], T]) -> T | Fault | None:
        """What `parse` makes of the answer; None where there is none, and a Fault for what fails.

        What concerns all questions alike is raised: PermissionError and TimeoutError.
        """
        try:
            answer = self.ask(command)
            return None if answer is None else parse(answer.text)
        except (PermissionError, TimeoutError):
            raise
        except (OSError, ValueError) as error:
            return fault(command, error)

    def properties(self, questions: Iterable[Question]) -> dict[Question, int | Fault]:
        """The answers of /dev/vcio, in one call. What is not known here is left out: all, without that node.

        Raises as `ask` does; but where the other node is there to be asked, a missing permission for this one is none.
        """
        self._refuse_if_silent()
        if vcio.NODE not in self._nodes:
            return {}
        try:
            answers = vcio.ask_properties(self._host, questions)
        except PermissionError:
            if vcio.GENCMD_NODE in self._nodes:
                return {}
            raise
        except TimeoutError as error:
            self._silent = error
            raise
        if answers:
            self._note(vcio.NODE)
        return answers or {}

    def throttling(self) -> FirmwareThrottling | None:
        """The throttle word; None where this firmware does not tell it. Raises as `ask` does."""
        answer = self.ask("get_throttled")
        if answer is not None:
            return FirmwareThrottling(parse_throttled(answer.text), True, answer.age_seconds)
        question = Question(Tag.THROTTLED)
        word = self.properties([question]).get(question)
        if isinstance(word, Fault):
            raise ValueError(word.message)  # noqa: TRY004  # the firmware's garbage, no wrong type of ours
        return None if word is None else FirmwareThrottling(ThrottleWord(word), False)

    def _ask_program(self, command: str) -> Answer | None:
        if self._program is None:
            return None
        try:
            answer = ask_vcgencmd(self._host, self._program, command)
        except TimeoutError as error:
            self._silent = error
            raise
        if answer is not None:
            self._note("vcgencmd")
            self.age_seconds = max(self.age_seconds, answer.age_seconds)
        return answer

    def _refuse_if_silent(self) -> None:
        if self._silent is not None:
            raise TimeoutError(self._silent.errno, f"not asked: the firmware is silent ({self._silent.strerror})")

    def _note(self, source: str) -> None:
        if source not in self.sources:
            self.sources.append(source)


def find_firmware(host: Host) -> Firmware | None:
    """What this host offers to ask the firmware by; None where it offers nothing. Nothing is asked yet."""
    nodes = [node for node in NODES if host.exists(f"{host.devfs}/{node}")]
    program = None if nodes else find_vcgencmd(host)
    return Firmware(host, nodes, program) if nodes or program else None
