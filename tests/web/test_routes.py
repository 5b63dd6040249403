"""The routes, asked in this process."""

import asyncio
import gzip
import json
import re
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import connect

from sysvitals.host.side_process import Withdrawal
from sysvitals.judgement.verdict import Level, Verdict
from sysvitals.model.changes import Reloaded
from sysvitals.model.event import Event, Stamp, encode_events
from sysvitals.outputs.live import LiveHub
from sysvitals.web import routes
from sysvitals.web.http.messages import BusyError, Request
from sysvitals.web.live import LiveServices
from sysvitals.web.page.glance import Glance
from sysvitals.web.routes import (
    DEFAULT_SCRAPE_SECONDS,
    LOOKS,
    MARGIN_SECONDS,
    RELOADS,
    SCRAPES_OF_A_CLIENT,
    Services,
    accepts_gzip,
    build_web_app,
    choose_collectors,
    scrape_seconds,
)
from sysvitals.web.timeline import Window
from tests.patience import PATIENCE
from tests.web.asking import Client, serve
from tests.web.looking import look
from tests.web.raw import run, wait_for

TEXT = "text/plain; version=0.0.4; charset=utf-8"
ENABLED = ["cpu", "load", "wifi"]


@dataclass
class Exporter:
    """Answers the routes, and notes what they asked."""

    asked: list[tuple[frozenset[str] | None, float, str]] = field(default_factory=list)
    is_ready: bool = True
    faults: list[str] = field(default_factory=list)
    problems: tuple[str, ...] = ()
    may_reload: bool = True
    reloads: int = 0
    reads: bool = True
    thread: str = ""

    def metrics(self, names: frozenset[str] | None, seconds: float, accept: str) -> tuple[bytes, str]:
        self.asked.append((names, seconds, accept))
        self.thread = threading.current_thread().name
        return b"# HELP x x\n# TYPE x gauge\nx 1.0\n" * 50, TEXT

    def reload(self) -> Future[tuple[str, ...]]:
        self.reloads += 1
        asked = Future[tuple[str, ...]]()
        if self.reads:
            asked.set_result(self.problems)
        return asked

    def services(self) -> Services:
        return Services(
            metrics=self.metrics,
            collectors=lambda: dict.fromkeys(ENABLED, "fine"),
            events=tuple,
            faults=lambda: self.faults,
            ready=lambda: self.is_ready,
            reload=self.reload,
            may_reload=lambda: self.may_reload,
            live=LiveServices(LiveHub(viewers=2), lambda: "{}", lambda: Verdict(Level.GOOD, ())),
            glance=lambda time_line: look("pi<4>", time_line=time_line),
            timeline=lambda _window, _withdrawal: b'{"partial":"There is no history here"}',
        )


@pytest.fixture
def exporter() -> Exporter:
    return Exporter()


@pytest.fixture
def client(exporter: Exporter) -> Client:
    return Client(build_web_app(exporter.services()))


