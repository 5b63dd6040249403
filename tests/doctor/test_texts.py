"""YAML of servers that mean harm."""

import pytest

from sysvitals.doctor.routing import parse_routing
from sysvitals.doctor.texts import load_texts


def test_all_values_are_texts_and_aliases_are_followed() -> None:
    assert load_texts("a: &x [on, 1:30, 2026-02-30]\nb: *x\n") == {"a": (x := ["on", "1:30", "2026-02-30"]), "b": x}


@pytest.mark.fault(
    "network",
    "a server whose configuration grows without end when it is read",
    seen="`doctor` says that it shows no routes, and goes on",
    heals="-",
)
@pytest.mark.parametrize(
    "text",
    [
        "r0: &r0 {receiver: a}\n"
        + "".join(f"r{n}: &r{n} {{receiver: a, routes: [*r{n - 1}, *r{n - 1}]}}\n" for n in range(1, 60))
        + "route: *r59\nreceivers: [{name: a}]\n",
        "route: &r {receiver: a, routes: [*r]}\nreceivers: [{name: a}]\n",
        "route: " + "[" * 100_000,
        "route: {receiver: 'a",
    ],
    ids=["aliases of aliases", "itself", "depth", "no YAML"],
)
def test_a_configuration_that_grows_when_it_is_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"aliases|YAML"):
        parse_routing(text)
