"""One module, one subsystem: what it reports, declared, and how it is read. Collectors know nothing of each other."""

from sysvitals.collectors import (
    boot,
    clock,
    cpu,
    disk,
    fan,
    filesystem,
    identity,
    load,
    memory,
    network,
    power_supply,
    pressure,
    storage_wear,
    temperature,
    throttling,
    wifi,
)
from sysvitals.model.collector import Collector

COLLECTORS: tuple[Collector, ...] = (
    identity.COLLECTOR,
    boot.COLLECTOR,
    clock.COLLECTOR,
    cpu.COLLECTOR,
    load.COLLECTOR,
    memory.COLLECTOR,
    pressure.COLLECTOR,
    temperature.COLLECTOR,
    fan.COLLECTOR,
    power_supply.COLLECTOR,
    throttling.COLLECTOR,
    filesystem.COLLECTOR,
    disk.COLLECTOR,
    storage_wear.COLLECTOR,
    network.COLLECTOR,
    wifi.COLLECTOR,
)
"""All collectors. A new module is added here; a test sees to it that none is forgotten."""
