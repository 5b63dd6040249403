"""Plays all stories of the rules with vmalert-tool, in minutes: `python -m tests.victoria.all_stories [SUBJECT …]`."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.victoria.test_rules import unknown
from tests.victoria.vmalert_tool import ROOT, play


def main(names: list[str]) -> int:
    """Print what comes out otherwise. The exit status: 1 if anything does."""
    found: list[str] = []
    for path in sorted((ROOT / "prometheus/rule-tests").glob("*.yml")):
        if not names or path.stem in names:
            with TemporaryDirectory() as folder:
                failures = unknown(play(path.read_text(encoding="utf-8"), Path(folder)))
            sys.stdout.writelines(f"{line}\n" for line in (f"{path.stem}: {len(failures)}", *failures))
            sys.stdout.flush()
            found += failures
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
