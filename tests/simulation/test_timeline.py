import pytest

from sysvitals.simulation.errors import SimulationError
from sysvitals.simulation.quantities import FEATURES, QUANTITIES, Value
from sysvitals.simulation.scenario import list_scenarios, load_scenario, parse_scenario
from sysvitals.simulation.timeline import Timeline

ALL = frozenset(FEATURES)


def timeline(steps: str, *, start: str = "", lasts: str = "100s", seed: int = 0, loop: bool = True) -> Timeline:
    text = f"summary: s\nlasts: {lasts}\n{f'start: {start}' if start else ''}\nsteps:\n{steps}"
    return Timeline(parse_scenario(text), features=ALL, own={"wifi_signal": -50.0}, seed=seed, loop=loop)


def course(line: Timeline, name: str, moments: list[float]) -> list[Value]:
    return [line.at(moment)[name] for moment in moments]


def test_without_steps_everything_is_as_the_board_has_it() -> None:
    values = timeline("  []").at(5)
    assert values == {name: quantity.default for name, quantity in QUANTITIES.items()} | {"wifi_signal": -50.0}


def test_set_holds_from_its_moment_on() -> None:
    line = timeline("- {at: 10s, set: {load: 0.9}}", start="{load: 0.2}")
    assert course(line, "load", [0, 9.99, 10, 99]) == [0.2, 0.2, 0.9, 0.9]


def test_a_ramp_goes_in_a_straight_line_from_where_it_was() -> None:
    line = timeline("- {at: 10s, ramp: {supply_volts: 4}, over: 20s}", start="{supply_volts: 5}")
    assert course(line, "supply_volts", [0, 10, 15, 20, 30, 50]) == [5, 5, 4.75, 4.5, 4, 4]


def test_a_ramp_that_is_cut_short_goes_on_from_where_it_was() -> None:
    steps = "- {at: 0s, ramp: {load: 1}, over: 20s}\n- {at: 10s, ramp: {load: 0}, over: 10s}"
    assert course(timeline(steps, start="{load: 0}"), "load", [5, 10, 15, 20]) == [0.25, 0.5, 0.25, 0]


def test_a_ramp_begins_below_a_pulse_not_on_top_of_it() -> None:
    steps = "- {at: 5s, pulse: {load: 1}, for: 10s}\n- {at: 10s, ramp: {load: 0.4}, over: 10s}"
    assert course(timeline(steps, start="{load: 0.2}"), "load", [4, 7, 15]) == pytest.approx([0.2, 1, 0.3])


def test_pulses_come_as_often_as_asked_and_end() -> None:
    line = timeline("- {at: 10s, pulse: {power: off}, for: 2s, every: 10s, times: 3}")
    on = [moment / 10 for moment in range(1000) if line.at(moment / 10)["power"]]
    assert len(on) == 1000 - 3 * 20
    assert course(line, "power", [9.9, 10, 11.9, 12, 20, 30, 40]) == [True, False, False, True, False, False, True]


def test_pulses_without_a_number_go_on_to_the_end() -> None:
    line = timeline("- {at: 0s, pulse: {load: 1}, for: 1s, every: 10s}", start="{load: 0}", loop=False)
    assert sum(bool(line.at(moment + 0.5)["load"]) for moment in range(100)) == 10


def test_of_pulses_that_overlap_the_latest_counts_and_the_earlier_goes_on_after_it() -> None:
    steps = "- {at: 10s, pulse: {load: 0.5}, for: 30s}\n- {at: 20s, pulse: {load: 1}, for: 5s}"
    assert course(timeline(steps, start="{load: 0}"), "load", [15, 22, 30, 45]) == [0.5, 1, 0.5, 0]


def test_null_gives_a_quantity_back_to_the_board() -> None:
    line = timeline("- {at: 10s, set: {wifi_signal: null}}", start="{wifi_signal: -80}")
    assert course(line, "wifi_signal", [5, 15]) == [-80, -50]


def test_a_scenario_begins_again_or_stays_at_its_end() -> None:
    steps = "- {at: 90s, set: {load: 1}}"
    assert course(timeline(steps, start="{load: 0}"), "load", [95, 105, 195]) == [1, 0, 1]
    once = timeline(steps, start="{load: 0}", loop=False)
    assert course(once, "load", [95, 105, 195]) == [1, 1, 1]
    assert (once.is_over(99.9), once.is_over(100), timeline(steps).is_over(500)) == (False, True, False)


@pytest.mark.parametrize("name", list_scenarios())
def test_the_same_seed_gives_the_same_course(name: str) -> None:
    scenario = load_scenario(name)
    moments = [index * scenario.lasts / 97 for index in range(200)]
    one, other = (Timeline(scenario, features=ALL, own={"wifi_signal": -50.0}, seed=5) for _ in range(2))
    assert [one.at(moment) for moment in moments] == [other.at(moment) for moment in moments]


def test_looking_back_and_forth_changes_nothing() -> None:
    line = timeline("- {at: 5s, pulse: {load: [0.1, 0.9]}, for: [1s, 5s], every: [6s, 20s]}")
    moments = [index * 0.7 for index in range(500)]
    there = [line.at(moment) for moment in moments]
    back = [line.at(moment) for moment in reversed(moments)]
    assert there == back[::-1]


def test_seeds_and_rounds_differ() -> None:
    steps = "- {at: [0s, 50s], pulse: {load: [0.1, 0.9]}, for: [1s, 20s]}"
    seen = {tuple(course(timeline(steps, seed=seed), "load", [float(s) for s in range(100)])) for seed in range(20)}
    assert len(seen) == 20
    line = timeline(steps)
    rounds = {tuple(course(line, "load", [float(100 * number + s) for s in range(100)])) for number in range(20)}
    assert len(rounds) == 20


def test_what_is_drawn_lies_within_its_range() -> None:
    line = timeline("- {at: 5s, pulse: {supply_volts: [4.2, 4.5]}, for: 2s, every: [5s, 9s]}", lasts="1h")
    volts = {line.at(moment / 2)["supply_volts"] for moment in range(7200)} - {5.12}
    assert len(volts) > 400
    assert all(isinstance(one, float) and 4.2 <= one <= 4.5 for one in volts)


def test_what_the_board_has_not_is_said_with_its_place() -> None:
    scenario = parse_scenario("summary: s\nlasts: 1m\nsteps:\n- {at: 1s, set: {fan: 0}}", "x.yaml")
    with pytest.raises(SimulationError) as caught:
        Timeline(scenario, features=frozenset({"wifi"}))
    assert str(caught.value) == "x.yaml:4: steps[0]: fan needs a fan, which this board has not"


def test_a_step_for_boards_with_a_fan_is_left_out_on_others() -> None:
    scenario = parse_scenario("summary: s\nlasts: 1m\nsteps:\n- {at: 1s, set: {fan: 0}, if: fan}")
    assert Timeline(scenario, features=frozenset()).at(30)["fan"] == 1
    assert Timeline(scenario, features=ALL).at(30)["fan"] == 0


def test_a_ramp_from_nothing_known_is_refused() -> None:
    with pytest.raises(SimulationError, match=r"scenario.yaml:5: steps\[0\]: temperature has no number to ramp from"):
        timeline("- {at: 1s, ramp: {temperature: 90}, over: 5s}")
