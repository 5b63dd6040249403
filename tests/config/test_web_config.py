"""The file that switches on TLS and passwords, as all Prometheus exporters have it."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import RateLimit, WebConfig, load_web_config, read_web_file
from sysvitals.config.web_tls import SUITES, SUITES_OF_TLS13, Tls

HASH = "$2y$10$X0h1gDsPszWURQaxFh.zoubFi6DXncSjhoQNJgRrnGs7EsimhC7zG"
TLS = "tls_server_config: {cert: a, key: b, "
BLOCK = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"


def load(folder: Path, text: str) -> WebConfig:
    file = folder / "web.yml"
    file.write_text(text)
    return load_web_config(str(file))


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [problem.removeprefix(f"{folder}/web.yml:") for problem in caught.value.problems]


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "tls_server_config:\nbasic_auth_users: {}\n"])
def test_an_empty_file_switches_nothing_on(text: str, tmp_path: Path) -> None:
    assert load(tmp_path, text) == WebConfig()


def test_what_it_says_is_taken_and_paths_are_relative_to_it(tmp_path: Path) -> None:
    (tmp_path / "board.crt").write_bytes(b"certificate")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys/board.key").write_bytes(b"key")
    (tmp_path / "ca.crt").write_text(f"the root:\n{BLOCK}\n")
    config = load(
        tmp_path,
        f"""
tls_server_config:
  cert_file: board.crt
  key_file: {tmp_path}/keys/board.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.crt
  client_allowed_sans: [prometheus, 10.0.0.1]
  min_version: TLS12
  max_version: TLS12
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]
  prefer_server_cipher_suites: no
  curve_preferences: [CurveP384]
http_server_config:
  http2: false
  headers: {{X-Frame-Options: deny, X-XSS-Protection: 1, Content-Security-Policy: "  "}}
basic_auth_users:
  anna: {HASH}
