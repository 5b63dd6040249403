"""Our rules in Prometheus: whether all are loaded, healthy, and as they are shipped."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from sysvitals.doctor.check import Check, absent, broken, ok, warning
from sysvitals.doctor.evaluation import explain_error, shorten_error
from sysvitals.doctor.fetching import LARGEST_LIST_BYTES, Server
from sysvitals.doctor.matching import Labels
from sysvitals.doctor.times import parse_duration
from sysvitals.doctor.trouble import Trouble
from sysvitals.doctor.words import format_count

HEADLINE = "Undervoltage"
WATCHDOG = "Watchdog"
CHAIN = "NotificationsFailing"
_OPTIONAL = frozenset({"node-exporter-power.yml"})
"""Files for hosts that run something else."""
_SHOWN = 5
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `lasts` and `keeps` are `for` and `keep_firing_for`, in seconds (None: not told)."""

    kind: str
    name: str
    expression: str
    lasts: float
    keeps: float | None
    labels: Labels
    annotations: Labels
    health: str = "ok"
    error: str = ""
    state: str = ""
    alerts: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Loading:
    """How our rules get into a server: what `sysvitals provision` calls its files, and what to do."""

    kind: str
    remedy: str


_BY_PROMETHEUS = Loading(
    kind="prometheus",
    remedy=(
        "let prometheus.yml load them, and reload Prometheus:\n"
        "  rule_files: [/etc/prometheus/rules/*.yml]\n"
        "`sysvitals provision prometheus --to /etc/prometheus` writes them there"
    ),
)


@dataclass(frozen=True, slots=True)
class Group:
    """One group of rules and the file it is in."""

    name: str
    file: str
    rules: tuple[Rule, ...]


def load_shipped(folder: Path) -> list[Group]:
    """The rules that come with this version. Raises OSError or ValueError where they cannot be read."""
    groups = []
    for path in sorted(folder.glob("*.yml")):
        try:
            tree = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506  # texts only
        except yaml.YAMLError as error:
            raise ValueError(f"{path} is no YAML: {error}") from None
        for group in tree["groups"]:
            rules = tuple(_shipped_rule(rule) for rule in group.get("rules") or ())
            if rules:
                groups.append(Group(group["name"], path.name, rules))
    return groups


def load_groups(server: Server) -> list[Group]:
    """The rules that Prometheus has. Raises Trouble."""
    groups = server.get_data("rules", LARGEST_LIST_BYTES)["groups"]
    return [Group(one["name"], one["file"], tuple(_loaded_rule(rule) for rule in one["rules"])) for one in groups]


def find_alert(groups: Iterable[Group], name: str) -> Rule | None:
    """The alerting rule of this name."""
    rules = (rule for group in groups for rule in group.rules)
    return next((rule for rule in rules if rule.kind == "alerting" and rule.name == name), None)


def check_rules(
    server: Server, loaded: list[Group], shipped: list[Group], loading: Loading = _BY_PROMETHEUS
) -> Iterator[Check]:
    """All checks of the rules."""
    ours = {group.name: group for group in shipped}
    there = [group for group in loaded if group.name in ours]
    names = {group.name for group in there}
    yield from _check_loaded(there, [group for group in shipped if group.name not in names], loading.remedy)
    if there:
        yield _check_health(there)
        yield from check_current(server, there, ours, loading.kind)


def _check_loaded(there: list[Group], missing: list[Group], remedy: str) -> Iterator[Check]:
    name = "prometheus.rules"
    files = sorted({group.file for group in missing if group.file not in _OPTIONAL})
    count = sum(len(group.rules) for group in there)
    needed = {rule.name for group in missing for rule in group.rules if rule.kind == "recording"}
    wanting = sorted(
        {
            rule.name
            for group in there
            for rule in group.rules
            if needed.intersection(re.findall(r"[a-zA-Z_:][a-zA-Z0-9_:]*", rule.expression))
        }
    )
    if find_alert(there, HEADLINE) is None:
        gone = (
            f"our rules are not all loaded ({', '.join(files)} missing)" if files else f"our alert {HEADLINE} is gone"
        )
        what = gone if there else "none of our rules is loaded"
        yield broken(name, f"{what}: there would be no alert of undervoltage", remedy)
    elif wanting:
        yield broken(name, f"{_some(wanting)} need what {', '.join(files)} would record: they can never fire", remedy)
    elif files:
        yield warning(name, f"{count} of our rules are loaded; {', '.join(files)} missing", remedy)
    else:
        yield ok(name, f"our rules are loaded: {count} in {len(there)} groups")
    for group in missing:
        if group.file in _OPTIONAL and there:
            yield absent(
                "prometheus.rules.optional", f"{group.file} is not loaded: it is for hosts with only node_exporter"
            )


