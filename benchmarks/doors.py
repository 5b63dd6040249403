"""Doors for exporters under test: the web file, and what a scraper needs to come in."""

import base64
import json
import shutil
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import bcrypt

USER, PASSWORD = "prometheus", "the right one"  # of exporters that only this benchmark reaches


@dataclass(frozen=True)
class Door:
    """How to come in. `folder` has ca.pem, cert.pem and key.pem, which clients can use, too."""

    folder: Path
    file: Path | None = None
    tls: ssl.SSLContext | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


def build_door(name: str, folder: Path) -> Door:
    """One of: open, tls, certificates (of clients), passwords-COST."""
    if name == "open":
        return Door(folder)
    if name.startswith("passwords-"):
        users = {USER: hash_password(int(name.partition("-")[2]))}
        basic = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        file = write(folder, json.dumps({"basic_auth_users": users}))
        return Door(folder, file, headers={"Authorization": f"Basic {basic}"})
    make_certificates(folder)
    tls = {"cert_file": "cert.pem", "key_file": "key.pem"}
    context = ssl.create_default_context(cafile=folder / "ca.pem")
    if name == "certificates":
        tls |= {"client_ca_file": "ca.pem", "client_auth_type": "RequireAndVerifyClientCert"}
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return Door(folder, write(folder, json.dumps({"tls_server_config": tls})), context)


def write(folder: Path, text: str) -> Path:
    """Write the web file, whole or not at all."""
    file, part = folder / "web.yml", folder / "web.yml.part"
    part.write_text(text, encoding="utf-8")
    part.replace(file)
    return file


@cache
def hash_password(cost: int) -> str:
    """Hash the right password, at this cost."""
    return bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(cost)).decode()


def make_certificates(folder: Path) -> None:
    """Make an authority, and a certificate by it that serves and comes in."""
    ending = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    _openssl(folder, "req", "-x509", *ending, "-subj", "/CN=benchmark", "-keyout", "ca.key", "-out", "ca.pem")
    _openssl(
        folder, "req", "-x509", *ending, "-subj", "/CN=exporter", "-CA", "ca.pem", "-CAkey", "ca.key",
        "-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=critical,CA:false",
        "-keyout", "key.pem", "-out", "cert.pem",
    )  # fmt: skip


def _openssl(folder: Path, *arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise RuntimeError("openssl is not installed")
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)
