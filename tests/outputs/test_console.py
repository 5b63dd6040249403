import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, TextIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.changes import CollectorRecovered
from sysvitals.model.event import Event, Stamp, decode_event, parse_time
from sysvitals.model.metric import Gauge, Label
from sysvitals.model.reading import Body, Reading
from sysvitals.outputs.console import ConsoleSink, describe_event
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.inbox import Inbox
from tests.history.writing import LOAD, NOON, RELOADED, Hands, wait_until

BODIES = build_full_catalog().bodies


class Door(Reading, event="system.door.updated"):
    """A door."""

    name: Annotated[str, Label("Which.")]
    open: Annotated[bool, Gauge("door_open", help="Whether it is open.")]
    locked: Annotated[bool, Gauge("door_locked", help="Whether it is locked.")]


@contextmanager
def console(stream: TextIO, *, readable: bool = False, limit: int = 1000) -> Iterator[tuple[Bus, Inbox, ConsoleSink]]:
    inbox = Inbox("console", limit=limit)
    bus = Bus(clock=Hands().clock(), host="pi4", boot="boot-1")
    bus.subscribe(inbox)
    sink = ConsoleSink(stream, inbox=inbox, readable=readable)
    sink.start()
    try:
        yield bus, inbox, sink
    finally:
        sink.stop(10)
        assert not sink._thread.is_alive()


def printed(*bodies: Body, readable: bool = False, encoding: str = "utf-8") -> str:
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding=encoding, newline="\n", write_through=True) as stream:
        with console(stream, readable=readable) as (bus, _, _):
            bus.publish(bodies)
        stream.flush()
        return raw.getvalue().decode(encoding)


def described(body: Body) -> str:
    return describe_event(Event(Stamp(NOON, "pi4", "boot-1", 1.0, True), 0, body))


def changed(text: str) -> Body:
    return type(RELOADED)(changed=text)


# ---- what is printed


def test_as_json_each_event_is_one_line_that_reads_back() -> None:
    bodies = [LOAD, changed("one\ntwo"), changed("żółw 🐢"), CollectorRecovered(collector="load", seconds=2.0)]
    events = [decode_event(line, BODIES) for line in printed(*bodies).splitlines()]
    assert [event and event.body for event in events] == bodies


def test_for_people_each_event_is_one_line_in_words() -> None:
    line = described(CollectorRecovered(collector="load", seconds=2.0))
    assert line.split(maxsplit=1)[1].split() == ["collector.recovered", "collector=load", "seconds=2", "failures=1"]
    assert printed(LOAD, LOAD, readable=True).count("\n") == 2


def test_for_people_numbers_are_short_and_states_are_yes_or_no() -> None:
    assert described(Door(name="front", open=True, locked=False)).endswith("name=front  open=yes  locked=no")
    assert "load1=0.333333 " in described(type(LOAD)(load1=1 / 3, load5=1.0, load15=1e9, running=1, tasks=1))


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[31mred\x1b[0m",
        "\x1b]0;title\x07",
        "\x9b31m",
        "two\nlines",
        "over\rwritten",
        "back\b\b",
        "\x7f\x00",
        "\u202eturned round",
        "\u2028\u2029\x85\u200b\ufeff",
        "\udc9b",
        "a  name=with spaces",
    ],
)
def test_for_people_a_name_from_the_host_can_neither_move_the_cursor_nor_pass_for_another_value(text: str) -> None:
    line = described(changed(text))
    assert line.isprintable()
    assert line.endswith(f"changed={text!r}")


