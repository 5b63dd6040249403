"""The record of what stands, between one exporter and the next."""

from pathlib import Path

import pytest

from sysvitals.history.standing import LEAST_SECONDS, RECORD, Record
from sysvitals.judgement.kept import Kept, KeptFinding

FULL = KeptFinding("FilesystemFull", "warning", ("/",), "/ is full", "space", 10.0, 10.0, 100.0, is_assumed=False)


def stands(at: float, *, seen: float | None = None) -> Kept:
    return Kept("now", at, (FULL._replace(seen=at if seen is None else seen),))


def test_what_was_written_is_read_in_the_same_boot_alone(tmp_path: Path) -> None:
    Record(str(tmp_path)).write(stands(100))
    assert Record(str(tmp_path)).read("now") == stands(100)
    assert Record(str(tmp_path)).read("next") is None
    assert Record(str(tmp_path / "none")).read("now") is None


def test_a_host_on_which_nothing_stands_gets_no_record(tmp_path: Path) -> None:
    Record(str(tmp_path)).write(Kept("now", 100, ()), is_last=True)
    assert [*tmp_path.iterdir()] == []


def test_it_is_written_when_something_begins_or_ends_and_at_most_once_a_minute(tmp_path: Path) -> None:
    record, file = Record(str(tmp_path)), tmp_path / RECORD
    record.write(stands(100))
    file.unlink()
    record.write(stands(1000))
    assert not file.exists(), "it says the same"
    record.write(stands(1000, seen=900))
    assert file.exists()
    file.unlink()
    record.write(Kept("now", 1000 + LEAST_SECONDS - 1, ()))
    assert not file.exists(), "it was written just now"
    record.write(Kept("now", 1000 + LEAST_SECONDS - 1, ()), is_last=True)
    assert file.exists()


@pytest.mark.fault(
    "storage",
    "a damaged `verdict.json`",
    seen="one line in the log; what must last for a while is said so much later",
    heals="by itself: it is replaced",
)
def test_a_damaged_record_is_said_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / RECORD).write_text("{")
    record = Record(str(tmp_path))
    assert record.read("now") is None
    assert "what lasts begins again" in caplog.text
    record.write(Kept("now", 100, ()))
    assert record.read("now") == Kept("now", 100, ())


def test_what_cannot_be_written_is_written_later(tmp_path: Path) -> None:
    (tmp_path / RECORD).mkdir()
    record = Record(str(tmp_path))
    record.write(stands(100))
    (tmp_path / RECORD).rmdir()
    record.write(stands(200))
    assert record.read("now") == stands(200)
