"""Whether Prometheus sees itself and Alertmanager, and where people see alerts."""

from collections.abc import Iterator
from dataclasses import dataclass

from sysvitals.client.pages import ALERTS, find_page
from sysvitals.doctor.check import Check, absent, broken, ok, warning
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.prometheus import query
from sysvitals.doctor.trouble import Trouble


@dataclass(frozen=True, slots=True)
class Link:
    """A server that the alerts of chain.yml look at: a metric of it, and the name of its job in our prometheus.yml."""

    name: str
    metric: str
    job: str


LINKS = (
    Link("itself", "prometheus_config_last_reload_successful", "prometheus"),
    Link("Alertmanager", "alertmanager_config_last_reload_successful", "alertmanager"),
)


def check_chain(server: Server) -> Iterator[Check]:
    """Whether what the alerts of chain.yml look at is there. Raises Trouble."""
    name = "prometheus.chain"
    missing = [link for link in LINKS if not query(server, f"count({link.metric})")]
    silent = {link.name: instances for link in missing if (instances := _find_silent(server, link))}
    for who, instances in silent.items():
        yield broken(
            name,
            f"it scrapes {who} as {', '.join(instances)}, which does not answer",
            f"does {who} run, at that address? `systemctl status` and its log say more",
        )
    unknown = [link.name for link in missing if link.name not in silent]
    if unknown:
        yield warning(
            name,
            f"it does not scrape {' and '.join(unknown)}: failing notifications, refused configurations and failing"
            " rules go unnoticed",
            "add the jobs prometheus and alertmanager, as in our prometheus.yml",
        )
    if not missing:
        yield ok(name, "it scrapes itself and Alertmanager: failing notifications are reported")


def _find_silent(server: Server, link: Link) -> list[str]:
    """The targets that had its metric within a day, or have the job that is ours, and do not answer."""
    known = f'up == 0 and on (job, instance) last_over_time({link.metric}[1d]) or up{{job="{link.job}"}} == 0'
    return sorted({labels.get("instance", "") for labels, _ in query(server, known)})


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
