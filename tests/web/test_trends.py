"""What the page has of the last minutes: what happened, and how busy each CPU is."""

from sysvitals.collectors.cpu import CpuTime
from sysvitals.model.changes import CollectorUnavailable, Reloaded
from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Body
from sysvitals.web.trends import KEPT_CHANGES, MOST_CPUS, Trends


def event(uptime: float, body: Body) -> Event:
    return Event(Stamp(1_800_000_000.0 + uptime, "pi4", "b", uptime, synced=True), int(uptime), body)


def cpu(number: int, user: float, idle: float, *, online: bool = True) -> CpuTime:
    return CpuTime(cpu=str(number), online=online, user_seconds=user, idle_seconds=idle)


def test_a_cpu_is_as_busy_as_it_was_between_its_last_two_readings() -> None:
    trends = Trends()
    trends.offer((event(1, cpu(0, 10, 90)), event(1, cpu(10, 0, 0)), event(1, cpu(2, 0, 0))))
    assert trends.busy() == {}
    trends.offer((event(2, cpu(0, 11, 92)), event(2, cpu(10, 4, 0)), event(2, cpu(2, 0, 4))))
    trends.offer((event(3, cpu(0, 14, 93)),))
    assert list(trends.busy().items()) == [("0", 75.0), ("2", 0.0), ("10", 100.0)]


def test_a_cpu_that_is_offline_or_whose_counters_stood_still_is_not_known_to_be_idle() -> None:
    trends = Trends()
    trends.offer((event(1, cpu(0, 1, 1)), event(1, cpu(1, 1, 1))))
    trends.offer((event(2, cpu(0, 2, 2, online=False)), event(2, cpu(1, 1, 1))))
    assert trends.busy() == {}


def test_a_counter_that_went_back_adds_nothing() -> None:
    trends = Trends()
    trends.offer((event(1, cpu(0, 5, 100)),))
    trends.offer((event(2, cpu(0, 6, 3)),))
    assert trends.busy() == {"0": 100.0}


def test_memory_stays_bounded_however_many_cpus_there_are() -> None:
    trends = Trends()
    for second in (1, 2):
        trends.offer(tuple(event(second, cpu(number, second, 0)) for number in range(MOST_CPUS + 9)))
    assert len(trends.busy()) == MOST_CPUS


def test_what_happened_is_kept_in_order_and_what_a_host_does_not_have_is_no_news() -> None:
    trends = Trends()
    trends.offer((event(1, CollectorUnavailable(collector="fan", reason="none")),))
    for number in range(KEPT_CHANGES + 5):
        trends.offer((event(number, Reloaded(changed=str(number))),))
    kept = [body.changed for _, _, body, _ in trends.changes() if isinstance(body, Reloaded)]
    assert kept == [str(number) for number in range(5, KEPT_CHANGES + 5)]
