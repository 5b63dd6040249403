"""Pieces of annotations: questions that Prometheus answers while it writes an alert's text."""

import re

from sysvitals.judgement.rule import outlast

HOST = ("job", "instance")
"""The labels by which an alert's host is asked for."""


def ask(promql: str, labels: tuple[str, ...] = HOST) -> str:
    """A template's pipeline that runs this PromQL, and finds what was there before a scrape failed.

    `SAME` in it stands for the alert's own `labels`, `HOST` for those of its host alone. Raises ValueError for what a
    template would take for its own.
    """
    if "%" in promql or "`" in promql or "SAME" not in promql:
        raise ValueError(f"{promql}: ask for the alert's own host, without % and `")
    asked = [HOST if word == "HOST" else labels for word in re.findall("SAME|HOST", promql)]
    matchers = iter([",".join(f"{label}=%q" for label in names) for names in asked])
    values = (f"$labels.{label}" for names in asked for label in names)
    return " ".join((f"printf `{outlast(re.sub('SAME|HOST', lambda _: next(matchers), promql))}`", *values, "| query"))


def tell(promql: str, words: str, otherwise: str = "", labels: tuple[str, ...] = HOST) -> str:
    """`words` where the PromQL has an answer, else what is said otherwise.

    In the words `VALUE` is the answer, to be put into braces with its form, and `LABEL(name)` one of its labels.
    """
    words = re.sub(r"LABEL\((\w+)\)", r'{{ . | first | label "\1" }}', words.replace("VALUE", ". | first | value"))
    without = f"{{{{ else }}}}{otherwise}" if otherwise else ""
    return f"{{{{ with {ask(promql, labels)} }}}}{words}{without}{{{{ end }}}}"


def times(promql: str, labels: tuple[str, ...] = HOST) -> str:
    """`once` or `3 times`: never less than once, for a counter that was born at 1 does not show as an increase."""
    words = "{{ if le (VALUE) 1.5 }}once{{ else }}{{ VALUE | printf `%.0f` }} times{{ end }}"
    return tell(promql, words, "once", labels)
