"""The time line of thirty simulated days, against what is true of them."""

import errno
import gzip
import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sysvitals.history.asking import NOTHING, Source, ask_rebuild, ask_timeline, read_timeline
from sysvitals.history.past import View
from sysvitals.history.summaries import reading
from sysvitals.history.summaries.files import day_of, file_name, read_file
from sysvitals.history.timeline import MOST_CHANGES, build_timeline, choose_level, read_past
from sysvitals.host.side_process import SideProcess
from sysvitals.sources.os.zone import UTC, Zone
from tests.history.month import DAY, DIPS, HOUR, Month, write_month
from tests.history.stored import BEGAN, ENDED, line_of

END = 1_767_268_800.0
"""2026-01-01T12:00:00Z."""
DAMAGED = "Parts of the history are missing: 2025-12-20.hours.jsonl.gz (damaged)"
READ_SECONDS = 120.0
"""As often the month is read on ordinary days."""

Ask = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Month]:
    """A month, of which what was not summarised when the power was cut or the exporter killed is summarised since."""
    folder = tmp_path_factory.mktemp("month")
    month = write_month(str(folder), END)
    question = ask_rebuild(f"{folder}/history", f"{folder}/summaries", "sysvitals.collectors.catalog", [])
    assert int(SideProcess("sysvitals.history.child").ask(question)) > 0
    return folder, month


@pytest.fixture(scope="module")
def month(storage: tuple[Path, Month]) -> Month:
    return storage[1]


@pytest.fixture
def ask(storage: tuple[Path, Month]) -> Ask:
    """Asks for so many seconds up to a time."""

    def ask(seconds: float, end: float = END, *, points: int = 300, zone: Zone = UTC, **more: Any) -> dict[str, Any]:
        limits = {("cpu_thermal", "temp1"): 80.0}
        view = View(end - seconds, end, END, points, "boot-c", **{"limits": limits, **more})
        source = Source(str(storage[0] / "summaries"))
        answer: dict[str, Any] = json.loads(read_timeline(SideProcess("sysvitals.history.child"), source, view, zone))
        assert answer["partial"] == ""
        return answer

    return ask


def lane(answer: dict[str, Any], id_: str) -> dict[str, Any]:
    found: dict[str, Any] = {one["id"]: one for one in answer["lanes"]}[id_]
    return found


def near(value: float, seconds: float = READ_SECONDS) -> Any:
    return pytest.approx(value, abs=seconds)


@pytest.mark.parametrize("days", [1, 7, 30])
def test_each_dip_of_the_night_is_a_span_of_its_length_however_much_time_is_shown(
    ask: Ask, month: Month, days: int
) -> None:
    found = lane(ask(days * DAY), "undervoltage")
    assert found["spans"] == [[near(dip.begin, 0.002), near(dip.end, 0.002)] for dip in month.dips]
    assert (found["count"], found["seconds"]) == (DIPS, near(sum(dip.seconds for dip in month.dips), 0.01))


def test_the_night_is_one_line(ask: Ask, month: Month) -> None:
    lines = [line for line in ask(DAY)["happened"] if line["kind"] == "power"]
    assert [line["text"] for line in lines] == ["Undervoltage 12 times between 02:10 and 03:40, 41 s in all"]
    assert lines[0]["small"] == "Meanwhile throttling 12 times, 41 s in all"
    assert len(lines[0]["parts"]) == DIPS
    assert (lines[0]["from"], lines[0]["to"]) == (near(month.night.begin, 0.01), near(month.night.end, 0.01))


def test_times_in_lines_are_those_of_the_boards_zone(ask: Ask) -> None:
    zone = Zone("Somewhere", "SOME-3")
    answer = ask(DAY, zone=zone)
    assert answer["tz"] == "Somewhere"
    assert any("between 05:10 and 06:40" in line["text"] for line in answer["happened"])


def test_reboots_and_restarts_are_what_they_were(ask: Ask, month: Month) -> None:
    answer = ask(30 * DAY)
    starts = [run.span.begin for run in month.runs[1:]]
    found = [(line["to"], line["text"].partition(",")[0]) for line in reversed(answer["happened"])]
    assert [one for one in found if "estarted" in one[1] or "shutdown" in one[1]] == [
        (near(starts[0]), "sysvitals restarted"),
        (near(starts[1]), "Unclean shutdown"),
        (near(starts[2]), "Restarted cleanly"),
        (near(starts[3]), "sysvitals restarted without being stopped"),
    ]
    assert lane(answer, "reboots")["spans"] == [
        [near(starts[1]), near(starts[1]), "unclean"],
        [near(starts[2]), near(starts[2]), "clean"],
    ]


