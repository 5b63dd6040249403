"""Whether Prometheus sees itself and Alertmanager, and where people see alerts."""

from sysvitals.client.pages import ALERTS, find_page
from sysvitals.doctor.check import Check, absent, ok, warning
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.prometheus import query
from sysvitals.doctor.trouble import Trouble

NEEDED = {
    "itself": "prometheus_config_last_reload_successful",
    "Alertmanager": "alertmanager_config_last_reload_successful",
}
"""What must be scraped for the alerts of chain.yml, and a metric by which it is known."""


def check_chain(server: Server) -> Check:
    """Whether what the alerts of chain.yml look at is there. Raises Trouble."""
    name = "prometheus.chain"
    missing = [what for what, metric in NEEDED.items() if not query(server, f"count({metric})")]
    if missing:
        return warning(
            name,
            f"it does not scrape {' and '.join(missing)}: failing notifications, refused configurations and failing"
            " rules go unnoticed",
            "add the jobs prometheus and alertmanager, as in our prometheus.yml",
        )
    return ok(name, "it scrapes itself and Alertmanager: failing notifications are reported")


def check_page(server: Server) -> Check:
    """Where it shows alerts to people."""
    name = "prometheus.page"
    path = find_page(ALERTS, lambda path: _is_there(server, path))
    if path is None:
        return absent(name, "this build of Prometheus has no page of alerts: see Grafana, or `amtool alert`")
    return ok(name, f"its alerts are shown at {server.address.url}{path}")


def _is_there(server: Server, path: str) -> bool:
    try:
        server.get_text(path)
    except Trouble:
        return False
    return True
