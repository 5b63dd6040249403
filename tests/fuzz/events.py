"""What arrives in pieces: a stream of events from another exporter, and the kernel's notices."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest.mock import patch

from sysvitals.client.stream import parse_stream, split_lines
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.pipeline.kernel_notices import parse_link_messages, parse_uevent
from sysvitals.watch.command import build_describer


@contextmanager
def open_stream() -> Iterator[Callable[[bytes], None]]:
    """Server-Sent Events as `watch` shows them: in whatever pieces they come, a line each, in which nothing acts."""
    describe = build_describer(build_full_catalog().bodies)

    def check(case: bytes) -> None:
        messages = list(parse_stream(split_lines([case])))
        length = len(case) // 50 + 1
        assert messages == list(parse_stream(split_lines(case[at : at + length] for at in range(0, len(case), length))))
        assert [line for line in map(describe, messages) if not line.isprintable()] == []

    with patch.dict(os.environ, TZ="UTC-14"):  # where the year 9999 ends first
        time.tzset()
        yield check
    time.tzset()


@contextmanager
def open_netlink() -> Iterator[Callable[[bytes], None]]:
    """A datagram of rtnetlink or a uevent: names that other parts can work with."""

    def check(case: bytes) -> None:
        for notice in (*parse_link_messages(case), *parse_uevent(case)):
            assert notice.name
            assert "\0" not in notice.name

    yield check
