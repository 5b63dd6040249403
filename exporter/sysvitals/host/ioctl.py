"""ioctl(2) on a device, or on what stands in for one: a Unix stream socket behind which a simulated device answers.

To such a socket go request number, length and buffer; errno (0 for none), length and buffer come back. The numbers are
32-bit little-endian; with an errno the length is 0, else it is that of the request. There is one second to answer, as
the Raspberry Pi's firmware has, and a connection for each call.
"""

import errno
import fcntl
import os
import socket
import stat
import struct
import time

_PATIENCE_SECONDS = 1.0


def call_ioctl(path: str, request: int, buffer: bytearray) -> None:
    """Open the device, call, close. Raises OSError as the kernel gave it; only that of open(2) names the path."""
    try:
        # a FIFO in its place would wait for its writer
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError as error:
        if error.errno != errno.ENXIO or not stat.S_ISSOCK(os.stat(path).st_mode):
            raise
        _call_socket(path, request, buffer)
        return
    try:
        fcntl.ioctl(descriptor, request, buffer, True)
    finally:
        os.close(descriptor)


def _call_socket(path: str, request: int, buffer: bytearray) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    # the address of a socket holds 107 bytes, a path may be longer
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            _set_patience(connection, deadline)
            _connect(connection, f"/proc/self/fd/{descriptor}", path)
            connection.sendall(struct.pack("<II", request, len(buffer)) + buffer)
            number, length = struct.unpack("<II", _receive(connection, 8, deadline))
            if number and not length:
                raise OSError(number, os.strerror(number))
            if number or length != len(buffer):
                raise OSError(errno.EPROTO, f"errno {number} and {length} bytes, to a request of {len(buffer)}")
            buffer[:] = _receive(connection, length, deadline)
    except TimeoutError:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT)) from None
    finally:
        os.close(descriptor)


def _connect(connection: socket.socket, address: str, path: str) -> None:
    try:
        connection.connect(address)
    except ConnectionRefusedError:
        # nobody listens: a node that its driver has left
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO), path) from None
    except PermissionError as error:
        raise PermissionError(error.errno, error.strerror, path) from None


def _receive(connection: socket.socket, length: int, deadline: float) -> bytes:
    data = bytearray()
    while len(data) < length:
        _set_patience(connection, deadline)
        part = connection.recv(length - len(data))
        if not part:
            raise OSError(errno.EPROTO, f"{len(data)} bytes of {length}, and no more")
        data += part
    return bytes(data)


def _set_patience(connection: socket.socket, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    connection.settimeout(left)