@pytest.mark.fault(
    "storage",
    "a disk that hangs while somebody looks at the page",
    seen="after 2 s the page is there without its time line, for which its script then asks",
    heals="by itself, when the disk answers",
)
def test_a_page_does_not_wait_for_a_history_that_hangs(exporter: Exporter, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = threading.Event()

    def hang(_window: Window, withdrawal: Withdrawal) -> bytes:
        assert withdrawal.allows(gone.set)
        assert gone.wait(PATIENCE), "what nothing waits for any more is withdrawn"
        return b"{}"

    monkeypatch.setattr(routes, "HISTORY_SECONDS", 0.01)
    client = Client(build_web_app(replace(exporter.services(), timeline=hang)))
    answer = client.get("/?range=7d")
    assert answer.status_code == 200
    assert "The time line is not shown: reading the history takes longer than the page waits" in answer.text
    assert re.search(
        r'id="plot" [^>]*data-range="7d" data-from="\d{10}" data-to="\d{10}"[^>]* data-missing', answer.text
    )


def test_a_page_without_the_cost_of_its_history_says_that_it_was_not_asked_for(client: Client) -> None:
    assert "The time line was not asked for" in client.get("/?range=none").text


def test_metrics_are_given_with_the_content_type_of_their_format(client: Client) -> None:
    answer = client.get("/metrics", headers={"accept-encoding": "identity"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, TEXT)
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-length"] == str(len(answer.content))


def test_no_cache_keeps_metrics_or_takes_one_form_for_another(client: Client) -> None:
    answer = client.get("/metrics")
    assert answer.headers["cache-control"] == "no-store"
    assert {name.strip() for name in answer.headers["vary"].split(",")} == {"accept", "accept-encoding"}


def test_who_accepts_gzip_is_given_gzip_of_the_same_metrics(client: Client) -> None:
    plain = client.get("/metrics", headers={"accept-encoding": "identity"}).content
    answer, packed = client.raw("/metrics", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["content-length"] == str(len(packed))
    assert gzip.decompress(packed) == plain
    assert len(packed) < len(plain)


@pytest.mark.parametrize("header", ["gzip", "deflate, gzip", "GZIP;q=0.5", "br;q=1.0, gzip; q=0.001", " gzip "])
def test_gzip_is_accepted(header: str) -> None:
    assert accepts_gzip(header)


@pytest.mark.parametrize("header", ["", "identity", "gzip;q=0", "gzip; q=0.000", "x-gzip2", "br", "notgzip", ",;,"])
def test_gzip_is_not_accepted(header: str) -> None:
    assert not accepts_gzip(header)


def test_a_scrape_does_not_hold_up_the_loop_that_answers_the_others(client: Client, exporter: Exporter) -> None:
    client.get("/metrics")
    assert exporter.thread.startswith("scrape_")


def test_more_scrapes_at_a_time_than_there_are_threads_are_503_and_the_exporter_is_healthy_meanwhile() -> None:
    exporter, begun, go_on = Exporter(), threading.Semaphore(0), threading.Event()
    services = exporter.services()

    def wait(_names: frozenset[str] | None, _seconds: float, _accept: str) -> tuple[bytes, str]:
        begun.release()
        assert go_on.wait(PATIENCE)
        return b"", TEXT

    async def crowd() -> None:
        async with (
            serve(build_web_app(replace(services, metrics=wait))) as (port, _),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
        ):
            scrapes = [asyncio.create_task(client.get("/metrics")) for _ in range(SCRAPES_OF_A_CLIENT)]
            for _ in scrapes:
                await asyncio.to_thread(begun.acquire)
            refused = await client.get("/metrics")
            assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
            assert (await client.get("/-/healthy")).status_code == 200
            go_on.set()
            assert [answer.status_code for answer in await asyncio.gather(*scrapes)] == [200] * len(scrapes)

    run(crowd())


def test_the_accept_header_reaches_the_projection(client: Client, exporter: Exporter) -> None:
    client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert exporter.asked[0][2] == "application/openmetrics-text; version=1.0.0"


def test_head_of_metrics_tells_the_same_headers_as_get(client: Client) -> None:
    got, head = client.get("/metrics"), client.request("HEAD", "/metrics")
    assert (head.status_code, head.content) == (200, b"")
    assert {**head.headers, "date": ""} == {**got.headers, "date": ""}


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", None),
        ("?collect[]=load", {"load"}),
        ("?collect[]=load&collect[]=cpu&collect[]=load", {"load", "cpu"}),
        ("?collect%5B%5D=wifi", {"wifi"}),
        ("?exclude[]=load", {"cpu", "wifi"}),
        ("?exclude[]=cpu&exclude[]=load&exclude[]=wifi", set()),
        ("?other=1&collect=load", None),
    ],
)
def test_a_scrape_may_choose_collectors(query: str, names: set[str] | None, client: Client, exporter: Exporter) -> None:
    assert client.get(f"/metrics{query}").status_code == 200
    assert exporter.asked[0][0] == names


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("collect[]=load&exclude[]=cpu", "do not go together"),
        ("collect[]=laod", "'laod'"),
        ("exclude[]=laod", "'laod'"),
        ("collect[]=load&collect[]=", "''"),
        (f"collect[]={quote('<script>')}", "'<script>'"),
        ("collect[]=a%0Ab", r"'a\nb'"),
        ("collect[]=%FF%00", r"'�\x00'"),
    ],
)
def test_a_question_that_cannot_be_answered_is_refused_with_the_valid_names(
    query: str, word: str, client: Client, exporter: Exporter
) -> None:
    answer = client.get(f"/metrics?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/plain")
    assert word in answer.text
    assert answer.text.endswith("enabled here: cpu, load, wifi\n")
    assert answer.text.count("\n") == 1
    assert exporter.asked == []


