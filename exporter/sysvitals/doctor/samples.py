"""The metrics that a server shows of itself, to be asked for by name and labels."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families

from sysvitals.doctor.fetching import Server
from sysvitals.doctor.trouble import Trouble

_BUILD = re.compile(r"^([a-z][a-z0-9_]*?)_build_info\{", re.MULTILINE)
_TITLE = re.compile(r"<title>([^<]{1,200})</title>", re.IGNORECASE)
_LONGEST_LINE = 1 << 14
"""The parser's time grows with the square of a line's length: 2 MB in one line take it hours."""
_NAMES = {"prometheus": "Prometheus", "alertmanager": "Alertmanager", "grafana": "Grafana", "go": ""}


@dataclass(frozen=True, slots=True)
class Samples:
    """All samples of one moment, by name: the labels and the value of each."""

    by_name: Mapping[str, list[tuple[Mapping[str, str], float]]]

    def find(self, name: str, **labels: str) -> list[tuple[Mapping[str, str], float]]:
        """Those with this name and these labels."""
        return [row for row in self.by_name.get(name, ()) if labels.items() <= row[0].items()]

    def total(self, name: str, **labels: str) -> float | None:
        """Their sum, or None where there is none."""
        values = [value for _, value in self.find(name, **labels)]
        return sum(values) if values else None


def read_samples(server: Server) -> Samples:
    """What this server shows at /metrics. Raises Trouble."""
    return parse_samples(server.get_text("/metrics"), server)


def parse_samples(text: str, server: Server) -> Samples:
    """From the text exposition. Raises Trouble where it is none."""
    found: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    try:
        for family in text_string_to_metric_families(_check_lines(text)):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
    except (ValueError, IndexError, KeyError) as error:
        text = f"{server.address.url}/metrics is no exposition of metrics: {error}"
        raise Trouble("content", text, f"is that {server.name}?") from None
    return Samples(found)


def _check_lines(text: str) -> str:
    if max(map(len, text.split("\n"))) > _LONGEST_LINE:
        raise ValueError(f"a line has more than {_LONGEST_LINE:,} characters")
    return text


def identify(server: Server) -> str:
    """What kind of server it is, by its own metrics or the title of its page; empty where nobody can tell."""
    for path in ("/metrics", "/"):
        try:
            text = server.get_text(path)
        except Trouble:
            continue
        for program in _BUILD.findall(text):
            if name := _NAMES.get(program, program):
                return str(name)
        if title := _TITLE.search(text):
            return " ".join(title[1].split())[:60]
    return ""
