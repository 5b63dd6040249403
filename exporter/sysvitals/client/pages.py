"""Which pages for people a Prometheus has: builds differ.

The Prometheus project's own have /alerts, and /graph (2.x) or /query (3.x). Debian's 2.42 and 2.53 have the old pages
below /classic, and its 3.5 has none; /graph leads to nothing there, by a redirect.
"""

from collections.abc import Callable

ALERTS = ("/alerts", "/classic/alerts")
GRAPH = ("/query", "/graph", "/classic/graph")


def find_page(paths: tuple[str, ...], is_there: Callable[[str], bool]) -> str | None:
    """Return the first of these paths that is there, or None. `is_there` must not follow redirects."""
    return next(filter(is_there, paths), None)
