import contextlib
from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.simulation.errors import SimulationError
from sysvitals.simulation.quantities import FEATURES, QUANTITIES
from sysvitals.simulation.scenario import Span, list_scenarios, load_scenario, parse_duration, parse_scenario

HEAD = "summary: s\nlasts: 1m\n"


@pytest.mark.parametrize("name", list_scenarios())
def test_each_scenario_that_comes_along_can_be_read_and_says_what_it_is(name: str) -> None:
    scenario = load_scenario(name)
    assert scenario.name == name
    assert scenario.summary.endswith(".")


def test_what_the_issue_of_power_needs_is_there() -> None:
    assert set(list_scenarios()) >= {
        "idle", "warm-up", "brownout", "supply-sag", "fan-failure", "sd-read-only", "wifi-fading", "power-cut",
        "bad-night",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90.0), ("2.5s", 2.5), ("1m30s", 90.0), ("200ms", 0.2), ("2h", 7200.0), ("0", 0.0), ("1h1m1s", 3661.0)],
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1", "1 m", "1d", "1m30", "1e3", "٣s", "1.s", "nan", "inf"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration: write it as"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "x.yaml: is empty"),
        ("[1]", "x.yaml:1: the scenario: keys with values are wanted, not a list or keys"),
        ("summary: s", "x.yaml:1: the scenario: 'lasts' is missing"),
        ("lasts: 1m", "x.yaml:1: the scenario: 'summary' is missing"),
        (HEAD + "stepps: []", "x.yaml:3: the scenario: no key 'stepps': did you mean steps?"),
        (HEAD + "lasts: 2m", "x.yaml:3: the scenario: 'lasts' twice"),
        ("summary: s\nlasts: never", "x.yaml:2: lasts: 'never' is no duration: write it as 2.5s, 1m30s or 2h"),
        ("summary: s\nlasts: 0s", "x.yaml:2: lasts: one duration longer than nothing is wanted"),
        ("summary: s\nlasts: 99999h", "x.yaml:2: lasts: longer than 30 days"),
        ("summary: s\nlasts: [1m, 2m]", "x.yaml:2: lasts: one duration longer than nothing is wanted"),
        (HEAD + "steps: 3", "x.yaml:3: steps: a list is wanted"),
        (HEAD + "start: {}", "x.yaml:3: start: names no quantity"),
        (HEAD + "start: {laod: 1}", "x.yaml:3: start: no quantity 'laod': did you mean load?"),
        (HEAD + "start: {load: 2}", "x.yaml:3: start.load: 2 is not within 0 and 1"),
        (HEAD + "start: {load: much}", "x.yaml:3: start.load: a number is wanted, not 'much'"),
        (HEAD + "start: {load: .nan}", "x.yaml:3: start.load: a number is wanted, not '.nan'"),
        (HEAD + "start: {load: [1]}", "x.yaml:3: start.load: a range is two values, the smaller first"),
        (HEAD + "start: {load: [1, 0]}", "x.yaml:3: start.load: a range is two values, the smaller first"),
        (HEAD + "start: {load: {a: 1}}", "x.yaml:3: start.load: a number is wanted, not a list or keys"),
        (HEAD + "start: {power: 1}", "x.yaml:3: start.power: on or off is wanted, not '1'"),
        (HEAD + "start: {[a]: 1}", "x.yaml:3: start: a key must be one word"),
        (HEAD + "steps:\n- set: {load: 1}", "x.yaml:4: steps[0]: 'at' is missing"),
        (HEAD + "steps:\n- at: 1s", "x.yaml:4: steps[0]: exactly one of set, ramp and pulse is wanted"),
        (
            HEAD + "steps:\n- {at: 1s, set: {load: 1}, ramp: {load: 0}}",
            "x.yaml:4: steps[0]: exactly one of set, ramp and pulse is wanted",
        ),
        (HEAD + "steps:\n- {at: 1s, set: {load: 1}, for: 2s}", "x.yaml:4: steps[0].for: does not belong to a set"),
        (HEAD + "steps:\n- {at: 1s, ramp: {load: 1}}", "x.yaml:4: steps[0]: a ramp wants 'over', a duration"),
        (
            HEAD + "steps:\n- {at: 1s, ramp: {power: on}, over: 2s}",
            "x.yaml:4: steps[0].ramp.power: only numbers can be ramped to",
        ),
        (HEAD + "steps:\n- {at: 1s, pulse: {load: 1}}", "x.yaml:4: steps[0]: a pulse wants 'for', a duration"),
        (
            HEAD + "steps:\n- {at: 1s, pulse: {load: 1}, for: 0s}",
            "x.yaml:4: steps[0].for: a duration longer than nothing is wanted",
        ),
        (
            HEAD + "steps:\n- {at: 1s, pulse: {load: 1}, for: 2s, every: [2s, 9s]}",
            "x.yaml:4: steps[0]: the pulses overlap: 'every' must be longer than 'for'",
        ),
        (
            HEAD + "steps:\n- {at: 1s, pulse: {load: 1}, for: 2s, times: 3}",
            "x.yaml:4: steps[0]: 3 pulses want 'every', from the start of one to the start of the next",
        ),
        (
            HEAD + "steps:\n- {at: 1s, pulse: {load: 1}, for: 2s, every: 3s, times: 0}",
            "x.yaml:4: steps[0].times: a whole number from 1 to 100000 is wanted, not '0'",
        ),
        (HEAD + "steps:\n- {at: 61s, set: {load: 1}}", "x.yaml:4: steps[0]: begins after the scenario's end"),
        (
            HEAD + "steps:\n- {at: 1s, set: {load: 1}, if: wings}",
            "x.yaml:4: steps[0].if: no board has 'wings'; there are " + ", ".join(FEATURES),
        ),
        ("a: b: c", "x.yaml:1: is not YAML: mapping values are not allowed here"),
        ("a: \x07", "x.yaml: is not YAML: the character U+0007 is not allowed"),
        ("[" * 1500, "x.yaml: is nested too deeply"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SimulationError) as caught:
        parse_scenario(text, "x.yaml")
    assert str(caught.value) == message


