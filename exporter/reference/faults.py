"""The page of faults, read off the tests: what each proves is its name, and what breaks is its mark `fault`."""

import ast
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

KINDS = {
    "storage": "The folder that holds the history and what is known of shutdowns.",
    "sources": "What is read: files of the kernel, devices, the firmware.",
    "time": "The clocks of the host.",
    "resources": "What the process needs to run.",
    "process": "The exporter itself: how it starts, is signalled and ends.",
    "network": "What reaches it over a socket: scrapers, viewers, strangers.",
}
_SPELLED = {word.casefold(): word for word in ("CPU", "FIFO", "HTTP", "NTP", "TLS")}
"""Words of test names that are not written in small letters."""

_PLACES = ("kind", "breaks")
_NAMES = ("seen", "heals")


class Fault(NamedTuple):
    """A promise of a test. `breaks` is what goes wrong, `seen` how the user notices, `heals` how it ends."""

    kind: str
    breaks: str
    promise: str
    seen: str
    heals: str


def read_faults(folder: Path) -> list[Fault]:
    """Return what the tests below this folder promise, in the order of the page.

    Raises ValueError for a mark that is not on a test, or not made of these four texts.
    """
    found = {fault for path in folder.rglob("test_*.py") for fault in _read_file(path)}
    kinds = list(KINDS)
    return sorted(found, key=lambda fault: (kinds.index(fault.kind), fault.breaks.casefold(), fault.promise))


def render_faults(faults: Iterable[Fault]) -> str:
    """Markdown: what is promised in general, then a table for each kind of fault."""
    lines = [*_OPENING]
    rows = list(faults)
    for kind, what in KINDS.items():
        lines += ["", f"## {kind.capitalize()}", "", what, ""]
        lines += ["| what breaks | what is promised | what you see | how it heals |", "|---|---|---|---|"]
        for fault in rows:
            if fault.kind == kind:
                lines.append("| " + " | ".join(_cell(text) for text in fault[1:]) + " |")
    return "\n".join(lines) + "\n"


_OPENING = (
    "# Faults",
    "",
    "Written by `make docs` from the tests; do not edit.",
    "",
    "Each row is a test that breaks something on purpose. Whatever breaks:",
    "",
    "- A sensor that fails, hangs or lies hides no other. What is unknown is absent, never 0.",
    "- Events on disk stay whole: a stop, a kill or a power cut tears off at most a line that was just being written.",
    "- Every loss is counted and said: an event, a line in the log, a metric.",
    "- Memory, descriptors, threads, disk space and the log have limits, however long a fault lasts.",
    "- When a fault ends, the exporter goes on without a restart. Where it cannot go on it ends with status 1, and",
    "  systemd or Docker starts it again.",
    "",
    "What the history promises is in [HISTORY.md](HISTORY.md), what viewers may take in [LIVE.md](LIVE.md), and what",
    "to do about each alert in the [runbook](../prometheus/RUNBOOK.md).",
)


def _read_file(path: Path) -> Iterator[Fault]:
    text = path.read_text(encoding="utf-8")
    if "mark.fault" not in text:
        return
    tree = ast.parse(text)
    marks = {node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_mark(node)}
    for subject, test in _list_tests(tree.body):
        for decorator in test.decorator_list:
            if isinstance(decorator, ast.Call) and decorator.func in marks:
                marks.remove(decorator.func)
                yield _read_mark(decorator, _say(subject, test.name), f"{path}:{decorator.lineno}")
    for mark in marks:
        raise ValueError(f"{path}:{mark.lineno}: this mark `fault` is not on a test")


def _is_mark(node: ast.Attribute) -> bool:
    return ast.unparse(node) == "pytest.mark.fault"


def _list_tests(body: Iterable[ast.stmt], subject: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Each test with the class that it is in, if any."""
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from _list_tests(node.body, node.name)
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield subject, node


def _say(subject: str, name: str) -> str:
    """A sentence from the name of a test, and from that of its class where it is a subject, such as `TestAProcess`."""
    words = re.findall("[A-Z][a-z]*", subject.removeprefix("Test"))
    begin = " ".join(words) if words[:1] in (["A"], ["An"], ["The"]) else ""
    sentence = f"{begin} {name.removeprefix('test_').replace('_', ' ')}".strip().capitalize()
    return " ".join(_SPELLED.get(word, word) for word in sentence.split(" "))


def _read_mark(mark: ast.Call, promise: str, where: str) -> Fault:
    given = dict(zip(_PLACES, mark.args, strict=False)) | {keyword.arg: keyword.value for keyword in mark.keywords}
    values = {name: node.value for name, node in given.items() if isinstance(node, ast.Constant)}
    texts = [values[name] for name in (*_PLACES, *_NAMES) if isinstance(values.get(name), str)]
    if len(mark.args) != len(_PLACES) or set(given) != {*_PLACES, *_NAMES} or len(texts) != len(given):
        raise ValueError(f"{where}: expected fault(kind, breaks, seen=…, heals=…) with four texts")
    kind, breaks, seen, heals = (str(text) for text in texts)
    if kind not in KINDS:
        raise ValueError(f"{where}: {kind!r} is not a kind of fault: {', '.join(KINDS)}")
    return Fault(kind, breaks, promise, seen, heals)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
