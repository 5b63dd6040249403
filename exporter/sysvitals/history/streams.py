"""Segments that are compressed while they are written: gzip, flushed so that each line can be read at any moment.

Every write ends with a flush mark. `inflate` reads what lies before the last mark whatever follows: nothing yet, a torn
write, or the zeros that a power cut leaves. `zcat` does so where nothing or a torn write follows; of a file that ends
with zeros it may read nothing until the next start has cut them off.
"""

import contextlib
import errno
import os
import zlib
from collections.abc import Iterator
from typing import BinaryIO

_MARK = b"\x00\x00\xff\xff"
"""How a sync flush ends (RFC 1951: an empty stored block)."""

_HEADER = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
_LAST_BLOCK = b"\x03\x00"
_GZIP = 16 + zlib.MAX_WBITS
_BLOCK_BYTES = 1 << 16
_STEP_BYTES = 1 << 12
"""How much is decompressed in one step: at the end of each member, zlib copies what is left of it."""


class Packer:
    """Compresses lines for one segment."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._crc = self._size = 0

    def pack(self, lines: bytes) -> bytes:
        """The bytes to append for these lines."""
        header = b"" if self._size else _HEADER
        self._crc = zlib.crc32(lines, self._crc)
        self._size += len(lines)
        return header + self._deflate.compress(lines) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        """The bytes that end the file."""
        return _ending(self._crc, self._size)


class _Members:
    """Decompresses the members of a gzip file, one after another; zeros between and behind them are padding."""

    def __init__(self) -> None:
        self._member: zlib._Decompress | None = None
        self._crc = self._size = 0
        self.ended = 0
        """How many members were whole."""

    @property
    def has_begun(self) -> bool:
        """Whether a member has begun and not ended."""
        return self._member is not None

    def ending(self) -> bytes:
        """The bytes that end the member which has begun, after what came of it so far."""
        return _ending(self._crc, self._size)

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """What comes of this piece, in parts of bounded size. Raises zlib.error where it is no gzip."""
        view = memoryview(piece)
        for start in range(0, len(piece), _STEP_BYTES):
            yield from self._feed(view[start : start + _STEP_BYTES])

    def _feed(self, step: memoryview) -> Iterator[bytes]:
        rest: bytes | memoryview = step
        while rest:
            if self._member is None:
                if self.ended and not (rest := bytes(rest).lstrip(b"\0")):
                    return
                self._member, self._crc, self._size = zlib.decompressobj(_GZIP), 0, 0
            yield from self._decompress(self._member, rest)
            rest = b""
            if self._member.eof:
                rest, self._member = self._member.unused_data, None
                self.ended += 1

    def _decompress(self, member: "zlib._Decompress", rest: bytes | memoryview) -> Iterator[bytes]:
        full = True
        # behind the end of a member zlib repeats what follows as `unconsumed_tail`, however often it is asked
        while (rest or full) and not member.eof:
            found = member.decompress(rest, _BLOCK_BYTES)
            rest, full = member.unconsumed_tail, len(found) == _BLOCK_BYTES
            if found:
                self._crc, self._size = zlib.crc32(found, self._crc), self._size + len(found)
                yield found


def inflate(file: BinaryIO) -> Iterator[bytes]:
    """What a gzip file holds, all that comes before a damage.

    A file that ends with a flush mark is being written, or its writer was killed: nothing is missing. Raises EOFError
    where a file is cut short elsewhere, OSError where it is damaged.
    """
    members, piece = _Members(), b""
    for piece in _pieces(file):
        try:
            yield from members.feed(piece)
        except zlib.error as error:
            what = "damaged, or followed by what is not gzip" if members.ended else "not gzip, or damaged"
            raise OSError(errno.EIO, f"{what}: {error}") from error
    if members.has_begun and not piece.endswith(_MARK):
        raise EOFError("the compressed file ends too early")


def find_end(file: BinaryIO) -> tuple[int, bytes]:
    """Where the last whole line of a stream that was not ended ends, and the bytes that end the stream there.

    A file that is ended, or holds no flushed line behind the last member that is, ends where it does. Raises OSError.
    """
    members, at, last = _Members(), 0, b""
    whole: tuple[int, bytes] | None = None
    ended = 0
    with contextlib.suppress(zlib.error):  # what follows the last mark is not ours
        for piece in _pieces(file):
            at += len(piece)
            for found in members.feed(piece):
                last = found[-1:]
            # else the compressed bytes look like a mark by chance
            if members.has_begun and piece.endswith(_MARK) and last == b"\n":
                whole, ended = (at, members.ending()), members.ended
    return whole if whole and ended == members.ended else (file.seek(0, os.SEEK_END), b"")


def _ending(crc: int, size: int) -> bytes:
    return _LAST_BLOCK + crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    """The file's bytes, a piece up to each mark, so that a damage takes no flushed line before it with it."""
    rest = b""
    while block := file.read(_BLOCK_BYTES):
        *marked, rest = (rest + block).split(_MARK)
        for piece in marked:
            yield piece + _MARK
        if len(rest) >= _BLOCK_BYTES:
            yield rest[:-3]  # what may be the beginning of a mark stays
            rest = rest[-3:]
    if rest:
        yield rest
