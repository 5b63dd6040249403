"""`sysvitals provision`: writes rules, dashboards and configuration out of the installed program."""

import argparse
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sysvitals.outputs.terminal import complain, say
from sysvitals.provision.kinds import KINDS
from sysvitals.provision.plan import CHANGING, Action, Manner, Outcome
from sysvitals.provision.provision import provision
from sysvitals.provision.receivers import FILE, close_secrets, describe_access, describe_open, parse_version

_SHOWN_DIFF_LINES = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments; what they give is for `run`."""
    kinds = "; ".join(f"{kind.name}: {kind.help}" for kind in KINDS.values())
    parser.description = (
        f"{(parser.description or '').rstrip('.')}: {kinds}. What you changed stays, and is shown. Run it again"
        " after an update."
    )
    parser.add_argument("kind", choices=list(KINDS), metavar="|".join(KINDS))
    parser.add_argument("--to", metavar="DIR", required=True, help="The folder, such as /etc/prometheus.")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--overwrite", action="store_true", help="Replace what you changed or removed; yours is kept as FILE.old."
    )
    ways.add_argument("--remove", action="store_true", help="Remove what was written; what you changed stays.")
    parser.add_argument(
        "--alertmanager.version",
        dest="alertmanager_version",
        metavar="X.Y",
        help="For alertmanager: which keys it knows for secrets in files. (default: that of amtool here)",
    )
    parser.add_argument("--dry-run", action="store_true", help="Say what would be done, and do nothing.")


def run(options: Mapping[str, Any]) -> int:
    """Write or remove them, and tell. The exit status: 1 if anything failed."""
    kind, given = KINDS[options["kind"]], options["alertmanager_version"]
    folder = Path(options["to"]).absolute()
    manner = Manner.OVERWRITE if options["overwrite"] else Manner.REMOVE if options["remove"] else Manner.UPDATE
    if given and kind.name != "alertmanager":
        complain("--alertmanager.version is for alertmanager: leave it out")
        return 2
    try:
        version = parse_version(given) if given else kind.find_version()
    except ValueError as error:
        complain(f"--alertmanager.version: {given!r} is not valid: expected {error}")
        return 2
    try:
        files = kind.files(folder, version) if manner is not Manner.REMOVE else {}
        access = close_secrets(files)
        outcomes = provision(
            files,
            folder,
            kind=kind.name,
            within=kind.memory,
            covers=kind.covers,
            manner=manner,
            dry_run=options["dry_run"],
            access=access,
        )
    except OSError as error:
        complain(f"{folder}: {error.strerror}" if error.strerror else str(error))
        return 1
    say(*describe(outcomes, folder, dry_run=options["dry_run"]))
    if kind.covers(FILE):
        say(*describe_open(folder))
    if not options["dry_run"] and any(outcome.action in CHANGING for outcome in outcomes):
        then = kind.gone if manner is Manner.REMOVE else kind.then
        changed = {one.path for one in outcomes if one.action in CHANGING}
        say(*describe_access(folder, {path: one for path, one in access.items() if path in changed}, version))
        say(f"then: {then.replace('DIR', shlex.quote(str(folder)))}")
    return int(any(outcome.action is Action.FAILED for outcome in outcomes))


def describe(outcomes: Sequence[Outcome], folder: Path, *, dry_run: bool) -> list[str]:
    """What was done, for people: a line for each file that is not as it was, and the count of all."""
    lines = [f"{folder}:"]
    for outcome in outcomes:
        if outcome.action is not Action.SAME:
            lines.append(f"  {outcome.action:<8}  {outcome.path}" + (f"  ({outcome.words})" if outcome.words else ""))
            lines += [f"    {line}" for line in outcome.diff[:_SHOWN_DIFF_LINES]]
            if len(outcome.diff) > _SHOWN_DIFF_LINES:
                lines.append(f"    … {len(outcome.diff) - _SHOWN_DIFF_LINES} more lines differ")
    counts = Counter(outcome.action for outcome in outcomes)
    words = [f"{counts[action]} {action}" for action in Action if counts[action]]
    lines.append(
        ("nothing was done; it would be: " if dry_run else "") + (", ".join(words) or "nothing of ours is here")
    )
    if any(outcome.diff for outcome in outcomes):
        lines.append("--overwrite takes ours in place of what was kept, and keeps yours as FILE.old")
    return lines
