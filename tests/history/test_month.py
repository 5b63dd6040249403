"""A month of a board: what its summaries say is what was true."""

from pathlib import Path

import pytest

from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.history.summaries.reading import read_changes, read_coverage, read_stretches
from sysvitals.history.summaries.rebuilding import rebuild
from sysvitals.model.summary import Series, Stretch
from tests.history.month import CALM_SECONDS, DAY, DAYS, DIPPED_SECONDS, HOUR, Month, write_month
from tests.history.writing import NOON


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Month]:
    folder = tmp_path_factory.mktemp("month")
    month = write_month(str(folder), NOON)
    # of a run that was killed nothing has a summary until it is made
    rebuild(f"{folder}/history", f"{folder}/summaries", build_full_catalog().bodies)
    return f"{folder}/summaries", month


def hours(storage: tuple[str, Month], event: str, name: str) -> dict[Series, list[Stretch]]:
    folder, month = storage
    return read_stretches(folder, month.begin, month.end, "hours", {(event, name)})


def one(storage: tuple[str, Month], event: str, name: str) -> list[Stretch]:
    [found] = hours(storage, event, name).values()
    return found


def test_every_reading_is_in_it(storage: tuple[str, Month]) -> None:
    assert sum(hour.readings for hour in one(storage, "system.load.updated", "load1")) == storage[1].readings


def test_the_hottest_hour_is_known(storage: tuple[str, Month]) -> None:
    when, celsius = storage[1].hottest
    found = max(one(storage, "system.temperature.updated", "celsius"), key=lambda hour: hour.most)
    assert (found.begin, found.most) == (when // HOUR * HOUR, celsius)


def test_the_night_of_dips_is_known_by_number_and_seconds(storage: tuple[str, Month]) -> None:
    folder, month = storage
    counted = hours(storage, "system.throttling.updated", "seconds")
    by_cause = {series.labels[0]: sum(hour.growth or 0 for hour in found) for series, found in counted.items()}
    assert by_cause["undervoltage"] == pytest.approx(DIPPED_SECONDS)
    changes = [
        change
        for change in read_changes(folder, month.begin, month.end)
        if change["name"] == "system.throttling.cleared" and change["data"]["cause"] == "undervoltage"
    ]
    assert [change["at"] for change in changes] == pytest.approx([dip.end for dip in month.dips], abs=0.01)
    assert sum(change["data"]["seconds"] for change in changes) == pytest.approx(DIPPED_SECONDS)


def test_how_long_the_supply_was_too_weak_is_known_by_the_minute(storage: tuple[str, Month]) -> None:
    folder, month = storage
    wanted = {("system.throttling.updated", "active")}
    found = read_stretches(folder, month.end - DAY, month.end, "minutes", wanted)
    seconds = {
        series.labels[0]: sum(one.mean * one.seconds for one in stretches) for series, stretches in found.items()
    }
    # a minute in which a segment ends is known up to its last reading, and its mean is of that time: at most a round
    # of 15 s is missing of 60, so that a dip of 3 s in it may seem a second longer. The counter is exact, see above
    assert seconds["undervoltage"] == pytest.approx(DIPPED_SECONDS, abs=1.0)


def test_what_is_not_covered_is_when_nothing_was_recorded(storage: tuple[str, Month]) -> None:
    folder, month = storage
    covered = read_coverage(folder, month.begin, month.end)
    assert [one.boot for one in covered] == [run.boot for run in month.runs]
    for found, run in zip(covered, month.runs, strict=True):
        assert found.begin == pytest.approx(run.span.begin, abs=1)
        assert run.span.end - CALM_SECONDS - 1 <= found.end <= run.span.end + 1


def test_the_boot_that_did_not_know_the_time_stands_in_its_place(storage: tuple[str, Month]) -> None:
    folder, month = storage
    run = next(run for run in month.runs if not run.knows_time)
    [started, told] = [
        change
        for change in read_changes(folder, run.span.begin - 60, run.span.begin + 60)
        if change["name"] in ("sysvitals.started", "system.shutdown.unclean")
    ]
    assert (started["name"], told["name"]) == ("sysvitals.started", "system.shutdown.unclean")
    assert started["placed"]
    assert started["at"] == pytest.approx(run.span.begin, abs=0.01)


def test_what_was_written_to_the_card_is_known(storage: tuple[str, Month]) -> None:
    _, month = storage
    found = sum(hour.growth or 0 for hour in one(storage, "system.disk.io.updated", "written_bytes"))
    # after a reboot the counter holds what was written before the exporter looked
    assert found == pytest.approx(month.written_bytes, abs=2 * 250_000_000)


def test_the_trend_of_the_space_is_known(storage: tuple[str, Month]) -> None:
    _, month = storage
    found = one(storage, "system.disk.usage.updated", "available")
    assert found[0].most == pytest.approx(month.available[0], rel=1e-3)
    assert found[-1].last == pytest.approx(month.available[1], rel=1e-3)


def test_thirty_days_take_two_files_a_day_and_few_bytes(storage: tuple[str, Month]) -> None:
    files = [*Path(storage[0]).glob("*.gz")]
    assert len(files) <= 2 * (DAYS + 2)
    assert sum(file.stat().st_size for file in files if ".hours." in file.name) < 30 * 64 * 1024
