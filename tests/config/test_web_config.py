"""The file that switches on TLS and passwords, as all Prometheus exporters have it."""

from pathlib import Path

import pytest

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import Tls, WebConfig, load_web_config

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"


def load(folder: Path, text: str) -> WebConfig:
    file = folder / "web.yml"
    file.write_text(text)
    return load_web_config(str(file))


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [problem.removeprefix(f"{folder}/web.yml: ") for problem in caught.value.problems]


def test_an_empty_file_switches_nothing_on(tmp_path: Path) -> None:
    assert load(tmp_path, "") == WebConfig()


def test_what_it_says_is_taken_and_paths_are_relative_to_it(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        f"""
tls_server_config:
  cert_file: board.crt
  key_file: /etc/keys/board.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  min_version: TLS13
http_server_config:
  http2: false
  headers: {{X-Frame-Options: deny}}
basic_auth_users:
  anna: {HASH}
""",
    )
    assert config.tls == Tls(
        cert_file=f"{tmp_path}/board.crt",
        key_file="/etc/keys/board.key",
        client_ca_file=f"{tmp_path}/ca.crt",
        client_auth_type="RequireAndVerifyClientCert",
        min_version="TLS13",
    )
    assert config.users == {"anna": HASH}
    assert config.headers == {"X-Frame-Options": "deny"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tls_config: {}", "tls_config: is no setting. Valid here: basic_auth_users"),
        ("- a", "it wants keys below it"),
        ("tls_server_config: {cert_file: a}", "tls_server_config.key_file: is missing"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: []}", "cipher_suites: is not supported"),
        ("tls_server_config: {cert: a, key: b}", "tls_server_config.cert: give the path of a file, as cert_file"),
        ("tls_server_config: {cert_file: a, key_file: b, min_version: TLS10}", "'TLS10' will not do; it wants one of"),
        (
            "tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAndVerifyClientCert}",
            "client_ca_file: is missing, and client_auth_type needs it",
        ),
        ("basic_auth_users: {anna: secret}", "basic_auth_users.anna: is no bcrypt hash; htpasswd"),
        ("basic_auth_users: [anna]", "basic_auth_users wants names"),
        ("http_server_config: {http2: true}", "http2: is not supported"),
        ("http_server_config: {headers: {Server: me}}", "http_server_config.headers.Server: is no setting"),
        ('http_server_config: {headers: {X-Frame-Options: "a\\r\\nb: c"}}', "is not text"),
        ('http_server_config: {headers: {X-Frame-Options: "→"}}', "is not text of ASCII characters"),
        ("a: [", "is not YAML"),
    ],
)
def test_what_is_wrong_is_refused_in_words(text: str, said: str, tmp_path: Path) -> None:
    assert any(said in problem for problem in problems(tmp_path, text)), problems(tmp_path, text)


def test_a_password_is_never_repeated(tmp_path: Path) -> None:
    assert "geheim" not in " ".join(problems(tmp_path, "basic_auth_users: {anna: geheim}"))


def test_all_that_is_wrong_is_told_at_once(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "x: 1\ntls_server_config: {cert_file: a}\nbasic_auth_users: {a: b}")) == 3


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yml: cannot be read: No such file"):
        load_web_config(str(tmp_path / "nothing.yml"))
