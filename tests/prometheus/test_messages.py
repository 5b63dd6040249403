"""What people read. Each kind of message is in messages/, as Alertmanager's own tool renders it.

`UPDATE_EXPECTED=1 pytest tests/prometheus/test_messages.py` writes them anew, for review: read them as on a phone.
"""

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sysvitals.doctor.trial import build_alert
from tests.prometheus.rendering import build_data, render
from tests.prometheus.rule_cases import load_firing

MESSAGES = Path(__file__).parent / "messages"
UPDATE = bool(os.environ.get("UPDATE_EXPECTED"))
ONSET = datetime(2026, 3, 1, 3, 12, 7, 200_000, tzinfo=UTC)
FIRING = load_firing()
MEDIA = {
    "Telegram": "telegram",
    "Slack": "slack",
    "Discord": "discord",
    "Pushover": "short",
    "E-mail": "mail.text",
}
LIMITS = {"short": 1024, "discord": 2000, "telegram": 4096, "slack": 3000, "title": 250}
"""Characters that Pushover, Discord, Telegram and Slack take; Pushover's and Discord's titles."""
PHONE = ("text", "short", "telegram", "slack", "discord")
ALL = (*PHONE, "mail.text", "mail.html")
ALLOWED_BY_TELEGRAM = {"a", "b", "strong", "i", "em", "u", "s", "code", "pre"}

Alert = dict[str, Any]


def alert(
    name: str, severity: str = "", *, instance: str = "", says: str = "", after: float = 0, lasts: float = 0
) -> Alert:
    """An alert of the rules, as a webhook has it: the first that `says` this; it is over if it `lasts` (seconds)."""
    found = next(
        one
        for one in FIRING
        if one.labels["alertname"] == name
        and severity in ("", one.labels["severity"])
        and says in one.annotations["description"]
    )
    labels, annotations = dict(found.labels), dict(found.annotations)
    if instance:
        was, labels["instance"] = labels["instance"], instance
        annotations = {key: text.replace(was, instance) for key, text in annotations.items()}
    return describe(labels, annotations, after=after, lasts=lasts)


def sent_by_doctor(*, lasts: float = 0) -> Alert:
    """The one that `sysvitals doctor` sends for an Undervoltage."""
    real = alert("Undervoltage", instance="pi4")
    sent = build_alert({**real["labels"], "test": "true"}, None, lasts=300)
    runbook = {"runbook_url": real["annotations"]["runbook_url"]}
    return describe(sent["labels"], {**sent["annotations"], **runbook}, lasts=lasts)


def describe(labels: Mapping[str, str], annotations: Mapping[str, str], *, after: float = 0, lasts: float = 0) -> Alert:
    begin = ONSET + timedelta(seconds=after)
    return {
        "status": "resolved" if lasts else "firing",
        "labels": dict(labels),
        "annotations": dict(annotations),
        "startsAt": begin.isoformat(),
        "endsAt": (begin + timedelta(seconds=lasts)).isoformat() if lasts else "0001-01-01T00:00:00Z",
        "generatorURL": "http://prometheus:9090/graph?g0.expr=x&g0.tab=1",
        "fingerprint": "0123456789abcdef",
    }


