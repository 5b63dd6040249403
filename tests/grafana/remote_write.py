"""Samples as Prometheus's remote write takes them: protocol buffers in a snappy block, both of them by hand."""

import struct
from collections.abc import Iterable

Labels = tuple[tuple[str, str], ...]
"""Name and value of each, sorted by name; the metric's own name is `__name__`."""

Series = dict[Labels, list[tuple[int, float]]]
"""Samples: Unix time in milliseconds, and value."""

STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The NaN by which Prometheus knows that a series ended."""

HEADERS = {
    "Content-Encoding": "snappy",
    "Content-Type": "application/x-protobuf",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


def encode_request(series: Iterable[bytes]) -> bytes:
    """The body of a request. Each series is its encoded labels and samples."""
    return _frame_as_snappy(b"".join(_field(1, one) for one in series))


def encode_labels(labels: Labels) -> bytes:
    """The labels of a TimeSeries of prometheus.WriteRequest."""
    return b"".join(_field(1, _field(1, name.encode()) + _field(2, value.encode())) for name, value in labels)


def encode_samples(samples: Iterable[tuple[int, float]]) -> bytes:
    """The samples of a TimeSeries."""
    bodies = (b"\x09" + struct.pack("<d", number) + b"\x10" + _varint(moment) for moment, number in samples)
    return b"".join(b"\x12" + bytes((len(body),)) + body for body in bodies)


def _field(number: int, content: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    parts.append(number)
    return bytes(parts)


def _frame_as_snappy(content: bytes) -> bytes:
    """The snappy block format with nothing compressed: literals of at most 64 KiB."""
    parts = [_varint(len(content))]
    for begin in range(0, len(content), 65536):
        piece = content[begin : begin + 65536]
        parts += [b"\xf4", struct.pack("<H", len(piece) - 1), piece]
    return b"".join(parts)
