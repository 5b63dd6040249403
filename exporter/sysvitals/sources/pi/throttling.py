"""All that a Raspberry Pi offers to know about its throttling, put together: the hwmon alarm and the throttle word."""

from collections.abc import Iterator
from typing import NamedTuple
from weakref import WeakSet

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Fault, Watch
from sysvitals.sources.pi.firmware import HINT, Firmware, FirmwareThrottling, find_firmware
from sysvitals.sources.pi.rpi_volt import find_rpi_volt, read_undervoltage_alarm
from sysvitals.sources.pi.throttle_word import ThrottleWord, read_throttle_word, throttle_word_path

_LOOK_SECONDS = 1.0


class ThrottlingSources(NamedTuple):
    """What was found. `offered`: there is a source, whether it answered or not; `answered` names those that did.

    `alarm` is the kernel's, of undervoltage alone; `word` has all causes, from the firmware itself (`firmware`) or from
    the kernel's copy. `undervoltage_seen`: there has been one since this exporter started, or since boot as far as
    the word tells, so that this board can detect it, whatever its model. `hint` is what would let more be known.
    """

    offered: bool
    answered: tuple[str, ...]
    alarm: bool | None
    word: ThrottleWord | None
    firmware: FirmwareThrottling | None
    undervoltage_seen: bool
    hint: str | None
    faults: tuple[Fault, ...]


def read_throttling(host: Host) -> ThrottlingSources:
    """Ask every source. One that fails is a Fault and takes nothing from the others.

    The kernel's copy of the word serves only where the firmware cannot be asked, or answers with what it said a minute
    ago: reading it warns in the kernel's log.
    """
    chip = attempt("hwmon", find_rpi_volt, host)
    rpi_volt = None if isinstance(chip, Fault) else chip
    firmware = find_firmware(host)
    alarm = attempt("rpi_volt in0_lcrit_alarm", read_undervoltage_alarm, host, rpi_volt) if rpi_volt else None
    told = attempt("firmware", firmware.throttling) if firmware else None
    word = told.word if isinstance(told, FirmwareThrottling) else None
    copy: ThrottleWord | Fault | None = None
    if rpi_volt and (firmware is None or firmware.is_costly or word is None):
        copy = attempt("get_throttled", read_throttle_word, host, rpi_volt)
    if isinstance(copy, ThrottleWord):
        word = copy
    answers = {
        "rpi_volt": isinstance(alarm, bool),
        firmware.source if firmware else "": isinstance(told, FirmwareThrottling),
        "get_throttled": isinstance(copy, ThrottleWord),
    }
    words = [known for known in (word, told.word if isinstance(told, FirmwareThrottling) else None) if known]
    if alarm is True or any(known.active("undervoltage") or known.occurred("undervoltage") for known in words):
        _seen.add(host)
    return ThrottlingSources(
        offered=any(answer is not None for answer in (alarm, told, copy)),
        answered=tuple(name for name, answered in answers.items() if answered),
        alarm=alarm if isinstance(alarm, bool) else None,
        word=word,
        firmware=told if isinstance(told, FirmwareThrottling) else None,
        undervoltage_seen=host in _seen,
        hint=chip.message if isinstance(chip, Fault) else _hint(rpi_volt, firmware, told),
        faults=tuple(answer for answer in (chip, alarm, told, copy) if isinstance(answer, Fault)),
    )


def watch_throttling(host: Host) -> Iterator[Watch]:
    """What to watch: the alarm, on which the kernel gives notice, and the word, at which one has to look.

    Where the firmware does not answer, the kernel's copy of the word, on which it gives notice too.
    """
    chip = attempt("hwmon", find_rpi_volt, host)
    rpi_volt = None if isinstance(chip, Fault) else chip
    if rpi_volt:
        yield Watch(f"{rpi_volt}/in0_lcrit_alarm", _LOOK_SECONDS, notifies=True)
    firmware = find_firmware(host)
    if firmware and not firmware.is_costly and isinstance(attempt("", firmware.throttling), FirmwareThrottling):
        yield Watch("the firmware's throttle word", _LOOK_SECONDS, look=lambda: _look(host))
    elif rpi_volt and host.exists(copy := throttle_word_path(rpi_volt)):
        yield Watch(copy, _LOOK_SECONDS, notifies=True)


_seen: WeakSet[Host] = WeakSet()
"""Hosts on which an undervoltage was seen."""


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
