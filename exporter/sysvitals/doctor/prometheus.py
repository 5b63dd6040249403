"""Prometheus: whether it is there, and whether and how it scrapes this host."""

import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sysvitals.config.values import is_loopback
from sysvitals.doctor.check import Check, absent, broken, ok, warning
from sysvitals.doctor.fetching import LARGEST_LIST_BYTES, Server
from sysvitals.doctor.samples import identify, read_samples
from sysvitals.doctor.times import parse_duration
from sysvitals.doctor.trouble import Trouble
from sysvitals.judgement.thresholds import (
    CLOCK_ERROR,
    COLLECTOR_STALE,
    SCRAPE_INTERVAL_LONG,
    SCRAPE_INTERVAL_MARGIN,
    SCRAPE_SLOW,
)

_BOOT_TOLERANCE_SECONDS = 3.0
"""The kernel's time of boot moves by a second from reading to reading; two hosts do not boot at the same moment."""

_HOUR_SECONDS = 3600.0

DEFAULT_TIMEOUT_SECONDS = 10.0
"""The timeout of a scrape in Prometheus and VictoriaMetrics, unless set otherwise."""

_REMEDIES = (
    (("connection refused",), "does the exporter run, on that port? see above"),
    (
        ("no such host", "server misbehaving"),
        "Prometheus's machine does not know that name: write the IP address there",
    ),
    (
        ("deadline exceeded", "timeout", "no route", "unreachable"),
        "is the machine on the network, and does a firewall let that port through?",
    ),
    (("_limit", "limit exceeded"), "a limit of the scrape job is too tight for this host: raise it"),
    (
        ("status 401", "status 403"),
        "the exporter needs a name and a password: give them to the scrape job (basic_auth)",
    ),
    (
        ("certificate", "tls", "https client", "https server"),
        "scheme and tls_config of the scrape job do not fit the exporter",
    ),
    (("status 404", "content type", "expected"), "is that the exporter's address? its metrics are at /metrics"),
)
"""What to do where these words are in what Prometheus says of a failed scrape."""

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ThisHost:
    """How this host can be told from others: name, time of boot (Unix seconds), and its exporter's port."""

    hostname: str
    boot_time: float | None
    port: int
    listens_here_only: bool


@dataclass(frozen=True, slots=True)
class Target:
    """One target of Prometheus. Times are in Unix seconds, interval and timeout of its scrapes in seconds."""

    labels: Labels
    url: str
    health: str
    error: str
    last_scrape: float
    interval: float
    timeout: float = DEFAULT_TIMEOUT_SECONDS

    @property
    def name(self) -> tuple[str, str]:
        """Job and instance."""
        return self.labels.get("job", ""), self.labels.get("instance", "")


@dataclass(frozen=True, slots=True)
class Scraped:
    """What was found: the labels that Prometheus gives to this host, and its target where it is one of this server."""

    labels: Labels
    target: Target | None


def greet(server: Server) -> str:
    """The version of the Prometheus that answers. Raises Trouble, which says what answers instead."""
    try:
        return str(server.get_data("status/buildinfo").get("version", "of unknown version"))
    except Trouble as trouble:
        raise explain_stranger(server, trouble, "Prometheus mostly listens on port 9090") from None


def explain_stranger(server: Server, trouble: Trouble, hint: str) -> Trouble:
    """The trouble, or what else answers at that address."""
    if trouble.kind not in ("status", "content") or trouble.status in (401, 403, 500, 502, 503, 504):
        return trouble
    name = identify(server)
    url = server.address.url
    if name.lower().startswith(server.name.lower()):
        remedy = f"it may have a path in front, as in http://{server.address.host}/{server.name.lower()}"
        return Trouble("content", f"{server.name} is at {url}, but its interface is not", remedy)
    if name:
        return Trouble("content", f"at {url} it is not {server.name} that answers, but {name}", hint)
    return trouble


def query(server: Server, promql: str) -> list[tuple[Labels, float]]:
    """What Prometheus answers to this: labels and value. Raises Trouble.

    VictoriaMetrics answers for half a minute ago, and so with what is gone, unless it is asked without its cache.
    """
    found = server.get_data("query", query=promql, nocache="1")
    if found["resultType"] == "scalar":
        return [({}, float(found["result"][1]))]
    return [(row["metric"], float(row["value"][1])) for row in found["result"]]


