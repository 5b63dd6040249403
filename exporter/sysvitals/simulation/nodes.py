"""Firmware nodes below the exporter's ioctl seam: `dev/vcio_gencmd` and `dev/vcio` as Unix sockets.

A call is `number, length, buffer` in little-endian 32-bit words; the answer is `errno, length, buffer`, with a buffer
as long as the call's where errno is 0, and none otherwise.
"""

import contextlib
import errno
import os
import selectors
import socket
import struct
from threading import Thread

from sysvitals.simulation.firmware import Firmware

NODES = ("vcio_gencmd", "vcio")
_HEAD = struct.Struct("<II")
_LONGEST = 1 << 20


class FirmwareNodes:
    """Serves the nodes in a folder from a thread of its own until it is closed."""

    def __init__(self, folder: str, firmware: Firmware) -> None:
        self._folder = folder
        self._firmware = firmware
        self._selector = selectors.DefaultSelector()
        self._buffers: dict[socket.socket, tuple[bool, bytearray]] = {}
        self._listeners: list[socket.socket] = []
        self._waking, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        try:
            for name in NODES:
                self._listeners.append(self._listen(name))
        except OSError:
            self._release()
            raise
        self._thread = Thread(target=self._serve, name="firmware nodes", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take the nodes away."""
        with contextlib.suppress(OSError):
            self._waking.send(b"x")
        self._thread.join()
        self._release()

    def _listen(self, name: str) -> socket.socket:
        # a socket's path may have 107 bytes only; by way of its open folder it is always short
        folder = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            try:
                listener.bind(f"/proc/self/fd/{folder}/{name}")
                os.chmod(name, 0o666, dir_fd=folder)  # noqa: S103 - it is a toy, for every user
                listener.listen(64)
                listener.setblocking(False)
                self._selector.register(listener, selectors.EVENT_READ, name == "vcio_gencmd")
            except OSError:
                listener.close()
                raise
        finally:
            os.close(folder)
        return listener

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    return
                stream = key.fileobj
                if isinstance(stream, socket.socket):
                    if stream in self._listeners:
                        self._accept(stream, gencmd_only=bool(key.data))
                    else:
                        self._receive(stream)

    def _accept(self, listener: socket.socket, *, gencmd_only: bool) -> None:
        try:
            connection, _ = listener.accept()
        except OSError:  # it went away again
            return
        connection.setblocking(False)
        self._buffers[connection] = (gencmd_only, bytearray())
        self._selector.register(connection, selectors.EVENT_READ)

    def _receive(self, connection: socket.socket) -> None:
        try:
            part = connection.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            part = b""
        gencmd_only, buffer = self._buffers[connection]
        buffer += part
        if not part or not self._answer(connection, buffer, gencmd_only=gencmd_only):
            self._drop(connection)

    def _answer(self, connection: socket.socket, buffer: bytearray, *, gencmd_only: bool) -> bool:
        while len(buffer) >= _HEAD.size:
            number, length = _HEAD.unpack_from(buffer)
            if length > _LONGEST:
                return False
            if len(buffer) < _HEAD.size + length:
                break
            call = bytes(buffer[_HEAD.size : _HEAD.size + length])
            del buffer[: _HEAD.size + length]
            try:
                answer = self._firmware.ioctl(number, call, gencmd_only=gencmd_only)
                reply = _HEAD.pack(0, len(answer)) + answer
            except OSError as error:
                reply = _HEAD.pack(error.errno or errno.EINVAL, 0)
            try:
                if connection.send(reply) < len(reply):
                    return False  # one that asks and asks and does not read
            except OSError:
                return False
        return True

    def _drop(self, connection: socket.socket) -> None:
        self._selector.unregister(connection)
        del self._buffers[connection]
        connection.close()

    def _release(self) -> None:
        for connection in list(self._buffers):
            self._drop(connection)
        for listener in self._listeners:
            listener.close()
        for name in NODES:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(self._folder, name))
        self._selector.close()
        self._waking.close()
        self._woken.close()
