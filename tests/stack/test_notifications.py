"""From a brownout to a message: a simulated board, the exporter, Prometheus, Alertmanager, and who is told.

All are the real programs with the folder that users copy. To be done within minutes, this is shortened in the copy:
scrapes and evaluations (a second), how far the rule of Undervoltage looks back (half an hour, here 30 s), how long a
host must be silent, and most of the waits of the routes. benchmarks/notifications.py measures with what ships.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.prometheus.receiver_blocks import find_blocks, uncomment
from tests.prometheus.rendering import render
from tests.stack.boards import SCENARIOS, build_boards, flags_of, play
from tests.stack.receivers import HttpReceiver, MailReceiver, Message, run_http_receiver, run_mail_receiver
from tests.stack.running import answers, free_port, run_exporter, wait_until
from tests.stack.servers import (
    Alertmanager,
    Prometheus,
    copy_shipped,
    name_targets,
    read_yaml,
    run_alertmanager,
    run_prometheus,
    write_yaml,
)
from tests.stack.shortened import shorten

FLAPS_SECONDS = 105
"""Six pulses, 20 s apart, and their ends."""


@dataclass
class Course:
    """What went on: the servers, and what was seen of each at the time."""

    folder: Path
    prometheus: Prometheus
    alertmanager: Alertmanager
    http: HttpReceiver
    mail: MailReceiver
    inhibited: dict[str, list[str]] = field(default_factory=dict)
    down_fingerprint: str = ""

    def webhooks(self, alertname: str, instance: str, status: str) -> list[Message]:
        """Messages to the webhook that tell of this alert in this state."""
        labels = {"alertname": alertname, "instance": instance}
        return [
            message
            for message in self.http.to("webhook")
            for alert in message.body["alerts"]
            if alert["status"] == status and labels.items() <= alert["labels"].items()
        ]


def tell(etc: Path, http: HttpReceiver, mail: MailReceiver) -> None:
    """Take the receivers' comments away, and send to this machine what would go to each service."""
    text = (etc / "alertmanager.yml").read_text(encoding="utf-8")
    (etc / "alertmanager.yml").write_text(uncomment(text, *find_blocks(text)), encoding="utf-8")
    config = read_yaml(etc / "alertmanager.yml")
    people, _, _, watchdog = config["receivers"]
    del people["pushover_configs"]  # its address cannot be changed
    people["email_configs"][0] |= {"smarthost": mail.address, "require_tls": False}
    for key in ("auth_username", "auth_password_file"):
        del people["email_configs"][0][key]
    people["telegram_configs"][0] |= {"api_url": http.url("telegram"), "bot_token": "1:secret"}
    people["discord_configs"][0]["webhook_url"] = http.url("discord")
    del people["slack_configs"][0]["api_url_file"]
    people["slack_configs"][0]["api_url"] = http.url("slack")
    people["webhook_configs"] = [{"url": http.url("webhook")}]
    watchdog["webhook_configs"][0]["url"] = http.url("watchdog")
    for route in config["route"]["routes"]:
        route["group_interval"] = "4s"
        if route["receiver"] == "people" and "critical" not in str(route["matchers"][-1:]):
            route["group_wait"] = "20s"
    config["route"]["routes"][2]["group_wait"] = "3s"
    write_yaml(etc / "alertmanager.yml", config)


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Course]:
    """Three boards, each with a pulse or more; the exporter of one is killed and comes back."""
    folder = tmp_path_factory.mktemp("notifications")
    etc = copy_shipped(folder)
    shorten(etc, looks_back=30)
    scenarios = {"pi-once": "one-pulse", "pi-flapping": "flapping", "pi-mortal": "one-pulse"}
    with ExitStack() as stack:
        http, mail = stack.enter_context(run_http_receiver()), stack.enter_context(run_mail_receiver())
        boards = stack.enter_context(
            build_boards(folder, {name: str(SCENARIOS / f"{scenario}.yaml") for name, scenario in scenarios.items()})
        )
        targets = {
            name: stack.enter_context(run_exporter(folder, name, *flags_of(boards[name])))
            for name in ("pi-once", "pi-flapping")
        }
        targets["pi-mortal"] = f"127.0.0.1:{free_port()}"
        mortal = start_mortal(folder, targets["pi-mortal"], flags_of(boards["pi-mortal"]))
        name_targets(etc, "sysvitals", targets)
        tell(etc, http, mail)
        port = free_port()
        name_targets(etc, "alertmanager", {"alertmanager": f"127.0.0.1:{port}"})
        alertmanager = stack.enter_context(run_alertmanager(etc, port))
        prometheus = stack.enter_context(run_prometheus(etc))
        course = Course(folder, prometheus, alertmanager, http, mail)
        try:
            calm = 'count(count_over_time(system_throttle_events_total{cause="undervoltage"}[1m]) >= 3)'
            wait_until(lambda: prometheus.value(calm) == 3, "all boards were scraped while calm")
            with play(list(boards.values())) as began:
                mortal = kill_and_revive(course, mortal, targets["pi-mortal"], flags_of(boards["pi-mortal"]))
                wait_until(lambda: course.webhooks("Undervoltage", "pi-once", "resolved"), "its end is sent")
                wait_until(lambda: time.monotonic() - began > FLAPS_SECONDS, "the flapping is over")
            yield course
        finally:
            mortal.kill()
            mortal.wait()