rate_limit: {{interval: 1m30s, burst: 5}}
""",
    )
    assert config.tls == Tls(
        cert=b"certificate",
        key=b"key",
        client_auth="RequireAndVerifyClientCert",
        client_ca=frozenset({BLOCK}),
        allowed_sans=frozenset({"prometheus", "10.0.0.1"}),
        max_version="TLS12",
        suites=("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-CHACHA20-POLY1305"),
        prefers_own_order=False,
        curve="secp384r1",
    )
    assert config.users == {"anna": HASH}
    assert config.headers == {"X-Frame-Options": "deny", "X-XSS-Protection": "1"}
    assert config.rate_limit == RateLimit(90.0, 5)


def test_certificates_may_stand_in_the_file_itself(tmp_path: Path) -> None:
    text = f"tls_server_config:\n  cert: |\n    {BLOCK.replace(chr(10), chr(10) + '    ')}\n  key: secret\n"
    assert load(tmp_path, text).tls == Tls(cert=f"{BLOCK}\n".encode(), key=b"secret")


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        ("0", None),
        ("0s", None),
        ("1s", RateLimit(1.0, 3)),
        ("250ms", RateLimit(0.25, 3)),
        ("1.5h", RateLimit(5400.0, 3)),
        (".5m", RateLimit(30.0, 3)),
    ],
)
def test_a_rate_limit_has_an_interval_as_go_writes_it(written: str, limit: RateLimit | None, tmp_path: Path) -> None:
    assert load(tmp_path, f"rate_limit: {{interval: {written}, burst: 3}}").rate_limit == limit


def test_all_suites_of_tls_1_3_may_be_named_since_all_of_them_are_used(tmp_path: Path) -> None:
    tls = load(tmp_path, f"{TLS} cipher_suites: [{', '.join([*SUITES, *SUITES_OF_TLS13])}]}}").tls
    assert tls is not None
    assert len(tls.suites) == 10


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tls_config: {}", "1: tls_config: unknown key. Valid here: tls_server_config"),
        ("- a", "1: expected keys below it, found a list"),
        ("just words", "1: expected keys below it, found text"),
        ("tls_server_config: 2026-02-30", "1: tls_server_config: expected keys below it, found text"),
        ("http_server_config: 2026-02-30", "1: http_server_config: expected keys below it, found text"),
        ("rate_limit: {interval: 2026-02-30}", "'2026-02-30' is not a duration with a unit"),
        ("rate_limit: {interval: 1}", "'1' is not a duration with a unit"),
        ("rate_limit: {interval: -1s}", "'-1s' is not a duration with a unit"),
        ("rate_limit: {burst: -1}", "'-1' is not a whole number"),
        ("rate_limit: {burst: 1e3}", "'1e3' is not a whole number"),
        ("tls_server_config: {cert: a}", "tls_server_config.key_file: is missing"),
        ("tls_server_config: {min_version: TLS13}", "tls_server_config.cert_file: is missing"),
        ("tls_server_config: {cert_file: '', key_file: ''}", "tls_server_config.cert_file: is missing"),
        ("tls_server_config: {cert: a, cert_file: a, key: b}", "give cert or cert_file, not both"),
        ("tls_server_config: {cert_file: none.pem, key: b}", "none.pem' cannot be read: No such file or directory"),
        ("tls_server_config: {cert_file: /dev/zero, key: b}", "'/dev/zero' cannot be read: Not a regular file"),
        ("tls_server_config: {cert_file: /etc, key: b}", "'/etc' cannot be read: Is a directory"),
        ('tls_server_config: {cert_file: "a\\0b", key: b}', "cannot be read: embedded null byte"),
        (TLS + "min_version: TLS10}", "OpenSSL does not allow TLS10 any more: use TLS12 or TLS13"),
        (TLS + "min_version: TLS111}", "'TLS111' is not valid. Valid here: TLS12, TLS13"),
        (TLS + "min_version: TLS13, max_version: TLS12}", "TLS13 is above max_version TLS12"),
        (TLS + "client_auth_type: x}", "'x' is not valid. Valid here: NoClientCert"),
        (TLS + "client_auth_type: RequireAnyClientCert}", "use RequireAndVerifyClientCert, with client_ca_file"),
        (TLS + "client_auth_type: RequestClientCert}", "RequestClientCert is not supported"),
        (TLS + "client_auth_type: RequireAndVerifyClientCert}", "client_ca_file: is missing"),
        (TLS + "client_ca: {}}", "client_ca: expected text, found a mapping"),
        (TLS + "client_ca: none, client_auth_type: VerifyClientCertIfGiven}", "client_ca: holds no certificate in PEM"),
        (TLS + f"client_ca: '{BLOCK}'}}", "without client_auth_type lets all clients in"),
        (TLS + "client_allowed_sans: [a]}", "needs client_auth_type: RequireAndVerifyClientCert"),
        (TLS + "client_allowed_sans: []}", "the list or an item of it is empty"),
        (TLS + "client_allowed_sans: a}", "client_allowed_sans: expected a list, found text"),
        (TLS + "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]}", "is not a cipher suite that Go calls secure"),
        (TLS + "cipher_suites: [TLS_AES_128_GCM_SHA256]}", "the suites of TLS 1.3 cannot be chosen from"),
        (TLS + "cipher_suites: [TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384]}", "HTTP/2 needs TLS_ECDHE_RSA_WITH_AES_128"),
        (TLS + "curve_preferences: [CurveP257]}", "'CurveP257' is not valid"),
        (TLS + "curve_preferences: [CurveP256, X25519]}", "a list of curves is not supported"),
        (TLS + "prefer_server_cipher_suites: maybe}", "'maybe' is not valid. Expected true or false"),
        ("basic_auth_users: {anna: secret}", "basic_auth_users.anna: is not a bcrypt hash; htpasswd"),
        (f"basic_auth_users: {{anna: {HASH.replace('$10$', '$03$')}}}", "is not a bcrypt hash"),
        (f"basic_auth_users: {{anna: {HASH.replace('zoub', 'zoab')}}}", "is not a bcrypt hash"),
        (f"basic_auth_users: {{'anna:x': {HASH}}}", "basic_auth_users.anna: a name with a colon cannot log in"),
        ("basic_auth_users: [anna]", "basic_auth_users: expected keys below it, found a list"),
        (
            f"basic_auth_users: {{a: {HASH}}}\nbasic_auth_users: {{}}",
            "2: basic_auth_users: is given twice, first on line 1",
        ),
        ("http_server_config: {http2: perhaps}", "http_server_config.http2: 'perhaps' is not valid"),
        ("http_server_config: {headers: {Server: me}}", "http_server_config.headers.Server: unknown key"),
        ("http_server_config: {headers: {X-Frame-Options: none}}", "expected deny or sameorigin"),
        ("http_server_config: {headers: {X-Content-Type-Options: sniff}}", "expected nosniff"),
        ('http_server_config: {headers: {X-XSS-Protection: "a\\r\\nb: c"}}', "expected one line of ASCII characters"),
        ('http_server_config: {headers: {X-XSS-Protection: "→"}}', "expected one line of ASCII characters"),
        ("http_server_config: {headers: {X-XSS-Protection: !!binary aGk=}}", "the tag 'tag:yaml.org,2002:binary'"),
        ("<<: {}", "keys are not merged"),
        ("a: [", "is not YAML"),
        ("--- {}\n--- {}", "is not YAML: expected a single document"),
        ("a: &a [*a]", "a: unknown key"),
        ("[" * 5000, "is nested too deeply"),
    ],
)
def test_what_is_wrong_is_refused_in_words(text: str, said: str, tmp_path: Path) -> None:
    assert any(said in problem for problem in problems(tmp_path, text)), problems(tmp_path, text)


def test_http_2_may_be_allowed_since_clients_do_without(tmp_path: Path) -> None:
    assert load(tmp_path, "http_server_config: {http2: true}") == WebConfig()


@pytest.mark.parametrize("text", ["{anna: geheim}", "{anna:geheim: }", "anna:geheim", "{anna: !!binary geheim}"])
def test_a_password_is_never_repeated(text: str, tmp_path: Path) -> None:
    assert "geheim" not in " ".join(problems(tmp_path, f"basic_auth_users: {text}"))


def test_a_configuration_shows_neither_keys_nor_hashes_where_it_is_printed(tmp_path: Path) -> None:
    config = load(tmp_path, f"tls_server_config: {{cert: a, key: geheim}}\nbasic_auth_users: {{anna: {HASH}}}")
    assert "geheim" not in repr(config)
    assert HASH not in repr(config)


def test_all_that_is_wrong_is_said_together(tmp_path: Path) -> None:
    assert len(problems(tmp_path, "x: 1\ntls_server_config: {cert: a}\nbasic_auth_users: {a: b}")) == 3


def test_a_file_of_nothing_but_mistakes_is_said_in_few_lines(tmp_path: Path) -> None:
    found = problems(tmp_path, "\n".join(f"key{number}: 1" for number in range(1000)))
    assert len(found) == 21
    assert found[-1].endswith("and 980 more problems")


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nothing\.yml: cannot be read: No such file"):
        load_web_config(str(tmp_path / "nothing.yml"))


@pytest.mark.fault(
    "storage",
    "a FIFO where the web configuration file or a certificate should be",
    seen="the start or the change is refused in one line",
    heals="when a regular file is there",
)
def test_a_fifo_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="pipe: cannot be read: Not a regular file"):
        load_web_config(str(tmp_path / "pipe"))
    assert "Not a regular file" in problems(tmp_path, "tls_server_config: {cert_file: pipe, key: b}")[0]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    assert problems(tmp_path, "#" * ((1 << 20) + 1)) == [" cannot be read: Larger than 1 MiB"]


def test_what_can_be_read_of_a_file_that_is_wrong_is_known(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text(
        f"tls_server_config: {{}}\nbasic_auth_users: {{anna: {HASH}, bert: x, carl: {HASH}, carl: y}}\nx: 1"
    )
    found = read_web_file(str(file))
    assert len(found.problems) == 3
    assert found.config.users == {"anna": HASH}


def test_where_no_hash_is_valid_a_password_is_needed_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_text("basic_auth_users: {anna: plain}")
    assert read_web_file(str(file)).config.users == {}


_WORDS = (
    "tls_server_config basic_auth_users http_server_config headers cert key cert_file client_auth_type anna null ~ "
    "X-Frame-Options 2026-02-30 1:30 0x 010 .inf !!python/name:os.system !!timestamp !!set << *a &a - ? : { } [ ] , | "
    "' \" # % @ \\ \n \t \x00 ÿ → --- ..."
)
_TEXTS = st.lists(st.sampled_from(_WORDS.split(" ")), max_size=30).map(" ".join)


@pytest.mark.fault(
    "sources",
    "a web configuration file of anything",
    seen="each mistake in one line",
    heals="when the file is right",
)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(content=st.binary(max_size=200) | _TEXTS.map(str.encode))
def test_whatever_the_file_holds_it_is_taken_or_refused_in_lines(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "web.yml"
    file.write_bytes(content)
    for problem in read_web_file(str(file)).problems:
        assert problem.startswith(str(file))
        assert problem.isprintable(), problem