BOARDS = ("pi-attic", "pi-garden", "pi-kitchen")
HOSTILE = describe(
    {"alertname": "FilesystemFull", "severity": "warning", "instance": "pi_4*", "mountpoint": "/a b/<i>&\"'`_*"},
    {
        "summary": 'pi_4*: </b><script>alert("1")</script> & `rm` *bold* _it_ ~~no~~ ||spoiler|| [x](y)',
        "description": "1 < 2 > 0 & so on; \\ {{ .Labels }} " + "ä" * 800,
        "runbook_url": "https://example.org/?a=1&b=<2>#x",
    },
)
KINDS: dict[str, list[Alert]] = {
    "undervoltage": [alert("Undervoltage", instance="pi4")],
    "undervoltage-over": [alert("Undervoltage", instance="pi4", lasts=905)],
    "host-down": [alert("HostDown", instance="pi-attic", says="No answer for at least 10m")],
    "hosts-down": [alert("HostDown", instance=name, after=5 * n) for n, name in enumerate(BOARDS)],
    "hosts-down-one-back": [
        *[alert("HostDown", instance=name, after=5 * n) for n, name in enumerate(BOARDS[:2])],
        alert("HostDown", instance=BOARDS[2], lasts=3725),
    ],
    "hosts-down-many": [alert("HostDown", instance=f"pi-{n:02}", after=n) for n in range(20)],
    "hosts-back": [alert("HostDown", instance=name, lasts=3600 + 60 * n) for n, name in enumerate(BOARDS)],
    "warnings-of-a-board": [
        alert("Throttled", instance="pi4"),
        alert("FilesystemFilling", "warning", instance="pi4", after=20),
        alert("WifiWeak", instance="pi4", after=40),
    ],
    "temperature": [alert("TemperatureHigh", "critical", instance="pi4")],
    "filesystem": [alert("FilesystemFull", "warning", instance="pi4")],
    "infos-of-a-day": [
        alert("UndervoltageUndetectable", instance="pi-zero"),
        alert("UndervoltageUndetectable", instance="board", says="This board"),
        alert("ClockInexact", instance="pi4", after=3600),
    ],
    "test": [sent_by_doctor()],
    "test-over": [sent_by_doctor(lasts=300)],
    "hostile": [HOSTILE],
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    folder = tmp_path_factory.mktemp("messages")
    return {kind: render(build_data(alerts), folder) for kind, alerts in KINDS.items()}


def lay_out(parts: Mapping[str, str]) -> str:
    """One kind of message for review: the title, then what each medium gets."""
    texts = {medium: parts[name].strip("\n") for medium, name in MEDIA.items()}
    return f"{parts['title']}\n" + "".join(f"\n--- {medium}\n{text}\n" for medium, text in texts.items())


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_reads_as_reviewed(rendered: dict[str, dict[str, str]], kind: str) -> None:
    actual = {f"{kind}.txt": lay_out(rendered[kind]), f"{kind}.html": rendered[kind]["mail.html"]}
    for name, text in actual.items():
        if UPDATE:
            MESSAGES.mkdir(exist_ok=True)
            (MESSAGES / name).write_text(text, encoding="utf-8")
        assert text == (MESSAGES / name).read_text(encoding="utf-8"), "if meant: UPDATE_EXPECTED=1, and read it"


def test_no_reviewed_message_is_of_a_kind_that_is_no_more() -> None:
    assert {path.stem for path in MESSAGES.iterdir()} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_message_is_whole_in_each_medium(rendered: dict[str, dict[str, str]], kind: str) -> None:
    for name, limit in LIMITS.items():
        assert len(rendered[kind][name]) <= limit, name


def every_alert() -> Iterator[Alert]:
    seen = set()
    for firing in FIRING:
        key = (firing.labels["alertname"], firing.labels["severity"])
        if key not in seen:
            seen.add(key)
            yield describe(firing.labels, firing.annotations)


@pytest.mark.parametrize(
    "one", [*every_alert()], ids=lambda one: f"{one['labels']['alertname']}-{one['labels']['severity']}"
)
def test_no_alert_of_the_rules_is_cut_short(one: Alert) -> None:
    assert len(one["annotations"]["summary"]) <= 100
    assert len(one["annotations"]["description"]) <= 700
    # Slack's title is not escaped, and a phone's title has no formatting
    assert not set(one["annotations"]["summary"]) & set("<>&*`\n")


def test_a_message_says_which_board_what_how_bad_since_when_and_what_to_do(
    rendered: dict[str, dict[str, str]],
) -> None:
    for medium in ALL:
        text = rendered["undervoltage"]["title"] + rendered["undervoltage"][medium]
        for part in ("pi4", "undervoltage", "Critical since Sun 1 Mar 03:12:07 UTC", "RUNBOOK.md#undervoltage"):
            assert part in text, medium
        assert "Unplug what takes power" in text


def test_the_end_of_an_alert_says_so_and_how_long_it_lasted(rendered: dict[str, dict[str, str]]) -> None:
    assert rendered["undervoltage-over"]["title"].startswith("✅ Over: pi4: ")
    for medium in ALL:
        assert "Over since Sun 1 Mar 03:27:12 UTC. The alert lasted 15m 5s." in rendered["undervoltage-over"][medium]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0s"), (1.6, "2s"), (59, "59s"), (60, "1m 0s"), (3725.2, "1h 2m 5s"), (266_400, "74h 0m 0s")],
)
def test_how_long_an_alert_lasted_is_readable(tmp_path: Path, seconds: float, words: str) -> None:
    over = build_data([alert("Undervoltage", lasts=seconds)])
    assert f"The alert lasted {words}." in render(over, tmp_path)["text"]


def test_times_are_those_of_the_servers_zone(tmp_path: Path) -> None:
    parts = render(build_data(KINDS["undervoltage"]), tmp_path, "Europe/Berlin")
    assert "since Sun 1 Mar 04:12:07 CET." in parts["text"]


