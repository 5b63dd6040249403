"""The catalog of everything that this program can report."""

from sysvitals.collectors import COLLECTORS
from sysvitals.model.catalog import Catalog, build_catalog
from sysvitals.model.changes import CHANGES
from sysvitals.model.status import STATUSES


def build_full_catalog() -> Catalog:
    """The catalog of everything this program can report."""
    return build_catalog(COLLECTORS, (*CHANGES, *STATUSES))
