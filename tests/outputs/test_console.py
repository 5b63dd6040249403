import errno
import io
import json
import logging
import os
import time
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.filesystem import Remounted
from sysvitals.collectors.throttling import ThrottlingCleared, ThrottlingStarted
from sysvitals.model.changes import CollectorRecovered
from sysvitals.model.choice import choose_changes, choose_names
from sysvitals.model.event import Event, Stamp, decode_event, parse_time
from sysvitals.model.metric import Gauge, Label
from sysvitals.model.reading import Body, Reading
from sysvitals.model.visible import visible
from sysvitals.outputs.console import ConsoleSink, encode_visibly
from sysvitals.outputs.event_lines import build_lines, describe_event
from sysvitals.outputs.terminal import has_colours
from sysvitals.pipeline.bus import Bus
from sysvitals.pipeline.inbox import Inbox
from tests.history.writing import LOAD, NOON, RELOADED, Hands, wait_until
from tests.patience import PATIENCE
from tests.stuck import full_pipe

BODIES = build_full_catalog().bodies


class Door(Reading, event="system.door.updated"):
    """A door."""

    name: Annotated[str, Label("Which.")]
    open: Annotated[bool, Gauge("door_open", help="Whether it is open.")]
    locked: Annotated[bool, Gauge("door_locked", help="Whether it is locked.")]


@contextmanager
def console(
    descriptor: int, *, readable: bool = False, limit: int = 1000, encoding: str = "utf-8"
) -> Iterator[tuple[Bus, Inbox, ConsoleSink]]:
    inbox = Inbox("console", limit=limit)
    bus = Bus(clock=Hands().clock(), host="pi4", boot="boot-1")
    bus.subscribe(inbox)
    describe = build_lines(choose_names(()), colours=False) if readable else encode_visibly
    sink = ConsoleSink(descriptor, inbox=inbox, describe=describe, encoding=encoding)
    sink.start()
    try:
        yield bus, inbox, sink
    finally:
        sink.stop(PATIENCE)
        assert not sink.thread.is_alive()


@pytest.fixture
def paper(tmp_path: Path) -> Iterator["Paper"]:
    with (tmp_path / "paper").open("w+b", buffering=0) as file:
        yield Paper(file)


class Paper:
    """A file to print on, on which there may be no room."""

    def __init__(self, file: FileIO) -> None:
        self.file = file
        self.descriptor = file.fileno()

    def lines(self) -> list[str]:
        return Path(str(self.file.name)).read_text().splitlines()

    def seqs(self) -> list[int]:
        return [json.loads(line)["seq"] for line in self.lines()]


def printed(*bodies: Body, readable: bool = False, encoding: str = "utf-8") -> str:
    with TemporaryFile(buffering=0) as file:
        with console(file.fileno(), readable=readable, encoding=encoding) as (bus, _, _):
            bus.publish(bodies)
        file.seek(0)
        return file.read().decode(encoding)


def described(body: Body) -> str:
    return describe_event(Event(Stamp(NOON, "pi4", "boot-1", 1.0, True), 0, body))


def changed(text: str) -> Body:
    return type(RELOADED)(changed=text)


# ---- what is printed


def test_as_json_each_event_is_one_line_that_reads_back() -> None:
    bodies = [LOAD, changed("one\ntwo"), changed("żółw 🐢"), CollectorRecovered(collector="load", seconds=2.0)]
    events = [decode_event(line, BODIES) for line in printed(*bodies).splitlines()]
    assert [event and event.body for event in events] == bodies


def test_for_people_what_happened_is_one_sentence() -> None:
    line = described(CollectorRecovered(collector="load", seconds=2.0))
    assert line.split(maxsplit=1)[1] == "Reading load data works again after 2 s"
    assert printed(LOAD, LOAD, readable=True).count("\n") == 2


def test_for_people_values_have_their_units_and_states_are_yes_or_no() -> None:
    assert described(Door(name="front", open=True, locked=False)).endswith("name=front  open=yes  locked=no")
    assert "load1=0.33  " in described(type(LOAD)(load1=1 / 3, load5=1.0, load15=1e9, running=1, tasks=1))


def test_for_people_only_what_happened_is_printed_unless_readings_are_asked_for() -> None:
    events = tuple(Event(Stamp(NOON, "pi4", "boot-1", 1.0, True), 0, body) for body in (LOAD, RELOADED, LOAD))
    assert len(build_lines(choose_changes(()), colours=False)(events)) == 1
    assert len(build_lines(choose_names(()), colours=False)(events)) == 3


def test_a_console_that_has_nothing_to_print_writes_nothing(paper: Paper) -> None:
    inbox = Inbox("console", limit=10)
    bus = Bus(clock=Hands().clock(), host="pi4", boot="boot-1")
    bus.subscribe(inbox)
    settled: list[int] = []
    sink = ConsoleSink(paper.descriptor, inbox=inbox, describe=lambda _: [], settle=settled.append)
    sink.start()
    bus.publish([LOAD])
    sink.stop(PATIENCE)
    assert (paper.lines(), settled, inbox.waiting) == ([], [], 0)


@pytest.mark.parametrize(
    ("body", "colour"),
    [
        (ThrottlingStarted(cause="undervoltage"), "\x1b[31m"),
        (ThrottlingStarted(cause="throttled"), "\x1b[33m"),
        (ThrottlingCleared(cause="throttled", seconds=5.1), "\x1b[32m"),
        (RELOADED, ""),
    ],
)
def test_colours_say_how_bad_it_is_and_stand_around_the_text_alone(body: Body, colour: str) -> None:
    event = Event(Stamp(NOON, "pi4", "boot-1", 1.0, True), 0, body)
    plain = describe_event(event)
    moment, text = plain.split("  ", 1)
    end = "\x1b[0m" if colour else ""
    assert describe_event(event, colours=True) == f"{moment}  {colour}{text}{end}"
    assert "\x1b" not in plain