@given(st.text(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp", "L"])))
def test_for_people_no_line_carries_a_control_character(text: str) -> None:
    line = described(changed(text))
    assert not [char for char in line if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}]


@pytest.mark.parametrize("text", ["\x1b[31m", "\x9b31m", "\x7f", "\u202eevil", "\u2028"])
def test_as_json_a_line_carries_no_escape_sequence_either(text: str) -> None:
    line = printed(changed(text)).removesuffix("\n")
    assert line.isprintable()
    assert json.loads(line)["data"] == {"changed": text}


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_terminal_that_has_not_all_letters_gets_them_as_json_does_and_the_console_goes_on(encoding: str) -> None:
    lines = printed(changed("żółw 🐢"), changed("é"), LOAD, encoding=encoding).splitlines()
    assert [json.loads(line)["data"] for line in lines[:2]] == [{"changed": "żółw 🐢"}, {"changed": "é"}]
    assert len(lines) == 3
    text = printed(changed("żółw"), LOAD, readable=True, encoding="ascii")
    assert r"changed=\u017c\u00f3\u0142w" in text
    assert text.count("\n") == 2


def test_stopping_prints_what_waits() -> None:
    stream = io.StringIO()
    with console(stream) as (bus, _, sink):
        for _ in range(200):
            bus.publish([LOAD])
        sink.stop(10)
    assert [json.loads(line)["seq"] for line in stream.getvalue().splitlines()] == list(range(200))


# ---- a terminal that is slow or gone


class Stuck(io.StringIO):
    """A terminal that holds up whoever prints, until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.let_go = threading.Event()

    def write(self, text: str) -> int:
        self.reached.set()
        assert self.let_go.wait(30)
        return super().write(text)


def test_a_terminal_that_hangs_holds_up_neither_publishers_nor_the_stop_and_costs_the_oldest_events() -> None:
    stream = Stuck()
    with console(stream, limit=10) as (bus, inbox, sink):
        bus.publish([LOAD])
        assert stream.reached.wait(10)
        for _ in range(50):
            bus.publish([LOAD])
        assert (inbox.waiting, inbox.dropped) == (10, 40)
        sink.stop(0.05)
        assert sink._thread.is_alive()
        stream.let_go.set()
    assert [json.loads(line)["seq"] for line in stream.getvalue().splitlines()] == [0, *range(41, 51)]


class Gone(Stuck):
    """A pipe whose reader goes away while it is printed to."""

    def write(self, text: str) -> int:
        super().write(text)
        raise BrokenPipeError


def test_what_was_waiting_when_the_reader_went_away_is_not_kept() -> None:
    stream = Gone()
    with console(stream) as (bus, inbox, sink):
        bus.publish([LOAD])
        assert stream.reached.wait(10)
        bus.publish([LOAD] * 20)
        stream.let_go.set()
        sink.stop(10)
        assert inbox.waiting == 0
    assert stream.getvalue().count("\n") == 1


def test_a_closed_pipe_ends_the_console_quietly(caplog: pytest.LogCaptureFixture) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    stream = open(writing, "w", encoding="utf-8", buffering=1 << 16)  # noqa: SIM115  # its close fails, see below
    try:
        with console(stream) as (bus, inbox, _):
            bus.publish([LOAD])
            wait_until(lambda: inbox.closed)
            bus.publish([LOAD])
            wait_until(lambda: inbox.waiting == 0)
    finally:
        with pytest.raises(BrokenPipeError):
            stream.close()
    assert [record.levelname for record in caplog.records if record.levelname != "INFO"] == []


def test_a_stream_that_is_closed_ends_the_console_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    stream = io.StringIO()
    stream.close()
    with console(stream) as (bus, inbox, _):
        bus.publish([LOAD])
        wait_until(lambda: inbox.closed)
        bus.publish([LOAD])
    assert [record.levelname for record in caplog.records] == ["ERROR"]


PROGRAM = """
import sys
from tests.outputs.test_console import console
from tests.history.writing import long_event, wait_until
with console(sys.stdout) as (bus, inbox, sink):
    while not inbox.closed:
        wait_until(lambda: inbox.closed or inbox.waiting < 100)
        bus.publish([long_event(500)] * 10)
sys.stderr.write("ended")
"""


def test_a_program_whose_reader_goes_away_ends_well_and_without_a_traceback() -> None:
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        try:
            assert json.loads(process.stdout.readline())["seq"] == 0
            process.stdout.close()
            said = process.stderr.read()
            assert process.wait(10) == 0
            assert said == b"ended"
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGKILL)


@pytest.mark.parametrize("zone", ["UTC-14", "UTC+12"])
@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z"])
def test_an_event_of_any_year_is_shown_in_any_zone(monkeypatch: pytest.MonkeyPatch, zone: str, moment: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        line = describe_event(Event(Stamp(parse_time(moment), "h", "b", 1.0, synced=True), 1, RELOADED))
    finally:
        monkeypatch.undo()
        time.tzset()
    assert "sysvitals.reloaded" in line
