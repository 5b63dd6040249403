"""Mutations of bytes: a few small damages, one on top of the other."""

import re
from collections.abc import Callable, Sequence
from random import Random

LONGEST = 64 << 10
"""A mutation is cut to so many bytes: what is longer takes time and finds nothing more."""

_LOOKS = 500
"""How many parts of a case are looked at, at most, to leave them out."""

_NUMBER = re.compile(rb"[0-9]+")
_NUMBERS = (0, -1, 255, 1 << 31, 1 << 32, (1 << 63) - 1, 1 << 63, (1 << 64) - 1, 1 << 64, 10**400 - 1)
_ODD = (
    *(str(number).encode() for number in _NUMBERS),
    *(b"1e309", b"nan", b"inf", b"-0", b"0x1", b"1_0", "٣".encode()),
    *(b"", b"\0", b"\n", b"\r\n", b" ", b"\t", b"%", b'"', b"\\", b"/", b":", b"=", b"{}", b"[]"),
    *(b"\xff", b"\x80", b"\xed\xa0\x80", b"\xc2\x85", b"\xe2\x80\xa8", b"\x1b[31m"),
)
"""What parsers stumble over."""


def mutate(random: Random, case: bytes, others: Sequence[bytes]) -> bytes:
    """The case, damaged a few times; pieces of the others come into it."""
    damaged = bytearray(case)
    for _ in range(1 << random.randrange(4)):
        random.choice(_DAMAGES)(random, damaged, random.choice(others))
        del damaged[LONGEST:]
    return bytes(damaged)


def shrink(case: bytes, breaks: Callable[[bytes], bool]) -> bytes:
    """The case without parts that it breaks without."""
    length = len(case) // 2
    while length and len(case) // length < _LOOKS:
        for start in range(0, len(case), length):
            shorter = case[:start] + case[start + length :]
            if len(shorter) < len(case) and breaks(shorter):
                case = shorter
        length //= 2
    return case


def _span(random: Random, case: Sequence[int], usual: int = 8) -> slice:
    """Mostly a short one."""
    start = random.randint(0, len(case))
    return slice(start, start + random.randint(0, usual if random.random() < 0.75 else len(case)))


def _flip_a_bit(random: Random, case: bytearray, _other: bytes) -> None:
    if case:
        case[random.randrange(len(case))] ^= 1 << random.randrange(8)


def _drop(random: Random, case: bytearray, _other: bytes) -> None:
    del case[_span(random, case)]


def _cut(random: Random, case: bytearray, _other: bytes) -> None:
    del case[random.randint(0, len(case)) :]


def _repeat(random: Random, case: bytearray, _other: bytes) -> None:
    span = _span(random, case)
    case[span] = case[span] * random.choice((2, 3, 100))


def _write_what_is_odd(random: Random, case: bytearray, _other: bytes) -> None:
    case[_span(random, case)] = random.choice(_ODD)


def _write_noise(random: Random, case: bytearray, _other: bytes) -> None:
    case[_span(random, case)] = random.randbytes(random.randint(1, 8))


def _replace_a_number(random: Random, case: bytearray, _other: bytes) -> None:
    if found := [number.span() for number in _NUMBER.finditer(case)]:
        case[slice(*random.choice(found))] = random.choice(_ODD)


def _graft(random: Random, case: bytearray, other: bytes) -> None:
    case[_span(random, case)] = other[_span(random, other, 32)]


def _replace_a_line(random: Random, case: bytearray, other: bytes) -> None:
    lines, others = case.splitlines(keepends=True), other.splitlines(keepends=True)
    if lines and others:
        lines[random.randrange(len(lines))] = bytearray(random.choice(others))
        case[:] = b"".join(lines)


def _shuffle_lines(random: Random, case: bytearray, _other: bytes) -> None:
    lines = case.splitlines(keepends=True)
    random.shuffle(lines)
    case[:] = b"".join(lines)


_DAMAGES = (
    *(_flip_a_bit, _drop, _cut, _repeat, _write_what_is_odd, _write_noise),
    *(_replace_a_number, _graft, _replace_a_line, _shuffle_lines),
)
