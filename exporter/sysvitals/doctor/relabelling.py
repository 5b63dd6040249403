"""What Prometheus does to an alert's labels before it sends it: `alert_relabel_configs`."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from sysvitals.doctor.matching import Labels
from sysvitals.doctor.re2 import Expression, Unsupported, compile_re2

_CHOICES = frozenset({"keep", "drop", "keepequal", "dropequal"})
_REFERENCE = re.compile(r"\$(?:(\$)|(\w+)|\{(\w+)\})", re.ASCII)


def relabel(labels: Labels, rules: Iterable[Mapping[str, Any]]) -> Labels | None:
    """The labels after all rules, as the configuration has them; None where one drops the alert.

    Raises Unsupported for a rule that cannot be evaluated here.
    """
    found = dict(labels)
    for rule in rules:
        action = (rule.get("action") or "replace").lower()
        pattern = compile_re2(rule.get("regex", "(.*)"))
        value = rule.get("separator", ";").join(found.get(name, "") for name in rule.get("source_labels") or ())
        if action in _CHOICES:
            if not _stays(action, value, found.get(rule.get("target_label", ""), ""), pattern):
                return None
        elif action in ("labeldrop", "labelkeep"):
            found = {
                name: text for name, text in found.items() if bool(pattern.fullmatch(name)) == (action == "labelkeep")
            }
        else:
            found |= _change(action, rule, found, value, pattern)
    return {name: value for name, value in found.items() if value}


def _stays(action: str, value: str, target: str, pattern: Expression) -> bool:
    """Whether an alert stays with these values of the rule's source labels and of its target label."""
    if action in ("keep", "drop"):
        return bool(pattern.fullmatch(value)) == (action == "keep")
    return (value == target) == (action == "keepequal")


def _change(action: str, rule: Mapping[str, Any], labels: Labels, value: str, pattern: Expression) -> dict[str, str]:
    """The labels that a rule sets."""
    replacement, target = rule.get("replacement", "$1"), rule.get("target_label", "")
    if action == "replace":
        found = pattern.fullmatch(value)
        return {_expand(target, found): _expand(replacement, found)} if found else {}
    if action == "labelmap":
        matches = ((pattern.fullmatch(name), text) for name, text in labels.items())
        return {_expand(replacement, found): text for found, text in matches if found}
    if action in ("lowercase", "uppercase"):
        return {target: value.lower() if action == "lowercase" else value.upper()}
    raise Unsupported(f"the relabelling {action} cannot be evaluated")


def _expand(template: str, found: re.Match[str]) -> str:
    """The template with $1, ${1} and $name filled in; what is not in the pattern is empty."""

    def fill(reference: re.Match[str]) -> str:
        if reference[1]:
            return "$"
        name = reference[2] or reference[3]
        group: str | int = int(name) if name.isdecimal() else name
        try:
            return found[group] or ""
        except IndexError:
            return ""

    return _REFERENCE.sub(fill, template)