def _check_health(there: list[Group]) -> Check:
    name = "prometheus.rules.health"
    rules = [rule for group in there for rule in group.rules]
    failing = [rule for rule in rules if rule.health == "err"]
    waiting = [rule for rule in rules if rule.health == "unknown"]
    if failing:
        error = shorten_error(failing[0].error)
        return broken(
            name, f"{_some([rule.name for rule in failing])} cannot be evaluated: {error}", explain_error(error)
        )
    if waiting:
        return warning(name, f"not evaluated yet: {format_count(len(waiting), 'rule')}", "ask again in a few minutes")
    return ok(name, "all of them are evaluated without error")


def check_current(
    server: Server, there: list[Group], ours: Mapping[str, Group], kind: str = _BY_PROMETHEUS.kind
) -> Iterator[Check]:
    """Whether they say what the shipped ones say. Raises Trouble."""
    changed, gone = [], []
    for group in there:
        left = list(group.rules)
        for rule in ours[group.name].rules:
            same = [one for one in left if (one.kind, one.name) == (rule.kind, rule.name)]
            equal = next((one for one in same if is_equal(server, rule, one)), None)
            if equal is not None:
                left.remove(equal)
            elif same:
                changed.append(_shown(rule))
            else:
                gone.append(_shown(rule))
    name = "prometheus.rules.current"
    if not changed and not gone:
        yield ok(name, "they are those of this version")
        return
    words = [f"{_some(changed)} differ from this version's"] if changed else []
    words += [f"{_some(gone)} are not there"] if gone else []
    yield warning(
        name,
        "; ".join(words),
        f"fine where you changed them yourself; else `sysvitals provision {kind} --to DIR` writes this version's",
    )


def is_equal(server: Server, ours: Rule, theirs: Rule) -> bool:
    """Whether two rules mean the same. Only Prometheus itself can tell that two expressions do, where they look unlike.

    Raises Trouble.
    """
    if ours.lasts != theirs.lasts or (theirs.keeps is not None and ours.keeps != theirs.keeps):
        return False
    if not ours.labels.items() <= theirs.labels.items():
        return False
    if _bare(ours.expression) == _bare(theirs.expression):
        return True
    try:
        formatted = server.get_data("format_query", query=ours.expression)
    except Trouble as trouble:
        if trouble.status is None:
            raise
        return False
    return _bare(formatted) == _bare(theirs.expression)


def _shipped_rule(tree: Mapping[str, Any]) -> Rule:
    return Rule(
        kind="alerting" if "alert" in tree else "recording",
        name=tree.get("alert") or tree["record"],
        expression=tree["expr"],
        lasts=parse_duration(tree.get("for") or "0"),
        keeps=parse_duration(tree.get("keep_firing_for") or "0"),
        labels=tree.get("labels") or {},
        annotations=tree.get("annotations") or {},
    )


def _loaded_rule(tree: Mapping[str, Any]) -> Rule:
    keeps = tree.get("keepFiringFor", tree.get("keep_firing_for"))  # Prometheus's name, and vmalert's
    return Rule(
        kind=tree["type"],
        name=tree["name"],
        expression=tree["query"],
        lasts=float(tree.get("duration") or 0),
        keeps=None if keeps is None else float(keeps),
        labels=tree.get("labels") or {},
        annotations=tree.get("annotations") or {},
        health=tree.get("health", "unknown"),
        error=tree.get("lastError", ""),
        state=tree.get("state", ""),
        alerts=tuple(tree.get("alerts") or ()),
    )


def _bare(expression: str) -> str:
    return _SPACE.sub("", expression)


def _shown(rule: Rule) -> str:
    return f"{rule.name} ({rule.labels['severity']})" if "severity" in rule.labels else rule.name


def _some(names: list[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