def test_what_was_recorded_by_a_wrong_clock_stands_where_it_belongs_and_is_marked(ask: Ask, month: Month) -> None:
    (line,) = [line for line in ask(30 * DAY)["happened"] if line["alert"] == "UncleanShutdown"]
    assert (line["from"], line["to"]) == (near(month.cut_at), near(month.runs[2].span.begin))
    assert line["placed"] is True


def test_a_clock_without_a_server_is_a_line_with_about_the_time_that_it_had_none(ask: Ask, month: Month) -> None:
    (line,) = [line for line in ask(30 * DAY)["happened"] if line["kind"] == "clock"]
    assert line["from"] == near(month.runs[2].span.begin)
    assert line["to"] - line["from"] == near(400, 2 * READ_SECONDS)


@pytest.mark.parametrize("days", [1, 7, 30])
def test_silence_is_when_nothing_was_recorded(ask: Ask, month: Month, days: int) -> None:
    answer = ask(days * DAY)
    gaps = [gap for gap in month.gaps if gap.end > END - days * DAY]
    assert answer["gaps"] == lane(answer, "silence")["spans"] == [[near(gap.begin), near(gap.end)] for gap in gaps]


def test_time_before_the_history_is_a_gap(ask: Ask, month: Month) -> None:
    answer = ask(40 * DAY)
    assert answer["earliest"] == near(month.begin)
    assert answer["gaps"][0] == [END - 40 * DAY, near(month.begin)]


@pytest.mark.parametrize(("days", "most"), [(1 / 24, 60), (1, 300), (7, 168), (30, 300)])
def test_curves_have_a_bucket_for_each_part_and_break_at_gaps_alone(ask: Ask, days: float, most: int) -> None:
    answer = ask(days * DAY)
    assert len(answer["at"]) == most
    width = days * DAY / most
    known = [value is not None for value in answer["curves"][0]["mean"]]
    for at, is_known in zip(answer["at"], known, strict=True):
        in_gap = any(begin <= at and at + width <= end for begin, end in answer["gaps"])
        near_gap = any(begin - 2 * HOUR <= at + width and at <= end + 2 * HOUR for begin, end in answer["gaps"])
        assert near_gap or is_known
        assert not (in_gap and is_known)


def test_the_hottest_minute_is_the_highest_of_the_curve(ask: Ask, month: Month) -> None:
    answer = ask(30 * DAY)
    at, celsius = month.hottest
    assert answer["curves"][0]["high"] == pytest.approx(celsius, abs=0.1)
    bucket = answer["curves"][0]["max"].index(answer["curves"][0]["high"])
    assert answer["at"][bucket] - HOUR <= at <= answer["at"][bucket] + 4 * HOUR


def test_heat_is_counted_by_the_minute_though_hours_are_drawn(ask: Ask, month: Month) -> None:
    found = lane(ask(30 * DAY, limits={("cpu_thermal", "temp1"): month.hottest[1]}), "heat")
    assert 0 < found["seconds"] < HOUR
    assert any(begin <= month.hottest[0] <= end for begin, end in found["spans"])


def test_what_is_not_in_a_file_yet_is_in_the_answer(ask: Ask) -> None:
    line = (
        '{"time":"2026-01-01T11:59:00.000Z","name":"system.throttling.started","host":"attic","boot":"boot-c",'
        '"seq":99999999999,"uptime":9999999.0,"synced":true,"data":{"cause":"undervoltage"}}'
    )
    head = (
        '{"version":1,"segments":[],"closed":[],"host":"attic","boot":"boot-c","synced":true,"from":1767268740.0,'
        '"to":1767268795.0,"uptime":9999999.0,"until":10000055.0,"origin":1767268800}'
    )
    view = View(END - HOUR, END, END, 60, "boot-c")
    source = Source("/nowhere", {"minutes": [head], "hours": [head, line]})
    answer = json.loads(SideProcess("sysvitals.history.child").ask(ask_timeline(source, view, UTC)))
    assert [line["text"] for line in answer["happened"]] == ["Undervoltage since 11:59"]


