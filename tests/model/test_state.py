import threading
from typing import Annotated

from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.model.changes import (
    CHANGES,
    CollectorFailed,
    CollectorRecovered,
    CollectorUnavailable,
    Reloaded,
    SinkDropped,
    Started,
)
from sysvitals.model.event import Event, Stamp, decode_event, encode_events
from sysvitals.model.metric import Detail, Gauge, Label
from sysvitals.model.reading import Body, Reading
from sysvitals.model.state import State


class Temperature(Reading, event="system.temperature.updated"):
    """A sensor."""

    sensor: Annotated[str, Label("Which.")]
    celsius: Annotated[float, Gauge("temperature", unit="celsius", help="x")] = 0.0
    trend: Annotated[float | None, Detail("x")] = None


class Fan(Reading, event="system.fan.updated"):
    """A fan, read by the same collector."""

    fan: Annotated[str, Label("Which.")]


class Load(Reading, event="system.load.updated"):
    """The load."""

    load1: Annotated[float, Gauge("load1", help="x")]


OWNERS = {"system.temperature.updated": "heat", "system.fan.updated": "heat", "system.load.updated": "load"}
KINDS: tuple[type[Body], ...] = (Temperature, Fan, Load, *CHANGES)
BODIES = {kind.event_name: kind for kind in KINDS}
FAILED = CollectorFailed(collector="heat", error="EIO", message="x")


class Past:
    """What happened on a host: batches of events as the bus makes them."""

    def __init__(self) -> None:
        self.batches: list[tuple[Event, ...]] = []
        self._seq = 0

    def add(self, *bodies: Body, thing: str = "") -> tuple[Event, ...]:
        moment = len(self.batches) / 8  # kept exactly by a line's milliseconds
        stamp = Stamp(1_767_268_800.0 + moment, "pi4", "b-1", 100.0 + moment, synced=True)
        batch = tuple(Event(stamp, seq, body, thing) for seq, body in enumerate(bodies, self._seq))
        self._seq += len(batch)
        self.batches.append(batch)
        return batch

    def fold(self) -> State:
        """The state, as it is live."""
        state = State(OWNERS)
        for batch in self.batches:
            state.apply(batch)
        return state

    def replay(self) -> State:
        """The state, as the stored lines give it one by one."""
        state = State(OWNERS)
        for line in encode_events(tuple(event for batch in self.batches for event in batch)):
            event = decode_event(line, BODIES)
            assert event is not None
            state.apply((event,))
        return state


def reported(state: State, collector: str, thing: str = "") -> list[Body]:
    return [event.body for event in state.snapshot().runs.get((collector, thing), ())]


SENSORS = st.lists(
    st.builds(
        Temperature, sensor=st.sampled_from("abc"), celsius=st.floats(-100, 100), trend=st.none() | st.floats(0, 1)
    ),
    unique_by=lambda reading: reading.sensor,
    max_size=3,
)
HEAT = st.tuples(SENSORS, st.lists(st.builds(Fan, fan=st.sampled_from("xy")), unique_by=lambda fan: fan.fan)).map(
    lambda parts: [*parts[0], *parts[1]]
)
COLLECTOR = st.sampled_from(["heat", "load"])
THING = st.sampled_from(["", "cpu", "nvme0"])
TROUBLE = st.one_of(
    st.builds(
        CollectorFailed, collector=COLLECTOR, thing=THING, error=st.sampled_from(["EIO", "timeout"]), message=st.text()
    ),
    st.builds(CollectorUnavailable, collector=COLLECTOR, thing=THING, reason=st.text()),
)
BATCHES = st.one_of(
    HEAT,
    st.builds(Load, load1=st.floats(0, 9)).map(lambda load: [load]),
    TROUBLE.map(lambda change: [change]),
    HEAT.map(lambda heat: [CollectorRecovered(collector="heat", seconds=1.0), *heat]),
    st.builds(SinkDropped, sink=st.sampled_from("ab"), events=st.integers(1, 9), reason=st.text()).map(lambda b: [b]),
    st.just([Started(version="1", schema=1, pid=1)]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(THING, BATCHES), max_size=12))
def test_a_replayed_log_comes_to_just_the_state_that_was_live(batches: list[tuple[str, list[Body]]]) -> None:
    past = Past()
    for thing, bodies in batches:
        if bodies:
            past.add(*bodies, thing=thing)
        assert past.replay().snapshot() == past.fold().snapshot()


def test_a_run_replaces_the_run_before_it_and_a_vanished_sensor_leaves() -> None:
    past = Past()
    past.add(Temperature(sensor="a"), Temperature(sensor="b"), Fan(fan="x"))
    past.add(Load(load1=1.0))
    past.add(Temperature(sensor="b", celsius=5.0))
    for state in (past.fold(), past.replay()):
        assert reported(state, "heat") == [Temperature(sensor="b", celsius=5.0)]
        assert reported(state, "load") == [Load(load1=1.0)]


