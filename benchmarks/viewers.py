"""What viewers of the live page cost the exporter: scrapes with nobody, with many, and with stuck ones among them."""

# a script that prints

import argparse
import base64
import http.client
import os
import socket
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

from measuring import Program, cpu_seconds, memory, middle, run, show_table


def main() -> int:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=100, help="how many watch (%(default)s)")
    parser.add_argument("--stuck", type=int, default=20, help="how many of them never read (%(default)s)")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long each phase lasts (%(default)s)")
    options = parser.parse_args()
    serve = [
        sys.executable,
        "-m",
        "sysvitals",
        "serve",
        "--web.listen-address={address}",
        "--collector.cpu.interval=1s",
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with run("sysvitals", [*serve, f"--storage.path={folder / 'kept'}"], folder) as program:
            for _ in range(10):
                program.scrape()
            rows = [_measure(program, "nobody", options.seconds)]
            viewers = [join_live(program.address) for _ in range(options.viewers)]
            ending = Event()
            reading = viewers[options.stuck :]
            thread = Thread(target=_read, args=(reading, ending), daemon=True)
            thread.start()
            rows.append(_measure(program, f"{options.viewers} viewers, {options.stuck} stuck", options.seconds))
            lost = _metric(program.address, 'sysvitals_events_dropped_total{sink="live"}')
            waiting = _metric(program.address, 'sysvitals_events_waiting{sink="live"}')
            ending.set()
            thread.join(10)
            for viewer in viewers:
                viewer.close()
            rows.append(_measure(program, "nobody again", options.seconds))
    show_table(("", "scrape ms", "worst", "CPU s a minute", "RSS MiB", "own MiB"), rows)
    print(f"events lost to viewers: {lost:,.0f}; waiting for them at the end: {waiting:,.0f}")
    return 0


def _measure(program: Program, name: str, seconds: float) -> tuple[object, ...]:
    program.forget()
    cpu, began = cpu_seconds(program.pid), time.monotonic()
    while time.monotonic() - began < seconds:
        program.scrape()
        time.sleep(0.5)
    used = (cpu_seconds(program.pid) - cpu) * 60 / (time.monotonic() - began)
    resident, own = memory(program.pid)
    return name, middle(program.seconds, 1e3), 1e3 * max(program.seconds), used, resident, own


def join_live(address: str) -> socket.socket:
    """A WebSocket that the live page would open, whose answer is not read yet."""
    host, port = address.split(":")
    viewer = socket.create_connection((host, int(port)), timeout=10)
    key = base64.b64encode(os.urandom(16)).decode()
    viewer.sendall(
        f"GET /api/v1/live HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    return viewer


def _read(viewers: list[socket.socket], ending: Event) -> None:
    """Read what comes and answer pings, as browsers do."""
    for viewer in viewers:
        viewer.setblocking(False)
    while not ending.wait(0.1):
        for viewer in viewers:
            try:
                data = viewer.recv(1 << 20)
            except (BlockingIOError, OSError):
                continue
            if b"\x89\x00" in data:  # a ping
                viewer.send(b"\x8a\x80" + os.urandom(4))


def _metric(address: str, series: str) -> float:
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return float(next(line for line in text.splitlines() if line.startswith(series)).split()[-1])


if __name__ == "__main__":
    sys.exit(main())