@given(wanted=st.lists(st.sampled_from([*ENABLED, "x"])), unwanted=st.lists(st.sampled_from([*ENABLED, "x"])))
def test_what_is_chosen_is_always_among_what_is_enabled(wanted: list[str], unwanted: list[str]) -> None:
    names, problem = choose_collectors({"collect[]": wanted, "exclude[]": unwanted}, ENABLED)
    assert bool(problem) == ("x" in {*wanted, *unwanted} or bool(wanted and unwanted))
    if not problem:
        assert (names or frozenset()) <= frozenset(ENABLED)
        assert (names is None) == (not wanted and not unwanted)


@pytest.mark.parametrize(
    ("header", "seconds"), [("10", 9.5), ("5.0", 4.5), ("0.6", 0.3), ("0.001", 0.0005), ("1e1", 9.5)]
)
def test_a_scrape_is_done_before_prometheus_gives_up(header: str, seconds: float) -> None:
    assert scrape_seconds(header) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "header", [None, "", "soon", "nan", "inf", "-inf", "-5", "0", "-0.0", "1e999", "3600", "10s", "٣x"]
)
def test_a_deadline_that_makes_no_sense_is_taken_for_the_usual_one(header: str | None) -> None:
    assert scrape_seconds(header) == DEFAULT_SCRAPE_SECONDS - MARGIN_SECONDS


@given(header=st.one_of(st.text(), st.floats().map(str)))
def test_whatever_the_deadline_a_scrape_ends_within_the_hour(header: str) -> None:
    assert 0 <= scrape_seconds(header) < 3600


@pytest.mark.parametrize(("header", "seconds"), [("3", 2.5), ("nan", 9.5), ("inf", 9.5), ("-1", 9.5)])
def test_prometheus_own_deadline_reaches_the_collectors(
    header: str, seconds: float, client: Client, exporter: Exporter
) -> None:
    client.get("/metrics", headers={"X-Prometheus-Scrape-Timeout-Seconds": header})
    assert exporter.asked[0][1] == seconds


def test_it_is_not_healthy_where_a_thread_has_died_and_says_so(client: Client, exporter: Exporter) -> None:
    exporter.faults = ["the thread scheduler has died"]
    answer = client.get("/-/healthy")
    assert answer.status_code == 503
    assert answer.text == "sysvitals is not healthy: the thread scheduler has died.\n"


def test_it_is_healthy_even_before_the_first_readings_but_not_ready(client: Client, exporter: Exporter) -> None:
    exporter.is_ready = False
    assert client.get("/-/healthy").status_code == 200
    answer = client.get("/-/ready")
    assert (answer.status_code, answer.text) == (503, "sysvitals has not taken its first readings yet.\n")
    exporter.is_ready = True
    assert client.get("/-/ready").status_code == 200


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
def test_only_a_post_reloads(method: str, client: Client, exporter: Exporter) -> None:
    answer = client.request(method, "/-/reload")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert exporter.reloads == 0


@pytest.mark.fault(
    "network",
    "reloads over HTTP that were not allowed",
    seen="403 with the flag that allows them",
    heals="nothing is reloaded; SIGHUP works as ever",
)
def test_a_post_reloads_nothing_unless_the_settings_allow_it(client: Client, exporter: Exporter) -> None:
    exporter.may_reload = False
    answer = client.request("POST", "/-/reload")
    assert (answer.status_code, len(answer.text.splitlines())) == (403, 1)
    assert "--web.enable-lifecycle" in answer.text
    assert exporter.reloads == 0


FOREIGN = [{"origin": "http://evil.example"}, {"origin": "http://["}, {"sec-fetch-site": "cross-site"}]


