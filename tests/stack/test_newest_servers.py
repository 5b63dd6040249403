"""From a brownout to a message with the newest servers, and from a receiver that refuses it to the backup.

All are real programs with the folder that users copy; Alertmanager has the keys that read secrets from files. Waits are
shortened, and what would go to a service goes to this machine. test_notifications.py has more, with the oldest servers.
"""

from pathlib import Path

from sysvitals.provision.receivers import take_known_keys
from tests.prometheus.receiver_blocks import find_blocks, uncomment
from tests.stack.receivers import HttpReceiver, Message, run_http_receiver
from tests.stack.running import free_port, run_board, wait_until, write_in_place
from tests.stack.servers import copy_shipped, name_targets, read_yaml, run_alertmanager, run_prometheus, write_yaml
from tests.stack.shortened import shorten, shorten_notifications_failing
from tests.tools import need_newer_tool

NEWEST = (0, 33)
TELEGRAM = "telegram/bot1:token/sendMessage"


def choose_receivers(etc: Path, http: HttpReceiver) -> None:
    """Slack, Discord, Telegram and a web hook for people, a web hook as backup; each secret in a file."""
    secrets = etc.parent / "secrets"
    secrets.mkdir()
    text = take_known_keys((etc / "alertmanager.yml").read_bytes(), NEWEST).decode()
    text = uncomment(text, *find_blocks(text)).replace("/etc/prometheus/secrets", str(secrets))
    (etc / "alertmanager.yml").write_text(text, encoding="utf-8")
    config = read_yaml(etc / "alertmanager.yml")
    people, backup, _, watchdog = config["receivers"]
    for key in ("email_configs", "pushover_configs"):
        del people[key]
    people["telegram_configs"][0]["api_url"] = http.url("telegram")
    del people["webhook_configs"][0]
    backup["webhook_configs"] = [{"url_file": str(secrets / "backup-url")}]
    for name, content in {
        "telegram-token": "1:token",
        "discord-url": http.url("discord"),
        "slack-url": http.url("slack"),
        "webhook-url": http.url("people"),
        "backup-url": http.url("backup"),
        Path(watchdog["webhook_configs"][0]["url_file"]).name: http.url("watchdog"),
    }.items():
        (secrets / name).write_text(content, encoding="utf-8")
    for route in config["route"]["routes"]:
        route |= {"group_wait": "1s", "group_interval": "1s"}
    write_yaml(etc / "alertmanager.yml", config)


def about(messages: list[Message], alertname: str, status: str) -> list[Message]:
    """Those that tell of this alert in this state."""
    return [
        message
        for message in messages
        if any(
            alert["status"] == status and alert["labels"]["alertname"] == alertname for alert in message.body["alerts"]
        )
    ]


def test_the_newest_servers_send_a_brownout_once_its_end_once_and_to_the_backup_which_receiver_refuses_it(
    tmp_path: Path,
) -> None:
    prometheus, alertmanager = need_newer_tool("prometheus"), need_newer_tool("prometheus-alertmanager")
    etc = copy_shipped(tmp_path)
    shorten(etc, looks_back=20)
    shorten_notifications_failing(etc)
    port = free_port()
    name_targets(etc, "alertmanager", {"alertmanager": f"127.0.0.1:{port}"})
    with run_http_receiver() as http, run_board(tmp_path) as (exporter, alarm):
        name_targets(etc, "sysvitals", {"pi4": exporter})
        choose_receivers(etc, http)
        http.refuses.add("slack")
        with run_alertmanager(etc, port, program=alertmanager), run_prometheus(etc, program=prometheus) as server:
            calm = 'count(count_over_time(system_throttle_events_total{cause="undervoltage"}[1m]) >= 3)'
            wait_until(lambda: server.value(calm) == 1, "the board was scraped while calm")
            write_in_place(alarm, "1\n")
            wait_until(lambda: about(http.to("people"), "Undervoltage", "firing"), "the brownout is sent")
            write_in_place(alarm, "0\n")
            wait_until(lambda: about(http.to("people"), "Undervoltage", "resolved"), "its end is sent")
            wait_until(lambda: about(http.to("backup"), "NotificationsFailing", "firing"), "the backup is told")
            http.refuses.clear()
            wait_until(lambda: about(http.to("backup"), "NotificationsFailing", "resolved"), "and of its end")
            # one that fires before Alertmanager is discovered is sent again after a minute
            wait_until(lambda: about(http.to("watchdog"), "Watchdog", "firing"), "the dead man's switch is called")
            rules = [rule for group in server.ask("rules")["groups"] for rule in group["rules"]]
    assert [rule["name"] for rule in rules if rule["health"] == "err"] == []
    for status in ("firing", "resolved"):
        assert len(about(http.to("people"), "Undervoltage", status)) == 1
        [told] = about(http.to("backup"), "NotificationsFailing", status)
        assert {alert["labels"]["integration"] for alert in told.body["alerts"]} == {"slack"}
    assert about(http.to("backup"), "Undervoltage", "firing") == []
    titles = [str(message.body["text"]) for message in http.to(TELEGRAM) if "undervoltage" in message.body["text"]]
    assert [title.removeprefix("<b>")[0] for title in titles] == ["🔴", "✅"]
    assert http.to("discord")
