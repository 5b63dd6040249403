"""The table of truth as a page: `python -m tests.judgement.table` lives through all and writes exporter/VERDICT.md."""

import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.judgement.lives import RULE_BEAT, Course, Situation, fire_rules, live
from tests.judgement.situations import SITUATIONS

PAGE = Path(__file__).parents[2] / "exporter" / "VERDICT.md"

_OPENING = """# The verdict and the truth

Written by `python -m tests.judgement.table`; do not edit. `tests/judgement/test_truth.py` proves it.

Each row is a simulated board at a moment: what is true, what the page says, and which alerts Prometheus's rules fire.
The tests hold at each 15 seconds of each row, not only at those shown: the page never says that all is well while
something is not, it says nothing that is not true, both engines agree but for what is listed below, and the verdict
never gets better while things get worse.

- The page remembers undervoltage and unclean shutdowns for a day; the rules say them for 30 minutes and an hour.
- What only outlives its end (`keep_firing_for`) ends on the page when the exporter starts again.
- What fired and is over stays on the page for a day, as a warning at most; the rules forget it.
- A filesystem that turns read-only is seen within a minute on a simulated board, immediately on a real kernel.

| situation | at | what is true | the page | the rules |
|---|---|---|---|---|
"""


def run(situation: Situation) -> Course:
    """Its course, with the rules that fire in it."""
    course = live(situation)
    with tempfile.TemporaryDirectory(prefix="rules-") as folder:
        fire_rules(course, Path(folder))
    return course


def render_rows(course: Course) -> str:
    """The rows of a situation."""
    return "".join(f"| {' | '.join(row)} |\n" for row in _find_rows(course))


def render_table(rows: list[str]) -> str:
    """The page."""
    return _OPENING + "".join(rows)


def _find_rows(course: Course) -> Iterator[tuple[str, ...]]:
    name = course.situation.name
    for said in course.said:
        if said.at in course.situation.looks:
            true = sorted(said.true)
            true += [f"{one}, over" for one in sorted(said.over) if one not in said.true]
            alerts = sorted({alert for alert, _ in course.rules[said.at - said.at % RULE_BEAT]} - {"Watchdog"})
            page = said.page or "no answer"
            yield name, f"{said.at // 60}:{said.at % 60:02}", "; ".join(true) or "all is well", page, ", ".join(alerts)
            name = ""


def main() -> None:
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        rows = list(pool.map(_write_rows, range(len(SITUATIONS))))
    PAGE.write_text(render_table(rows), encoding="utf-8")


def _write_rows(number: int) -> str:
    return render_rows(run(SITUATIONS[number]))


if __name__ == "__main__":
    main()
