"""Whether Prometheus is there, and whether it scrapes this host."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest

from sysvitals.doctor.check import Check, Verdict
from sysvitals.doctor.prometheus import (
    Scraped,
    Target,
    ThisHost,
    check_clock,
    check_config,
    check_duration,
    check_interval,
    check_scrape,
    check_sleeps,
    find_this_host,
    greet,
    parse_target,
)
from sysvitals.doctor.trouble import Trouble
from tests.doctor.serving import Answers, Question, Raw, connect, success, vector

OK, ABSENT, WARNING, BROKEN = Verdict

HOST = ThisHost(hostname="pi4", boot_time=1000.0, port=9877, listens_here_only=False)
SERIES = {"job": "sysvitals", "instance": "pi-kitchen", "hostname": "pi4", "model": "Pi"}
LABELS = {"job": "sysvitals", "instance": "pi-kitchen", "room": "kitchen"}


def target(**changes: Any) -> dict[str, Any]:
    whole = {
        "labels": LABELS,
        "scrapeUrl": "http://10.0.0.4:9877/metrics",
        "health": "up",
        "lastError": "",
        "lastScrape": datetime.now(UTC).isoformat().replace("+00:00", "123Z"),
        "scrapeInterval": "15s",
    }
    return {**whole, **changes}


def prometheus(
    *targets: dict[str, Any],
    now: list[dict[str, str]] | None = None,
    earlier: list[dict[str, str]] | None = None,
    booted: float | None = 1001.0,
) -> Answers:
    """A Prometheus that has these targets, and these series of identity, now and within the last day."""

    def answer(question: Question) -> Any:
        promql = question.query["query"]
        if promql.startswith("system_boot_time_seconds"):
            rows = [{"job": row["job"], "instance": row["instance"]} for row in now or ()]
            return vector(*((row, booted) for row in rows if booted is not None))
        found = earlier if promql.startswith("last_over_time") else now
        assert 'system_identity_info{hostname="pi4"}' in promql
        return vector(*((row, 1.0) for row in found or ()))

    return {"/api/v1/query": answer, "/api/v1/targets": success({"activeTargets": list(targets)})}


def find(answers: Answers, host: ThisHost = HOST) -> tuple[Scraped | None, dict[str, Check]]:
    with connect(answers) as (server, _):
        scraped, checks = find_this_host(server, host)
    assert len({check.id for check in checks}) == len(checks)
    return scraped, {check.id: check for check in checks}


def test_this_host_is_found_by_its_name_and_time_of_boot_whatever_prometheus_calls_it() -> None:
    scraped, checks = find(prometheus(target(), now=[SERIES]))
    assert scraped is not None
    assert scraped.labels == LABELS
    assert checks["prometheus.target"].verdict is OK
    assert "scraped as pi-kitchen (job sysvitals)" in checks["prometheus.target"].text


def test_another_board_of_the_same_name_is_not_this_one() -> None:
    scraped, checks = find(prometheus(target(), now=[SERIES], booted=5000.0))
    assert scraped is None
    assert checks["prometheus.target"].verdict is BROKEN
    assert "it was not started when this one was" in checks["prometheus.target"].text


def test_a_board_whose_clock_is_not_set_is_known_by_its_name_alone() -> None:
    host = ThisHost(hostname="pi4", boot_time=None, port=9877, listens_here_only=False)
    assert find(prometheus(target(), now=[SERIES], booted=5000.0), host)[0] is not None
    assert find(prometheus(target(), now=[SERIES], booted=None))[0] is not None


@pytest.mark.parametrize(
    ("error", "url", "remedy"),
    [
        (
            "dial tcp 10.0.0.4:9877: connect: connection refused",
            "http://10.0.0.4:9877/metrics",
            "does the exporter run",
        ),
        ("context deadline exceeded", "http://10.0.0.4:9877/metrics", "firewall"),
        ("dial tcp: lookup pi4: no such host", "http://pi4:9877/metrics", "IP address"),
        ("server returned HTTP status 401 Unauthorized", "http://10.0.0.4:9877/metrics", "basic_auth"),
        ("server returned HTTP status 404 Not Found", "http://10.0.0.4:9877/x", "/metrics"),
        ("sample limit exceeded", "http://10.0.0.4:9877/metrics", "limit"),
        ("tls: failed to verify certificate", "https://10.0.0.4:9877/metrics", "tls_config"),
        ("something new", "http://10.0.0.4:9877/metrics", "curl"),
    ],
)
def test_a_target_that_is_down_is_known_from_before_with_why_and_what_to_do(error: str, url: str, remedy: str) -> None:
    down = target(health="down", lastError=f'Get "{url}": {error}', scrapeUrl=url)
    scraped, checks = find(prometheus(down, earlier=[SERIES]))
    assert scraped is not None
    check = checks["prometheus.target"]
    assert check.verdict is BROKEN
    assert check.text.endswith(f"cannot be scraped at {url}: {error}")
    assert remedy in check.remedy


def test_an_exporter_that_listens_on_its_own_machine_only_is_the_reason_elsewhere() -> None:
    host = ThisHost(hostname="pi4", boot_time=1000.0, port=9877, listens_here_only=True)
    down = target(health="down", lastError='Get "x": connection refused')
    assert "--web.listen-address=:9877" in find(prometheus(down, earlier=[SERIES]), host)[1]["prometheus.target"].remedy
    near = {**down, "scrapeUrl": "http://127.0.0.1:9877/metrics"}
    assert "does the exporter run" in find(prometheus(near, earlier=[SERIES]), host)[1]["prometheus.target"].remedy


@pytest.mark.parametrize(
    ("url", "is_found"),
    [
        ("http://pi4:9877/metrics", True),
        ("http://PI4.local:9877/metrics", True),
        ("http://127.0.0.1:9877/metrics", True),  # this Prometheus is on this machine
        ("http://pi4:9100/metrics", False),
        ("http://pi5:9877/metrics", False),
        ("http://10.99.99.99:9877/metrics", False),
    ],
)
def test_a_target_that_never_answered_is_known_by_its_address(url: str, is_found: bool) -> None:
    never = target(health="down", lastError="x: no route to host", scrapeUrl=url, lastScrape="0001-01-01T00:00:00Z")
    scraped, checks = find(prometheus(never))
    assert (scraped is not None) == is_found
    assert checks["prometheus.target"].verdict is BROKEN
    if not is_found:
        assert "none of its 1 targets is this host (pi4)" in checks["prometheus.target"].text


def test_a_host_that_is_no_target_is_told_how_to_become_one() -> None:
    host = ThisHost(hostname="pi4", boot_time=1000.0, port=9877, listens_here_only=True)
    check = find(prometheus(), host)[1]["prometheus.target"]
    assert check.verdict is BROKEN
    assert '- targets: ["pi4:9877"]' in check.remedy
    assert "--web.listen-address=:9877" in check.remedy


def test_series_that_come_by_another_way_are_as_good_and_missed_when_they_stop() -> None:
    scraped, checks = find(prometheus(now=[SERIES]))
    assert scraped == Scraped({"job": "sysvitals", "instance": "pi-kitchen"}, None)
    assert checks["prometheus.target"].verdict is OK
    assert find(prometheus(earlier=[SERIES]))[1]["prometheus.target"].verdict is BROKEN


def test_a_host_that_is_scraped_twice_is_told_so() -> None:
    other = {**SERIES, "job": "boards"}
    second = target(labels={"job": "boards", "instance": "pi-kitchen"})
    scraped, checks = find(prometheus(target(), second, now=[SERIES, other]))
    assert scraped is not None
    assert checks["prometheus.twice"].verdict is WARNING
    assert "2 of its targets are this host" in checks["prometheus.twice"].text


def test_of_two_targets_the_one_that_answers_counts() -> None:
    down = target(health="down", lastError="x")
    up = target(labels={"job": "boards", "instance": "pi-kitchen"})
    scraped, _ = find(prometheus(down, up, now=[{**SERIES, "job": "boards"}, SERIES]))
    assert scraped is not None
    assert scraped.labels["job"] == "boards"


def test_a_target_that_waits_for_its_first_scrape_is_no_fault() -> None:
    waiting = target(health="unknown", scrapeUrl="http://pi4:9877/metrics", lastScrape="0001-01-01T00:00:00Z")
    assert find(prometheus(waiting))[1]["prometheus.target"].verdict is WARNING


def scrape_checks(age: float, interval: float, scraped: float, kept: float) -> dict[str, Check]:
    def answer(question: Question) -> Any:
        promql = question.query["query"]
        if promql == "time()":
            return success({"resultType": "scalar", "result": [0, "10000"]})
        assert promql.endswith('{job="sysvitals",instance="pi-\\"x\\""}')
        return vector(({}, scraped if "scraped" in promql else kept))

    labels = {"job": "sysvitals", "instance": 'pi-"x"'}
    one = Target(labels, "http://pi4:9877/metrics", "up", "", 10_000.0 - age, interval)
    with connect({"/api/v1/query": answer}) as (server, _):
        return {check.id: check for check in check_scrape(server, one)}


@pytest.mark.parametrize(
    ("age", "interval", "scraped", "kept", "verdicts"),
    [
        (5, 15, 390, 390, {"scrape_age": OK, "samples": OK}),
        (44, 15, 390, 390, {"scrape_age": OK, "samples": OK}),
        (60, 15, 390, 390, {"scrape_age": BROKEN, "samples": OK}),
        (60, 60, 390, 390, {"scrape_age": OK, "samples": OK}),
        (5, 15, 390, 90, {"scrape_age": OK, "samples": WARNING}),
        (5, 15, 0, 0, {"scrape_age": OK, "samples": BROKEN}),
    ],
)
def test_how_old_how_often_and_how_much(
    age: float, interval: float, scraped: float, kept: float, verdicts: dict[str, Verdict]
) -> None:
    checks = scrape_checks(age, interval, scraped, kept)
    assert {name: check.verdict for name, check in checks.items()} == {
        f"prometheus.{name}": verdict for name, verdict in verdicts.items()
    }


def test_samples_that_are_not_visible_yet_are_not_called_none() -> None:
    def answer(question: Question) -> Any:
        return vector(*[({}, 10_000.0)] * (question.query["query"] == "time()"))

    with connect({"/api/v1/query": answer}) as (server, _):
        *_, check = check_scrape(server, Target({}, "http://pi4:9877/metrics", "up", "", 9_995.0, 15.0))
    assert check.verdict is ABSENT
    assert check.text == "the samples of the last scrape are not visible yet"


@pytest.mark.parametrize(
    ("took", "timeout", "verdicts"),
    [
        (4.9, "10s", []),
        (9.9, "10s", [WARNING]),
        (9.9, "30s", [ABSENT]),
        (25.0, "30s", [WARNING]),
        (2.0, "3s", [WARNING]),
        (9.9, None, [WARNING]),
        (None, "10s", []),
    ],
    ids=[
        "fast",
        "near the default",
        "slow, and may be",
        "near a long one",
        "near a short one",
        "timeout not said",
        "no scrape yet",
    ],
)
def test_how_long_a_scrape_takes_is_compared_with_its_timeout(
    took: float | None, timeout: str | None, verdicts: list[Verdict]
) -> None:
    def answer(question: Question) -> Any:
        assert (
            'avg_over_time(scrape_duration_seconds{job="sysvitals",instance="pi-kitchen"}[' in question.query["query"]
        )
        return vector(*() if took is None else (({}, took),))

    one = parse_target(target(scrapeTimeout=timeout))
    with connect({"/api/v1/query": answer}) as (server, _):
        assert [check.verdict for check in check_duration(server, one)] == verdicts


def test_the_timeout_of_victoria_metrics_is_among_the_labels_before_relabelling() -> None:
    labels = {"__scrape_interval__": "1m", "__scrape_timeout__": "30s"}
    one = parse_target(target(scrapeInterval=None, discoveredLabels=labels))
    assert (one.interval, one.timeout) == (60, 30)


def interval_checks(configured: float | None, counted: float | None) -> list[Check]:
    """What is said of a host scraped so often, as its target says (None: it has none here) and as its series show."""

    def answer(question: Question) -> Any:
        assert 'count_over_time(up{job="sysvitals",instance="pi-kitchen"}[1h])' in question.query["query"]
        return vector(*() if counted is None else (({}, counted),))

    one = None if configured is None else Target(LABELS, "http://pi4:9877/metrics", "up", "", 0.0, configured)
    with connect({"/api/v1/query": answer}) as (server, _):
        return list(check_interval(server, Scraped(LABELS, one)))


@pytest.mark.parametrize(
    ("configured", "counted"),
    [(15, 240), (120, 30), (120, 28), (None, 60), (None, None)],
    ids=["15 s", "120 s", "120 s, two missed", "remote write", "new"],
)
def test_scrapes_up_to_two_minutes_apart_are_fine(configured: float | None, counted: float | None) -> None:
    assert interval_checks(configured, counted) == []


@pytest.mark.parametrize(
    ("configured", "counted", "words"),
    [
        (121, 29, "a scrape every 121 s is not supported: rules need one every 120 s at least"),
        (300, None, "a scrape every 300 s is not supported"),
        (None, 12, "only 12 scrapes in the last hour: rules need one every 120 s at least"),
        (15, 12, "only 12 scrapes in the last hour"),
    ],
    ids=["just beyond", "as configured", "as counted", "configured, and not kept"],
)
def test_scrapes_further_apart_are_not_supported(configured: float | None, counted: float | None, words: str) -> None:
    [check] = interval_checks(configured, counted)
    assert check.verdict is WARNING
    assert check.text.startswith(words)


@pytest.mark.parametrize(("value", "verdicts"), [("true", [ABSENT]), ("false", []), ("", []), ("yes", [WARNING])])
def test_a_host_that_may_sleep_is_said_to_be_left_out(value: str, verdicts: list[Verdict]) -> None:
    labels = {**LABELS, "sleeps": value}
    assert [check.verdict for check in check_sleeps(Scraped(labels, None))] == verdicts


def test_a_host_that_may_sleep_is_known_as_one_without_its_target() -> None:
    scraped, _ = find(prometheus(now=[{**SERIES, "sleeps": "true"}]))
    assert scraped is not None
    assert [check.verdict for check in check_sleeps(scraped)] == [ABSENT]


@pytest.mark.parametrize(("apart", "verdict"), [(0.0, OK), (0.9, OK), (-90.0, WARNING), (3600.0, WARNING)])
def test_a_clock_that_goes_wrong(apart: float, verdict: Verdict) -> None:
    def answer(_: Question) -> Any:
        return success({"resultType": "scalar", "result": [0, str(time.time() + apart)]})

    with connect({"/api/v1/query": answer}) as (server, _):
        assert check_clock(server).verdict is verdict


def test_a_server_that_answers_to_everything_with_a_vector_is_understood() -> None:
    with connect({"/api/v1/query": lambda _: vector(({}, time.time()))}) as (server, _):
        assert check_clock(server).verdict is OK


@pytest.mark.parametrize(("value", "count"), [("1", 0), ("0", 1)])
def test_a_configuration_that_was_not_taken(value: str, count: int) -> None:
    metrics = f"# TYPE a gauge\nprometheus_config_last_reload_successful {value}\n"
    with connect({"/metrics": metrics}) as (server, _):
        assert [check.verdict for check in check_config(server)] == [BROKEN] * count
    with connect({}) as (server, _):
        assert list(check_config(server)) == []


def test_the_version_is_told() -> None:
    with connect({"/api/v1/status/buildinfo": success({"version": "2.42.0"})}) as (server, _):
        assert greet(server) == "2.42.0"


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({"/metrics": '# TYPE x gauge\nnode_exporter_build_info{version="1"} 1\n'}, "but node_exporter"),
        ({"/metrics": '# TYPE x gauge\ngrafana_build_info{version="1"} 1\n'}, "but Grafana"),
        ({"/metrics": '# TYPE x gauge\nalertmanager_build_info{version="1"} 1\n'}, "but Alertmanager"),
        ({"/": "<title>Router login</title>"}, "but Router login"),
        ({"/": "<title>Prometheus Time Series</title>"}, "is at {url}, but its interface is not"),
        ({}, "{url}/api/v1/status/buildinfo does not exist (404)"),
        ({"/api/v1/status/buildinfo": Raw(401)}, "requires a user and a password"),
        ({"/api/v1/status/buildinfo": "<html>"}, "answers with a web page"),
    ],
)
def test_what_is_not_prometheus_is_called_what_it_is(answers: Answers, words: str) -> None:
    with connect(answers) as (server, fake), pytest.raises(Trouble) as caught:
        greet(server)
    assert words.format(url=fake.url) in caught.value.text


def test_an_agent_says_itself_that_it_cannot_be_asked() -> None:
    refusal = Raw(422, '{"status":"error","errorType":"execution","error":"unavailable with Prometheus Agent"}')
    with (
        connect({"/api/v1/query": refusal}) as (server, _),
        pytest.raises(Trouble, match="unavailable with Prometheus"),
    ):
        check_clock(server)
