"""The tests of the rules as vmalert-tool reads them, and what it says of them."""

import re
import shutil
import subprocess
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from prometheus.rulebook.metricsql import translate
from tests.tools import need_newer_tool

ROOT = Path(__file__).parents[2]
RULES = ROOT / "victoriametrics/rules"

EVALUATION_INTERVAL = "1m"
"""For stories with a shorter one: each evaluation costs vmalert-tool 6 ms of CPU, whatever it evaluates."""

_BETWEEN_MINUTES = re.compile(r"(?m)^ {6}- alertname: \w+\n {8}eval_time: \w*s\n(?: {8,}.*\n)*")
"""Cases between two evaluations."""

_LONGEST_SECONDS = 900.0
"""For all stories of a file, on a busy machine: only a tool that hangs takes longer."""

_STORY = re.compile(r"testGroupName: (.*),$")
_ALERT = re.compile(r"alertname: (\w+), time: (\w+),$")
_EXPRESSION = re.compile(r'expr: "((?:[^"\\]|\\.)*)", time: (\w+),$')
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_END = re.compile(r"\](?:\d{4}/.*)?$")
"""What the tool says behind the last case, in the same line."""
_OWN = re.compile(r'(?:__name__|alertgroup)="[^"]*"(?:, )?')


@dataclass
class Failure:
    """A case that came out otherwise than expected: an alert or an expression, at a time of a story."""

    story: str
    asked: str
    time: str
    expected: list[str] = field(default_factory=list)
    got: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n".join(
            (
                f"{self.story}: {self.asked} at {self.time}",
                *map("  - {}".format, self.expected),
                *map("  + {}".format, self.got),
            )
        )


def play(text: str, folder: Path, rules: Path = RULES) -> list[Failure]:
    """The cases of a file of tests that come out otherwise with these rules, numbers in texts aside."""
    shutil.copytree(rules, folder / "rules", dirs_exist_ok=True)
    (folder / "rule-tests").mkdir(exist_ok=True)
    translated = folder / "rule-tests/test.yml"
    translated.write_text(translate_tests(text), encoding="utf-8")
    command = [need_newer_tool("vmalert-tool"), "unittest", f"--files={translated}", "--external.url=http://server"]
    command.append("--disableAlertgroupLabel")
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LONGEST_SECONDS, check=False)
    failures = list(parse_failures(done.stdout + done.stderr))
    assert failures or done.returncode == 0, done.stdout + done.stderr
    return [failure for failure in failures if blur(failure.expected) != blur(failure.got)]


def choose_stories(text: str, names: Collection[str]) -> str:
    """A file of tests with those stories alone that ask for one of these rules; empty where none does."""
    head, *stories = re.split(r"(?m)^(?=  - name: )", text)
    asks = re.compile(rf"(?m)^ *- (?:alertname|expr): .*(?<![\w:])(?:{'|'.join(map(re.escape, names))})(?![\w:])")
    chosen = [story for story in stories if asks.search(story)]
    return "".join((head, *chosen)) if chosen else ""


def translate_tests(text: str) -> str:
    """The same cases in vmalert-tool's words. As text, for `0x60` is a number in YAML, and sixty samples here."""
    text = re.sub(r"(?m)^evaluation_interval: \d+s$", f"evaluation_interval: {EVALUATION_INTERVAL}", text)
    text = _BETWEEN_MINUTES.sub("", text).replace("promql_expr_test:", "metricsql_expr_test:")
    return re.sub(r"(?m)^ *- expr: .*$", lambda found: translate(found[0]), text)


def parse_failures(said: str) -> Iterator[Failure]:
    """What the tool says of the cases that came out otherwise."""
    story, failure, side = "", None, list[str]()
    for line in map(str.strip, said.splitlines()):
        if found := _STORY.match(line):
            story = found[1]
        elif found := _ALERT.search(line) or _EXPRESSION.match(line):
            if failure:
                yield failure
            failure = Failure(story, found[1], found[2])
        elif failure and line.startswith(("exp:", "got:")):
            side = failure.expected if line.startswith("exp:") else failure.got
            side += [line[4:].strip()] if not line.startswith(("exp:[", "got:[")) else []
        elif failure and line.startswith(("Labels:", "Annotations:")):
            side.append(line)
    if failure:
        yield failure


def blur(lines: list[str]) -> list[str]:
    """Without the numbers in texts, which windows of another make count otherwise, and without what vmalert adds."""
    return [
        _NUMBER.sub("N", line) if line.startswith("Annotations:") else _OWN.sub("", _END.sub("", line)).strip()
        for line in lines
    ]