def start_mortal(folder: Path, address: str, flags: list[str]) -> subprocess.Popen[bytes]:
    own = [f"--web.listen-address={address}", f"--storage.path={folder / 'pi-mortal'}"]
    with (folder / "pi-mortal.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sysvitals", "serve", *own, *flags], cwd=folder, stdout=log, stderr=log
        )
    wait_until(lambda: answers(f"http://{address}/-/ready"), "the exporter that is to be killed is ready")
    return process


def kill_and_revive(
    course: Course, mortal: subprocess.Popen[bytes], address: str, flags: list[str]
) -> subprocess.Popen[bytes]:
    """Kill the exporter as soon as its undervoltage was told; once HostDown was told, note what it silences."""
    wait_until(lambda: course.webhooks("Undervoltage", "pi-mortal", "firing"), "pi-mortal browned out")
    os.kill(mortal.pid, signal.SIGKILL)
    mortal.wait()
    wait_until(lambda: course.webhooks("HostDown", "pi-mortal", "firing"), "pi-mortal is reported as down")
    for alert in course.alertmanager.alerts():
        instance = alert["labels"].get("instance", "")
        course.inhibited[f"{alert['labels']['alertname']} {instance}"] = alert["status"]["inhibitedBy"]
        if alert["labels"]["alertname"] == "HostDown":
            course.down_fingerprint = alert["fingerprint"]
    mortal = start_mortal(course.folder, address, flags)
    wait_until(lambda: course.webhooks("HostDown", "pi-mortal", "resolved"), "pi-mortal is back")
    return mortal


def read_events(storage: Path, name: str) -> list[dict[str, Any]]:
    lines = [
        line for segment in sorted(storage.glob("history/*/*.jsonl")) for line in segment.read_bytes().splitlines()
    ]
    return [event for event in map(json.loads, lines) if event["name"] == name]


def test_a_brownout_of_three_seconds_is_in_the_history_and_in_prometheus(course: Course) -> None:
    started = read_events(course.folder / "pi-once", "system.throttling.started")
    assert [event["host"] for event in started if event["data"]["cause"] == "undervoltage"] == ["pi-once"]
    assert course.prometheus.value('system_throttle_events_total{cause="undervoltage",instance="pi-once"}') == 1
    fired = 'max_over_time(ALERTS{alertname="Undervoltage",alertstate="firing",instance="pi-once"}[5m])'
    assert course.prometheus.value(fired) == 1


def test_it_is_told_once_and_its_end_is_told_once(course: Course) -> None:
    [firing] = course.webhooks("Undervoltage", "pi-once", "firing")
    [over] = course.webhooks("Undervoltage", "pi-once", "resolved")
    assert firing.time < over.time
    for path in ("slack", "discord", "telegram/bot1:secret/sendMessage"):
        titles = [title_of(message) for message in course.http.to(path) if "pi-once" in title_of(message)]
        assert [title[0] for title in titles] == ["🔴", "✅"], path


