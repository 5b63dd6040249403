"""The Raspberry Pi firmware's property interface, through the device nodes that the vendor's kernel has for it.

`/dev/vcio` takes all tags; newer kernels have `/dev/vcio_gencmd` beside it, which takes text commands only. A buffer
holds one tag or several: 32-bit little-endian words, each tag with room for its answer. Only what asks is here: nothing
can be built that sets or clears anything, and the tag of the throttle word goes out with a mask of 0, since any other
would clear bits of that word for everyone.

The kernel writes a line into its log for each tag that the firmware refuses. So what was refused once is not asked
again: a firmware stays as it is until the host is booted anew.
"""

import errno
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from weakref import WeakKeyDictionary

from sysvitals.host.files import fault, shorten
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault

GENCMD_NODE = "vcio_gencmd"
NODE = "vcio"
REQUEST = 3 << 30 | struct.calcsize("P") << 16 | 100 << 8
"""_IOWR(100, 0, char *): 0xC0086400 in a 64-bit program, 0xC0046400 in a 32-bit one."""

COMMANDS = frozenset(
    {
        "get_config temp_limit",
        "get_config temp_soft_limit",
        "get_rsts",
        "get_throttled",
        "measure_clock arm",
        "measure_clock core",
        "measure_clock v3d",
        "measure_temp",
        "measure_temp pmic",
        "measure_volts core",
        "measure_volts sdram_c",
        "measure_volts sdram_i",
        "measure_volts sdram_p",
        "pmic_read_adc",
    }
)
"""All text commands that are ever sent. None changes anything; `get_throttled` with a number after it would."""

_UNKNOWN = ("Command not registered", "Invalid arguments")
_GENCMD = 0x00030080
_GENCMD_VALUE = 4096
_GENCMD_TOTAL = 4124
_SUCCESS = 0x80000000
_REFUSED = 0x80000001
_ANSWERED = 0x80000000
_NO_SUCH_VOLTAGE = 0x80000000


class Tag(Enum):
    """What can be asked: its number, the bytes of its value, and whether the value begins with an id."""

    FIRMWARE_REVISION = (0x00000001, 4, False)
    """When the firmware was built, as Unix time."""
    CLOCK_RATE = (0x00030002, 8, True)
    """What a clock is set to, in hertz."""
    VOLTAGE = (0x00030003, 8, True)
    """A rail's voltage in millionths of a volt."""
    TEMPERATURE = (0x00030006, 8, True)
    """Thousandths of a degree Celsius; the id is 0."""
    MAX_TEMPERATURE = (0x0003000A, 8, True)
    """The temperature in thousandths of a degree at which the firmware throttles; the id is 0."""
    THROTTLED = (0x00030046, 4, False)
    """The throttle word."""
    CLOCK_MEASURED = (0x00030047, 8, True)
    """What a clock really runs at, in hertz."""


@dataclass(frozen=True, slots=True)
class Question:
    """One tag, and whose value is wanted where there are several: clock 3 is the ARM cores', voltage 1 the core's."""

    tag: Tag
    id: int = 0

    def __post_init__(self) -> None:
        """Refuse an id where there is none: it would be taken for something else."""
        if not 0 <= self.id < 32 or (self.id and not self.tag.value[2]):
            raise ValueError(f"{self.tag.name} has no id {self.id}")


class NotSupportedError(Exception):
    """This node, or the firmware behind it, does not take this."""


def ask_properties(host: Host, questions: Iterable[Question]) -> dict[Question, int | Fault] | None:
    """What /dev/vcio answers, all in one call; None without that node. What this firmware does not know is left out.

    Raises PermissionError with what to do about it; TimeoutError where the firmware is silent; else OSError.
    """
    refused = _refused.setdefault(host, set())
    left = [question for question in questions if question not in refused]
    if not left:
        return {}
    if len(left) > 1 and _TOGETHER in refused:
        return _ask_singly(host, left)
    buffer = build_request(left)
    try:
        if not _call(host, NODE, buffer):
            return None
        return parse_reply(buffer, left)
    except NotSupportedError:
        if len(left) == 1:
            refused.add(left[0])
            return {}
    # one that is refused takes the others down with it: find out which, once
    answers = _ask_singly(host, left)
    if refused.isdisjoint(left):
        refused.add(_TOGETHER)
    return answers


def ask_gencmd(host: Host, node: str, command: str) -> str | None:
    """The text that the firmware answers to a command; None where it does not know the command.

    Raises FileNotFoundError without that node, NotSupportedError where the node takes no commands; PermissionError with
    what to do about it; TimeoutError where the firmware is silent; else OSError, or ValueError.
    """
    refused = _refused.setdefault(host, set())
    buffer = build_gencmd(command)
    if node in refused:
        raise NotSupportedError(node)
    if command in refused:
        return None
    try:
        if not _call(host, node, buffer):
            raise FileNotFoundError(errno.ENOENT, "no such node", f"{host.devfs}/{node}")
        text = parse_gencmd(buffer, command)
    except NotSupportedError:
        refused.add(node)
        raise
    if text is None:
        refused.add(command)
    return text


