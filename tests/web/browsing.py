"""A page in a real browser, from an exporter that is made up: its routes and streams are real, its past is not."""

import asyncio
import json
import math
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

from sysvitals.host.side_process import Withdrawal
from sysvitals.judgement.verdict import Level, Verdict
from sysvitals.model.event import Event
from sysvitals.model.reading import Body
from sysvitals.outputs.live import LiveHub
from sysvitals.web.http.messages import App, BusyError
from sysvitals.web.live import LiveServices, encode_glance
from sysvitals.web.page.glance import Glance
from sysvitals.web.routes import Services, build_web_app
from sysvitals.web.timeline import PAGE_POINTS, Window
from sysvitals.web.trends import Trends
from tests.patience import PATIENCE
from tests.stack.running import wait_until
from tests.tools import need_tool
from tests.web.asking import serve
from tests.web.looking import STAMP, look
from tests.web.past import a_day

FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


@contextmanager
def open_browser(folder: Path) -> Iterator[Chrome]:
    """A browser that notes what it has against a page."""
    options = ChromeOptions()
    options.binary_location = need_tool("chromium")
    for flag in (*FLAGS, f"--user-data-dir={folder / 'browser'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(need_tool("chromedriver")))
    driver.set_script_timeout(PATIENCE)
    driver.set_window_size(1200, 900)
    try:
        yield driver
    finally:
        driver.quit()


@dataclass
class Board:
    """What the page is about. `questions` are those that its script asked of the past, as (from, to, points), and
    `drawn` counts those for a page.

    With `refusal`, such a question gets this line and no answer.
    """

    readings: tuple[Body, ...] = ()
    verdict: Verdict = field(default_factory=lambda: Verdict(Level.GOOD, ()))
    past: Mapping[str, Any] = field(default_factory=a_day)
    questions: list[tuple[float, float, int]] = field(default_factory=list)
    refusal: str = ""
    drawn: int = 0
    busy: Mapping[str, float] = field(default_factory=dict)
    hub: LiveHub = field(default_factory=lambda: LiveHub(viewers=8))
    url: str = ""
    seq: int = 0
    later: float = 0.0

    def __post_init__(self) -> None:
        """Let the past end now."""
        self.later = time.time() - self.past["now"]

    def say(self, *bodies: Body) -> None:
        """Let these events happen now."""
        stamp = STAMP._replace(time=time.time())
        self.hub.offer(tuple(Event(stamp, self.seq + number, body) for number, body in enumerate(bodies, 1)))
        self.seq += len(bodies)

    def answer(self, begin: float, end: float, points: int) -> dict[str, Any]:
        """What is known of this stretch."""
        later = self.later
        wide = (end - begin) / points

        def shift(spans: list[list[Any]]) -> list[list[Any]]:
            moved = [[since + later, until + later, *what] for since, until, *what in spans]
            return [span for span in moved if span[1] >= begin and span[0] <= end]

        gaps = shift(self.past["gaps"])
        at = [begin + wide * number for number in range(points)]
        blank = [any(since < moment + wide and until > moment for since, until in gaps) for moment in at]

        def value(curve: dict[str, Any], moment: float) -> float:
            if "down" in curve:
                return 4096.0 * (2 + math.sin(moment / 3000))
            low, high = curve["low"], curve["high"]
            return float(low + (high - low) * (0.5 + 0.3 * math.sin(moment / 5000)))

        def fill(curve: dict[str, Any]) -> dict[str, Any]:
            mean = [None if none else value(curve, moment) for moment, none in zip(at, blank, strict=True)]
            more = {"down": mean} if "down" in curve else {}
            least, most = ([None if one is None else one + by for one in mean] for by in (-1, 1))
            return {**curve, "min": least, "mean": mean, "max": most, **more}

        return {
            **self.past,
            "from": begin,
            "to": end,
            "now": time.time(),
            "gaps": gaps,
            "lanes": [{**lane, "spans": shift(lane["spans"])} for lane in self.past["lanes"]],
            "curves": [fill(curve) for curve in self.past["curves"]],
            "at": at,
            "happened": [
                {**one, "from": one["from"] + later, "to": one["to"] + later}
                for one in self.past["happened"]
                if shift([[one["from"], one["to"]]])
            ],
        }

    def app(self) -> App:
        """All that is served."""

        def glance(time_line: Mapping[str, Any]) -> Glance:
            drawn = look("pi4", self.readings, verdict=self.verdict, busy=self.busy, time_line=time_line)
            return replace(drawn, now=time.time())

        def timeline(window: Window, _withdrawal: Withdrawal) -> bytes:
            if self.refusal:
                raise BusyError(self.refusal)
            begin, end = window.span(time.time())
            if window.points == PAGE_POINTS:
                self.drawn += 1
            else:
                self.questions.append((begin, end, window.points))
            return json.dumps(self.answer(begin, end, window.points)).encode()

        def snapshot() -> str:
            readings = [Event(STAMP, number, body) for number, body in enumerate(self.readings)]
            return encode_glance("pi4", "1", readings, Trends())

        return build_web_app(
            Services(
                metrics=lambda *_: (b"", "text/plain"),
                collectors=dict,
                events=tuple,
                glance=glance,
                faults=list,
                ready=lambda: True,
                reload=Future,
                may_reload=lambda: False,
                live=LiveServices(self.hub, snapshot, lambda: self.verdict),
                timeline=timeline,
            )
        )


@contextmanager
def run_board(board: Board) -> Iterator[Board]:
    """The board's exporter in a thread."""
    ready, loops = threading.Event(), []
    ended = asyncio.Event()

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        board.hub.attach(loops[0].call_soon_threadsafe)
        async with serve(board.app()) as (port, _):
            board.url = f"http://127.0.0.1:{port}/"
            ready.set()
            await ended.wait()
            board.hub.end()

    thread = threading.Thread(target=asyncio.run, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(PATIENCE)
    try:
        yield board
    finally:
        loops[0].call_soon_threadsafe(ended.set)
        thread.join(PATIENCE)


def text(browser: Chrome, selector: str) -> str:
    """The text of the first such element, hidden or not."""
    return str(browser.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''", selector))


def shows(browser: Chrome, selector: str, words: str) -> None:
    """Wait until the element has these words."""
    wait_until(lambda: words in text(browser, selector), f"{selector} shows {words!r}")


def complaints(browser: Chrome) -> list[str]:
    """What the browser itself has against the page: errors, blocked content. Not that the server went away."""
    log: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in log if "ERR_CONNECTION_REFUSED" not in entry["message"]]
