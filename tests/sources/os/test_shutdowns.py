import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.model.collector import Unavailable
from sysvitals.sources.os.shutdowns import ShutdownRecord, parse_shutdown_record, read_shutdown_record

RECORD = ShutdownRecord(boot="b", unclean=4, last_seen=1_789_905_600.5)


def test_the_record_is_read_from_the_storage(tmp_path: Path) -> None:
    (tmp_path / "shutdowns.json").write_text('{"boot": "b", "unclean": 4, "last_seen": 1789905600.5}\n')
    assert read_shutdown_record(Host(storage=str(tmp_path))) == RECORD


def test_a_link_in_its_place_is_nothing_that_failed_and_is_named(tmp_path: Path) -> None:
    """The start has logged it as an error: the collector says where to look and is no second one."""
    (link := tmp_path / "shutdowns.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Unavailable, match=f"^{link}: this is a link, .*: remove it"):
        read_shutdown_record(Host(storage=str(tmp_path)))


def test_without_storage_or_before_the_first_start_there_is_none(tmp_path: Path) -> None:
    assert read_shutdown_record(Host()) is None
    assert read_shutdown_record(Host(storage=str(tmp_path))) is None
    assert read_shutdown_record(Host(storage=str(tmp_path / "not there"))) is None


@pytest.mark.parametrize("change", [{}, {"last_seen": None}, {"unclean": 0}])
def test_what_is_written_is_read_back(change: dict[str, object]) -> None:
    content = RECORD._asdict() | change
    assert parse_shutdown_record(json.dumps(content))._asdict() == content


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "4",
        "null",
        "{}",
        '{"boot": "b", "unclean": 4}',
        '{"boot": 1, "unclean": 4, "last_seen": null}',
        '{"boot": "b", "unclean": -1, "last_seen": null}',
        '{"boot": "b", "unclean": true, "last_seen": null}',
        '{"boot": "b", "unclean": "4", "last_seen": null}',
        '{"boot": "b", "unclean": 4, "last_seen": NaN}',
        '{"boot": "b", "unclean": 4, "last_seen": "now"}',
        "[" * 100_000,
    ],
)
def test_what_is_no_record_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no record of shutdowns"):
        parse_shutdown_record(text)


@settings(max_examples=60)
@given(st.text() | st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists).map(json.dumps))
def test_any_text_gives_a_record_or_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="no record of shutdowns"):
        parse_shutdown_record(text)