def test_several_hosts_are_named_in_the_title_and_listed_below(rendered: dict[str, dict[str, str]]) -> None:
    three, many = rendered["hosts-down"], rendered["hosts-down-many"]
    assert three["title"] == "🔴 HostDown (3): pi-attic, pi-garden, pi-kitchen"
    assert many["title"] == "🔴 HostDown (20): pi-00, pi-01, pi-02, pi-03, …"
    for medium in PHONE:
        assert all(f"• {name}: " in three[medium] for name in BOARDS)
        assert "… 20 in all" in many[medium]
        assert "pi-06" not in many[medium]
    assert all(f"pi-{n:02}: " in many[medium] for n in range(20) for medium in ("mail.text", "mail.html"))


def test_a_test_is_marked_as_one_in_each_medium(rendered: dict[str, dict[str, str]]) -> None:
    for kind in ("test", "test-over"):
        assert rendered[kind]["title"].startswith("🧪 TEST: ")
        assert rendered[kind]["title"].count("TEST") == 1
        for medium in ALL:
            assert "This is a test. Nothing is wrong." in rendered[kind][medium], medium
    assert not any("test" in text.lower() for text in rendered["undervoltage"].values())


class Tags(HTMLParser):
    """Notes tags, and text as a reader sees it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.open: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002
        self.tags.add(tag)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_what_an_alert_says_is_text_in_each_medium_and_never_markup(rendered: dict[str, dict[str, str]]) -> None:
    parts, summary = rendered["hostile"], HOSTILE["annotations"]["summary"]
    for name in ("telegram", "mail.html"):
        page = Tags(parts[name])
        assert page.open == []
        assert "script" not in page.tags
        assert summary in page.text
    assert Tags(parts["telegram"]).tags <= ALLOWED_BY_TELEGRAM
    assert "1 &lt; 2 &gt; 0 &amp; so on" in parts["slack"]
    assert "1 < 2 \\> 0 & so on; \\\\ {{ .Labels }}" in parts["discord"]
    assert "1 < 2 > 0 & so on" in parts["text"]


def test_markdown_in_a_list_is_escaped_for_discord(tmp_path: Path) -> None:
    text = render(build_data([HOSTILE, HOSTILE]), tmp_path)["discord"]
    assert r"pi\_4\*: </b\><script\>" in text
    assert r"\`rm\` \*bold\* \_it\_ \~\~no\~\~ \|\|spoiler\|\| \[x\](y)" in text


def test_how_bad_it_is_shows_in_mark_colour_and_priority(tmp_path: Path) -> None:
    shown = {}
    for severity in ("critical", "warning", "info"):
        one = describe({"alertname": "A", "severity": severity}, {"summary": "s", "description": "d"})
        parts = render(build_data([one]), tmp_path)
        shown[severity] = (parts["title"][0], parts["color"], parts["priority"])
    over = render(build_data(KINDS["undervoltage-over"]), tmp_path)
    assert [priority for _, _, priority in shown.values()] == ["1", "0", "-1"]
    assert [mark for mark, _, _ in shown.values()] == ["🔴", "🟠", "🔵"]
    assert (over["title"][0], over["priority"]) == ("✅", "-1")
    assert len({color for _, color, _ in shown.values()} | {over["color"]}) == 4


def test_of_several_severities_the_worst_gives_the_mark(tmp_path: Path) -> None:
    kinds = [
        describe({"alertname": "A", "severity": severity, "instance": "pi4"}, {"summary": severity})
        for severity in ("info", "warning", "critical", "info", "warning")
    ]
    assert render(build_data(kinds), tmp_path)["title"] == "🔴 pi4: A (5)"
    assert render(build_data(kinds[:2]), tmp_path)["title"] == "🟠 pi4: A (2)"
    assert render(build_data([kinds[0], kinds[3]]), tmp_path)["title"] == "🔵 pi4: A (2)"


def test_a_title_names_each_kind_once_and_four_at_most(tmp_path: Path) -> None:
    names = ["Disk (full", "Disk (full", "B", "Dis", "Disk (full", "D", "E", "F"]
    alerts = [
        describe({"alertname": name, "severity": "info", "instance": f"pi{n}"}, {}) for n, name in enumerate(names)
    ]
    assert render(build_data(alerts), tmp_path)["title"] == "🔵 8 alerts: Disk (full, B, Dis, D, …"


def test_an_alert_of_other_rules_without_any_annotation_is_still_told(tmp_path: Path) -> None:
    bare = describe({"alertname": "WebsiteDown", "severity": "page", "instance": "example.org"}, {})
    parts = render(build_data([bare]), tmp_path)
    assert parts["title"] == "🟠 WebsiteDown example.org"
    assert parts["text"].strip() == "page since Sun 1 Mar 03:12:07 UTC."
