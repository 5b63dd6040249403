"""What rules and doctor take for granted of Prometheus and Alertmanager, asked of the installed and of newer ones."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from sysvitals.client.address import parse_address
from sysvitals.doctor.chain import check_page
from sysvitals.doctor.check import Verdict
from sysvitals.doctor.fetching import Server
from tests.patience import PATIENCE
from tests.prometheus.promql import SERVERS
from tests.stack.running import free_port, wait_until
from tests.stack.servers import run_alertmanager, run_prometheus, write_yaml
from tests.tools import need_newer_tool, need_tool

LATER = {("alertmanager_notifications_failed_total", "reason")}
"""Labels that came with Alertmanager 0.27."""


@dataclass(frozen=True)
class Chain:
    """Both servers: whether they are the newer ones, and their addresses."""

    is_newer: bool
    prometheus: str
    alertmanager: str


@pytest.fixture(scope="module", params=[need_tool, need_newer_tool], ids=["installed", "newer"])
def chain(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    need: Callable[[str], str] = request.param
    etc = tmp_path_factory.mktemp("chain") / "etc"
    etc.mkdir()
    port = free_port()
    write_yaml(etc / "alertmanager.yml", {"route": {"receiver": "people"}, "receivers": [{"name": "people"}]})
    write_yaml(etc / "rules.yml", {"groups": [{"name": "one", "rules": [{"alert": "One", "expr": "vector(1)"}]}]})
    write_yaml(
        etc / "prometheus.yml",
        {
            "rule_files": ["rules.yml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}]},
        },
    )
    with (
        run_alertmanager(etc, port, program=need("prometheus-alertmanager")) as alertmanager,
        run_prometheus(etc, program=need("prometheus")) as prometheus,
    ):
        yield Chain(need is need_newer_tool, prometheus.url, alertmanager.url)


def read_labels(url: str) -> dict[str, set[str]]:
    """The names of the labels of each metric that a server shows."""
    text = httpx.get(f"{url}/metrics", timeout=PATIENCE).text
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {sample.name: set(sample.labels) for sample in samples}


def test_the_servers_have_the_metrics_and_labels_that_rules_name(chain: Chain) -> None:
    def missing() -> dict[str, set[str]]:
        shown = read_labels(chain.prometheus) | read_labels(chain.alertmanager)
        wanted = {
            name: {label for label in metric.labels if chain.is_newer or (name, label) not in LATER}
            for name, metric in SERVERS.items()
        }
        return {name: labels for name, labels in wanted.items() if name not in shown or not labels <= shown[name]}

    wait_until(lambda: not missing(), f"all are there: {missing()}")


def test_doctor_names_the_page_of_alerts_that_the_build_has(chain: Chain) -> None:
    server = Server("Prometheus", parse_address(chain.prometheus))
    try:
        check = check_page(server)
    finally:
        server.close()
    if chain.is_newer:  # Debian's newer builds have no page
        assert check.verdict is Verdict.ABSENT
    else:
        assert check.text == f"its alerts are shown at {chain.prometheus}/classic/alerts"