def build_request(questions: Sequence[Question]) -> bytearray:
    """The buffer that asks this. All values but ids are 0."""
    words = [0, 0]
    for question in questions:
        number, length, _ = question.tag.value
        words += [number, length, 0, question.id, *[0] * (length // 4 - 1)]
    words.append(0)
    words[0] = 4 * len(words)
    return bytearray(struct.pack(f"<{len(words)}I", *words))


def parse_reply(buffer: bytes | bytearray, questions: Sequence[Question]) -> dict[Question, int | Fault]:
    """The answers in a buffer that came back. What is not answered is left out; what makes no sense is a Fault.

    Raises NotSupportedError where the firmware refused the whole, and ValueError where the whole makes no sense.
    """
    _check_reply(buffer, 12 + sum(12 + question.tag.value[1] for question in questions))
    answers: dict[Question, int | Fault] = {}
    offset = 8
    for question in questions:
        number, length, _ = question.tag.value
        try:
            answer = _parse_tag(buffer, offset, question)
            if answer is not None:
                answers[question] = answer
        except ValueError as error:
            answers[question] = fault(f"firmware tag 0x{number:08x}", error)
        offset += 12 + length
    return answers


def build_gencmd(command: str) -> bytearray:
    """The buffer that sends a text command, as the vendor's vcgencmd fills it. Raises ValueError for any not known."""
    if command not in COMMANDS:
        raise ValueError(f"not a command that is ever sent: {command!r}")
    buffer = bytearray(_GENCMD_TOTAL)
    struct.pack_into("<6I", buffer, 0, _GENCMD_TOTAL, 0, _GENCMD, _GENCMD_VALUE, 0, 0)
    buffer[24 : 24 + len(command)] = command.encode()
    return buffer


def parse_gencmd(buffer: bytes | bytearray, command: str) -> str | None:
    """The text in a buffer that came back; None where the firmware does not know the command, or not this word of it.

    Raises NotSupportedError where the firmware takes no commands, and ValueError for what makes no sense.
    """
    _check_reply(buffer, _GENCMD_TOTAL)
    number, size, answered, error = struct.unpack_from("<4I", buffer, 8)
    if (number, size) != (_GENCMD, _GENCMD_VALUE) or answered & ~_ANSWERED > _GENCMD_VALUE:
        raise ValueError(f"the firmware answered tag 0x{number:08x} with {answered & ~_ANSWERED} bytes of {size}")
    text, end, _ = bytes(buffer[24 : 20 + _GENCMD_VALUE]).partition(b"\0")
    if not end:
        raise ValueError("the firmware's text has no end")
    if not answered & _ANSWERED and text == command.encode():
        raise NotSupportedError("gencmd")
    return check_answer(text.decode("utf-8", "backslashreplace").strip(), command, failed=error != 0)


def check_answer(text: str, command: str, *, failed: bool) -> str | None:
    """The firmware's text, or None where it says that it does not know the command, or not this word of it.

    Raises ValueError for any other error, and for no text at all.
    """
    if (failed or "error=" in text) and any(words in text for words in _UNKNOWN):
        return None
    if failed or text.startswith("error="):
        raise ValueError(f"the firmware failed at {command}: {shorten(text, 80)!r}")
    if not text:
        raise ValueError(f"the firmware answered nothing to {command}")
    return text


_TOGETHER = "several tags in one buffer"

_refused: WeakKeyDictionary[Host, set[Question | str]] = WeakKeyDictionary()
"""What each host's firmware refused: a question, a command, or a node that takes no commands."""


def _ask_singly(host: Host, questions: Iterable[Question]) -> dict[Question, int | Fault]:
    answers: dict[Question, int | Fault] = {}
    for question in questions:
        answers |= ask_properties(host, [question]) or {}
    return answers


def _call(host: Host, node: str, buffer: bytearray) -> bool:
    """Whether the node is there. Raises as the functions above say."""
    path = f"{host.devfs}/{node}"
    try:
        host.ioctl(path, REQUEST, buffer)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENXIO, errno.ENODEV):
            return False
        if error.errno == errno.EINVAL or (error.errno == errno.EPERM and error.filename is None):
            raise NotSupportedError(node) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            raise PermissionError(error.errno, _remedy(node), path) from None
        raise
    return True


def _remedy(node: str) -> str:
    return (
        "no permission to ask the firmware: add this program's user to the group video (usermod -aG video USER); where "
        f'the node has another group, the udev rule KERNEL=="{node}", GROUP="video", MODE="0660" gives it that one; '
        f"in a container, pass --device /dev/{node} and --group-add with the number of that group"
    )


def _check_reply(buffer: bytes | bytearray, total: int) -> None:
    if len(buffer) != total or struct.unpack_from("<I", buffer)[0] != total:
        raise ValueError(f"the firmware's reply is not the {total} bytes that were asked for")
    code = struct.unpack_from("<I", buffer, 4)[0]
    if code == _REFUSED:
        raise NotSupportedError("refused")
    if code != _SUCCESS:
        raise ValueError(f"the firmware's reply has the code 0x{code:08x}")


def _parse_tag(buffer: bytes | bytearray, offset: int, question: Question) -> int | None:
    number, length, has_id = question.tag.value
    found, size, answered = struct.unpack_from("<3I", buffer, offset)
    if (found, size) != (number, length):
        raise ValueError(f"tag 0x{found:08x} of {size} bytes in its place")
    if not answered & _ANSWERED:
        return None
    if answered & ~_ANSWERED != length:
        raise ValueError(f"answered with {answered & ~_ANSWERED} bytes of {length}")
    first, value = (
        struct.unpack_from("<I", buffer, offset + 12)[0],
        struct.unpack_from("<I", buffer, offset + 8 + length)[0],
    )
    if has_id and first != question.id:
        raise ValueError(f"answered for id {first} instead of {question.id}")
    if question.tag is Tag.VOLTAGE and value == _NO_SUCH_VOLTAGE:
        return None
    return int(value)
