"""What promtool says that a story gives, and whether that is what its cases expect.

Numbers in texts depend on where the samples lie: a duration, a measured value or a large count may be a little
different. Labels, words and small counts must be the same.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.judgement.stories import seconds_of
from tests.prometheus.scraped import Scraped, what_of

Labels = frozenset[tuple[str, str]]
Found = Mapping[Labels, str]
"""By labels: an alert's texts, or a sample's value."""

_ANSWER = re.compile(r"^  (?:SUCCESS|FAILED:)$", re.MULTILINE)
_FAILED = re.compile(
    r"(?:alertname: (?P<alert>\S+)|expr: \"(?P<expr>[^\n]*)\"), time: (?P<time>\w+),\s+"
    r"exp:.*?got: ?(?P<got>.*?)(?=\n\s+(?:alertname|expr|name): |\n\s*\n|\Z)",
    re.DOTALL,
)
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LABEL = re.compile(rf"(\w+)=({_QUOTED})")
_COUNT = re.compile(r"\d+")
_ALERT = re.compile(r"Labels:\{(.*)\}\s+Annotations:\{(.*)\}")
_SAMPLE = re.compile(rf"\{{((?:\w+={_QUOTED}(?:, )?)*)\}} ([-+\w.]+)")
_DURATION = re.compile(r"\b\d+(?:\.\d+)?(?:d|h|m|s)\b(?: \d+(?:\.\d+)?(?:d|h|m|s)\b)*")
_MEASURED = re.compile(r"-?\d+(?:\.\d+)?(?:e[+-]\d+)?(?=%| ?(?:°C|V|dBm|[kMGT]?B)\b)|-?\d+\.\d+(?:e[+-]\d+)?")


def find_problems(said: str, stories: Iterable[Scraped]) -> Iterator[str]:
    """Cases of which promtool, which was asked by `Scraped.ask`, saw nothing alike about their time, in words.

    Not all versions name the file that they speak of, so that there must be an answer for each story.
    """
    for story, answer in zip(stories, _ANSWER.split(said)[1:], strict=True):
        found = dict(_read(answer))
        for case in story.cases:
            expected = _read_case(case)
            got = [found.get((what_of(case), time), {}) for time in story.times_about(case)]
            if not any(_are_alike(expected, one, story.margin) for one in got):
                shown = "\n".join(f"  got      {text}" for text in dict.fromkeys(map(_show, got)))
                asked = f"{what_of(case)} about {case['eval_time']}"
                yield f"{story}\n  {asked}\n  expected {_show(expected)}\n{shown}"


def _read_case(case: Mapping[str, Any]) -> Found:
    if "alertname" in case:
        return {
            frozenset(alert["exp_labels"].items()): " ".join(
                f"{k}={v}" for k, v in sorted(alert["exp_annotations"].items())
            )
            for alert in case["exp_alerts"]
        }
    return {_labels(one["labels"]): f"{float(one['value']):f}" for one in case["exp_samples"]}


def _read(said: str) -> Iterator[tuple[tuple[str, int], Found]]:
    """What there was in a story, by question and second."""
    for failed in _FAILED.finditer(said):
        time = int(seconds_of(failed["time"]))
        if failed["alert"]:
            yield (failed["alert"], time), {_labels(one[1]): _texts(one[2]) for one in _ALERT.finditer(failed["got"])}
        else:
            samples = {_labels(one[1]): f"{float(one[2]):f}" for one in _SAMPLE.finditer(failed["got"])}
            yield (json.loads(f'"{failed["expr"]}"'), time), samples


def _labels(text: str) -> Labels:
    pairs = ((name, json.loads(value)) for name, value in _LABEL.findall(text))
    return frozenset(pair for pair in pairs if pair[0] not in ("alertname", "__name__"))


def _texts(text: str) -> str:
    return " ".join(f"{name}={json.loads(value)}" for name, value in sorted(_LABEL.findall(text)))


def _show(found: Found) -> str:
    lines = (f"{{{', '.join(f'{k}={v}' for k, v in sorted(labels))}}} {text}" for labels, text in found.items())
    return "\n           ".join(sorted(lines)) or "nothing"


def _are_alike(expected: Found, got: Found, margin: float) -> bool:
    return expected.keys() == got.keys() and all(
        are_alike(text, got[labels], margin) for labels, text in expected.items()
    )


def are_alike(expected: str, got: str, margin: float) -> bool:
    """Whether texts have the same words, durations within a margin in seconds, and other numbers within a tenth."""
    for pattern, read, least in ((_DURATION, seconds_of, margin), (_MEASURED, float, 0.5), (_COUNT, float, 0)):
        ours, theirs = pattern.findall(expected), pattern.findall(got)
        if len(ours) != len(theirs):
            return False
        for one, other in zip(map(read, ours), map(read, theirs), strict=True):
            if abs(one - other) > max(least, abs(one) / 10):
                return False
        expected, got = pattern.sub("N", expected), pattern.sub("N", got)
    return expected == got
