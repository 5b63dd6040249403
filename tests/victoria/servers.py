"""A real VictoriaMetrics, vmalert and Alertmanager of a newer Debian, with what is provisioned for them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sysvitals.cli import main
from tests.stack.running import answers, free_port, run, wait_until
from tests.stack.servers import Alertmanager, Prometheus
from tests.tools import need_newer_tool


def provision(folder: Path) -> Path:
    """The files as a user has them; without the targets that stand for this very machine."""
    etc = folder / "etc"
    for kind in ("victoria-metrics", "alertmanager"):
        assert main(["provision", kind, "--to", str(etc)]) == 0
    for path in etc.glob("targets/*/*.yml"):
        path.unlink()
    return etc


@contextmanager
def run_victoria_metrics(etc: Path, vmalert_port: int | None = None, *flags: str) -> Iterator[Prometheus]:
    """VictoriaMetrics with this folder's scrape.yml. What is scraped can be asked for after a second."""
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        need_newer_tool("victoria-metrics"),
        f"-promscrape.config={etc / 'scrape.yml'}",
        f"-storageDataPath={etc.parent / 'data'}",
        f"-httpListenAddr={address}",
        "-search.latencyOffset=1s",
        "-promscrape.fileSDCheckInterval=1s",
        *([f"-vmalert.proxyURL=http://127.0.0.1:{vmalert_port}"] if vmalert_port else []),
        *flags,
    ]
    with run(arguments, etc, "victoria-metrics") as log:
        wait_until(lambda: answers(f"http://{address}/health"), f"VictoriaMetrics is ready: {log}")
        yield Prometheus(f"http://{address}", log)


@contextmanager
def run_vmalert(etc: Path, port: int, victoria: Prometheus, alertmanager: str, *flags: str) -> Iterator[str]:
    """vmalert with this folder's rules, which it evaluates each second; its address."""
    arguments = [
        need_newer_tool("vmalert"),
        f"-rule={etc / 'rules/*.yml'}",
        *(f"-{what}.url={victoria.url}" for what in ("datasource", "remoteWrite", "remoteRead")),
        f"-notifier.url={alertmanager}",
        f"-httpListenAddr=127.0.0.1:{port}",
        "-evaluationInterval=1s",
        "-rule.evalDelay=1s",
        "-disableAlertgroupLabel",
        *flags,
    ]
    with run(arguments, etc, "vmalert") as log:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"), f"vmalert is ready: {log}")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def run_alertmanager(etc: Path) -> Iterator[Alertmanager]:
    """Alertmanager with this folder's alertmanager.yml, alone."""
    address = f"127.0.0.1:{free_port()}"
    arguments = [
        need_newer_tool("prometheus-alertmanager"),
        f"--config.file={etc / 'alertmanager.yml'}",
        f"--storage.path={etc.parent / 'alertmanager'}",
        f"--web.listen-address={address}",
        "--cluster.listen-address=",
    ]
    with run(arguments, etc, "alertmanager") as log:
        wait_until(lambda: answers(f"http://{address}/-/ready"), f"Alertmanager is ready: {log}")
        yield Alertmanager(f"http://{address}", log)