def check_clock(server: Server, clock: str = "time()") -> Check:
    """Whether its clock, which answers to this PromQL, is near ours."""
    before = time.time()
    [(_, now)] = query(server, clock)
    after = time.time()
    apart = max(0.0, abs(now - (before + after) / 2) - (after - before) / 2)
    name = "prometheus.clock"
    if apart > CLOCK_ERROR.value:
        return warning(
            name,
            f"its clock and this host's are {apart:.0f} s apart: times in graphs and in the history do not agree",
            "`timedatectl` on both shows which is not synchronised",
        )
    return ok(name, f"its clock agrees with this host's (to {max(apart, 0.1):.1f} s)")


def check_config(server: Server) -> Iterator[Check]:
    """Whether the configuration on its disk is the one in force, as far as it shows its own metrics."""
    try:
        samples = read_samples(server)
    except Trouble:  # many keep /metrics to themselves
        return
    if samples.total("prometheus_config_last_reload_successful") == 0:
        yield broken(
            "prometheus.config",
            "its configuration was changed and is wrong: the old one is in force",
            "`promtool check config /etc/prometheus/prometheus.yml` names the error; then reload it",
        )


def find_this_host(server: Server, host: ThisHost) -> tuple[Scraped | None, list[Check]]:
    """How Prometheus knows this host, by what its series say, else by the address. Raises Trouble."""
    found = server.get_data("targets", LARGEST_LIST_BYTES, state="active")
    targets = [parse_target(one) for one in found.get("activeTargets") or ()]
    matcher = f'system_identity_info{{hostname="{escape(host.hostname)}"}}'
    now = [labels for labels, _ in query(server, matcher)]
    same, others = _by_boot_time(server, now, host)
    if not same and not others:  # a target that is down has no series any more, but had some
        same = [labels for labels, _ in query(server, f"last_over_time({matcher}[1d])")]
    scraped = [_scraped(labels, targets) for labels in same]
    if not scraped:
        own, is_here = own_names(server, host.hostname)
        scraped = [
            Scraped(target.labels, target)
            for target in targets
            if _leads_to(target, own, port=host.port, prometheus_is_here=is_here)
        ]
    if not scraped:
        return None, [_unknown_host(len(targets), others, host)]
    scraped.sort(key=lambda one: (one.target is None, one.target is not None and one.target.health != "up"))
    checks = [_check_target(scraped[0], host, was_seen=bool(now))]
    if len({one.target.name for one in scraped if one.target}) > 1:
        names = ", ".join(" ".join(one.target.name) for one in scraped if one.target)
        checks.append(
            warning(
                "prometheus.twice",
                f"{len(scraped)} of its targets are this host ({names}): every alert comes as often",
                "leave one of them; or, where two boards have one name, give each its own: hostnamectl hostname NAME",
            )
        )
    return scraped[0], checks


def check_scrape(server: Server, target: Target, clock: str = "time()") -> Iterator[Check]:
    """How old the last scrape is, and how much they bring. Raises Trouble."""
    [(_, now)] = query(server, clock)
    age = max(0.0, now - target.last_scrape)
    interval = target.interval
    if age > COLLECTOR_STALE.value * interval:
        remedy = "Prometheus itself is overloaded or was asleep: look at its log"
        yield broken(
            "prometheus.scrape_age", f"the last scrape is {age:.0f} s old, though due every {interval:g} s", remedy
        )
    else:
        yield ok("prometheus.scrape_age", f"the last scrape is {age:.0f} s old; one is due every {interval:g} s")
    selector = _select(target.labels)
    rows = query(server, f"scrape_samples_scraped{selector}")
    scraped = sum(value for _, value in rows)
    kept = sum(value for _, value in query(server, f"scrape_samples_post_metric_relabeling{selector}"))
    name = "prometheus.samples"
    if not rows:
        yield absent(name, "the samples of the last scrape are not visible yet", "ask again in half a minute")
    elif not scraped:
        yield broken(name, "the last scrape brought no samples", f"what does {target.url} show?")
    elif kept < scraped:
        remedy = "rules that need them stay silent: see metric_relabel_configs of its scrape job"
        yield warning(name, f"{scraped:.0f} samples in a scrape, of which {scraped - kept:.0f} are thrown away", remedy)
    else:
        yield ok(name, f"{scraped:.0f} samples in a scrape")


