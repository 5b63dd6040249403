"""Alertmanager's configuration, as far as it decides who is told: its routes, receivers, inhibitions and times.

It is read from what Alertmanager itself reports, and evaluated as Alertmanager does.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sysvitals.doctor.matching import Labels, Matcher, matches_all, parse_match, parse_matchers
from sysvitals.doctor.texts import load_texts
from sysvitals.doctor.times import TimeInterval, contains, parse_duration, parse_interval

ALL_LABELS = "..."
"""In `group_by`: each alert is a group of its own."""


@dataclass(frozen=True, slots=True)
class Route:
    """One node of the tree. What a child does not set it has from its parent, but for the times at which it is mute."""

    receiver: str
    matchers: tuple[Matcher, ...]
    continues: bool
    group_by: tuple[str, ...]
    group_wait: float
    group_interval: float
    mute_times: tuple[str, ...]
    active_times: tuple[str, ...]
    routes: tuple["Route", ...]


@dataclass(frozen=True, slots=True)
class Inhibition:
    """Alerts that match `source` silence those that match `target` and have the same labels `equal`."""

    source: tuple[Matcher, ...]
    target: tuple[Matcher, ...]
    equal: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Routing:
    """The whole. `receivers` gives each receiver's integrations, such as `telegram`, as often as they are there."""

    root: Route
    receivers: Mapping[str, tuple[str, ...]]
    inhibitions: tuple[Inhibition, ...]
    intervals: Mapping[str, tuple[TimeInterval, ...]]


def parse_routing(text: str) -> Routing:
    """From the YAML of Alertmanager's configuration. Raises ValueError where it is none."""
    try:
        whole = load_texts(text)
        root = _Defaults("", (), 30.0, 300.0)
        intervals = [*_list(whole, "time_intervals"), *_list(whole, "mute_time_intervals")]
        return Routing(
            root=_parse_route(whole["route"], root),
            receivers={one["name"]: tuple(_integrations(one)) for one in _list(whole, "receivers")},
            inhibitions=tuple(_parse_inhibition(one) for one in _list(whole, "inhibit_rules")),
            intervals={
                one["name"]: tuple(parse_interval(interval) for interval in _list(one, "time_intervals"))
                for one in intervals
            },
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"no configuration of Alertmanager: {error}") from None


def find_routes(route: Route, labels: Labels) -> list[Route]:
    """The routes that an alert with these labels takes, in the order of the tree. Raises Unsupported."""
    if not matches_all(route.matchers, labels):
        return []
    found: list[Route] = []
    for child in route.routes:
        matching = find_routes(child, labels)
        found += matching
        if matching and not child.continues:
            break
    return found or [route]


def find_inhibitor(routing: Routing, labels: Labels, active: list[Labels]) -> Labels | None:
    """The active alert that silences one with these labels, if there is one. Raises Unsupported."""
    for rule in routing.inhibitions:
        if not matches_all(rule.target, labels):
            continue
        # an alert that is on both sides of a rule is not silenced by others that are so too
        both = matches_all(rule.source, labels)
        for other in active:
            if (
                matches_all(rule.source, other)
                and all(other.get(name, "") == labels.get(name, "") for name in rule.equal)
                and not (both and matches_all(rule.target, other))
            ):
                return other
    return None


def why_mute(route: Route, routing: Routing, at: float) -> str:
    """Why this route tells nobody at that time, in Unix seconds; empty where it does.

    Raises ValueError where that is by a clock which is not known here.
    """
    muting = [name for name in route.mute_times if _is_within(name, routing, at)]
    if muting:
        return f"{', '.join(muting)} is now"
    if route.active_times and not any(_is_within(name, routing, at) for name in route.active_times):
        return f"{', '.join(route.active_times)} is not now"
    return ""


def _is_within(name: str, routing: Routing, at: float) -> bool:
    return any(contains(interval, at) for interval in routing.intervals.get(name, ()))


def group_labels(route: Route, labels: Labels) -> Labels:
    """The labels that name the group to which an alert comes on this route."""
    if ALL_LABELS in route.group_by:
        return dict(labels)
    return {name: labels[name] for name in route.group_by if name in labels}


@dataclass(frozen=True, slots=True)
class _Defaults:
    receiver: str
    group_by: tuple[str, ...]
    group_wait: float
    group_interval: float


def _parse_route(tree: Mapping[str, Any], parent: _Defaults) -> Route:
    own = _Defaults(
        receiver=tree.get("receiver") or parent.receiver,
        group_by=tuple(tree["group_by"]) if isinstance(tree.get("group_by"), list) else parent.group_by,
        group_wait=parse_duration(tree["group_wait"]) if tree.get("group_wait") else parent.group_wait,
        group_interval=parse_duration(tree["group_interval"]) if tree.get("group_interval") else parent.group_interval,
    )
    return Route(
        receiver=own.receiver,
        matchers=_parse_matching(tree, ""),
        continues=tree.get("continue") == "true",
        group_by=own.group_by,
        group_wait=own.group_wait,
        group_interval=own.group_interval,
        mute_times=tuple(_list(tree, "mute_time_intervals")),
        active_times=tuple(_list(tree, "active_time_intervals")),
        routes=tuple(_parse_route(child, own) for child in _list(tree, "routes")),
    )


def _parse_inhibition(tree: Mapping[str, Any]) -> Inhibition:
    return Inhibition(
        source=_parse_matching(tree, "source_"),
        target=_parse_matching(tree, "target_"),
        equal=tuple(_list(tree, "equal")),
    )


def _parse_matching(tree: Mapping[str, Any], side: str) -> tuple[Matcher, ...]:
    return (
        *parse_match(tree.get(f"{side}match") or {}, is_regex=False),
        *parse_match(tree.get(f"{side}match_re") or {}, is_regex=True),
        *(matcher for line in _list(tree, f"{side}matchers") for matcher in parse_matchers(line)),
    )


def _integrations(receiver: Mapping[str, Any]) -> Iterator[str]:
    for key in receiver:
        if key.endswith("_configs"):
            yield from [key.removesuffix("_configs")] * len(_list(receiver, key))


def _list(tree: Mapping[str, Any], key: str) -> list[Any]:
    return tree.get(key) or []  # a key without a value is an empty text
