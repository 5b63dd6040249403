"""The page at `/`, as it is before any script has run."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.collectors.boot import Boot
from sysvitals.collectors.clock import Clock
from sysvitals.collectors.cpu import CpuUsage
from sysvitals.collectors.filesystem import Filesystem
from sysvitals.collectors.load import Load
from sysvitals.collectors.memory import MemoryUsage
from sysvitals.collectors.network import Link, Network
from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.throttling import Throttling, ThrottlingSource
from sysvitals.judgement.verdict import Level, Reason, Verdict
from sysvitals.model.reading import Body
from sysvitals.web.page.glance import Glance
from sysvitals.web.page.names import show
from sysvitals.web.page.render import render_page
from sysvitals.web.page.time_line import Asked
from sysvitals.web.routes import STATIC, read_static
from tests.looking import ROUND_SECONDS
from tests.looking import look as open_host
from tests.recorded import HOSTS, recorded_hosts
from tests.web.html import Reader, faults_of, is_harmless
from tests.web.looking import NOW, look
from tests.web.past import a_day

EVIL = "</title></td><script>alert('1')</script><img src=x onerror=alert(1)>&amp;\""
DAY = Asked("24h")


def draw(glance: Glance, asked: Asked = DAY) -> str:
    return render_page(glance, asked)


def link(name: str) -> list[Body]:
    return [Link(device=name, up=True), Network(device=name, receive_bytes=0)]


def hostile(name: str) -> str:
    day = a_day()
    for one in day["happened"]:
        one["text"] = one["small"] = name
    for row in (*day["lanes"], *day["curves"]):
        row["name"] = name
    reason = Reason(Level.WARNING, "WifiWeak", name, subject=(name,), area="network", remedy=name)
    return draw(
        look(
            name,
            [
                Temperature(chip=name, sensor=name, celsius=61.3, critical=85.0),
                Filesystem(device=name, mountpoint=name, fstype=name, read_only=False, device_error=False),
                *link(name),
                Throttling(cause=name, active=True),
                ThrottlingSource(undervoltage_detectable=False, source=name, hint=name),
            ],
            collectors={name: f"failed: {name}"},
            verdict=Verdict(Level.WARNING, (reason,), now=name),
            version=name,
            time_line={**day, "partial": name},
        )
    )


@pytest.mark.fault(
    "sources",
    "a disk, a mount or a sensor whose name holds markup, or marks that turn the direction of writing",
    seen="on the page the name as it is, and a number such as ⟨202E⟩ for each letter that cannot be seen",
    heals="nothing of it runs or deceives",
)
def test_names_that_would_be_markup_are_shown_as_they_are() -> None:
    page = hostile(EVIL)
    reader = Reader(page)
    assert is_harmless(reader)
    assert faults_of(page) == []
    assert reader.text.count(EVIL) >= 5
    assert f"failed: {EVIL}" in reader.text


@settings(deadline=None, max_examples=40)  # a busy machine is no failure
@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_no_name_from_the_host_adds_an_element_to_the_page(name: str) -> None:
    like = "x" * len(show(name)) if name.isascii() else "ж" * len(show(name))
    plain, odd = Reader(hostile(like)), Reader(hostile(name))
    assert is_harmless(odd)
    same = {"script", "img", "a", "b", "i", "section", "svg", "td", "title", "meta", "link"}
    assert [tag for tag, _ in odd.elements if tag in same - {"i"}] == [
        tag for tag, _ in plain.elements if tag in same - {"i"}
    ]


def test_what_cannot_be_seen_is_written_out_wherever_it_stands() -> None:
    page = hostile("safe\u202eexe.\u200btxt\x1b[31m")
    assert page.count("safe⟨202E⟩exe.⟨200B⟩txt⟨001B⟩[31m") >= 10
    assert "\u202e" not in re.sub(r'data-key="[^"]*"', "", page)


def test_a_long_name_keeps_its_end_in_sight_and_a_table_what_differs() -> None:
    mounts = [f"/mnt/data/customer-{number:02}/old-archives" for number in range(3)] + ["/srv/a-folder-by-itself/deep"]
    page = draw(
        look(
            readings=[
                Filesystem(device="d", mountpoint=mount, fstype="ext4", read_only=False, device_error=False)
                for mount in mounts
            ]
        )
    )
    assert "<i>/mnt/data/</i><i>customer-01</i><i>/old-archives</i>" in page.replace("\n", "")
    assert "<i>/srv/a-folder-by-it</i><i>self/deep</i>" in page
    unfolded = Reader(page).said().replace(" ", "")
    assert all(mount in unfolded for mount in mounts)


def test_title_icon_and_body_carry_the_verdict() -> None:
    page = draw(look(verdict=Verdict(Level.WARNING, (Reason(Level.WARNING, "WifiWeak", "Wi-Fi weak"),))))
    assert "<title>▲ pi4: Needs attention at 14:00</title>" in page
    assert 'href="static/icon-warning.svg"' in page
    assert '<body data-level="warning"' in page


@pytest.mark.parametrize("level", Level)
def test_each_level_has_a_symbol_and_an_icon(level: Level) -> None:
    page = draw(look(verdict=Verdict(level, (), unknown="The first round of readings is not done")))
    assert faults_of(page) == []
    [icon] = [a["href"] for a in Reader(page).all("link") if a["rel"] == "icon"]
    assert icon is not None
    assert icon.removeprefix("static/") in STATIC


def test_a_verdict_that_is_not_known_says_why_and_calls_nothing_well() -> None:
    verdict = Verdict(Level.UNKNOWN, (), since=NOW - 5, unknown="The history of the last day is being read")
    page = draw(look(readings=[MemoryUsage(available=1, total=2)], verdict=verdict))
    text = Reader(page).said()
    assert "Not known yet" in text
    assert "The history of the last day is being read" in text
    assert 'aria-label="well"' not in page
    assert 'data-area="memory" data-least="good"><svg class="sh unknown" role="img" aria-label="not known">' in page


def areas_of(page: str) -> dict[str, str]:
    """What is said of each area, with the name of its symbol."""
    found = re.findall(r'data-area="(\w+)".*?aria-label="([^"]*)">.*?(?:<small>(.*?)</small>)?</a>', page, re.DOTALL)
    return {area: f"{mark}: {fact}" for area, mark, fact in found}


def mount(point: str, *, answers: bool = True) -> Filesystem:
    size, used = (100, 30.0) if answers else (None, None)
    return Filesystem(device=point, mountpoint=point, fstype="ext4", size=size, available=size, used_percent=used,
                      read_only=False, device_error=not answers)  # fmt: skip


def test_an_area_of_which_something_is_not_known_has_no_tick() -> None:
    readings = [
        mount("/"),
        mount("/srv", answers=False),
        MemoryUsage(total=500 << 20),
        Clock(synchronised=False, offset=0.0, maximum_error=16.0, estimated_error=16.0, frequency_adjustment=1.0),
        Load(load1=0.1, load5=0.2, load15=0.3, running=1, tasks=100),
    ]
    page = draw(look(readings=readings))
    assert areas_of(page) == {
        "storage": "not known: no answer from 1 of 2 mounts",
        "memory": "not known: no data",
        "cpu": "well: load 0.2 over 5 min",
        "clock": "note: not synchronised (no NTP)",
    }
    assert "all writable" not in page
    assert "Filesystems no answer from 1 of 2 mounts" in Reader(page).said()


def test_mounts_that_all_answer_and_can_be_written_to_are_said_to_be_writable() -> None:
    assert "all writable" in draw(look(readings=[mount("/"), mount("/srv")]))


FINE_SUPPLY = (
    ThrottlingSource(undervoltage_detectable=True, source="vcio"),
    Throttling(cause="undervoltage", active=False, since_boot=False),
)


def power_tile(*reasons: Reason) -> str:
    page = draw(look(readings=FINE_SUPPLY, verdict=Verdict(Level.WARNING, reasons)))
    return Reader(page[page.index('data-tile="power"') :].partition("</div>")[0]).said()


def test_the_power_tile_knows_what_the_verdict_remembers_of_the_night() -> None:
    night = Reason(
        Level.WARNING,
        "UndervoltageRecurring",
        "Undervoltage 12 times in 24 h, last at 03:39, 41 s in all",
        area="power",
        last=NOW - 3600,
    )
    assert power_tile().endswith("OK no undervoltage since boot")
    assert power_tile(night).endswith("OK now undervoltage 12 times in 24 h, last at 03:39, 41 s in all")


def test_a_supply_that_was_too_low_a_moment_ago_has_no_tick() -> None:
    dip = Reason(Level.CRITICAL, "Undervoltage", "The 5 V supply is too low", area="power")
    page = draw(look(readings=FINE_SUPPLY, verdict=Verdict(Level.CRITICAL, (dip,))))
    tile = page[page.index('data-tile="power"') :].partition("</div>")[0]
    assert "Not OK" in tile
    assert "sh critical" in tile


def test_a_verdict_says_since_when() -> None:
    verdict = Verdict(Level.WARNING, (), since=NOW - 3 * 3600)
    assert "since 11:00, 3 h" in Reader(draw(look(verdict=verdict, time_line=a_day()))).said()
    verdict = Verdict(Level.GOOD, (), since=NOW - 5 * 86400)
    assert "for 5 d" in Reader(draw(look(verdict=verdict))).said()


def test_each_reason_has_its_remedy_at_hand_and_leads_to_the_boards_own_runbook() -> None:
    reason = Reason(
        Level.CRITICAL, "FanStalled", "The fan should be spinning but is not", remedy="Clean the fan, then `sensors`."
    )
    page = draw(look(verdict=Verdict(Level.CRITICAL, (reason,))))
    assert "Clean the fan, then <code>sensors</code>." in page
    assert any(link.get("href") == "runbook#fanstalled" for link in Reader(page).all("a"))


@pytest.mark.parametrize(("count", "seen"), [(4, 4), (5, 3), (50, 3)])
def test_more_than_four_reasons_unfold_and_none_is_lost(count: int, seen: int) -> None:
    reasons = tuple(Reason(Level.WARNING, "FilesystemFull", f"/{number} is full") for number in range(count))
    page = draw(look(verdict=Verdict(Level.WARNING, reasons)))
    before = page[: page.index("more reasons")] if count > seen else page
    assert before.count("is full") == seen
    assert page.count("is full") == count


def test_what_no_reason_speaks_of_is_never_red() -> None:
    """A read-only image and a spare port that is down are how they should be."""
    readings = [
        Filesystem(
            device="/dev/loop0", mountpoint="/snap/core", fstype="squashfs", size=100, available=0, used_percent=100.0,
            read_only=True, device_error=False,
        ),
        Link(device="eth1", up=False),
    ]  # fmt: skip
    page = draw(look(readings=readings))
    rest = page[page.index('class="rest"') :]
    assert "read-only" in rest
    assert "down" in rest
    assert not re.search(r'class="(w|b|sh) (warning|critical)"', rest)


def test_what_a_reason_is_about_has_its_colour_in_the_panel_and_its_neighbour_has_not() -> None:
    readings = [
        Filesystem(device=f"/dev/sd{letter}", mountpoint=f"/{letter}", fstype="ext4", size=100, available=1,
                   used_percent=99.0, read_only=False, device_error=False)
        for letter in "ab"
    ]  # fmt: skip
    reason = Reason(Level.CRITICAL, "FilesystemFull", "/b is full", subject=("/b",), area="storage")
    rest = draw(look(readings=readings, verdict=Verdict(Level.CRITICAL, (reason,))))
    rows = re.findall(r"<tr.*?</tr>", rest[rest.index('id="filesystems"') :])
    assert ["critical" in row for row in rows[1:3]] == [True, False]
    assert ">/b<" in rows[1]


def test_a_bar_is_red_for_its_own_value_and_not_for_what_is_beside_it() -> None:
    stalled = Reason(Level.CRITICAL, "FanStalled", "fan1 should be spinning", subject=("c", "fan1"), area="heat")

    def draw_tile(celsius: float) -> str:
        heat = Temperature(chip="c", sensor="temp1", celsius=celsius, critical=100.0)
        page = draw(look(readings=[heat], verdict=Verdict(Level.CRITICAL, (stalled,))))
        return page[page.index('data-tile="heat"') :].partition("</div>")[0]

    assert 'class="sh critical"' in draw_tile(40.0)
    assert 'class="b critical"' not in draw_tile(40.0)
    assert 'class="b critical"' in draw_tile(99.0)


def test_what_is_over_colours_no_value_of_now() -> None:
    reason = Reason(Level.WARNING, "TemperatureHigh", "It was hot", subject=("c",), area="heat", last=NOW - 3600)
    heat = Temperature(chip="c", sensor="temp1", celsius=40.0, critical=100.0)
    page = draw(look(readings=[heat], verdict=Verdict(Level.WARNING, (reason,))))
    tile = page[page.index('data-tile="heat"') :]
    assert "warning" not in tile[: tile.index("</div>")]


def test_what_the_user_leaves_alone_is_shown_with_its_value_behind_what_is_judged() -> None:
    def mount(point: str, used: float, *, full_expected: bool) -> Filesystem:
        return Filesystem(
            device=f"/dev{point}", mountpoint=point, fstype="ext4", size=100, available=1, used_percent=used,
            read_only=False, device_error=False, full_expected=full_expected,
        )  # fmt: skip

    readings = [
        mount("/media", 97.0, full_expected=True),
        mount("/", 40.0, full_expected=False),
        Temperature(chip="acpitz", sensor="temp1", celsius=128.0, critical=105.0, left_alone=True),
        Temperature(chip="coretemp", sensor="temp1", celsius=51.0, critical=105.0, left_alone=False),
        *link("eth0"),
        Network(device="eth1", receive_bytes=0, left_alone=True),
    ]
    page = draw(look(readings=readings))

    def said(start: str, end: str) -> str:
        return Reader(page[page.index(start) :].partition(end)[0]).said()

    assert "40 %" in said('data-tile="storage"', "</div>")
    assert "51.0 °C" in said('data-tile="heat"', "</div>")
    mounts = said('id="filesystems"', "</table>")
    assert mounts.index("40 %") < mounts.index("meant to be full") < mounts.index("97 %")
    sensors, links = said('id="sensors"', "</table>"), said('id="network"', "</table>")
    assert "acpitz left alone 128.0 °C" in sensors
    assert "eth1 left alone" in links


def test_the_tile_of_heat_has_the_limit_of_the_time_line() -> None:
    page = draw(look(readings=[Temperature(chip="c", sensor="temp1", celsius=40.0, maximum=80.0, critical=85.0)]))
    tile = Reader(page[page.index('data-tile="heat"') :].partition("</div>")[0]).said()
    assert "limit 80 °C" in tile


def test_a_lane_of_which_nothing_is_known_says_so() -> None:
    day = a_day()
    blank = [{**lane, "spans": [], "blank": True} for lane in day["lanes"]]
    page = draw(look(time_line={**day, "lanes": blank}))
    rows = page[page.index('data-row="undervoltage"') : page.index('data-row="temp"')]
    # of each but the verdict, and once to say what the hatching is
    assert Reader(rows).said().count("no data") == len(blank) - 1 + 1
    assert "none" not in Reader(rows).text


def test_a_board_that_cannot_know_says_so_instead_of_no() -> None:
    readings = [
        ThrottlingSource(undervoltage_detectable=False, source="vcio"),
        Throttling(cause="throttled", active=False),
    ]
    page = draw(look(readings=readings))
    assert "cannot be measured: this board has no detector" in Reader(page).said()
    assert "no undervoltage" not in page
    assert 'data-tile="power"' not in page


def test_what_is_not_known_is_a_dash_and_no_zero() -> None:
    page = draw(look(readings=link("eth0")))
    assert 'data-field="receive_bytes_per_second" data-unit="bytes per second">\N{EN DASH}<' in page


def test_a_cause_of_throttling_says_now_how_often_how_long_and_when_last() -> None:
    cause = Throttling(cause="undervoltage", active=True, since_boot=True, events=3, seconds=75.4, last=NOW - 600)
    page = draw(
        look(readings=[ThrottlingSource(undervoltage_detectable=True, source="vcio"), cause], time_line=a_day())
    )
    panel = Reader(page[page.index('id="power"') :]).said()
    assert re.search(r"Undervoltage now · 3 times · 1 min 15 s in all · last at 13:50", panel)


def test_times_are_those_of_the_boards_zone_and_name_it() -> None:
    page = draw(look(readings=[Boot(uptime=3600.0, boot_time=int(NOW) - 3600)], time_line=a_day()))
    text = Reader(page).said()
    assert "Started 13:00" in text
    assert "Times are the board's: Europe/Berlin" in text


def test_a_host_without_a_subject_has_neither_panel_nor_tile_for_it() -> None:
    page = draw(look())
    ids = {attributes.get("id") for attributes in Reader(page).all("section")}
    assert ids & {"filesystems", "disks", "network", "sensors", "power", "load"} == set()
    assert "data-tile" not in page


def test_the_four_tiles_begin_with_power_and_heat_and_others_move_up_where_there_is_none() -> None:
    rest: list[Body] = [
        Temperature(chip="c", sensor="temp1", celsius=50.0),
        CpuUsage(busy_percent=1.0),
        MemoryUsage(total=2, available=1, used_percent=50.0),
        Filesystem(device="d", mountpoint="/", fstype="ext4", used_percent=1.0, read_only=False, device_error=False),
    ]
    power = [ThrottlingSource(undervoltage_detectable=True, source="v"), Throttling(cause="undervoltage", active=False)]

    def tiles(readings: list[Body]) -> list[str]:
        return re.findall(r'data-tile="(\w+)"', draw(look(readings=readings)))

    assert tiles([*rest, *power]) == ["power", "heat", "cpu", "memory"]
    assert tiles(rest) == ["heat", "cpu", "memory", "storage"]
    assert tiles(rest[1:]) == ["cpu", "memory", "storage"]


def test_each_live_value_says_whose_it_is_and_in_which_unit() -> None:
    reader = Reader(draw(look(readings=[*link("eth0"), MemoryUsage(total=100, available=5, used_percent=95.0)])))
    owners: list[dict[str, str | None]] = []
    for tag, attributes in reader.elements:
        if tag == "tr" or "data-event" in attributes:
            owners.append(attributes)
        if "data-field" in attributes:
            owner = attributes if "data-event" in attributes else owners[-1]
            assert owner["data-event"], attributes
            assert owner["data-labels"], attributes
            assert "data-unit" in attributes


def test_each_cpu_is_a_bar_and_the_busy_ones_stand_out() -> None:
    busy = {str(number): 95.0 if number == 41 else 30.0 for number in range(200)}
    [page] = [draw(look(readings=[CpuUsage(busy_percent=30.0)], busy=busy))]
    assert "200 CPUs, busiest 41 with 95 %" in page
    paths = [a for a in Reader(page).all("path") if (a.get("d") or "").count("h.9")]
    assert [(a.get("class"), (a["d"] or "").count("h.9")) for a in paths] == [("calm", 199), ("hot", 1)]


def test_the_time_line_is_drawn_without_a_script() -> None:
    page = draw(look(time_line=a_day()))
    assert faults_of(page) == []
    rows = re.findall(r'data-row="(\w+)"', page)
    lanes = ["verdict", "undervoltage", "throttled", "heat", "reboots", "silence"]
    assert rows == [*lanes, "temp", "cpu", "load", "memory", "disk", "net"]
    text = Reader(page).said()
    for said in ("12 times, 41 s", "1 unclean, 1 clean, 1 not known how", "30 min", "Needs attention", "limit 80 °C"):
        assert said in text
    assert "2 KiB/s" in text
    assert not re.search(r"nan|None|inf\b", page[page.index('id="plot"') : page.index('class="rest"')])


def test_a_line_breaks_where_nothing_is_known() -> None:
    page = draw(look(time_line=a_day()))
    cpu = page[page.index('data-row="cpu"') :]
    [mean] = re.findall(r'class="mean" d="([^"]*)"', cpu[: cpu.index("</div>")])
    assert mean.count("M") == 2
    assert cpu[: cpu.index("</div>")].count('class="nd"') == 1


def test_what_happened_is_by_day_newest_first_and_each_leads_to_its_moment() -> None:
    page = draw(look(time_line=a_day()))
    text = Reader(page[page.index('id="events"') :]).said()
    order = [
        "Today, Sunday 20 September",
        "since 13:50",
        "Unclean shutdown",
        "Yesterday, Saturday 19",
        "Undervoltage 12",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    assert "Time corrected: the clock was not yet set" in text
    moments = [a["href"] for a in Reader(page).all("a") if a.get("class") == "when"]
    assert moments[0] == f"?from={NOW - 600:.0f}&to={NOW:.0f}"


def test_what_happened_last_is_in_sight_above_the_time_line() -> None:
    page = draw(look(time_line=a_day()))
    line = page[page.index('id="latest"') : page.index('id="at"')]
    assert "Last 13:50 CPU above 75 °C for 10 min" in Reader(f"<p {line}").said()
    assert line.count("<a ") == 1


def test_what_was_last_wrong_is_not_hidden_by_a_note() -> None:
    day = a_day()
    day["happened"].append({**day["happened"][-1], "from": NOW - 60, "level": "note", "text": "Clock not synchronised"})
    page = draw(look(time_line=day))
    assert "CPU above 75 °C" in page[page.index('id="latest"') :].partition("</p>")[0]


def test_each_curve_says_its_last_value_and_its_highest_and_those_of_two_ways_name_them() -> None:
    page = draw(look(time_line=a_day()))
    said = re.findall(r'class="row curve".*?<output>(.*?)</output>', page, re.DOTALL)
    assert said[0] == "44.0 °C&#10;highest 48.0 °C"
    assert said[-1] == "44 B/s in&#10;1.95 KiB/s out"
    assert 'id="latest" hidden' in draw(look(time_line={**a_day(), "happened": []}))


@pytest.mark.fault(
    "storage",
    "a history that cannot be read while somebody looks at the page",
    seen="the page says why in place of its time line, and shows all else",
    heals="by itself, with the next question",
)
def test_where_the_history_cannot_be_read_the_page_says_so_and_shows_the_rest() -> None:
    page = draw(look(readings=link("eth0"), time_line={"partial": "No history is kept: history.enabled is off"}))
    assert faults_of(page) == []
    assert Reader(page).text.count("No history is kept: history.enabled is off") == 2
    assert 'id="network"' in page


def test_the_range_that_is_shown_is_marked_and_a_moment_marks_none() -> None:
    def current(asked: Asked) -> list[str | None]:
        links = Reader(draw(look(time_line=a_day()), asked)).all("a")
        return [a["data-range"] for a in links if "data-range" in a and a.get("aria-current") == "true"]

    assert current(Asked("7d")) == ["7d"]
    assert current(Asked("", NOW - 50, NOW)) == []


def test_the_page_leads_to_everything_else_and_works_below_a_proxys_prefix() -> None:
    page = draw(look(grafana="https://grafana.example/d/sysvitals-host", time_line=a_day()))
    links = {attributes.get("href") for attributes in Reader(page).all("a")}
    assert {"metrics", "api/v1/state", "api/v1/events", "runbook", "https://grafana.example/d/sysvitals-host"} <= links
    assert not any(link and link.startswith("/") for link in links)


def test_without_a_script_it_loads_again_every_30_seconds() -> None:
    page = draw(look())
    assert '<noscript><meta http-equiv="refresh" content="30"></noscript>' in page


@pytest.fixture(scope="module")
def recorded() -> dict[str, str]:
    pages = {}
    for name in recorded_hosts():
        exporter = open_host(HOSTS / name)
        exporter.refresh(ROUND_SECONDS)
        glance = replace(look(time_line=a_day()), readings=exporter.latest_readings(), verdict=exporter.verdict(),
                         host=exporter.hostname, collectors=exporter.collectors())  # fmt: skip
        pages[name] = draw(glance)
    return pages


@pytest.mark.parametrize("name", recorded_hosts())
def test_each_recorded_host_has_a_valid_page(name: str, recorded: dict[str, str]) -> None:
    assert faults_of(recorded[name]) == []
    assert is_harmless(Reader(recorded[name]))


def size_of_files() -> int:
    needed = [name for name in STATIC if name.endswith((".js", ".css"))] + ["icon-good.svg"]
    return sum(len(read_static(name)[0]) for name in needed)


def test_the_page_of_a_fine_board_is_small_with_all_that_it_loads(recorded: dict[str, str]) -> None:
    assert len(recorded["pi-4b-fine"].encode()) + size_of_files() < 150_000


def crowd(prefix: str, count: int) -> list[str]:
    name = prefix + '<&"' * 80
    return [f"{name}{number}" for number in range(count)]


@pytest.mark.fault(
    "sources",
    "a host with thousands of mounts, links and sensors, each with a long name",
    seen="the page has the worst and the busiest, at most 400 kB in all, and says how many more there are",
    heals="all are in the metrics and in `/api/v1/state`",
)
def test_the_page_of_a_hostile_host_is_bounded_and_says_what_it_leaves_out() -> None:
    readings: list[Body] = [
        Filesystem(device=name, mountpoint=name, fstype=name, used_percent=5.0, read_only=False, device_error=False)
        for name in crowd("/mnt/", 2000)
    ]
    readings += [body for name in crowd("veth", 1000) for body in link(name)]
    readings += [Temperature(chip=name, sensor=name, celsius=40.0) for name in crowd("chip", 1000)]
    reasons = tuple(
        Reason(Level.WARNING, "FilesystemFull", name, subject=(name,), area="storage", remedy=name)
        for name in crowd("/mnt/", 2000)
    )
    day = a_day()
    day["happened"] = [{**day["happened"][0], "text": name} for name in crowd("happened", 3000)]
    for lane in day["lanes"]:
        lane["spans"] = lane["spans"] * 500
    page = draw(
        look(
            "h" * 5000,
            readings,
            busy={str(number): 50.0 for number in range(1024)},
            collectors=dict.fromkeys(crowd("collector", 30), "failed: " + EVIL * 20),
            verdict=Verdict(Level.WARNING, reasons),
            time_line=day,
        )
    )
    assert len(page.encode()) + size_of_files() < 400_000
    text = Reader(page).said()
    assert re.search(r"\d+ more are in the state as JSON", text)
    assert re.search(r"\d+ older ones are in", text)