@pytest.mark.fault(
    "network",
    "a page of another site that asks for events or a reload",
    seen="403 in that page",
    heals="nothing is read or reloaded",
)
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/api/v1/state"), ("GET", "/api/v1/events"), ("POST", "/-/reload")]
)
def test_pages_of_other_sites_read_no_events_and_reload_nothing(
    method: str, path: str, headers: dict[str, str], client: Client, exporter: Exporter
) -> None:
    assert client.request(method, path, headers=headers).status_code == 403
    assert exporter.reloads == 0


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_pages_of_other_sites_open_no_live_stream(headers: dict[str, str], exporter: Exporter) -> None:
    upgrade = {"upgrade": "websocket", "connection": "Upgrade"}
    answer = Client(build_web_app(exporter.services())).get("/api/v1/live", headers=upgrade | headers)
    assert answer.status_code == 403


@pytest.mark.fault(
    "network",
    "reloads over HTTP in a storm",
    seen="one line in the log a second at most",
    heals="by itself: those that wait share one reload",
)
def test_posts_in_a_storm_share_reloads(exporter: Exporter) -> None:
    async def storm() -> list[int]:
        async with (
            serve(build_web_app(exporter.services())) as (port, _),
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client,
        ):
            first = await client.post("/-/reload")
            others = await asyncio.gather(*(client.post("/-/reload") for _ in range(RELOADS)))
            return [answer.status_code for answer in (first, *others)]

    assert run(storm()) == [200] * (1 + RELOADS)
    assert exporter.reloads == 2


def test_a_post_reloads_and_tells_how_it_went(client: Client, exporter: Exporter) -> None:
    assert (client.request("POST", "/-/reload").status_code, exporter.reloads) == (200, 1)
    exporter.problems = ("a.yml:1: x: unknown key.", "a.yml:2: y: unknown key.")
    answer = client.request("POST", "/-/reload")
    assert answer.status_code == 400
    assert answer.text.splitlines()[1:] == list(exporter.problems)