def check_duration(server: Server, target: Target) -> Iterator[Check]:
    """Whether scrapes come near the timeout that is configured. Raises Trouble.

    The rule *ScrapeSlow* knows no other timeout than that of the default: only with a feature flag is it a metric.
    """
    name = "prometheus.scrape_duration"
    remedy = "is the host busy, its Wi-Fi weak? `sysvitals collectors` says what is slow to read"
    limit = SCRAPE_SLOW.value * target.timeout / DEFAULT_TIMEOUT_SECONDS
    for _, took in query(server, f"avg_over_time(scrape_duration_seconds{_select(target.labels)}[10m])"):
        text = f"a scrape takes {took:.1f} s on average, and may take {target.timeout:g} s"
        if took > limit:
            yield warning(name, text, remedy)
        elif took > SCRAPE_SLOW.value:
            yield absent(name, f"{text}; ScrapeSlow assumes a timeout of {DEFAULT_TIMEOUT_SECONDS:g} s: silence it")


def check_interval(server: Server, scraped: Scraped) -> Iterator[Check]:
    """Whether scrapes come often enough: as configured, where that is known, and as counted. Raises Trouble.

    Series that arrive by another way, such as remote write, have no target here.
    """
    name = "prometheus.scrape_interval"
    limit = SCRAPE_INTERVAL_LONG.value
    remedy = "scrape_interval: 15s in its scrape job; 1m is fine as well"
    if scraped.target is not None and scraped.target.interval > limit:
        text = (
            f"a scrape every {scraped.target.interval:g} s is not supported: rules need one every {limit:g} s at least"
        )
        yield warning(name, text, remedy)
        return
    up = f"up{_select(scraped.labels)}"
    for _, count in query(server, f"count_over_time({up}[1h]) and last_over_time({up}[5m] offset 1h)"):
        if count * limit * SCRAPE_INTERVAL_MARGIN.value < _HOUR_SECONDS:
            yield warning(
                name,
                f"only {count:.0f} scrapes in the last hour: rules need one every {limit:g} s at least",
                f"{remedy}. Was Prometheus off? Then ask again in an hour",
            )


def check_sleeps(scraped: Scraped) -> Iterator[Check]:
    """Whether the host is marked as one that may sleep."""
    name = "prometheus.sleeps"
    said = scraped.labels.get("sleeps", "")
    if said == "true":
        yield absent(name, "marked as a host that may sleep: no alert reports that it does not answer")
    elif said not in ("", "false"):
        yield warning(name, f'its label sleeps="{said}" has no effect', 'write sleeps: "true" in its target file')


def parse_target(one: Mapping[str, Any]) -> Target:
    """From Prometheus's interface, or VictoriaMetrics's, which has times among the labels before relabelling."""
    before = one.get("discoveredLabels") or {}
    interval = one.get("scrapeInterval") or before.get("__scrape_interval__")
    timeout = one.get("scrapeTimeout") or before.get("__scrape_timeout__")
    return Target(
        labels=one["labels"],
        url=one["scrapeUrl"],
        health=one["health"],
        error=one.get("lastError", ""),
        last_scrape=datetime.fromisoformat(one["lastScrape"]).timestamp() if one.get("lastScrape") else 0.0,
        interval=parse_duration(interval or "1m"),
        timeout=parse_duration(timeout) if timeout else DEFAULT_TIMEOUT_SECONDS,
    )


def _by_boot_time(server: Server, candidates: list[Labels], host: ThisHost) -> tuple[list[Labels], list[Labels]]:
    """Those that were started when this host was, or do not tell; and those that were not: others of the same name."""
    if host.boot_time is None or not candidates:
        return candidates, []
    named = f'system_identity_info{{hostname="{escape(host.hostname)}"}}'
    started = {
        (labels.get("job"), labels.get("instance")): value
        for labels, value in query(server, f"system_boot_time_seconds and on (job, instance) {named}")
    }
    same: list[Labels] = []
    others: list[Labels] = []
    for labels in candidates:
        value = started.get((labels.get("job"), labels.get("instance")))
        is_same = value is None or abs(value - host.boot_time) <= _BOOT_TOLERANCE_SECONDS
        (same if is_same else others).append(labels)
    return same, others


