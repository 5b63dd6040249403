"""Writes a history as fast as it can until it is killed, or stops by itself.

python busy_writer.py FOLDER BOOT ROUNDS COMPRESS MEMORY prints the number of the last event of each round once it is
written, and an empty line now and then while it writes. Writes are made in small pieces and slowly: a kill tears lines.
"""

import itertools
import logging
import os
import sys
import time

from sysvitals.history.buffer import open_buffer, rescue_buffer
from sysvitals.history.writer import HistoryRules, JsonlSink
from sysvitals.pipeline.bus import Bus, first_seq
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.inbox import Inbox
from tests.history.writing import LOAD, OWNERS, RELOADED, URGENT, long_event
from tests.patience import PATIENCE

_PIECE = {"segments": 97, "stream": 7}


def main(folder: str, boot: str, rounds: int, compress: str, memory: str) -> None:
    logging.basicConfig(format="%(message)s")
    write, pieces = os.write, itertools.count()

    def write_a_piece(descriptor: int, data: memoryview) -> int:
        time.sleep(0.00001)
        if not next(pieces) % 7:
            write(1, b"\n")
        return write(descriptor, data[: _PIECE[compress]])

    os.write = write_a_piece  # type: ignore[assignment]
    clock = Clock()
    bus = Bus(clock=clock, host="pi4", boot=boot, next_seq=first_seq(clock.uptime()))
    inbox = Inbox("history", limit=100_000)
    bus.subscribe(inbox)
    rules = HistoryRules(flush_seconds=0.02, rotate_bytes=20_000, keep_seconds=0, keep_bytes=0, compress=compress)
    buffer = open_buffer(memory, folder) if memory else None
    if buffer is not None:
        rescue_buffer(buffer, folder, clock.wall())
    sink = JsonlSink(folder, inbox=inbox, rules=rules, clock=clock, publish=bus.publish, owners=OWNERS, buffer=buffer)
    bus.publish([URGENT])
    sink.start()
    while not sink.status().written:
        time.sleep(0.0005)
    for number in itertools.islice(itertools.count(), rounds or None):
        last = bus.publish([LOAD, LOAD, RELOADED, long_event(number % 300)])[-1]
        sink.settle(last.seq, PATIENCE)
        write(1, b"%d\n" % last.seq)
        bus.publish([long_event(number % 300)] * 20)  # so that a kill falls into the middle of writing
    sink.stop(20)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], sys.argv[5])
