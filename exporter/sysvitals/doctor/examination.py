"""The examination itself: one link of the chain after the other, from the sensor to the phone."""

from contextlib import ExitStack
from dataclasses import dataclass

from sysvitals.client.access import NO_ACCESS, Access
from sysvitals.client.address import Address
from sysvitals.config.settings import Settings
from sysvitals.config.values import is_loopback
from sysvitals.doctor.alertmanager import Status, ask_status, check_health, check_routes, check_watchdog
from sysvitals.doctor.alerts import (
    Recipient,
    Sending,
    check_alertmanagers,
    check_firing,
    check_sending,
    find_alertmanagers,
    find_sending,
    guess_sending,
)
from sysvitals.doctor.chain import check_chain, check_page
from sysvitals.doctor.check import Check, absent, broken, ok, warning
from sysvitals.doctor.desk import STRANGE, Desk, explain_strange
from sysvitals.doctor.effort import CPU_SECONDS, limited_effort
from sysvitals.doctor.exporter import Running, ask_exporter, check_exporter, exporter_address
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.host import check_host, describe_host
from sysvitals.doctor.prometheus import (
    ThisHost,
    check_clock,
    check_config,
    check_duration,
    check_interval,
    check_scrape,
    check_sleeps,
    find_this_host,
    greet,
)
from sysvitals.doctor.readings import Look, look_at_host
from sysvitals.doctor.report import Report
from sysvitals.doctor.rules import CHAIN, HEADLINE, Group, check_rules, find_alert, load_groups, load_shipped
from sysvitals.doctor.trial import send_test_alert
from sysvitals.doctor.trouble import Trouble
from sysvitals.doctor.victoria import Program, examine_victoria, recognise
from sysvitals.provision.shipped import shipped_folder


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: this host, by its settings, and the servers by their addresses, as far as they were given.

    `file` is where the settings are, if they are in one. `access` is for these servers alone: an Alertmanager that
    Prometheus names is shown no password.
    """

    settings: Settings
    exporter: Address | None
    prometheus: Address | None
    alertmanager: Address | None
    access: Access = NO_ACCESS
    send: bool = False
    file: str | None = None


def examine(question: Question, report: Report | None) -> tuple[str, list[Check]]:
    """Look at all of it, and print what is found as it comes: the host's name, and all checks."""
    settings = question.settings
    with ExitStack() as stack:
        desk = Desk(report, stack)
        look = look_at_host(settings)
        address = question.exporter or exporter_address(settings)
        direct = question.exporter is None or is_loopback(address.host)
        found = _ask_exporter(desk.connect("the exporter", address, question.access, direct=direct))
        desk.heading(f"This host: {describe_host(look)}")
        running = found if isinstance(found, Running) and found.boot == look.boot_id else None
        desk.take("host", lambda: check_host(look, running, settings))
        desk.heading(f"Its exporter: {address.url}")
        desk.take("exporter", lambda: check_exporter(found, look, settings, address.url, question.file))
        shipped = desk.attempt("rules.shipped", lambda: load_shipped(shipped_folder("prometheus") / "rules")) or []
        sending = guess_sending(look.hostname, find_alert(shipped, HEADLINE))
        recipients: list[Recipient] = []
        if question.prometheus:
            server = desk.connect("Prometheus", question.prometheus, question.access)
            sending, recipients = _examine_prometheus(desk, server, _describe(look, settings), shipped, sending)
        else:
            desk.heading("Prometheus: not looked at")
            desk.put(
                absent("prometheus.answers", "--prometheus URL checks whether it scrapes this host and has our rules")
            )
        if question.alertmanager:
            recipients = [Recipient(question.alertmanager, access=question.access)]
        if recipients:
            _examine_alertmanagers(desk, recipients, sending, shipped, send=question.send)
        elif question.send:
            desk.heading("Test alert")
            desk.put(
                broken("test.sent", "no test alert was sent: no Alertmanager is known", "--alertmanager URL names one")
            )
        return look.hostname, desk.checks


def _ask_exporter(server: Server) -> Running | Trouble:
    try:
        with limited_effort(CPU_SECONDS):
            return ask_exporter(server)
    except Trouble as trouble:
        return trouble
    except STRANGE as error:
        return Trouble("content", f"{server.address.url}: {explain_strange(error)}", "does another version run there?")


