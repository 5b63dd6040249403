"""What people do with the page, in a real browser."""

import json
import time
from collections.abc import Iterator
from importlib.resources import files

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from sysvitals.collectors.cpu import CpuTime, CpuUsage
from sysvitals.collectors.filesystem import Filesystem
from sysvitals.collectors.network import Link, Network
from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.throttling import Throttling, ThrottlingSource
from sysvitals.judgement.verdict import Level, Reason, Verdict
from sysvitals.model.changes import Reloaded
from sysvitals.model.reading import Body
from sysvitals.model.unit import UNITS, format_value
from sysvitals.outputs.live import LiveHub
from sysvitals.web.http.messages import Answer, App, Request, respond_text
from tests.stack.running import wait_until
from tests.web.browsing import Board, complaints, open_browser, run_board, shows, text
from tests.web.past import a_day

EVIL = "<img src=x onerror=document.title='taken'>"
RIGHT_TO_LEFT = "\u202eevil\u202c"
LONG = "a-name-without-an-end-" * 12


@pytest.fixture(scope="module")
def shared_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with open_browser(tmp_path_factory.mktemp("browser")) as browser:
        yield browser


@pytest.fixture
def browser(shared_browser: Chrome) -> Iterator[Chrome]:
    complaints(shared_browser)
    yield shared_browser
    shared_browser.get("about:blank")
    shared_browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    shared_browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def heat(celsius: float, sensor: str = "temp1") -> Temperature:
    return Temperature(chip="cpu_thermal", sensor=sensor, celsius=celsius, critical=85.0)


def reason(level: Level, words: str, alert: str = "Undervoltage") -> Reason:
    return Reason(level, alert, words, area="power", remedy="Look at `dmesg`, and at 80 °C.")


READINGS: tuple[Body, ...] = (
    Throttling(cause="undervoltage", active=False, since_boot=False),
    ThrottlingSource(undervoltage_detectable=True, source="firmware", hint=""),
    heat(61.25),
    Link(device="eth0", up=True),
    Network(device="eth0", receive_bytes=0),
)
NIGHT = Verdict(
    Level.WARNING,
    (reason(Level.WARNING, "Undervoltage 12 times last night, 41 s in all", "UndervoltageRecurring"),),
    now="Running well now",
)
TROUBLE = Verdict(
    Level.CRITICAL,
    (reason(Level.CRITICAL, "The 5 V supply is too low"), *(reason(Level.WARNING, f"No {n}") for n in range(6))),
)


def visit(browser: Chrome, board: Board, address: str = "") -> None:
    browser.get(board.url + address)
    assert "pi4" in browser.title
    shows(browser, "#link", "live")


def point(browser: Chrome) -> WebElement:
    """Point at the middle of the time line until it says a moment."""
    hand = browser.find_element(By.ID, "hand")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", hand)
    ActionChains(browser).move_to_element(hand).perform()
    wait_until(lambda: browser.execute_script("return !document.querySelector('#plot').ariaBusy"), "it was answered")
    ActionChains(browser).move_by_offset(3, 0).perform()
    wait_until(lambda: "CPU" in text(browser, "#at"), "the line says a moment")
    return hand


def shown(browser: Chrome) -> tuple[float, float]:
    """What the link to this view leads to."""
    link = browser.find_element(By.ID, "perma").get_attribute("href") or ""
    begin, end = (float(part.partition("=")[2]) for part in link.partition("?")[2].split("&"))
    return begin, end


