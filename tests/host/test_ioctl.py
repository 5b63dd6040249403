import errno
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from sysvitals.host import ioctl
from sysvitals.host.host import Host
from tests.patience import PATIENCE

GET_ENTROPY_COUNT = 0x80045200  # RNDGETENTCNT of /dev/urandom, which anyone may ask
Serve = Callable[[socket.socket], None]


@contextmanager
def device(path: Path, serve: Serve) -> Iterator[str]:
    """A simulated device that serves one call."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)

    def run() -> None:
        connection, _ = listener.accept()
        # who is given up finds nobody there any more
        with connection, suppress(BrokenPipeError, ConnectionResetError):
            connection.settimeout(PATIENCE)
            serve(connection)

    thread = threading.Thread(target=run, daemon=True)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        listener.listen()
        thread.start()
        yield str(path)
        thread.join(PATIENCE)
        assert not thread.is_alive()
    finally:
        os.close(folder)
        listener.close()


def reply(*parts: bytes) -> Serve:
    def serve(connection: socket.socket) -> None:
        receive(connection)
        for part in parts:
            connection.sendall(part)

    return serve


def receive(connection: socket.socket) -> tuple[int, bytes]:
    number, length = struct.unpack("<II", connection.recv(8, socket.MSG_WAITALL))
    return number, connection.recv(length, socket.MSG_WAITALL)


@pytest.mark.skipif(not os.path.exists("/dev/urandom"), reason="this machine has no /dev/urandom")
def test_a_real_device_answers_in_the_buffer() -> None:
    buffer = bytearray(4)
    Host().ioctl("/dev/urandom", GET_ENTROPY_COUNT, buffer)
    assert 0 < int.from_bytes(buffer, "little") <= 4096


def test_a_device_that_does_not_know_the_call_says_so_as_the_kernel_does_and_names_no_path() -> None:
    with pytest.raises(OSError, match="ioctl") as caught:
        Host().ioctl("/dev/null", 0xC0086400, bytearray(28))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOTTY, None)


def test_a_device_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught:
        Host().ioctl(f"{tmp_path}/vcio", 1, bytearray(4))
    assert caught.value.filename == f"{tmp_path}/vcio"


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(OSError, match="ioctl"):
            Host().ioctl("/dev/null", 1, bytearray(4))
    with (
        device(tmp_path / "vcio", reply(struct.pack("<II", errno.EINVAL, 0))) as path,
        pytest.raises(OSError, match=r"."),
    ):
        Host().ioctl(path, 1, bytearray(4))
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_simulated_device_gets_request_and_buffer_and_answers_in_the_buffer(tmp_path: Path) -> None:
    heard: list[tuple[int, bytes]] = []

    def serve(connection: socket.socket) -> None:
        heard.append(receive(connection))
        answer = struct.pack("<II", 0, 4) + b"pong"
        for byte in answer:  # a stream comes as it likes
            connection.sendall(bytes([byte]))

    buffer = bytearray(b"ping")
    with device(tmp_path / "vcio", serve) as path:
        Host().ioctl(path, 0xC0086400, buffer)
    assert heard == [(0xC0086400, b"ping")]
    assert buffer == b"pong"


def test_a_path_longer_than_a_sockets_address_is_reached(tmp_path: Path) -> None:
    folder = tmp_path / ("d" * 120)
    folder.mkdir()
    buffer = bytearray(b"ping")
    with device(folder / "vcio", reply(struct.pack("<II", 0, 4), b"pong")) as path:
        assert len(path) > 107
        Host().ioctl(path, 1, buffer)
    assert buffer == b"pong"


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EPERM, errno.EACCES, errno.ETIMEDOUT, errno.ENODEV])
def test_an_error_of_a_simulated_device_is_raised_as_the_kernels_would_be(tmp_path: Path, number: int) -> None:
    buffer = bytearray(b"ping")
    with (
        device(tmp_path / "vcio", reply(struct.pack("<II", number, 0))) as path,
        pytest.raises(OSError, match=r".") as e,
    ):
        Host().ioctl(path, 1, buffer)
    assert (e.value.errno, e.value.filename) == (number, None)
    assert buffer == b"ping"


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([], id="nothing"),
        pytest.param([b"\0\0\0"], id="half a head"),
        pytest.param([struct.pack("<II", 0, 4), b"po"], id="half a buffer"),
        pytest.param([struct.pack("<II", 0, 3), b"pon"], id="shorter"),
        pytest.param([struct.pack("<II", 0, 0xFFFFFFFF)], id="endless"),
        pytest.param([struct.pack("<II", errno.EINVAL, 4), b"pong"], id="an error and an answer"),
    ],
)
def test_a_simulated_device_that_breaks_the_framing_is_an_error(tmp_path: Path, parts: list[bytes]) -> None:
    buffer = bytearray(b"ping")
    with device(tmp_path / "vcio", reply(*parts)) as path, pytest.raises(OSError, match=r".") as caught:
        Host().ioctl(path, 1, buffer)
    assert caught.value.errno == errno.EPROTO
    assert buffer == b"ping"


def test_a_simulated_device_that_is_silent_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ioctl, "_PATIENCE_SECONDS", 0.05)
    done = threading.Event()
    with device(tmp_path / "vcio", lambda _: assert_set(done)) as path:
        with pytest.raises(TimeoutError) as caught:
            Host().ioctl(path, 1, bytearray(4))
        done.set()
    assert caught.value.errno == errno.ETIMEDOUT


def test_a_simulated_device_that_drips_is_given_up_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ioctl, "_PATIENCE_SECONDS", 0.05)
    gone = threading.Event()

    def drip(connection: socket.socket) -> None:
        receive(connection)
        connection.sendall(struct.pack("<II", 0, 4124))
        while not gone.wait(0.01):
            connection.sendall(b"x")

    with device(tmp_path / "vcio", drip) as path:
        with pytest.raises(TimeoutError):
            Host().ioctl(path, 1, bytearray(4124))
        gone.set()


def test_a_simulated_device_that_nobody_serves_is_no_device(tmp_path: Path) -> None:
    path = tmp_path / "vcio"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        folder = os.open(tmp_path, os.O_PATH | os.O_DIRECTORY)
        try:
            listener.bind(f"/proc/self/fd/{folder}/vcio")
        finally:
            os.close(folder)
    with pytest.raises(OSError, match=r".") as caught:
        Host().ioctl(str(path), 1, bytearray(4))
    assert (caught.value.errno, caught.value.filename) == (errno.ENXIO, str(path))


def assert_set(done: threading.Event) -> None:
    assert done.wait(PATIENCE)
