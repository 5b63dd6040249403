"""Writes a history as fast as it can until it is killed, or stops by itself: python busy_writer.py FOLDER BOOT ROUNDS.

Prints a line for each round published, once what the last run left is mended. Writes go to the disk in small pieces
and slowly, so that a kill tears lines.
"""

import itertools
import logging
import os
import sys
import time

from sysvitals.history.reading import read_last_mark
from sysvitals.history.writer import HistoryRules, JsonlSink
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.clock import Clock
from sysvitals.pipeline.inbox import Inbox
from tests.history.writing import LOAD, RELOADED, URGENT, long_event

_PIECE = 97


def main(folder: str, boot: str, rounds: int) -> None:
    logging.basicConfig(format="%(message)s")
    write = os.write

    def write_a_piece(descriptor: int, data: memoryview) -> int:
        time.sleep(0.00001)
        return write(descriptor, data[:_PIECE])

    os.write = write_a_piece  # type: ignore[assignment]
    clock = Clock()
    mark = read_last_mark(folder, boot)
    bus = Bus(clock=clock, host="pi4", boot=boot, next_seq=mark.seq + 1 if mark else 0)
    inbox = Inbox("history", limit=100_000, eager=False)
    bus.subscribe(inbox)
    rules = HistoryRules(flush_seconds=0.002, rotate_bytes=20_000, keep_seconds=0, keep_bytes=0)
    sink = JsonlSink(folder, inbox=inbox, rules=rules, clock=clock, publish=bus.publish)
    sink.start()
    bus.publish([URGENT])
    while not sink.status().written:
        time.sleep(0.0005)
    for number in itertools.islice(itertools.count(), rounds or None):
        bus.publish([LOAD, LOAD, RELOADED, long_event(number % 300)])
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        time.sleep(0.0005)  # so that rounds fall into the middle of writing, not all before it
        while inbox.waiting > 200:
            time.sleep(0.0005)
    sink.stop(20)


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
