"""All dashboards, in the order of their links: the file's name and what it holds."""

from grafana.builder import alerts, exporter, fleet, host, power
from grafana.builder.dashboard import Dashboard

BOARDS: dict[str, Dashboard] = {
    "fleet": fleet.DASHBOARD,
    "host": host.DASHBOARD,
    "power": power.DASHBOARD,
    "exporter": exporter.DASHBOARD,
    "alerts": alerts.DASHBOARD,
}