def _scraped(labels: Labels, targets: Iterable[Target]) -> Scraped:
    for target in targets:
        if target.name == (labels.get("job"), labels.get("instance")):
            return Scraped(target.labels, target)
    return Scraped({name: labels[name] for name in ("job", "instance", "sleeps") if name in labels}, None)


def _check_target(found: Scraped, host: ThisHost, *, was_seen: bool) -> Check:
    name = "prometheus.target"
    job, instance = found.labels.get("job", ""), found.labels.get("instance", "")
    target = found.target
    if target is None:
        if was_seen:
            return ok(name, f"this host's series arrive as {instance} (job {job}), by another way than its own scrapes")
        return broken(
            name,
            f"this host's series came as {instance} (job {job}) within a day, and come no more",
            "the Prometheus that scraped it and sent them on has stopped: was the target removed?",
        )
    if target.health == "up":
        return ok(name, f"this host is scraped as {instance} (job {job}) at {target.url}")
    if target.health == "unknown":
        return warning(name, f"this host is a target ({instance}, job {job}) and is not scraped yet", "ask again soon")
    said = target.error.partition('": ')[2] or target.error
    return broken(
        name,
        f"this host ({instance}, job {job}) cannot be scraped at {target.url}: {said}",
        _remedy(said, target, host),
    )


def _remedy(said: str, target: Target, host: ThisHost) -> str:
    """What to do about a scrape that fails, by Prometheus's own words."""
    goes_out = not is_loopback(urlsplit(target.url).hostname or "")
    if "connection refused" in said and host.listens_here_only and goes_out:
        return f"the exporter listens on this machine only: --web.listen-address=:{host.port} opens it"
    words = said.lower()
    found = (remedy for signs, remedy in _REMEDIES if any(sign in words for sign in signs))
    return next(found, "try that address from Prometheus's machine with curl")


def _unknown_host(count: int, others: list[Labels], host: ThisHost) -> Check:
    name = "prometheus.target"
    if others:
        known = ", ".join(labels.get("instance", "") for labels in others)
        return broken(
            name,
            f"a host called {host.hostname} is scraped ({known}), but it was not started when this one was",
            "another board has the same name (give each its own: hostnamectl hostname NAME), or this one has just"
            " started: ask again in a minute",
        )
    address = f"{host.hostname or 'HOST'}:{host.port}"
    remedy = (
        "name it in a file in targets/sysvitals, which our prometheus.yml reads, or in a scrape job of your own:\n"
        f'  - targets: ["{address}"]\n'
        f"    labels: {{instance: {host.hostname or 'HOST'}}}"
    )
    if host.listens_here_only:
        remedy += f"\nand open the exporter to the network: --web.listen-address=:{host.port}"
    return broken(name, f"none of its {count} targets is this host ({host.hostname or 'of unknown name'})", remedy)


def _leads_to(target: Target, names: frozenset[str], *, port: int, prometheus_is_here: bool) -> bool:
    """Whether the target's address is this host's exporter, as far as names and addresses tell."""
    parts = urlsplit(target.url)
    host = (parts.hostname or "").lower()
    if parts.port != port:
        return False
    return prometheus_is_here if is_loopback(host) else host in names or host.removesuffix(".local") in names


def own_names(server: Server, hostname: str) -> tuple[frozenset[str], bool]:
    """This machine's names and IP addresses, as seen on the way to that server; and whether that is here as well."""
    names = {hostname.lower()} if hostname else set()
    try:
        there = socket.getaddrinfo(server.address.host, 9, type=socket.SOCK_DGRAM)
    except OSError:
        there = []
    for family, kind, *_, address in there[:4]:
        with socket.socket(family, kind) as probe:
            try:
                probe.connect(address)  # sends nothing: it only asks which way the way would begin
                names.add(probe.getsockname()[0])
            except OSError:
                continue
    here = is_loopback(server.address.host) or any(address[0] in names for *_, address in there)
    return frozenset(names), here


def _select(labels: Labels) -> str:
    """The matchers of a host's series."""
    return f'{{job="{escape(labels.get("job", ""))}",instance="{escape(labels.get("instance", ""))}"}}'


def escape(text: str) -> str:
    """For a string in PromQL."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
