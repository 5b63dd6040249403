"""Certificates for one test."""

import subprocess
from pathlib import Path

from tests.tools import need_tool


def make_certificate(
    folder: Path, name: str, *, names: str = "IP:127.0.0.1", cert: str = "cert.pem", key: str = "key.pem"
) -> None:
    """A certificate that signs itself, with these alternative names."""
    command = [need_tool("openssl"), "req", "-x509", "-nodes", "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]  # a key of RSA takes a second
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName={names}"]
    command += ["-keyout", str(folder / key), "-out", str(folder / cert)]
    subprocess.run(command, check=True, capture_output=True)
