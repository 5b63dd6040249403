from typing import Annotated, Any

import pytest

from sysvitals.model.metric import Counter, Detail, Gauge, Info, Label
from sysvitals.model.reading import Body, Change, Field, Reading, amend, fields_of, labels_of, subject_of

LABEL = Label("Which.")
GAUGE = Gauge("thing", help="How much.")
COUNTER = Counter("things", help="How many.")
INFO = Info("thing", help="What.")
DETAIL = Detail("For people.")


class Thing(Reading, event="system.thing.updated"):
    """A thing."""

    device: Annotated[str, LABEL]
    value: Annotated[float | None, GAUGE] = None
    maker: Annotated[str | None, INFO] = None
    port: Annotated[str, LABEL]
    note: Annotated[bool, DETAIL]


class Whole(Reading, event="system.whole.updated"):
    """Something of which there is one."""

    value: Annotated[int, COUNTER]


class Alarm(Change, event="system.alarm.started", urgent=True):
    """An alarm began."""

    cause: Annotated[str, LABEL]


def declare(hint: Any, **default: Any) -> type[Body]:
    """A reading with one field that is so annotated."""
    members: dict[str, Any] = {"__annotations__": {"field": hint}, **default}
    return type("Wrong", (Reading,), members)


def test_fields_are_as_declared_and_in_that_order() -> None:
    assert fields_of(Thing) == (
        Field("device", str, optional=False, required=True, mark=LABEL),
        Field("value", float, optional=True, required=False, mark=GAUGE),
        Field("maker", str, optional=True, required=False, mark=INFO),
        Field("port", str, optional=False, required=True, mark=LABEL),
        Field("note", bool, optional=False, required=True, mark=DETAIL),
    )
    assert labels_of(Thing) == ("device", "port")


def test_fields_are_given_by_keyword_and_what_has_a_default_may_be_left_out() -> None:
    thing = Thing(device="a", port="b", note=True)
    assert (thing.device, thing.value, thing.maker, thing.port, thing.note) == ("a", None, None, "b", True)
    assert Thing.event_name == "system.thing.updated"


@pytest.mark.parametrize(
    ("values", "complaint"),
    [({"device": "a", "port": "b"}, "note"), ({"device": "a", "port": "b", "note": True, "colour": 1}, "colour")],
)
def test_a_field_that_is_missing_or_unknown_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(TypeError, match=complaint):
        declare_thing()(**values)
    with pytest.raises(TypeError, match=complaint):
        Thing(**values)


def declare_thing() -> type[Body]:
    """The same reading, of which there has been no instance yet."""
    return type("Thing", (Reading,), {name: value for name, value in vars(Thing).items() if name != "__init__"})


def test_bodies_are_equal_if_all_their_fields_are() -> None:
    one, same, other = (Whole(value=value) for value in (1, 1, 2))
    assert (one == same, one == other, hash(one) == hash(same)) == (True, False, True)
    assert one != declare(Annotated[int, COUNTER])(field=1)
    assert repr(one) == "Whole(value=1)"


def test_amending_gives_another_body_and_leaves_the_first() -> None:
    thing = Thing(device="a", port="b", note=True)
    assert amend(thing, value=2.0) == Thing(device="a", port="b", note=True, value=2.0)
    assert thing.value is None
    with pytest.raises(TypeError, match="colour"):
        amend(thing, colour="red")


def test_only_what_asks_for_it_is_urgent() -> None:
    assert (Alarm.urgent, Thing.urgent, Change.urgent) == (True, False, False)


def test_things_are_told_apart_by_event_and_labels_and_not_by_values() -> None:
    one = Thing(device="a", port="1", value=1.0, note=True)
    assert subject_of(one) == ("system.thing.updated", "a", "1")
    assert subject_of(one) == subject_of(Thing(device="a", port="1", value=2.0, note=False))
    assert subject_of(one) != subject_of(Thing(device="1", port="a", note=True))
    assert subject_of(Whole(value=1)) == ("system.whole.updated",)


@pytest.mark.parametrize(
    ("hint", "complaint"),
    [
        (str, "annotate it with"),
        (Annotated[str, "a note"], "not 0"),
        (Annotated[float, GAUGE, DETAIL], "not 2"),
        (Annotated[list[str], DETAIL], "one of str, int, float, bool"),
        (Annotated[int | str, DETAIL], "one of str, int, float, bool"),
        (Annotated[int | str | None, DETAIL], "one of str, int, float, bool"),
        (Annotated[None, DETAIL], "one of str, int, float, bool"),
        (Annotated[int, LABEL], "a label is a str"),
        (Annotated[str | None, LABEL], "a label is a str"),
        (Annotated[str, GAUGE], "text is for Info"),
        (Annotated[str, COUNTER], "text is for Info"),
        (Annotated[float, INFO], "text is for Info"),
        (Annotated[bool, INFO], "text is for Info"),
    ],
    ids=str,
)
def test_a_field_that_is_not_declared_as_the_model_asks_is_refused(hint: Any, complaint: str) -> None:
    with pytest.raises(TypeError, match=f"Wrong.field: .*{complaint}"):
        fields_of(declare(hint))


def test_a_default_that_a_stored_event_would_not_keep_is_refused() -> None:
    with pytest.raises(TypeError, match="None by default"):
        fields_of(declare(Annotated[float | None, GAUGE], field=5.0))
    assert fields_of(declare(Annotated[float, GAUGE], field=5.0))[0].required is False