def _examine_prometheus(
    desk: Desk, server: Server, host: ThisHost, shipped: list[Group], guess: Sending
) -> tuple[Sending, list[Recipient]]:
    """What Prometheus knows of this host; how an alert would leave it, and to whom."""
    desk.heading(f"Prometheus: {server.address.url}")
    found = desk.attempt("prometheus.answers", lambda: recognise(server) or greet(server))
    if found is None:
        return guess, []
    if isinstance(found, Program):
        return examine_victoria(desk, server, found, host, guess)
    desk.put(ok("prometheus.answers", f"Prometheus {found} answers"))
    desk.take("prometheus.clock", lambda: [check_clock(server)])
    desk.take("prometheus.page", lambda: [check_page(server)])
    desk.take("prometheus.config", lambda: check_config(server))
    scraped, checks = desk.attempt("prometheus.target", lambda: find_this_host(server, host)) or (None, [])
    desk.take("prometheus.target", lambda: checks)
    target = scraped.target if scraped else None
    if target is not None and target.health == "up":
        desk.take("prometheus.scrape_age", lambda: check_scrape(server, target))
        desk.take("prometheus.scrape_duration", lambda: check_duration(server, target))
    if scraped is not None:
        desk.take("prometheus.scrape_interval", lambda: check_interval(server, scraped))
        desk.take("prometheus.sleeps", lambda: check_sleeps(scraped))
    loaded = desk.attempt("prometheus.rules", lambda: load_groups(server))
    if loaded is not None:
        desk.take("prometheus.rules", lambda: check_rules(server, loaded, shipped))
        if find_alert(loaded, CHAIN):
            desk.take("prometheus.chain", lambda: check_chain(server))
        if scraped is not None:
            desk.take("prometheus.alerts", lambda: check_firing(loaded, scraped))
    sending = desk.attempt(
        "prometheus.relabelling", lambda: find_sending(server, loaded or [], shipped, scraped, host.hostname)
    )
    desk.take("prometheus.relabelling", lambda: check_sending(sending) if sending else ())
    recipients = desk.attempt("prometheus.alertmanagers", lambda: find_alertmanagers(server))
    if recipients is not None:
        is_configured = sending is not None and sending.names_alertmanagers
        desk.take(
            "prometheus.alertmanagers", lambda: [check_alertmanagers(server, recipients, is_configured=is_configured)]
        )
    return sending or guess, recipients or []


def _describe(look: Look, settings: Settings) -> ThisHost:
    addresses = settings.web.listen_address
    return ThisHost(
        hostname=look.hostname,
        boot_time=look.boot_time,
        port=addresses[0][1],
        listens_here_only=all(is_loopback(host) for host, _ in addresses),
    )


def _examine_alertmanagers(
    desk: Desk, recipients: list[Recipient], sending: Sending, shipped: list[Group], *, send: bool
) -> None:
    """Whom Alertmanager would tell; and, if asked for, one test alert through all of them."""
    desk.heading(f"Alertmanager: {', '.join(one.address.url for one in recipients)}")
    answering = [found for one in recipients if (found := _greet_alertmanager(desk, one))]
    if answering:
        server, status = answering[0]
        desk.take("alertmanager.ready", lambda: check_health(server, status))
        watchdog = sending.watchdog
        if watchdog:
            desk.take("alertmanager.watchdog", lambda: [check_watchdog(server, watchdog, sending.watchdog_since)])
        _examine_route(desk, server, status, sending)
    if send:
        _send(desk, answering, sending, shipped)


def _greet_alertmanager(desk: Desk, recipient: Recipient) -> tuple[Server, Status] | None:
    name = "alertmanager.answers"
    server = desk.connect("Alertmanager", recipient.address, recipient.access)
    try:
        with limited_effort(CPU_SECONDS):
            status = ask_status(server)
    except Trouble as trouble:
        if trouble.kind in recipient.soft:
            remedy = (
                "Prometheus may reach it all the same. If you know its address as seen from here: --alertmanager URL"
            )
            desk.put(warning(name, trouble.text, remedy))
        else:
            desk.put(broken(name, trouble.text, trouble.remedy))
        return None
    except STRANGE as error:
        desk.put(broken(name, f"{recipient.address.url}: {explain_strange(error)}", "is that Alertmanager?"))
        return None
    desk.put(ok(name, f"Alertmanager {status.version} answers"))
    return server, status


def _examine_route(desk: Desk, server: Server, status: Status, sending: Sending) -> None:
    labels, routing = sending.labels, status.routing
    if labels is None:
        return
    if sending.is_guess:
        words = ", ".join(f"{name}={value}" for name, value in sorted(labels.items()))
        text = f"an alert's labels are a guess without a Prometheus that scrapes this host and has our rules: {words}"
        desk.put(absent("alertmanager.labels", text))
    if routing is None:
        remedy = "--send-test-alert shows it; or, on its own machine: amtool config routes show --config.file=FILE"
        desk.put(
            warning(
                "alertmanager.route",
                "it does not show its routes: cannot find out which receiver it would notify",
                remedy,
            )
        )
        return
    desk.take("alertmanager.route", lambda: check_routes(server, routing, labels))


def _send(desk: Desk, answering: list[tuple[Server, Status]], sending: Sending, shipped: list[Group]) -> None:
    desk.heading("Test alert")
    labels = sending.labels
    if not answering:
        desk.put(broken("test.sent", "no test alert was sent: no Alertmanager answers", "see above"))
        return
    if labels is None:
        desk.put(broken("test.sent", "no test alert was sent: Prometheus would drop it", "see above"))
        return
    status = answering[0][1]
    desk.take(
        "test.sent",
        lambda: send_test_alert(
            [server for server, _ in answering],
            status,
            labels,
            rule=find_alert(shipped, HEADLINE),
            progress=desk.progress,
        ),
    )
