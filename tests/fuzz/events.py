"""What arrives in pieces: a stream of events from another exporter, and the kernel's notices."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.event import decode_event
from sysvitals.outputs.console import describe_event
from sysvitals.pipeline.kernel_notices import parse_link_messages, parse_uevent
from sysvitals.watch.stream import parse_stream, split_lines


@contextmanager
def open_stream() -> Iterator[Callable[[bytes], None]]:
    """Server-Sent Events as `watch` reads them: the same messages in whatever pieces they come."""
    bodies = build_full_catalog().bodies

    def check(case: bytes) -> None:
        messages = list(parse_stream(split_lines([case])))
        length = len(case) // 50 + 1
        assert messages == list(parse_stream(split_lines(case[at : at + length] for at in range(0, len(case), length))))
        for message in messages:
            try:
                event = decode_event(message.data, bodies)
            except ValueError:
                continue
            if event is not None:
                describe_event(event)

    yield check


@contextmanager
def open_netlink() -> Iterator[Callable[[bytes], None]]:
    """A datagram of rtnetlink or a uevent: names that other parts can work with."""

    def check(case: bytes) -> None:
        for notice in (*parse_link_messages(case), *parse_uevent(case)):
            assert notice.name
            assert "\0" not in notice.name

    yield check