def title_of(message: Message) -> str:
    body = message.body
    if "text" in body:
        return str(body["text"]).removeprefix("<b>").partition("</b>")[0]
    return str(body["embeds"][0]["title"] if "embeds" in body else body["attachments"][0]["title"])


def test_each_medium_gets_the_text_that_was_reviewed(course: Course, tmp_path: Path) -> None:
    for status in ("firing", "resolved"):
        [webhook] = course.webhooks("Undervoltage", "pi-once", status)
        parts = render(webhook.body, tmp_path, zone=None)
        assert parts["title"].endswith("pi-once: undervoltage, the power supply is too weak")
        assert "RUNBOOK.md#undervoltage" in parts["text"]
        [slack] = [one for one in course.http.to("slack") if title_of(one) == parts["title"]]
        [attachment] = slack.body["attachments"]
        assert (attachment["text"], attachment["color"]) == (parts["slack"], parts["color"])
        [discord] = [one for one in course.http.to("discord") if title_of(one) == parts["title"]]
        assert discord.body["embeds"][0]["description"] == parts["discord"]
        telegram = [one.body for one in course.http.to("telegram/bot1:secret/sendMessage")]
        [sent] = [body for body in telegram if body["text"] == parts["telegram"].strip()]
        assert (sent["parse_mode"], sent["chat_id"]) == ("HTML", "123456789")


def test_a_mail_can_be_read_as_text_and_as_a_page(course: Course, tmp_path: Path) -> None:
    [webhook] = course.webhooks("Undervoltage", "pi-once", "firing")
    parts = render(webhook.body, tmp_path, zone=None)
    [mail] = [mail for mail in course.mail.mails if mail["subject"] == parts["title"]]
    assert (mail["to"], mail["from"]) == ("you@example.org", "sysvitals@example.org")
    text, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().replace("\r\n", "\n").strip() == parts["mail.text"].strip()
    assert page.get_content().replace("\r\n", "\n").strip() == parts["mail.html"].strip()


def test_a_board_that_flaps_for_two_minutes_is_told_once(course: Course) -> None:
    pulses = course.prometheus.value('system_throttle_events_total{cause="undervoltage",instance="pi-flapping"}')
    assert pulses >= 4  # of six: on a busy machine two may be seen as one
    assert len(course.webhooks("Undervoltage", "pi-flapping", "firing")) == 1
    assert course.webhooks("Undervoltage", "pi-flapping", "resolved") == []
    assert course.webhooks("Throttled", "pi-flapping", "firing") == []


def test_an_exporter_that_dies_is_told_and_its_return(course: Course) -> None:
    [down] = course.webhooks("HostDown", "pi-mortal", "firing")
    [back] = course.webhooks("HostDown", "pi-mortal", "resolved")
    assert down.time < back.time
    for name in ("pi-once", "pi-flapping"):
        assert course.webhooks("HostDown", name, "firing") == []


def test_a_host_that_is_down_silences_its_own_alerts_and_no_others(course: Course) -> None:
    assert course.inhibited["Undervoltage pi-mortal"] == [course.down_fingerprint]
    assert course.inhibited["Undervoltage pi-flapping"] == []
    assert course.inhibited["HostDown pi-mortal"] == []


def test_the_dead_mans_switch_is_called_all_along(course: Course) -> None:
    calls = course.http.to("watchdog")
    assert calls
    assert {alert["labels"]["alertname"] for call in calls for alert in call.body["alerts"]} == {"Watchdog"}


def test_no_message_failed_and_nobody_else_was_told(course: Course) -> None:
    paths = {message.path for message in course.http.messages}
    assert paths == {"/webhook", "/slack", "/discord", "/telegram/bot1:secret/sendMessage", "/watchdog"}
    log = course.alertmanager.log.read_text(encoding="utf-8")
    assert [line for line in log.splitlines() if "level=error" in line or "level=warn" in line] == []