def test_opening_the_page_asks_for_no_history_since_it_was_just_drawn(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        assert "Undervoltage 12 times between" in text(browser, "#events")
        assert board.questions == []
        assert complaints(browser) == []


def test_the_script_asks_for_a_time_line_that_the_server_did_not_wait_for(browser: Chrome) -> None:
    with run_board(Board(READINGS, refusal="too much at a time")) as board:
        visit(browser, board)
        shows(browser, "#at", "Cannot read the history: too much at a time")
        board.refusal = ""
        wait_until(lambda: browser.find_elements(By.CSS_SELECTOR, '[data-row="verdict"] rect'), "it is drawn")
        assert browser.find_element(By.ID, "perma").get_attribute("hidden") is None


def test_pointing_says_what_was_at_a_moment_and_leaving_says_the_sums_again(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        assert text(browser, '[data-row="undervoltage"] output') == "12 times, 41 s"
        hand = point(browser)
        assert " °C · CPU " in text(browser, "#at")
        assert hand.get_attribute("aria-valuetext") == text(browser, "#at")
        assert text(browser, '[data-row="disk"] output').endswith(" written")
        ActionChains(browser).move_to_element(browser.find_element(By.TAG_NAME, "h1")).perform()
        shows(browser, "#at", "Point to read a moment")
        assert text(browser, '[data-row="reboots"] output') == "1 unclean, 1 clean, 1 not known how"
        assert complaints(browser) == []


def test_the_time_line_works_by_keys_alone_and_speaks(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        hand = browser.find_element(By.ID, "hand")
        browser.execute_script("arguments[0].focus()", hand)
        wait_until(lambda: board.questions, "the values are asked for")
        wait_until(lambda: browser.execute_script("return !document.querySelector('#plot').ariaBusy"), "and there")
        hand.send_keys(Keys.ARROW_LEFT)
        later = float(hand.get_attribute("aria-valuenow") or 0)
        hand.send_keys(Keys.SHIFT, Keys.ARROW_LEFT)
        assert float(hand.get_attribute("aria-valuenow") or 0) < later - 86400 / 13
        assert "CPU" in (hand.get_attribute("aria-valuetext") or "")
        hand.send_keys(Keys.HOME)
        assert hand.get_attribute("aria-valuenow") == hand.get_attribute("aria-valuemin")
        hand.send_keys(Keys.ESCAPE)
        assert hand.get_attribute("aria-valuetext") == "now"


def test_a_key_that_is_pressed_before_there_is_an_answer_counts(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        browser.execute_script(
            "const hand = document.querySelector('#hand'); hand.focus();"
            "hand.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home' }));"
        )
        hand = browser.find_element(By.ID, "hand")
        wait_until(lambda: "CPU" in (hand.get_attribute("aria-valuetext") or ""), "the mark is set")
        assert hand.get_attribute("aria-valuenow") == hand.get_attribute("aria-valuemin")
        assert len(board.questions) == 1


def test_escape_leads_back_to_the_last_day_from_a_mark_in_another_stretch(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board, "?range=7d")
        hand = point(browser)
        hand.send_keys(Keys.ARROW_LEFT, Keys.ESCAPE)
        wait_until(lambda: browser.current_url.endswith("?range=24h"), "the last day is shown")
        assert hand.get_attribute("aria-valuetext") == "now"


def test_a_row_goes_when_the_stretch_of_time_has_nothing_of_it_and_comes_back_to_its_place(browser: Chrome) -> None:
    past = a_day()
    rows = "return [...document.querySelectorAll('[data-row]')].map((row) => row.dataset.row)"
    with run_board(Board(READINGS, past=past)) as board:
        visit(browser, board)
        drawn = browser.execute_script(rows)
        throttled = next(lane for lane in past["lanes"] if lane["id"] == "throttled")
        past["lanes"].remove(throttled)
        point(browser)
        assert browser.execute_script(rows) == [row for row in drawn if row != "throttled"]
        past["lanes"].insert(2, throttled)
        browser.find_element(By.CSS_SELECTOR, '[data-range="7d"]').click()
        wait_until(lambda: browser.execute_script(rows) == drawn, "it is back")


def test_dragging_shows_that_stretch_and_its_link_leads_there(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        hand = point(browser)
        asked = len(board.questions)
        ActionChains(browser).click_and_hold(hand).move_by_offset(120, 0).release().perform()
        wait_until(lambda: len(board.questions) > asked, "it asks for that stretch")
        begin, end = board.questions[-1][:2]
        wait_until(lambda: abs(shown(browser)[0] - begin) < 2, "the link names it")
        assert abs(shown(browser)[1] - end) < 2
        assert end - begin < 86400 / 2
        assert "from=" in browser.current_url
        drawn = text(browser, "#span")
        visit(browser, board, browser.current_url.removeprefix(board.url))
        assert text(browser, "#span").split()[0] == drawn.split()[0]
        assert abs(shown(browser)[0] - begin) < 2
        for kind in ("csv", "json"):
            link = browser.find_element(By.CSS_SELECTOR, f'[data-format="{kind}"]').get_attribute("href") or ""
            assert f"from={begin:.0f}&to={end:.0f}" in link
            assert link.endswith(f"format={kind}")


def test_a_burst_of_steps_is_one_question(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        asked = len(board.questions)
        browser.execute_script("for (let i = 0; i < 4; i++) document.querySelector('[data-act=in]').click()")
        wait_until(lambda: len(board.questions) > asked, "it asks")
        wait_until(lambda: abs(shown(browser)[1] - shown(browser)[0] - 86400 / 16) < 5, "all four steps count")
        assert len(board.questions) == asked + 1


def test_the_old_drawing_stays_until_the_new_one_is_there_and_the_line_says_why_not(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        point(browser)
        drawn = browser.execute_script("return document.querySelector('[data-row=verdict] svg').innerHTML")
        board.refusal = "the history is being read for others"
        browser.find_element(By.CSS_SELECTOR, '[data-range="7d"]').click()
        shows(browser, "#at", "Cannot read the history: the history is being read for others")
        assert browser.execute_script("return document.querySelector('[data-row=verdict] svg').innerHTML") == drawn
        board.refusal = ""
        browser.find_element(By.CSS_SELECTOR, '[data-range="30d"]').click()
        wait_until(lambda: shown(browser)[1] - shown(browser)[0] > 29 * 86400, "30 days are shown")
        shows(browser, "#at", "Point to read")
        assert browser.current_url.endswith("?range=30d")
        current = browser.find_elements(By.CSS_SELECTOR, ".seg [aria-current]")
        assert [link.text for link in current] == ["30 d"]


def test_what_happened_follows_the_time_shown_and_the_rest_is_one_tap_away(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        point(browser)
        browser.find_element(By.CSS_SELECTOR, "#events .ev[data-k=power] a.when").click()
        wait_until(lambda: "CPU above 75" not in text(browser, "#events"), "the other is outside")
        assert "Undervoltage 12 times" in text(browser, "#events")
        assert "more outside the time shown" in text(browser, "#more")
        browser.execute_script("document.querySelector('#more').click()")
        assert "CPU above 75" in text(browser, "#events")
        browser.execute_script("document.querySelector('[data-kind=heat]').click()")
        assert "Undervoltage 12 times" not in text(browser, "#events")
        assert "CPU above 75" in text(browser, "#events")


def test_what_the_script_draws_is_what_the_server_drew(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        begin = time.time() - 86400
        visit(browser, board, f"?from={begin:.0f}&to={begin + 86000:.0f}")
        look = (
            "return [...document.querySelectorAll('.lane')].map((row) => row.outerHTML.replaceAll(/\\s+/g, ' '))"
            ".concat([...document.querySelectorAll('#events .ev')].map((one) => one.innerHTML))"
            ".concat([...document.querySelectorAll('.curve > svg')].map((one) => one.lastChild.textContent))"
            ".concat([...document.querySelectorAll('.curve > output')]"
            ".map((one) => one.textContent.match(/highest.*/)))"
            ".concat([document.querySelector('#latest').textContent])"
        )
        drawn = browser.execute_script(look)
        point(browser)
        ActionChains(browser).move_to_element(browser.find_element(By.TAG_NAME, "h1")).perform()
        assert len(board.questions) == 1
        assert browser.execute_script(look) == drawn
        assert len(drawn) > 12


def test_readings_show_as_they_come(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        assert "61.2 °C" in text(browser, "[data-tile=heat] .big")
        board.say(heat(63.75))
        shows(browser, "[data-tile=heat] .big", "63.8 °C")
        shows(browser, "#sensors", "63.8 °C")


VERDICT_OF = """
const verdictOf = (page) => [...page.querySelectorAll("#verdict > *")].map((part) => part.outerHTML
  .replace(/<small aria-live[^>]*>/, "<small>").replaceAll(/\\s+/g, " ").replaceAll(/> | </g, (end) => end.trim()));
"""


def test_what_comes_is_on_the_page_without_another_look_at_the_history(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        assert browser.find_elements(By.ID, "filesystems") == []
        mount = Filesystem(device="sda1", mountpoint="/srv", fstype="ext4", read_only=False, device_error=False)
        board.readings = (*READINGS, heat(44.0, "temp2"), mount)
        board.say(heat(44.0, "temp2"))  # of which no element is there
        shows(browser, "#sensors", "44.0 °C")
        assert "/srv" in text(browser, "#filesystems")
        board.say(heat(45.5, "temp2"))
        shows(browser, "#sensors", "45.5 °C")
        assert board.drawn == 1
        assert board.questions == []


def test_the_bars_of_the_cpus_move(browser: Chrome) -> None:
    cpus = [CpuTime(cpu=str(number), online=number != 3, busy_percent=10.0) for number in range(4)]
    usage = CpuUsage(busy_percent=10.0)
    with run_board(Board((*READINGS, usage, *cpus), busy={"0": 10.0, "1": 10.0, "2": 10.0})) as board:
        visit(browser, board)
        board.say(CpuTime(cpu="2", online=True, busy_percent=97.0))
        shows(browser, ".cores title", "3 CPUs, busiest 2 with 97 %")
        path = "return document.querySelector('.cores path{}').getAttribute('d')"
        assert browser.execute_script(path.format(".hot")) == "M2 100v-97h.9v97z"
        assert browser.execute_script(path.format(":not(.hot)")).count("v-10h") == 2


@pytest.mark.parametrize("verdict", [NIGHT, TROUBLE], ids=["night", "trouble"])
def test_a_new_verdict_is_drawn_as_the_server_draws_it(browser: Chrome, verdict: Verdict) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        assert browser.title == "✓ pi4: All well"
        board.verdict = verdict
        board.say(Reloaded(changed="x"))
        shows(browser, "#verdict", verdict.reasons[0].text)
        drawn = browser.execute_script(VERDICT_OF + "return verdictOf(document)")
        served = browser.execute_async_script(
            VERDICT_OF
            + "const done = arguments[0], read = (html) => new DOMParser().parseFromString(html, 'text/html');"
            "fetch('/').then((answer) => answer.text()).then((html) => done(verdictOf(read(html))))"
        )
        assert drawn == served
        level = verdict.level.name.lower()
        assert browser.title[0] == {"warning": "▲", "critical": "✖"}[level]
        icon = browser.find_element(By.CSS_SELECTOR, "link[rel=icon]").get_attribute("href")
        assert icon == f"{board.url}static/icon-{level}.svg"


def test_an_open_remedy_stays_open_when_the_verdict_changes(browser: Chrome) -> None:
    with run_board(Board(READINGS, NIGHT)) as board:
        visit(browser, board)
        browser.execute_script("document.querySelector('.reasons details').open = true")
        board.verdict = Verdict(Level.CRITICAL, (*TROUBLE.reasons[:1], *NIGHT.reasons))
        board.say(Reloaded(changed="x"))
        shows(browser, "#verdict h2", "In trouble")
        opened = browser.find_elements(By.CSS_SELECTOR, ".reasons details[open] summary")
        assert [summary.text for summary in opened if "last night" in summary.text]
        assert len(opened) == 1


@pytest.mark.parametrize("place", [".reasons summary", ".reasons a", ".areas a"])
def test_the_keys_stay_where_they_are_when_the_verdict_changes(browser: Chrome, place: str) -> None:
    with run_board(Board(READINGS, NIGHT)) as board:
        visit(browser, board)
        browser.execute_script("document.querySelector('.reasons details').open = true")
        browser.execute_script("document.querySelector(arguments[0]).focus()", place)
        before = browser.switch_to.active_element.text
        board.verdict = Verdict(Level.CRITICAL, (*TROUBLE.reasons[:1], *NIGHT.reasons))
        board.say(Reloaded(changed="x"))
        shows(browser, "#verdict h2", "In trouble")
        assert before
        assert browser.switch_to.active_element.text == before


def test_without_contact_nothing_looks_well_and_what_came_before_is_marked_old(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
    shows(browser, "#link", "no contact since ")
    assert browser.title == "? pi4: no contact"
    icon = browser.find_element(By.CSS_SELECTOR, "link[rel=icon]").get_attribute("href") or ""
    assert icon.endswith("icon-unknown.svg")
    assert not browser.find_element(By.ID, "verdict").is_displayed()
    lost = browser.find_element(By.ID, "lost")
    assert lost.is_displayed()
    assert "then it was: All well" in " ".join(lost.text.split())
    assert all(mark.is_displayed() for mark in browser.find_elements(By.CSS_SELECTOR, ".now .was"))
    assert text(browser, '[data-row="verdict"] output') == "Not known yet"


@pytest.mark.fault(
    "network",
    "a file of the page's script that does not load",
    seen="after 10 s the page is grey and says that it is a snapshot of when it was drawn",
    heals="when it is loaded again",
)
@pytest.mark.parametrize("lost", ["units.js", "page.js"])
def test_a_page_whose_script_does_not_load_claims_nothing_after_a_while(browser: Chrome, lost: str) -> None:
    browser.execute_cdp_cmd("Network.enable", {})
    browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": True})
    browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": [f"*/{lost}"]})
    try:
        with run_board(Board(READINGS)) as board:
            browser.get(board.url)
            stale, verdict = (browser.find_element(By.ID, name) for name in ("stale", "verdict"))
            wait_until(stale.is_displayed, "it says that it is a snapshot")
            assert not verdict.is_displayed()
            assert "Not known now" in stale.text
            assert "grayscale" in browser.find_element(By.TAG_NAME, "body").value_of_css_property("filter")
            browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
            visit(browser, board)
            assert not browser.find_element(By.ID, "stale").is_displayed()
    finally:
        browser.execute_cdp_cmd("Network.setBlockedURLs", {"urls": []})
        browser.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": False})


def titles(browser: Chrome) -> list[str]:
    """Those of all tabs, without looking at them."""
    return [tab["title"] for tab in browser.execute_cdp_cmd("Target.getTargets", {})["targetInfos"]]


def test_a_hidden_tab_lets_the_exporter_rest_and_judges_before_it_shows_anything(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        [page] = browser.window_handles
        browser.switch_to.new_window("tab")
        wait_until(lambda: board.hub.viewers == 0, "it has let go")
        wait_until(lambda: "? pi4: paused" in titles(browser), "its title claims nothing")
        browser.switch_to.window(page)
        shows(browser, "#link", "live")
        assert board.hub.viewers == 1
        browser.switch_to.window(next(handle for handle in browser.window_handles if handle != page))
        browser.close()
        browser.switch_to.window(page)


def test_a_page_that_is_one_too_many_says_so(browser: Chrome) -> None:
    with run_board(Board(READINGS, hub=LiveHub(viewers=0))) as board:
        browser.get(board.url)
        shows(browser, "#link", "too many are watching since")
        assert browser.title == "? pi4: too many are watching"
        assert "Too many are watching" in text(browser, "#lost h2")


def test_a_page_whose_connections_are_refused_asks_little(browser: Chrome) -> None:
    asked: list[tuple[str, str]] = []

    class Refusing(Board):
        def app(self) -> App:
            inner = super().app()

            async def answer(request: Request) -> Answer:
                asked.append((request.method, request.path))
                return respond_text(503, "no\n") if request.is_upgrade else await inner(request)

            return answer

    with run_board(Refusing(READINGS)) as board:
        browser.get(board.url)
        wait_until(lambda: asked.count(("GET", "/api/v1/live")) >= 4, "it keeps trying")
        assert asked.count(("HEAD", "/")) == 1
        assert board.drawn == 1, "and the history is read for the page alone"


SEEN = (
    "window.seen = []; new MutationObserver(() => window.seen.push(...document.body.classList))"
    ".observe(document.body, {attributes: true})"
)


def test_after_a_sleep_in_which_its_own_clock_stood_still_the_page_trusts_nothing(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        browser.execute_script(SEEN + "; const real = Date.now; Date.now = () => real() + 3600e3")
        wait_until(lambda: "lost" in browser.execute_script("return window.seen"), "it has judged")
        wait_until(lambda: text(browser, "#link") == "live", "it hears the exporter again")


def test_what_happens_is_on_the_time_line_without_being_asked_for(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        happened = {**board.past["happened"][0], "text": "Undervoltage began", "to": board.past["now"]}
        board.past = {**board.past, "happened": [*board.past["happened"], happened]}
        board.say(Reloaded(changed="x"), Reloaded(changed="y"))
        shows(browser, "#events", "Undervoltage began")
        assert len(board.questions) == 1


VALUES: tuple[float, ...] = (
    0,
    0.04,
    0.125,
    0.52,
    1,
    4.25,
    9.995,
    43.5,
    59.96,
    61.25,
    61.35,
    99.95,
    161,
    3599.6,
    11661,
    1.5e9,
    1e14,
    -51,
)


def test_the_browser_writes_values_as_the_exporter_does(browser: Chrome) -> None:
    units = [unit for unit in UNITS if unit != "timestamp_seconds"]  # which only the exporter writes
    cases = [(value, unit) for value in VALUES for unit in units]
    with run_board(Board(READINGS)) as board:
        browser.get(board.url)
        shown = browser.execute_async_script(
            "const [cases, done] = arguments;"
            "import('/static/format.js').then(({ format }) => done(cases.map(([value, unit]) => format(value, unit))))",
            cases,
        )
    assert list(zip(cases, shown, strict=True)) == [(case, format_value(*case)) for case in cases]


def test_hostile_names_are_text_on_their_way_through_the_script_too(browser: Chrome) -> None:
    with run_board(Board(READINGS)) as board:
        visit(browser, board)
        board.past = {
            **board.past,
            "happened": [{**one, "text": EVIL, "small": RIGHT_TO_LEFT} for one in board.past["happened"]],
        }
        board.verdict = Verdict(Level.WARNING, (reason(Level.WARNING, EVIL + RIGHT_TO_LEFT),), now=EVIL)
        board.say(Reloaded(changed="x"))
        shows(browser, "#verdict .reasons", EVIL)
        point(browser)
        shows(browser, "#events", EVIL)
        assert "⟨202E⟩evil" in text(browser, "#events")
        assert "⟨202E⟩evil" in text(browser, "#verdict")
        assert "taken" not in browser.title
        assert browser.find_elements(By.CSS_SELECTOR, "#main img") == []


HOSTILE: tuple[Body, ...] = (
    *(heat(61.0, f"{name}{number}") for number, name in enumerate((EVIL, LONG, RIGHT_TO_LEFT, "温度"))),
    *(
        Filesystem(device=n, mountpoint=f"/{n}", fstype="ext4", read_only=False, device_error=False)
        for n in (EVIL, LONG)
    ),
    *(Network(device=name, receive_bytes=0) for name in (LONG, EVIL)),
    *READINGS,
)


def test_paper_has_whole_names_remedies_and_no_controls_and_is_white(browser: Chrome) -> None:
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print", "features": dark})
    set_width(browser, 794)
    try:
        with run_board(Board(HOSTILE, NIGHT)) as board:
            visit(browser, board)
            assert browser.execute_script("return document.querySelector('.reasons details p').checkVisibility()")
            assert not any(one.is_displayed() for one in browser.find_elements(By.CSS_SELECTOR, "button, .seg, #perma"))
            cut = (
                "return [...document.querySelectorAll('.mid > i')].some((part) => part.scrollWidth > part.clientWidth)"
            )
            assert not browser.execute_script(cut)
            browser.execute_script("document.querySelector('#readings').open = true")
            wide = (
                "return [...document.querySelectorAll('html, .scroll')]"
                ".some((one) => one.scrollWidth > one.clientWidth)"
            )
            assert not browser.execute_script(wide)
            broken = (
                "return [...document.querySelectorAll('thead th')].filter((one) => one.offsetHeight > 24)"
                ".map((one) => one.textContent)"
            )
            assert browser.execute_script(broken) == []
            colours = (
                "return ['h1', '#timeline'].map((one) => getComputedStyle(document.querySelector(one)))"
                ".map(({ color, backgroundColor }) => [color, backgroundColor])"
            )
            [[ink, _], [_, panel]] = browser.execute_script(colours)
            assert (ink, panel) == ("rgb(23, 25, 27)", "rgb(255, 255, 255)")
    finally:
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})


def test_whole_names_leave_nothing_of_a_table_cut_on_a_phone(browser: Chrome) -> None:
    set_width(browser, 360)
    mounts = [
        Filesystem(device="d", mountpoint=f"/{name}", fstype="ext4", read_only=False, device_error=True)
        for name in (LONG, "srv/#hash and more", *(f"srv/{number}" for number in range(20)))
    ]
    cut = (
        "return [...document.querySelectorAll('#filesystems :is(.scroll, th, td)')].filter((one) =>"
        "one.scrollWidth > one.clientWidth || one.scrollHeight > one.clientHeight).map((one) => one.textContent)"
    )
    with run_board(Board((*READINGS, *mounts))) as board:
        visit(browser, board)
        browser.execute_script("document.querySelector('#filesystems [data-whole]').click()")
        assert browser.execute_script(cut) == []


AXE = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")
STATES = {
    "fine": Board(READINGS),
    "night": Board(READINGS, NIGHT),
    "trouble": Board(HOSTILE, TROUBLE),
    "lost": Board(READINGS, NIGHT),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("state", STATES)
def test_the_page_is_for_everybody_in_each_state(browser: Chrome, state: str, theme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    with run_board(Board(STATES[state].readings, STATES[state].verdict)) as board:
        visit(browser, board)
        browser.execute_script("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        if state != "lost":
            assert_accessible(browser)
    if state == "lost":
        shows(browser, "#link", "no contact")
        assert_accessible(browser)


def assert_accessible(browser: Chrome) -> None:
    browser.execute_script(AXE)
    for width in (320, 1440):
        set_width(browser, width)
        found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        problems = {one["id"]: [node["html"][:120] for node in one["nodes"][:3]] for one in found["violations"]}
        assert problems == {}, json.dumps(problems, indent=1)
        assert len(found["passes"]) > 10


def set_width(browser: Chrome, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


@pytest.mark.parametrize("width", [320, 360, 768, 1440, 2560])
def test_no_name_makes_the_page_wider_than_its_window(browser: Chrome, width: int) -> None:
    set_width(browser, width)
    with run_board(Board(HOSTILE, TROUBLE)) as board:
        visit(browser, board)
        widest = browser.execute_script("return document.documentElement.scrollWidth")
        assert widest <= width
        assert complaints(browser) == []