def damage(content: bytes, how: str) -> bytes:
    match how:
        case "cut":
            return content[: len(content) // 2]
        case "zeros":
            return bytes(len(content))
        case "noise":
            return bytes((byte * 7 + 13) % 256 for byte in content)
        case "empty":
            return b""
        case "other":
            return zlib.compress(b"[]\n" * 1000)
    raise AssertionError(how)


@pytest.mark.fault(
    "storage",
    "summaries of the history that are damaged, cut short or hold something else",
    seen="what is whole is on the time line, which names the file that is damaged; the rest is silence",
    heals="with the next rebuilding, from the history itself",
)
@pytest.mark.parametrize(
    ("how", "said"), [("cut", ""), ("zeros", DAMAGED), ("noise", DAMAGED), ("empty", ""), ("other", DAMAGED)]
)
def test_a_damaged_day_hides_no_other_and_is_named(
    storage: tuple[Path, Month], tmp_path: Path, how: str, said: str
) -> None:
    (tmp_path / "summaries").mkdir()
    for file in (storage[0] / "summaries").iterdir():
        content = file.read_bytes()
        is_hurt = file.name.startswith("2025-12-20") or file.name == "clocks.jsonl"
        (tmp_path / "summaries" / file.name).write_bytes(damage(content, how) if is_hurt else content)
    view = View(END - 30 * DAY, END, END, 300, "boot-c")
    source = Source(str(tmp_path / "summaries"), NOTHING)
    answer = json.loads(SideProcess("sysvitals.history.child").ask(ask_timeline(source, view, UTC)))
    assert lane(answer, "undervoltage")["count"] == DIPS
    assert answer["partial"] == said


def test_a_day_that_cannot_be_read_hides_no_other_and_is_named(
    storage: tuple[Path, Month], monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(folder: str, name: str) -> bytes:
        if name.startswith("2025-12-20"):
            raise PermissionError(errno.EACCES, "Permission denied", name)
        return read_file(folder, name)

    monkeypatch.setattr(reading, "read_file", read)
    view = View(END - 30 * DAY, END, END, 300, "boot-c")
    answer = build_timeline(read_past(str(storage[0] / "summaries"), view, NOTHING), view, "UTC")
    assert lane(answer, "undervoltage")["count"] == DIPS
    assert answer["partial"] == "Parts of the history are missing: 2025-12-20.hours.jsonl.gz (Permission denied)"


@pytest.mark.fault(
    "storage",
    "more changes in the time shown than there is memory for, from a board that browns out all the time",
    seen="the newest 10,000 of each kind are on the time line, which says how many are left out",
    heals="shorter times are whole",
)
def test_of_too_many_changes_the_newest_are_shown(tmp_path: Path) -> None:
    for hour in range(14 * 24):
        write_dips(tmp_path, END - HOUR * (hour + 1), 200)
    view = View(END - 14 * DAY, END, END, 144, "boot")
    process = SideProcess("sysvitals.history.child")
    answer = json.loads(read_timeline(process, Source(str(tmp_path)), view, UTC))
    assert lane(answer, "undervoltage")["count"] == MOST_CHANGES
    assert lane(answer, "undervoltage")["spans"][-1][1] > END - 60
    left_out = 2 * (14 * 24 * 200 - MOST_CHANGES)
    assert answer["partial"] == f"Parts of the history are missing: older changes ({left_out:,} are too many to show)"


def write_dips(folder: Path, begin: float, count: int) -> None:
    """An hour in which the supply voltage was too low that often."""
    up = begin - END + 1e7
    head = {"version": 1, "host": "attic", "boot": "boot", "synced": True, "from": begin, "to": begin + 3599.0,
            "uptime": up, "until": up + 3599.0, "origin": begin // HOUR * HOUR}  # fmt: skip
    lines = [json.dumps(head, separators=(",", ":"))]
    for number in range(2 * count):
        at = begin + number * HOUR / (2 * count)
        name = BEGAN if number % 2 == 0 else ENDED
        lines.append(line_of(name, at=at, boot="boot", seq=int(at * 10), up=at - END + 1e7, cause="undervoltage"))
    with open(folder / file_name(day_of(begin), "hours"), "ab") as file:
        file.write(gzip.compress("".join(f"{line}\n" for line in lines).encode()))


def test_a_moment_is_made_of_minutes_and_a_month_of_hours() -> None:
    assert choose_level(View(0, DAY, DAY, 300))[0] == "minutes"
    assert choose_level(View(0, 7 * DAY, 7 * DAY, 300))[0] == "hours"
