"""All that a Raspberry Pi offers to know about its throttling, put together: the hwmon alarm and the throttle word."""

from collections.abc import Iterator
from dataclasses import dataclass

from sysvitals.model.collector import Fault, Watch
from sysvitals.sources.files import attempt
from sysvitals.sources.firmware import HINT, Firmware, FirmwareThrottling, find_firmware
from sysvitals.sources.host import Host
from sysvitals.sources.rpi_volt import find_rpi_volt, read_undervoltage_alarm
from sysvitals.sources.throttle_word import ThrottleWord, read_throttle_word

_LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ThrottlingSources:
    """What was found. `offered`: there is a source, whether it answered or not; `answered` names those that did.

    `alarm` is the kernel's, of undervoltage alone; `word` has all causes, from the firmware itself (`firmware`) or from
    the kernel's copy. `hint` is what would let more be known.
    """

    offered: bool
    answered: tuple[str, ...]
    alarm: bool | None
    word: ThrottleWord | None
    firmware: FirmwareThrottling | None
    hint: str | None
    faults: tuple[Fault, ...]


def read_throttling(host: Host) -> ThrottlingSources:
    """Ask every source. Raises OSError where hwmon itself cannot be read.

    The kernel's copy of the word serves only where the firmware cannot be asked: reading it warns in the kernel's log.
    """
    rpi_volt = find_rpi_volt(host)
    firmware = find_firmware(host)
    alarm = attempt("rpi_volt in0_lcrit_alarm", read_undervoltage_alarm, host, rpi_volt) if rpi_volt else None
    told = attempt("firmware", firmware.throttling) if firmware else None
    word: ThrottleWord | Fault | None = told.word if isinstance(told, FirmwareThrottling) else None
    copied = word is None and rpi_volt is not None
    if copied and rpi_volt is not None:
        word = attempt("get_throttled", read_throttle_word, host, rpi_volt)
    answers = {
        "rpi_volt": isinstance(alarm, bool),
        firmware.source if firmware else "": isinstance(told, FirmwareThrottling),
        "get_throttled": copied and isinstance(word, ThrottleWord),
    }
    return ThrottlingSources(
        offered=any(answer is not None for answer in (alarm, told, word)),
        answered=tuple(name for name, answered in answers.items() if answered),
        alarm=alarm if isinstance(alarm, bool) else None,
        word=word if isinstance(word, ThrottleWord) else None,
        firmware=told if isinstance(told, FirmwareThrottling) else None,
        hint=_hint(rpi_volt, firmware, told),
        faults=tuple(answer for answer in (alarm, told, word) if isinstance(answer, Fault)),
    )


def watch_throttling(host: Host) -> Iterator[Watch]:
    """What to watch: the alarm, on which the kernel gives notice, and the word, at which one has to look."""
    rpi_volt = find_rpi_volt(host)
    if rpi_volt:
        yield Watch(f"{rpi_volt}/in0_lcrit_alarm", _LOOK_SECONDS)
    firmware = find_firmware(host)
    if firmware is not None and not firmware.is_costly:
        yield Watch("the firmware's throttle word", _LOOK_SECONDS, look=lambda: _look(host))
    elif firmware is None and rpi_volt:
        yield Watch(f"{rpi_volt}/device/../get_throttled", _LOOK_SECONDS)


def _look(host: Host) -> object:
    firmware = find_firmware(host)
    told = firmware.throttling() if firmware else None
    return told.word if told else None


def _hint(rpi_volt: str | None, firmware: Firmware | None, told: FirmwareThrottling | Fault | None) -> str | None:
    if isinstance(told, Fault):
        return told.message
    if rpi_volt is None:
        return "no hwmon chip rpi_volt: load the kernel module raspberrypi_hwmon; in a container, mount /sys"
    return HINT if firmware is None else None
