from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import pytest

from sysvitals.model.catalog import build_catalog
from sysvitals.model.changes import CHANGES
from sysvitals.model.collector import Collector
from sysvitals.model.metric import Counter, Detail, Gauge, Info, Label
from sysvitals.model.reading import Body, Change, Reading
from sysvitals.model.status import STATUSES

DEVICE = Annotated[str, Label("Which.")]
CPU = Counter("cpu", unit="seconds", help="Time.", origin="/proc/stat")


class Cpu(Reading, event="system.cpu.usage.updated"):
    """Time of a CPU."""

    cpu: DEVICE
    user: Annotated[float, CPU.at(mode="user")]
    idle: Annotated[float, CPU.at(mode="idle")]
    model: Annotated[str, Info("cpu_model", help="Its model.")]
    vendor: Annotated[str, Info("cpu_model", help="Its vendor.")]
    percent: Annotated[float | None, Detail("Share that was used.", unit="percent")] = None


def collector(name: str, *readings: type[Reading]) -> Collector:
    return Collector(name=name, help="For a test", readings=readings, read=lambda _: ())


def declare(event: str, **fields: Any) -> type[Reading]:
    """A reading with these annotated fields."""
    members = {"__annotations__": fields, "__doc__": "Made for a test."}
    return dataclass(frozen=True, kw_only=True)(type("Made", (Reading,), members, event=event))


def test_a_family_is_read_off_the_declaration() -> None:
    catalog = build_catalog([collector("cpu", Cpu)])
    assert list(catalog.families) == ["system_cpu_model_info", "system_cpu_seconds_total"]
    family = catalog.families["system_cpu_seconds_total"]
    assert (family.kind, family.unit, family.help, family.origin) == ("counter", "seconds", "Time.", "/proc/stat")
    assert (family.labels, family.collector) == (("cpu", "mode"), "cpu")
    assert [(sample.field.name, sample.labels) for sample in family.samples] == [
        ("user", (("mode", "user"),)),
        ("idle", (("mode", "idle"),)),
    ]
    info = catalog.families["system_cpu_model_info"]
    assert (info.kind, info.labels, info.help) == ("info", ("cpu", "model", "vendor"), "Time of a CPU.")


def test_the_catalog_knows_whose_each_event_is() -> None:
    catalog = build_catalog([collector("cpu", Cpu)], (*CHANGES, *STATUSES))
    assert catalog.bodies["system.cpu.usage.updated"] is Cpu
    assert dict(catalog.owners) == {"system.cpu.usage.updated": "cpu"}
    kinds: tuple[type[Body], ...] = (Cpu, *CHANGES, *STATUSES)
    assert set(catalog.bodies) == {kind.event_name for kind in kinds}
    assert catalog.families["sysvitals_collector_success"].collector is None


def test_a_catalog_cannot_be_changed() -> None:
    catalog = build_catalog([collector("cpu", Cpu)])
    with pytest.raises(TypeError):
        catalog.families["system_x"] = catalog.families["system_cpu_seconds_total"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        catalog.collectors = ()  # type: ignore[misc]


def test_two_readings_of_one_collector_may_feed_one_family() -> None:
    gauge = Gauge("size", unit="bytes", help="Size.")
    one = declare("system.one.updated", device=DEVICE, size=Annotated[int, gauge])
    two = declare("system.two.updated", device=DEVICE, size=Annotated[int, gauge])
    samples = build_catalog([collector("x", one, two)]).families["system_size_bytes"].samples
    assert [sample.body for sample in samples] == [one, two]


def size(event: str = "system.other.updated", **changed: Any) -> type[Reading]:
    labels = {"device": DEVICE} if changed.pop("labelled", True) else {}
    mark = changed.pop("kind", Gauge)(**{"name": "size", "unit": "bytes", "help": "Size.", **changed})
    return declare(event, **labels, size=Annotated[int, mark])


SIZE = size("system.size.updated")


@pytest.mark.parametrize(
    ("collectors", "complaint"),
    [
        (lambda: [collector("x", SIZE), collector("x", Cpu)], "collector 'x' is there twice"),
        (lambda: [collector("x", SIZE), collector("y", SIZE)], "missing or taken"),
        (lambda: [collector("x", SIZE, SIZE)], "missing or taken"),
        (lambda: [collector("x", declare("", device=DEVICE))], "missing or taken"),
        (lambda: [collector("x", SIZE, size(help="Another."))], "another help"),
        (lambda: [collector("x", SIZE, size(labelled=False))], "another labels"),
        (lambda: [collector("x", SIZE), collector("y", size())], "another collector"),
        (lambda: [collector("x", SIZE, size(kind=Counter))], "one family in OpenMetrics"),
        (
            lambda: [collector("x", declare("system.a.updated", a=Annotated[int, CPU], b=Annotated[int, CPU]))],
            "would be one series",
        ),
        (
            lambda: [collector("x", declare("system.a.updated", mode=DEVICE, a=Annotated[int, CPU.at(mode="user")]))],
            "is a field of the reading already",
        ),
        (
            lambda: [
                collector(
                    "x",
                    *(declare(f"system.{n}.updated", n=Annotated[str, Info("thing", help="What.")]) for n in "ab"),
                )
            ],
            "declared twice",
        ),
        (
            lambda: [
                collector(
                    "x",
                    declare("system.a.updated", a=Annotated[str, Info("thing", help="What.")]),
                    declare("system.b.updated", b=Annotated[int, Gauge("thing", help="What.")]),
                )
            ],
            "one family in OpenMetrics",
        ),
    ],
)
def test_declarations_that_contradict_each_other_are_refused(
    collectors: Callable[[], list[Collector]], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        build_catalog(collectors())


def test_a_change_with_a_metric_is_refused() -> None:
    class Wrong(Change, event="system.wrong.started"):
        """Wrong."""

        size: Annotated[int, Gauge("size", unit="bytes", help="Size.")]

    with pytest.raises(ValueError, match="a change is counted"):
        build_catalog([], [Wrong])


def test_an_event_of_ours_cannot_take_the_name_of_a_readings_event() -> None:
    class Taken(Change, event="system.size.updated"):
        """Wrong."""

    with pytest.raises(ValueError, match="missing or taken"):
        build_catalog([collector("x", SIZE)], [Taken])