def test_each_thing_of_a_collector_has_a_run_of_its_own() -> None:
    past = Past()
    past.add(Temperature(sensor="a"), thing="cpu")
    past.add(Temperature(sensor="b"), Temperature(sensor="c"), thing="nvme0")
    past.add(Temperature(sensor="b", celsius=5.0), thing="nvme0")
    for state in (past.fold(), past.replay()):
        assert reported(state, "heat", "cpu") == [Temperature(sensor="a")]
        assert reported(state, "heat", "nvme0") == [Temperature(sensor="b", celsius=5.0)]
    past.add(CollectorFailed(collector="heat", thing="nvme0", error="EIO", message="x"))
    for state in (past.fold(), past.replay()):
        assert reported(state, "heat", "cpu") == [Temperature(sensor="a")]
        assert reported(state, "heat", "nvme0") == []


def test_the_last_change_is_kept_of_each_thing() -> None:
    past = Past()
    [cpu] = past.add(CollectorFailed(collector="heat", thing="cpu", error="EIO", message="x"))
    [drive] = past.add(CollectorRecovered(collector="heat", thing="nvme0", seconds=1.0))
    assert set(past.fold().snapshot().changes.values()) == {cpu, drive}


def test_a_collector_that_fails_or_is_unavailable_reports_nothing_and_touches_no_other() -> None:
    for change in (FAILED, CollectorUnavailable(collector="heat", reason="x")):
        past = Past()
        past.add(Temperature(sensor="a"))
        past.add(Load(load1=1.0))
        past.add(change)
        for state in (past.fold(), past.replay()):
            assert reported(state, "heat") == []
            assert reported(state, "load") == [Load(load1=1.0)]


def test_what_is_read_after_a_failure_is_there_again() -> None:
    past = Past()
    past.add(Temperature(sensor="a"))
    past.add(FAILED)
    past.add(CollectorRecovered(collector="heat", seconds=5.0), Temperature(sensor="a", celsius=1.0), Fan(fan="x"))
    for state in (past.fold(), past.replay()):
        assert reported(state, "heat") == [Temperature(sensor="a", celsius=1.0), Fan(fan="x")]


def test_an_exporter_that_starts_again_has_read_nothing_yet() -> None:
    past = Past()
    past.add(Temperature(sensor="a"))
    past.add(Started(version="2", schema=1, pid=2))
    past.add(Load(load1=1.0))
    for state in (past.fold(), past.replay()):
        assert reported(state, "heat") == []
        assert reported(state, "load") == [Load(load1=1.0)]
    past = Past()
    past.add(Temperature(sensor="a"), Started(version="3", schema=1, pid=3), Load(load1=2.0))
    assert list(past.fold().snapshot().runs) == [("load", "")]


def test_the_last_change_of_each_subject_is_kept_and_all_are_counted() -> None:
    past = Past()
    past.add(FAILED)
    past.add(CollectorFailed(collector="load", error="EIO", message="x"))
    [last] = past.add(CollectorFailed(collector="heat", error="timeout", message="y"))
    past.add(Load(load1=1.0))
    snapshot = past.fold().snapshot()
    assert snapshot.changes["collector", "heat", ""] == last
    assert len(snapshot.changes) == 2
    assert snapshot.counts == {"collector.failed": 3, "system.load.updated": 1}


def test_a_reading_that_nobody_owns_is_counted_and_not_kept() -> None:
    state = State({})
    state.apply(Past().add(Load(load1=1.0)))
    assert state.snapshot() == ({}, {}, {"system.load.updated": 1})


def test_the_readings_of_a_collector_end_when_a_reload_switches_it_off() -> None:
    past = Past()
    past.add(Temperature(sensor="a"))
    past.add(Temperature(sensor="b"), thing="b")
    past.add(Load(load1=1.0))
    past.add(Reloaded(changed="collector.heat.enabled", switched_off="heat, never"))
    assert list(past.fold().snapshot().runs) == [("load", "")]


def test_a_snapshot_does_not_change_afterwards() -> None:
    past = Past()
    state = State(OWNERS)
    state.apply(past.add(Load(load1=1.0), FAILED))
    before = state.snapshot()
    was = (dict(before.runs), dict(before.changes), dict(before.counts))
    state.apply(past.add(Load(load1=2.0), Temperature(sensor="a")))
    state.apply(past.add(SinkDropped(sink="x", events=1, reason="x")))
    assert before == was


def test_a_snapshot_never_shows_half_a_run() -> None:
    past, state = Past(), State(OWNERS)
    done = threading.Event()

    def apply() -> None:
        for turn in range(300):
            state.apply(past.add(*(Temperature(sensor=str(sensor), celsius=float(turn)) for sensor in range(40))))
        done.set()

    writer = threading.Thread(target=apply)
    writer.start()
    looks = 0
    while not done.is_set() or not looks:
        runs = state.snapshot().runs.get(("heat", ""), ())
        assert len(runs) in (0, 40)
        assert len({event.stamp for event in runs}) <= 1
        looks += 1
    writer.join()
