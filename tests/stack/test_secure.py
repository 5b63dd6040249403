"""The real exporter behind TLS and passwords."""

import asyncio
import json
import ssl
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import bcrypt
import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.certificates import make_certificate
from tests.patience import PATIENCE
from tests.stack.running import answers, free_port, run, wait_until
from tests.tools import need_tool

PASSWORD = "open sesame"  # noqa: S105  # of this test alone


def write_config(folder: Path, password: str) -> Path:
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()
    file = folder / "web.yml"
    file.write_text(
        f"tls_server_config: {{cert_file: cert.pem, key_file: key.pem}}\nbasic_auth_users: {{anna: {hashed}}}\n"
    )
    return file


def is_answered(url: str, trust: ssl.SSLContext, password: str) -> bool:
    try:
        return httpx.get(url, verify=trust, auth=("anna", password), timeout=PATIENCE).status_code == 200
    except httpx.TransportError:
        return False


def test_page_metrics_and_streams_want_tls_and_a_password_and_renewals_need_no_restart(tmp_path: Path) -> None:
    make_certificate(tmp_path, "board")
    trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    address = f"127.0.0.1:{free_port()}"
    url = f"https://{address}"
    flags = [f"--web.listen-address={address}", f"--web.config-file={write_config(tmp_path, PASSWORD)}", "--no-history"]
    with run([sys.executable, "-m", "sysvitals", "serve", *flags], tmp_path, "serve") as log:
        wait_until(lambda: is_answered(f"{url}/-/ready", trust, PASSWORD), "it is ready")
        assert f"metrics {url}/metrics" in log.read_text()
        for path in ("/", "/metrics", "/api/v1/state", "/api/v1/events", "/static/page.js", "/-/healthy"):
            assert httpx.get(url + path, verify=trust, timeout=PATIENCE).status_code == 401
        page = httpx.get(f"{url}/", verify=trust, auth=("anna", PASSWORD), timeout=PATIENCE)
        assert "Secure" in page.headers["set-cookie"]
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://{address}/metrics", timeout=PATIENCE)

        async def watch() -> None:
            with pytest.raises(InvalidStatus):
                async with connect(f"wss://{address}/api/v1/live", ssl=trust):
                    pass
            cookie = {"cookie": page.headers["set-cookie"].partition(";")[0]}
            async with connect(f"wss://{address}/api/v1/live", ssl=trust, additional_headers=cookie) as viewer:
                assert "snapshot" in json.loads(await viewer.recv())

        asyncio.run(asyncio.wait_for(watch(), PATIENCE))
        doctor = [sys.executable, "-m", "sysvitals", "doctor", "--json", *flags]
        told = subprocess.run(doctor, capture_output=True, text=True, check=False, timeout=PATIENCE)
        found = {check["id"]: check for check in json.loads(told.stdout)["checks"]}
        assert found["exporter.answers"]["remedy"].startswith("--http.config.file=FILE, with basic_auth")
        doctor.append(f"--exporter=https://anna:{quote(PASSWORD)}@{address}")
        told = subprocess.run(doctor, capture_output=True, text=True, check=False, timeout=PATIENCE)
        found = {check["id"]: check for check in json.loads(told.stdout)["checks"]}
        assert found["exporter.answers"]["verdict"] == "ok"
        assert "Warning" not in told.stderr
        make_certificate(tmp_path, "renewed")
        write_config(tmp_path, "another")
        renewed = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        wait_until(lambda: is_answered(f"{url}/metrics", renewed, "another"), "the renewed certificate and password")
        assert not is_answered(f"{url}/metrics", renewed, PASSWORD)
        (tmp_path / "web.yml").write_text("basic_auth_users: {anna: plain}\n")
        wait_until(lambda: "is not a bcrypt hash" in log.read_text(), "it says what is wrong")
        assert "'anna' has no valid entry with the same password: locked out" in log.read_text()
        assert (
            httpx.get(f"{url}/metrics", verify=renewed, auth=("anna", "another"), timeout=PATIENCE).status_code == 401
        )
        write_config(tmp_path, "another")
        wait_until(lambda: is_answered(f"{url}/metrics", renewed, "another"), "the file that is right again")


def test_a_real_prometheus_scrapes_through_tls_and_a_password(tmp_path: Path) -> None:
    make_certificate(tmp_path, "board")
    trust = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    board, prometheus = (f"127.0.0.1:{free_port()}" for _ in range(2))
    flags = [f"--web.listen-address={board}", f"--web.config-file={write_config(tmp_path, PASSWORD)}", "--no-history"]
    job = {
        "job_name": "board",
        "scheme": "https",
        "tls_config": {"ca_file": "cert.pem"},
        "basic_auth": {"username": "anna", "password": PASSWORD},
        "static_configs": [{"targets": [board]}],
    }
    scraping = {"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"}, "scrape_configs": [job]}
    (tmp_path / "prometheus.yml").write_text(json.dumps(scraping))
    server = [need_tool("prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    server.append(f"--web.listen-address={prometheus}")

    def ask(query: str) -> list[float]:
        answer = httpx.get(f"http://{prometheus}/api/v1/query", params={"query": query}, timeout=PATIENCE).json()
        return [float(row["value"][1]) for row in answer["data"]["result"]]

    with run([sys.executable, "-m", "sysvitals", "serve", *flags], tmp_path, "serve"):
        wait_until(lambda: is_answered(f"https://{board}/-/ready", trust, PASSWORD), "it is ready")
        with run(server, tmp_path, "prometheus"):
            wait_until(lambda: answers(f"http://{prometheus}/-/ready"), "Prometheus is ready")
            wait_until(lambda: ask("sum_over_time(up[1m]) >= 5"), "five scrapes succeed")
            assert ask("system_load1")


def test_a_file_that_will_not_do_ends_the_start_with_what_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "web.yml").write_text("tls_server_config: {cert_file: none.pem, key_file: none.pem}\n")
    flags = [f"--web.listen-address=127.0.0.1:{free_port()}", f"--web.config-file={tmp_path / 'web.yml'}"]
    done = subprocess.run(
        [sys.executable, "-m", "sysvitals", "serve", *flags],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.endswith("none.pem' cannot be read: No such file or directory\n")