def test_a_name_from_the_host_brings_no_colour_of_its_own() -> None:
    event = Event(Stamp(NOON, "pi4", "b", 1.0, True), 0, Remounted(device="x", mountpoint="/\x1b[32m", read_only=True))
    assert describe_event(event, colours=True).count("\x1b") == 2


@pytest.mark.parametrize(
    ("is_terminal", "environment", "colours"),
    [
        (True, {"TERM": "xterm"}, True),
        (True, {}, True),
        (True, {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (True, {"TERM": "xterm", "NO_COLOR": ""}, True),
        (True, {"TERM": "dumb"}, False),
        (False, {"TERM": "xterm"}, False),
    ],
)
def test_colours_are_for_a_terminal_that_has_them_and_a_person_who_did_not_forbid_them(
    is_terminal: bool, environment: dict[str, str], colours: bool
) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return is_terminal

    assert has_colours(Screen(), environment) == colours


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
    ],
)
def test_for_people_a_name_from_the_host_cannot_move_the_cursor(text: str) -> None:
    line = described(changed(text))
    assert line.isprintable()
    assert line.endswith(f"Configuration reloaded: changed {visible(text)}")


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
    assert r"changed \u017c\u00f3\u0142w" in text
    assert text.count("\n") == 2


def test_stopping_prints_what_waits(paper: Paper) -> None:
    with console(paper.descriptor) as (bus, _, sink):
        for _ in range(200):
            bus.publish([LOAD])
        sink.stop(PATIENCE)
    assert paper.seqs() == list(range(200))


# ---- a terminal that is slow or gone, and a disk that is full


def test_a_terminal_that_hangs_holds_up_neither_publishers_nor_the_stop_and_costs_the_oldest_events() -> None:
    with full_pipe() as (reading, writing), console(writing, limit=10) as (bus, inbox, sink):
        bus.publish([LOAD])
        wait_until(lambda: inbox.waiting == 0)
        for _ in range(50):
            bus.publish([LOAD])
        assert (inbox.waiting, inbox.dropped) == (10, 40)
        sink.stop(0.05)
        assert sink.thread.is_alive()
        text = ""
        while not text.endswith("}\n") or '"seq":50,' not in text:
            text += os.read(reading, 1 << 16).decode()
    assert [json.loads(line)["seq"] for line in text.lstrip(".").splitlines()] == [0, *range(41, 51)]


@pytest.fixture
def room(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes the disk still takes, if any number stands there."""
    left: list[int] = []
    real = os.write

    def write(descriptor: int, data: bytes) -> int:
        if descriptor != paper.descriptor or not left:
            return real(descriptor, data)
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        count = real(descriptor, data[: left[0]])
        left[0] -= count
        return count

    monkeypatch.setattr(os, "write", write)
    return left


def test_the_console_goes_on_when_there_is_room_again(
    paper: Paper, room: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with console(paper.descriptor) as (bus, inbox, _):
        bus.publish([LOAD])
        wait_until(lambda: len(paper.lines()) == 1)
        room.append(len(paper.lines()[0]) * 3 // 2)
        bus.publish([LOAD] * 3)
        wait_until(lambda: inbox.dropped == 2)
        bus.publish([LOAD] * 4)
        wait_until(lambda: inbox.dropped == 6)
        room.clear()
        bus.publish([LOAD])
    first, second, torn, last = paper.lines()
    assert [json.loads(line)["seq"] for line in (first, second, last)] == [0, 1, 8]
    assert second.startswith(torn[:10])
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        (
            "ERROR",
            "console: cannot print: No space left on device. It goes on when standard output can be written to",
        ),
        ("INFO", "console: prints again"),
    ]
    assert inbox.reason == "standard output cannot be written to: No space left on device"


@pytest.mark.fault(
    "resources",
    "a console whose reader goes away",
    seen="one error in the log; the events that are lost are counted in `sysvitals_events_dropped_total`",
    heals="by itself where another reader comes, as of a FIFO",
)
def test_the_console_goes_on_for_the_next_reader(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "fifo")
    reading = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    writing = os.open(tmp_path / "fifo", os.O_WRONLY)
    with console(writing) as (bus, inbox, _):
        os.close(reading)
        for number in range(3):
            bus.publish([LOAD])
            wait_until(lambda: inbox.dropped == number + 1)  # noqa: B023  # called here alone
        reading = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
        bus.publish([LOAD])
    assert json.loads(os.read(reading, 1 << 16))["seq"] == 3
    os.close(writing)
    os.close(reading)
    assert [record.levelname for record in caplog.records] == ["ERROR"]


def test_a_thread_that_died_is_replaced_by_one_that_goes_on(paper: Paper, monkeypatch: pytest.MonkeyPatch) -> None:
    with console(paper.descriptor) as (bus, _, sink):
        with monkeypatch.context() as patch:
            patch.setattr("threading.excepthook", lambda _failure: None)
            patch.setattr(sink._lines, "write", lambda _data: 1 // 0)
            bus.publish([LOAD])
            sink.thread.join(PATIENCE)
        assert not sink.thread.is_alive()
        sink.start()
        bus.publish([LOAD])
    assert paper.seqs() == [1]


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
    assert "Configuration reloaded" in line
