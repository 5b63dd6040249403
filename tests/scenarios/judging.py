"""Whether each scenario fires what it should, and people are sent as many messages as they should."""

from collections.abc import Callable, Iterator
from pathlib import Path

from tests.scenarios.hosts import SCENARIOS, VANISHED, Scenario, instances
from tests.scenarios.messaging import Messages, send
from tests.scenarios.playing import Day, play


def find_problems(etc: Path, folder: Path, say: Callable[[str], None] = lambda _: None) -> list[str]:
    """What is not as it should be by this folder's rules and `alertmanager.yml`; `say` is given all there is."""
    problems: list[str] = []
    for number, scenarios in enumerate((SCENARIOS, VANISHED)):
        own = folder / str(number)
        own.mkdir()
        hosts = [(instance, host) for instance, _, host in instances(scenarios)]
        day = play(hosts, etc / "rules", own)
        messages = send(day, etc, own)
        for scenario in scenarios:
            named = sorted({instance for instance, one, _ in instances(scenarios) if one is scenario})
            say(f"{scenario.name}: {', '.join(_fired(day, named)) or 'nothing'}")
            for line in (line for instance in named for line in messages.sent.get(instance, [])):
                say(f"    {line}")
            problems += _judge(scenario, named, day, messages)
    return problems


def _judge(scenario: Scenario, named: list[str], day: Day, messages: Messages) -> Iterator[str]:
    fired, sent = _fired(day, named), max(messages.to_people(instance) for instance in named)
    if {*fired} != scenario.fires:
        wanted = ", ".join(sorted(scenario.fires)) or "nothing"
        yield f"{scenario.name}: fires {', '.join(fired) or 'nothing'}, not {wanted}"
    if sent != scenario.messages:
        lines = [line for instance in named for line in messages.sent.get(instance, [])]
        yield f"{scenario.name}: {sent} messages, not {scenario.messages}: {lines}"


def _fired(day: Day, named: list[str]) -> list[str]:
    return sorted(set[str]().union(*(day.of(instance) for instance in named)))
