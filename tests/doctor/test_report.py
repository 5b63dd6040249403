"""How the verdicts look to people, and to scripts."""

import io
import json
import locale
import re
from typing import Any

import pytest

from sysvitals.doctor.check import Check, Verdict, absent, broken, ok, warning
from sysvitals.doctor.report import build_report, write_json

CHECKS = [
    ok("collector.cpu", "cpu is read"),
    ok("collector.load", "load is read"),
    absent("collector.fan", "fan is not on this host: no fan"),
    broken("collector.firmware", "firmware cannot be read: no permission", "join the group video"),
    ok("host.clock", "the clock is synchronised"),
    warning("exporter.version", "an older version runs", "restart it:\n  systemctl restart sysvitals\nthat is all"),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def show(out: io.StringIO, checks: list[Check], **environment: str) -> str:
    shown = build_report(out, environment)
    shown.heading("This host: pi4")
    for check in checks:
        shown.check(check)
    shown.end(checks)
    return out.getvalue()


@pytest.fixture(autouse=True)
def _utf8(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "getencoding", lambda: "UTF-8")


def test_each_verdict_has_its_mark_and_each_remedy_its_line() -> None:
    assert show(io.StringIO(), CHECKS) == (
        "This host: pi4\n"
        "  ✓ 2 collectors read this host: cpu, load\n"
        "  \u2013 not on this host: fan\n"
        "  ✗ firmware cannot be read: no permission\n"
        "      join the group video\n"
        "  ✓ the clock is synchronised\n"
        "  ! an older version runs\n"
        "      restart it:\n"
        "        systemctl restart sysvitals\n"
        "      that is all\n"
        "\n"
        "1 broken, 1 thing to look at.\n"
    )


def test_the_sum_says_where_to_begin() -> None:
    bad = broken("a", "a", "b")
    assert show(io.StringIO(), [bad, broken("b", "b", "c")]).endswith(
        "\n2 broken.\nBegin with the first, since the others may only follow from it: a\n"
    )
    assert show(io.StringIO(), [ok("a", "a")]).endswith("\nNothing is broken.\n")
    assert show(io.StringIO(), [warning("a", "a", "b")] * 2).endswith("\nNothing is broken, 2 things to look at.\n")


def test_a_locale_without_such_letters_gets_plain_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locale, "getencoding", lambda: "ANSI_X3.4-1968")
    text = show(io.StringIO(), CHECKS)
    assert text.isascii()
    assert [line[:4] for line in text.splitlines()[1:7]] == ["  + ", "  - ", "  x ", "    ", "  + ", "  ! "]


@pytest.mark.parametrize("terminal", ["linux", "dumb"])
def test_a_console_without_such_letters_gets_plain_ones(terminal: str) -> None:
    assert show(Terminal(), CHECKS, TERM=terminal).isascii()
    assert not show(io.StringIO(), CHECKS, TERM=terminal).isascii()


@pytest.mark.parametrize(
    ("out", "environment", "is_coloured"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colours_are_for_people_who_look_and_want_them(
    out: io.StringIO, environment: dict[str, str], is_coloured: bool
) -> None:
    assert ("\x1b[31m" in show(out, CHECKS, **environment)) == is_coloured


def test_lines_fit_the_terminal_and_what_is_to_be_copied_stays_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    long = "word " * 20
    command = "  --path.procfs=/host/proc --path.sysfs=/host/sys"
    text = show(Terminal(), [broken("a", long, f"{long}\n{command}")], TERM="xterm")
    lines = re.sub(r"\x1b\[\d+m", "", text).splitlines()
    assert f"      {command}" in lines
    assert max(len(line) for line in lines if "--path" not in line) in range(35, 41)
    assert all(line.startswith("    ") for line in lines[2:-2])
    assert lines[1].startswith("  ✗ word")


def test_what_takes_a_while_is_said_at_once() -> None:
    out = io.StringIO()
    shown = build_report(out, {})
    shown.check(CHECKS[0])
    shown.progress("waiting 5 s")
    assert out.getvalue() == "  ✓ 1 collector reads this host: cpu\n  ... waiting 5 s\n"


def test_scripts_get_every_check_with_its_id(capsys: pytest.CaptureFixture[str]) -> None:
    write_json("pi4", CHECKS)
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (found["host"], found["well"]) == ("pi4", False)
    assert [row["id"] for row in found["checks"]] == [check.id for check in CHECKS]
    assert found["checks"][3] == {
        "id": "collector.firmware",
        "verdict": "broken",
        "text": "firmware cannot be read: no permission",
        "remedy": "join the group video",
    }
    assert {row["verdict"] for row in found["checks"]} == {str(verdict) for verdict in Verdict}
    write_json("pi4", CHECKS[:1])
    assert json.loads(capsys.readouterr().out)["well"] is True


@pytest.mark.parametrize("columns", ["", "60"])
def test_no_text_of_a_finding_can_act_on_the_terminal_or_pass_for_another(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    evil = "\x1b]0;owned\x07\x9b2J\u202e\r\n  + all is well"
    out = Terminal() if columns else io.StringIO()
    report = build_report(out, {"TERM": "xterm", "NO_COLOR": "1"})
    report.heading(evil)
    report.progress(evil)
    for check in (ok("a", evil), ok(f"collector.{evil}", "x"), broken("b", evil, f"do {evil}")):
        report.check(check)
    report.end([broken("b", evil, "x")] * 2)
    lines = out.getvalue().split("\n")
    assert all(line.isprintable() for line in lines)
    assert not [line for line in lines if line.strip() == "+ all is well" and not line.startswith("      ")]


def test_json_for_scripts_cannot_act_on_the_terminal_either(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b[2J\x9b2J\u202e\x7f"
    write_json(evil, [ok("a", evil)])
    shown = capsys.readouterr().out
    assert all(line.isprintable() for line in shown.split("\n"))
    assert json.loads(shown)["checks"][0]["text"] == evil