def test_a_reload_that_does_not_end_is_answered_with_when_to_try_again(
    client: Client, exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysvitals.web.routes.RELOAD_SECONDS", 1e-3)
    exporter.reads = False
    answer = client.request("POST", "/-/reload")
    assert (answer.status_code, len(answer.text.splitlines())) == (503, 1)
    assert "retry-after" in answer.headers


def test_the_state_is_json_that_no_cache_keeps(client: Client) -> None:
    answer = client.get("/api/v1/state")
    assert (answer.status_code, answer.json()) == (200, {"events": []})
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"


def test_the_state_is_encoded_again_only_where_an_event_is_another_one(
    exporter: Exporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[tuple[Event, ...]] = []

    def note(events: tuple[Event, ...]) -> list[str]:
        encoded.append(events)
        return encode_events(events)

    monkeypatch.setattr("sysvitals.web.routes.encode_events", note)
    events: tuple[Event, ...] = ()
    client = Client(build_web_app(replace(exporter.services(), events=lambda: (*events,))))
    for seq in (1, 2):
        events += (Event(Stamp(1_800_000_000.0, "pi4", "boot", 1.0, synced=True), seq, Reloaded(changed="x")),)
        for _ in range(3):
            assert [event["seq"] for event in client.get("/api/v1/state").json()["events"]] == [*range(1, seq + 1)]
    assert encoded == [events[:1], events]


def test_what_costs_the_event_loop_or_a_thread_most_takes_turns_and_scrapes_and_health_do_not(
    exporter: Exporter,
) -> None:
    costly = {path for path, route in build_web_app(exporter.services()).routes.items() if route.takes_turns}
    assert costly == {"/", "/api/v1/state", "/api/v1/timeline", "/api/v1/events", "/api/v1/live"}


def test_the_page_is_html_with_the_hosts_name_escaped(client: Client) -> None:
    answer = client.get("/")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "pi&lt;4&gt;" in answer.text
    assert "pi<4>" not in answer.text


def test_the_page_lets_nothing_run_or_load_that_is_not_its_own(client: Client) -> None:
    answer = client.get("/")
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert {policy[name] for name in ("script-src", "style-src", "connect-src", "img-src")} == {"'self'"}
    assert policy["frame-ancestors"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("name", "kind"),
    [("page.js", "text/javascript"), ("style.css", "text/css"), ("icon-good.svg", "image/svg+xml")],
)
def test_the_pages_files_are_served_once_and_then_only_if_they_changed(name: str, kind: str, client: Client) -> None:
    first = client.get(f"/static/{name}")
    assert first.headers["content-type"].partition(";")[0] == kind
    assert first.content
    again = client.get(f"/static/{name}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("name", ["", "page.py", "..%2fpage.py", "page.js%00", "."])
def test_no_other_file_is_served(name: str, client: Client) -> None:
    assert client.get(f"/static/{name}").status_code == 404


def test_each_file_of_the_page_is_served_and_no_other_is_there(client: Client) -> None:
    folder = Path(routes.__file__).parent / "static"
    assert {path.name for path in folder.iterdir()} == set(routes.STATIC)
    assert all(client.get(f"/static/{name}").status_code == 200 for name in routes.STATIC)


@pytest.mark.parametrize("path", ["/nothing", "/metricsx", "/-/", "/api", "/%2e%2e/etc/passwd", "/metrics%00"])
def test_what_is_not_there_is_404(path: str, client: Client) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.text) == (404, "not found\n")


@pytest.mark.parametrize("path", ["/", "/metrics", "/-/healthy", "/-/ready", "/api/v1/state"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_what_can_only_be_read_is_405_for_all_else(method: str, path: str, client: Client) -> None:
    answer = client.request(method, path)
    assert answer.status_code == 405
    assert {name.strip() for name in answer.headers["allow"].split(",")} == {"GET", "HEAD"}


def test_an_error_within_is_500_without_its_insides() -> None:
    services = Exporter().services()
    broken = Services(
        metrics=services.metrics,
        collectors=services.collectors,
        events=lambda: (1 // 0,),  # type: ignore[arg-type,return-value]  # it raises
        faults=services.faults,
        ready=services.ready,
        reload=services.reload,
        may_reload=services.may_reload,
        live=services.live,
        glance=services.glance,
        timeline=services.timeline,
    )
    answer = Client(build_web_app(broken)).get("/api/v1/state")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")


def test_a_viewer_begins_with_the_verdict_of_now_though_nothing_was_spread_since_another_left() -> None:
    levels = iter([Level.GOOD, Level.CRITICAL])
    services = Exporter().services()
    live = replace(services.live, verdict=lambda: Verdict(next(levels), ()))

    async def watch() -> list[str]:
        found = []
        async with serve(build_web_app(replace(services, live=live))) as (port, _):
            for _ in range(2):
                async with connect(f"ws://127.0.0.1:{port}/api/v1/live") as viewer:
                    found.append(json.loads(await viewer.recv())["verdict"]["level"])
                await wait_for(lambda: not live.hub.viewers)
        return found

    assert run(watch()) == ["good", "critical"]


@pytest.mark.fault(
    "network",
    "a stream that asks for events by a pattern of thousands of brackets or stars, or by a thousand patterns",
    seen="400 in one line; a pattern that is taken is judged once for each name of an event",
    heals="by itself",
)
@pytest.mark.parametrize("query", ["event=" + "[" * 8000, "event=" + "*a" * 4000, "&".join(["event=x*"] * 800)])
def test_a_stream_that_asks_for_events_in_a_costly_way_is_refused(query: str, client: Client) -> None:
    answer = client.get(f"/api/v1/events?{query}")
    assert (answer.status_code, len(answer.text.splitlines())) == (400, 1)
    assert answer.text.startswith("event: expected ")


def test_no_more_pages_than_there_is_room_for_are_waited_for(exporter: Exporter) -> None:
    go_on = threading.Event()

    def wait(_time_line: Mapping[str, Any]) -> Glance:
        assert go_on.wait(PATIENCE)
        return look("pi")

    async def crowd() -> None:
        app = build_web_app(replace(exporter.services(), glance=wait))
        asked = [
            asyncio.create_task(app(Request("GET", "/", {}, {}, client=str(number % 8)))) for number in range(LOOKS + 1)
        ]
        # each asks for its time line first, so any of them may be the one too many
        done, waiting = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        (refused,) = done
        with pytest.raises(BusyError):
            await refused
        go_on.set()
        await asyncio.gather(*waiting)

    run(crowd())
