"""Each fault is heard of once, with its end, and ordinary life is silent: all rules and a real Alertmanager.

`python -m tests.scenarios [FOLDER]` prints the same as a list, also for an earlier state of the folder `prometheus`.
"""

from pathlib import Path

from tests.scenarios.judging import find_problems
from tests.stack.servers import SHIPPED
from tests.tools import need_tool


def test_each_fault_is_heard_of_once_and_ordinary_life_is_silent(tmp_path: Path) -> None:
    need_tool("promtool")
    need_tool("prometheus-alertmanager")
    assert find_problems(SHIPPED, tmp_path) == []
