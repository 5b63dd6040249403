"""A Raspberry Pi's revision code: type of board, memory, maker, processor, and whether it can detect undervoltage.

From the vendor's page "Raspberry Pi revision codes". Boards are told by the type field, not by whole codes, so that a
new revision of a known board is known.
"""

from typing import NamedTuple

from sysvitals.host.files import shorten

_TYPES = {
    0x00: "A",
    0x01: "B",
    0x02: "A+",
    0x03: "B+",
    0x04: "2B",
    0x05: "Alpha",
    0x06: "CM1",
    0x08: "3B",
    0x09: "Zero",
    0x0A: "CM3",
    0x0C: "Zero W",
    0x0D: "3B+",
    0x0E: "3A+",
    0x10: "CM3+",
    0x11: "4B",
    0x12: "Zero 2 W",
    0x13: "400",
    0x14: "CM4",
    0x15: "CM4S",
    0x17: "5",
    0x18: "CM5",
    0x19: "500",
    0x1A: "CM5 Lite",
    0x1B: "CM0",
}
_MAKERS = {0: "Sony UK", 1: "Egoman", 2: "Embest", 3: "Sony Japan", 4: "Embest", 5: "Stadium"}
_PROCESSORS = {0: "BCM2835", 1: "BCM2836", 2: "BCM2837", 3: "BCM2711", 4: "BCM2712"}
_MIB = 1 << 20
# type, version, MiB of memory, maker; 0015 was built with 256 and with 512 MiB
_OLD = {
    0x02: ("B", "1.0", 256, "Egoman"),
    0x03: ("B", "1.0", 256, "Egoman"),
    0x04: ("B", "2.0", 256, "Sony UK"),
    0x05: ("B", "2.0", 256, "Qisda"),
    0x06: ("B", "2.0", 256, "Egoman"),
    0x07: ("A", "2.0", 256, "Egoman"),
    0x08: ("A", "2.0", 256, "Sony UK"),
    0x09: ("A", "2.0", 256, "Qisda"),
    0x0D: ("B", "2.0", 512, "Egoman"),
    0x0E: ("B", "2.0", 512, "Sony UK"),
    0x0F: ("B", "2.0", 512, "Egoman"),
    0x10: ("B+", "1.2", 512, "Sony UK"),
    0x11: ("CM1", "1.0", 512, "Sony UK"),
    0x12: ("A+", "1.1", 256, "Sony UK"),
    0x13: ("B+", "1.2", 512, "Embest"),
    0x14: ("CM1", "1.0", 512, "Embest"),
    0x15: ("A+", "1.1", None, "Embest"),
}
_NEW_STYLE = 1 << 23
# as the code calls them, and where the device tree's model differs as that does
_WITH_DETECTOR = frozenset({"A+", "B+", "2B", "3B", "3B+", "3A+", "4B", "400", "5", "5B", "500", "500+"})
_BEFORE_DETECTORS = frozenset({"A", "B"})


class Revision(NamedTuple):
    """A revision code decoded. What the code does not say, or says in a way not known here, is None.

    `code` is as /proc/cpuinfo prints it; `version` is the board's, such as `1.4`; `memory` is in bytes.
    """

    code: str
    type: str | None = None
    version: str | None = None
    memory: int | None = None
    maker: str | None = None
    processor: str | None = None


def parse_revision(text: str) -> Revision:
    """From the hexadecimal text of /proc/cpuinfo, such as `c03111` or `000e`."""
    if not 1 <= len(text) <= 8 or not set(text) <= _HEX:
        raise ValueError(f"not a revision code: {shorten(text)!r}")
    return decode_revision(int(text, 16))


def decode_revision(word: int) -> Revision:
    """From the 32-bit word `NOQuuuWuFMMMCCCCPPPPTTTTTTTTRRRR`, or an old code below 0x16."""
    if not word & _NEW_STYLE:
        # bit 24 and above: the warranty is void
        kind, version, memory, maker = _OLD.get(word & 0xFF_FFFF, (None, None, None, None))
        return Revision(
            f"{word:04x}", kind, version, memory * _MIB if memory else None, maker, "BCM2835" if kind else None
        )
    size = word >> 20 & 0x7
    return Revision(
        code=f"{word:x}",
        type=_TYPES.get(word >> 4 & 0xFF),
        version=f"1.{word & 0xF}",
        memory=(256 * _MIB) << size if size < 7 else None,
        maker=_MAKERS.get(word >> 16 & 0xF),
        processor=_PROCESSORS.get(word >> 12 & 0xF),
    )


def detects_undervoltage(revision: Revision | None, model: str | None) -> bool | None:
    """Whether the board has an undervoltage detector; None where that is not known, as with a model yet to come.

    The B+ and what came after it have one, except the Zero range and the Compute Modules. `model` is the device
    tree's, and serves where there is no revision code.
    """
    kind = revision.type if revision else None
    kind = kind or _type_of_model(model or "")
    if kind in _WITH_DETECTOR:
        return True
    if kind in _BEFORE_DETECTORS or kind.startswith(("CM", "Zero")):
        return False
    return None


def _type_of_model(model: str) -> str:
    name = model.removeprefix("Raspberry Pi ")
    if name == model:
        return ""
    if name.startswith("Compute Module"):
        return "CM"
    # `4 Model B Rev 1.5`, `Model B Plus Rev 1.2`, `Zero W Rev 1.1`, `400 Rev 1.0`
    name = name.partition(" Rev ")[0].replace("Model ", "").replace(" Plus", "+")
    number, _, letter = name.partition(" ")
    return f"{number}{letter}" if number.isdigit() else name


_HEX = frozenset("0123456789abcdefABCDEF")