def test_numbers_ranges_and_switches_are_read() -> None:
    scenario = parse_scenario(
        dedent("""
            summary: All of it.
            lasts: 10m
            start: {load: 0.5, power: on, wifi_signal: null}
            steps:
              - {at: [1m, 2m], pulse: {supply_volts: [4.2, 4.5]}, for: 3s, every: [20s, 40s], times: 7, if: firmware}
        """)
    )
    assert scenario.start == {"load": Span(0.5, 0.5), "power": True, "wifi_signal": None}
    (step,) = scenario.steps
    assert (step.at, step.length, step.every, step.times) == (Span(60, 120), Span(3, 3), Span(20, 40), 7)
    assert step.values == {"supply_volts": Span(4.2, 4.5)}
    assert step.only_with == "firmware"


def test_a_scenario_of_ones_own_is_read_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(HEAD)
    assert load_scenario(str(path)).name == "mine"


def test_a_scenario_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SimulationError, match=r"^no scenario 'brown-out': did you mean brownout\?$"):
        load_scenario("brown-out")
    with pytest.raises(SimulationError, match=r"cannot be read: No such file or directory$"):
        load_scenario(str(tmp_path / "none.yaml"))
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"summary: \xe9\n")
    with pytest.raises(SimulationError, match=r"is not UTF-8 text$"):
        load_scenario(str(path))


def test_the_page_shows_a_scenario_that_can_be_played_and_all_quantities() -> None:
    page = (Path(__file__).parents[2] / "exporter/sysvitals/simulation/README.md").read_text()
    scenario = parse_scenario(page.partition("```yaml\n")[2].partition("```")[0])
    assert len(scenario.steps) == 5
    for name, quantity in QUANTITIES.items():
        assert f"| `{name}` | {quantity.help} |" in page
    for feature in FEATURES:
        assert f"`{feature}`" in page


@given(st.text(max_size=200))
@settings(max_examples=100)
def test_any_text_is_a_scenario_or_a_problem(text: str) -> None:
    with contextlib.suppress(SimulationError):
        parse_scenario(text)


_words = st.sampled_from(
    [
        "at",
        "set",
        "ramp",
        "pulse",
        "over",
        "for",
        "every",
        "times",
        "if",
        "summary",
        "lasts",
        "start",
        "steps",
        *QUANTITIES,
    ]
)
_scalars = st.sampled_from(
    ["1", "1s", "on", "null", "[1, 2]", "-5", "1e99", "{load: 1}", "x", "[]", "''", "!!int 0x1f"]
)


@given(st.lists(st.tuples(_words, _scalars), max_size=5))
@settings(max_examples=150)
def test_known_words_in_any_mixture_are_a_step_or_a_problem(pairs: list[tuple[str, str]]) -> None:
    step = ", ".join(f"{key}: {value}" for key, value in pairs)
    problem = ""
    try:
        parse_scenario(f"{HEAD}steps:\n- {{{step}}}\n")
    except SimulationError as error:
        problem = str(error)
    assert problem.startswith("scenario.yaml:4: steps[0]") or not problem
