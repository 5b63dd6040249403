"""Writes the tables of the last `make bench` (results.json) into the pages, where they are marked.

<!-- bench scrape, paced, idle -->
the lines of these figures, or of all where none is named
<!-- end of bench -->
"""

import argparse
import re
import sys
from pathlib import Path

from figures import Results, read_results, render_markdown

HERE = Path(__file__).parent
RESULTS = HERE / "results.json"
PAGES = (HERE / "README.md", HERE.parent / "exporter/README.md")
_BLOCK = re.compile(r"(<!-- bench( [^>]+)? -->\n)(.*?)(<!-- end of bench -->)", re.DOTALL)


def render_page(text: str, results: Results) -> str:
    """The page with its tables as these results have them."""

    def render(block: re.Match[str]) -> str:
        # names may consist of several words, which a comma ends
        names = [name.strip() for name in (block[2] or "").split(",") if name.strip()]
        return f"{block[1]}\n{render_markdown(results, names=names)}\n{block[4]}"

    return _BLOCK.sub(render, text)


def main() -> int:
    """Write them, or see whether they are current."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; the status says whether all are current")
    options = parser.parse_args()
    results, stale = read_results(RESULTS), []
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = render_page(before, results)
        if after != before:
            stale.append(page)
            if not options.check:
                page.write_text(after, encoding="utf-8")
        print(
            f"{page.relative_to(HERE.parent)}{' is not current: make docs' if options.check and page in stale else ''}"
        )
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
