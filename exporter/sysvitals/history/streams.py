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


def inflate(file: BinaryIO) -> Iterator[bytes]:
    """What a gzip file holds, all that comes before a damage.

    A file that ends with a flush mark is being written, or its writer was killed: nothing is missing. Raises EOFError
    where a file is cut short elsewhere, OSError where it is damaged.
    """
    member, begun, piece = zlib.decompressobj(_GZIP), False, b""
    for piece in _pieces(file):
        rest = piece
        while rest:
            begun = True
            try:
                yield from _decompress(member, rest)
            except zlib.error as error:
                raise OSError(errno.EIO, f"not gzip, or damaged: {error}") from error
            rest = b""
            if member.eof:
                rest, begun = member.unused_data.lstrip(b"\0"), False
                member = zlib.decompressobj(_GZIP)
    if begun and not piece.endswith(_MARK):
        raise EOFError("the compressed file ends too early")


def find_end(file: BinaryIO) -> tuple[int, bytes]:
    """Where the last whole line of a stream that was not ended ends, and the bytes that end the stream there.

    A file that is ended, or holds no flushed line, ends where it does. Raises OSError.
    """
    member, at, size, crc, last = zlib.decompressobj(_GZIP), 0, 0, 0, b""
    whole: tuple[int, bytes] | None = None
    with contextlib.suppress(zlib.error):  # what follows the last mark is not ours
        for piece in _pieces(file):
            at += len(piece)
            for found in _decompress(member, piece):
                crc, size, last = zlib.crc32(found, crc), size + len(found), found[-1:]
            if member.eof:
                whole = None
                break
            if piece.endswith(_MARK) and last == b"\n":  # else the compressed bytes look like a mark by chance
                whole = at, _ending(crc, size)
    return whole or (file.seek(0, os.SEEK_END), b"")


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


def _decompress(member: "zlib._Decompress", piece: bytes) -> Iterator[bytes]:
    """What comes of this piece, in parts of bounded size. Raises zlib.error."""
    full = True
    while piece or full:
        found = member.decompress(piece, _BLOCK_BYTES)
        piece, full = member.unconsumed_tail, len(found) == _BLOCK_BYTES
        if found:
            yield found
