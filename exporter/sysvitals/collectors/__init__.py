"""One module, one subsystem: what it reports, declared, and how it is read. Collectors know nothing of each other."""

from sysvitals.collectors import load
from sysvitals.model.collector import Collector

COLLECTORS: tuple[Collector, ...] = (load.COLLECTOR,)
"""All collectors. A new module is added here; a test sees to it that none is forgotten."""
