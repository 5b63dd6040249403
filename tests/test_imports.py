"""What each command imports, from its start to its end: memory that a small board has to give, and time to start."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.patience import PATIENCE

HOST = Path(__file__).parent / "hosts/pi-4b-fine"
FLAGS = [
    f"--path.procfs={HOST}/proc",
    f"--path.sysfs={HOST}/sys",
    f"--path.rootfs={HOST}",
    f"--path.devfs={HOST}/dev",
]
PROGRAM = [sys.executable, "-X", "importtime", "-m", "sysvitals"]

HEAVY = {
    "_hashlib", "_ssl", "bz2", "decimal", "difflib", "email", "fractions", "hashlib", "hmac", "html", "http", "lzma",
    "multiprocessing", "platform", "random", "secrets", "shutil", "sqlite3", "statistics", "tarfile", "tempfile",
    "urllib.request", "uuid", "xml", "zoneinfo",
}  # fmt: skip
"""What the standard library has that costs 0.1 to 6 MiB, and that nothing needs until somebody asks for it."""
SERVER = {"asyncio", "concurrent"}
"""What comes with an event loop."""


def list_imported(text: str) -> set[str]:
    """The modules that Python says that it imported, with the packages that they are in."""
    names = re.findall(r"^import time: +\d+ \| +\d+ \| +([\w.]+)$", text, re.MULTILINE)
    steps = [name.split(".") for name in names]
    return {".".join(step[:count]) for step in steps for count in range(1, len(step) + 1)} - SITE


def strange(modules: set[str]) -> set[str]:
    """Packages that are neither ours nor the standard library's; `copy` looks for Jython's `org`."""
    tops = {name.partition(".")[0] for name in modules}
    return {name for name in tops - sys.stdlib_module_names if not name.startswith("_")} - {"sysvitals", "org"}


def run(*arguments: str) -> set[str]:
    done = subprocess.run([*PROGRAM, *arguments], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return list_imported(done.stderr)


SITE: set[str] = set()
SITE = list_imported(
    subprocess.run([*PROGRAM[:3], "-c", ""], capture_output=True, text=True, timeout=PATIENCE, check=True).stderr
)
"""What Python and its environment import before the program begins."""


def serve(folder: Path, *flags: str, page: str = "") -> set[str]:
    """What it imports for one scrape, this page, and an orderly end."""
    command = [*PROGRAM, "serve", *FLAGS, f"--storage.path={folder}", "--web.listen-address=127.0.0.1:0", *flags]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = []
        try:
            for line in process.stderr:
                lines.append(line)
                if address := re.search(r"metrics (http://\S+)", line):
                    with urllib.request.urlopen(address[1], timeout=PATIENCE) as answer:  # noqa: S310
                        assert b"system_load1" in answer.read()
                    if page:
                        urllib.request.urlopen(address[1].replace("/metrics", page), timeout=PATIENCE).close()  # noqa: S310
                    process.send_signal(signal.SIGTERM)
        finally:
            process.kill()
        assert process.wait() == 0
    return list_imported("".join(lines))


def test_serving_metrics_imports_no_more_than_it_needs(tmp_path: Path) -> None:
    imported = serve(tmp_path)
    assert "sysvitals.collectors.load" in imported
    assert imported & HEAVY == set()
    assert strange(imported) == {"h11"}
    assert not any(name.startswith(("sysvitals.doctor", "sysvitals.simulation", "argparse.")) for name in imported)


def test_the_first_page_brings_templates_which_the_runbook_does_without(tmp_path: Path) -> None:
    assert strange(serve(tmp_path, page="/")) == {"h11", "jinja2", "markupsafe"}
    assert strange(serve(tmp_path, page="/runbook")) == {"h11"}


def test_a_configuration_file_brings_yaml_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "sysvitals.yml").write_text("log: {level: info}\n")
    flags = f"--config.file={tmp_path}/sysvitals.yml"
    assert strange(serve(tmp_path, flags)) - strange(serve(tmp_path)) == {"yaml"}


def test_looking_once_imports_no_server(tmp_path: Path) -> None:
    imported = run("once", *FLAGS, f"--storage.path={tmp_path}")
    assert "sysvitals.collectors.load" in imported
    assert imported & (HEAVY | SERVER) == set()
    assert strange(imported) == set()


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["dance"]])
def test_what_runs_no_command_imports_none(arguments: list[str]) -> None:
    imported = run(*arguments)
    assert "sysvitals.cli" in imported
    assert {name for name in imported if name.startswith("sysvitals.")} == {
        "sysvitals.__main__",
        "sysvitals.cli",
        "sysvitals.config",
        "sysvitals.config.errors",
    } - ({"sysvitals.__main__"} - imported)
    assert strange(imported) == set()


def test_watching_brings_what_it_asks_with_and_no_server() -> None:
    imported = run("watch", "ftp://nowhere")
    assert "sysvitals.client.stream" in imported
    assert "requests" in strange(imported)
    assert strange(imported) & {"yaml", "h11", "prometheus_client"} == set()
    assert "asyncio" not in imported


@pytest.mark.parametrize(("before", "has_ssl"), [("", False), ("import ssl", True)])
def test_asyncio_does_without_ssl_unless_it_is_there_already_and_others_may_import_it(
    before: str, *, has_ssl: bool
) -> None:
    code = (
        f"{before}\nfrom sysvitals.commands.serve import import_asyncio_without_ssl\n"
        "import_asyncio_without_ssl()\n"
        "import asyncio.sslproto, ssl\n"
        "print(asyncio.sslproto.ssl is not None, hasattr(ssl, 'SSLContext'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.stdout, done.stderr) == (f"{has_ssl} True\n", "")


def test_a_web_configuration_brings_ssl(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("http_server_config: {headers: {X-Frame-Options: deny}}\n")
    assert "ssl" in serve(tmp_path, f"--web.config-file={tmp_path}/web.yml")
