"""Server-Sent Events, as they come over the network."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.client.stream import Message, parse_stream, split_lines
from sysvitals.model.changes import Reloaded
from sysvitals.model.event import Event, Stamp
from sysvitals.outputs.live import Line
from sysvitals.web.live import format_line


def parse(text: str) -> list[Message]:
    return list(parse_stream(split_lines([text.encode()])))


def test_a_message_ends_with_an_empty_line() -> None:
    assert parse("id: b/1\nevent: x.y\ndata: {}\n\n") == [Message("b/1", "x.y", "{}")]


def test_a_message_that_was_cut_off_is_none() -> None:
    assert parse("id: b/1\nevent: x.y\ndata: {}\n") == []
    assert parse("id: b/1\nevent: x.y\ndata: {}") == []


def test_comments_are_no_messages() -> None:
    assert parse(": alive\n\n: alive\n\n") == []


def test_a_message_without_id_keeps_the_last_one() -> None:
    assert parse("id: b/1\ndata: 1\n\nevent: sink.dropped\ndata: 2\n\n") == [
        Message("b/1", "message", "1"),
        Message("b/1", "sink.dropped", "2"),
    ]


@pytest.mark.parametrize("text", ["data:{}\n\n", "data: {}\n\n"])
def test_one_space_behind_the_colon_is_not_part_of_the_value(text: str) -> None:
    assert parse(text) == [Message("", "message", "{}")]


@settings(deadline=None)  # a busy machine is no failure
@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r"), max_size=40), max_size=5),
    st.integers(1, 7),
)
def test_what_we_send_is_what_is_read_in_whatever_pieces_it_comes(texts: list[str], size: int) -> None:
    stamp = Stamp(1_800_000_000.0, "pi4", "boot", 1.0, synced=True)
    lines = [Line(Event(stamp, seq, Reloaded(changed=text))) for seq, text in enumerate(texts)]
    sent = "".join(map(format_line, lines)).encode()
    chunks = [sent[at : at + size] for at in range(0, len(sent), size)]
    found = list(parse_stream(split_lines(chunks)))
    assert found == [Message(f"boot/{line.seq}", "sysvitals.reloaded", line.text) for line in lines]
    assert [json.loads(message.data)["data"].get("changed", "") for message in found] == texts
