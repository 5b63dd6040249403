"""The file with passwords and certificates, and what is said of it."""

import os
from pathlib import Path

import pytest

from sysvitals.client.access import Access, advise, load_access
from sysvitals.client.address import parse_address
from sysvitals.config.errors import ConfigError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "http.yml"
    path.touch(mode=0o600)
    return path


def load(file: Path, text: str) -> Access:
    file.write_text(text)
    return load_access(str(file))


def problems(file: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(file, text)
    return [problem.removeprefix(f"{file}:").strip() for problem in caught.value.problems]


def test_a_password_may_stand_in_the_file_or_in_one_of_its_own(file: Path) -> None:
    (file.parent / "secret").write_text("ge:heim\n")
    inline = load(file, "basic_auth: {username: ana, password: ge:heim}")
    beside = load(file, "basic_auth: {username: ana, password_file: secret}")
    assert (inline.user, inline.password) == (beside.user, beside.password) == ("ana", "ge:heim")


def test_a_password_that_looks_like_a_number_stays_as_it_is_written(file: Path) -> None:
    assert load(file, "basic_auth: {username: off, password: 0123}").password == "0123"


def test_a_token_is_sent_with_its_type(file: Path) -> None:
    assert load(file, "authorization: {credentials: abc}").token == "Bearer abc"
    assert load(file, "authorization: {type: Token, credentials: abc}").token == "Token abc"


def test_certificates_are_found_from_the_folder_of_the_file(file: Path) -> None:
    (file.parent / "ca.pem").touch()
    access = load(file, "tls_config: {ca_file: ca.pem, insecure_skip_verify: false}")
    assert (access.ca_file, access.checks_certificate) == (str(file.parent / "ca.pem"), True)
    assert not load(file, "tls_config: {insecure_skip_verify: true}").checks_certificate


def test_an_empty_file_asks_for_nothing(file: Path) -> None:
    assert load(file, "") == Access()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("oauth2: {}", "1: oauth2: unknown key. Valid here: basic_auth, authorization, tls_config"),
        (
            "basic_auth: [geheim]",
            "1: basic_auth: expected keys below it, found a list. Valid here: username, password, password_file",
        ),
        ("basic_auth: {username: a, password: [geheim]}", "1: basic_auth.password: expected text"),
        ("basic_auth: {username: a, password: !geheim x}", "1: basic_auth.password: expected text"),
        ("basic_auth:\n  password: b\n  password: geheim", "3: basic_auth.password: is given twice, first on line 2"),
        ("basic_auth: {username: a}\nbasic_auth: {username: b}", "2: basic_auth: is given twice, first on line 1"),
        ("- geheim", "1: expected keys below it, found a list. Valid here: basic_auth, authorization, tls_config"),
        ("basic_auth: {username: a}\nauthorization: {type: b}", "basic_auth and authorization exclude each other"),
        ("basic_auth: {username: a, password: b, password_file: x}", "password and password_file exclude each other"),
        ('authorization: {credentials: "ge\\n"}', "authorization: expected credentials of printable ASCII characters"),
        ("authorization: {type: Bearer}", "authorization: expected credentials of printable ASCII characters"),
        ("basic_auth: {password: geheim}", "basic_auth.username: is missing"),
        ("tls_config: {key_file: http.yml}", "tls_config.cert_file: is missing, and key_file needs it"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_without_a_secret(file: Path, text: str, said: str) -> None:
    assert problems(file, text) == [said]


@pytest.mark.parametrize(
    "text", ["basic_auth: {password: 'geheim", "geheim: geheim: geheim", "basic_auth: {password: *geheim}"]
)
def test_what_is_no_yaml_is_said_without_showing_it(file: Path, text: str) -> None:
    [problem] = problems(file, text)
    assert problem.endswith("is not YAML")
    assert "geheim" not in problem


def test_what_is_nested_too_deeply_is_said(file: Path) -> None:
    assert problems(file, "[" * 5000) == ["is nested too deeply"]


@pytest.mark.parametrize("name", ["http.yml", "secret"])
def test_a_file_that_is_too_large_is_refused_and_not_cut_off(file: Path, name: str) -> None:
    file.write_text("basic_auth: {username: a, password_file: secret}")
    (file.parent / "secret").write_text("x")
    with (file.parent / name).open("a") as stream:
        stream.write("\n" * (1 << 20))
    with pytest.raises(ConfigError, match=f"{name}: cannot be read: Larger than 1 MiB"):
        load_access(str(file))


@pytest.mark.parametrize("name", ["http.yml", "secret"])
def test_a_fifo_is_not_waited_for(file: Path, name: str) -> None:
    file.write_text("basic_auth: {username: a, password_file: secret}")
    (file.parent / name).unlink(missing_ok=True)
    os.mkfifo(file.parent / name)
    with pytest.raises(ConfigError, match=f"{name}: cannot be read: Not a regular file"):
        load_access(str(file))


@pytest.mark.parametrize("key", ["basic_auth: {username: a, password_file", "tls_config: {ca_file"])
def test_a_path_that_cannot_be_one_is_said(file: Path, key: str) -> None:
    assert "cannot be read: embedded null byte" in problems(file, f'{key}: "a\\0"}}')[0]


def test_files_that_are_missing_are_named(file: Path) -> None:
    assert "no-such.pem cannot be read: No such file" in problems(file, "tls_config: {ca_file: no-such.pem}")[0]
    with pytest.raises(ConfigError, match="gone: cannot be read: No such file"):
        load(file, "basic_auth: {username: a, password_file: gone}")
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        load_access(str(file.parent / "none"))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_with_a_password_that_others_can_read_is_said_so(file: Path, mode: int) -> None:
    file.chmod(mode)
    access = load(file, "basic_auth: {username: a, password: b}")
    assert list(advise([], access)) == [f"other users can read {file}: chmod 600 {file}"]
    assert list(advise([], load(file, "tls_config: {}"))) == []


def test_a_password_that_goes_over_the_network_in_plain_text_is_said_so() -> None:
    access = Access(user="a", password="b")
    [said] = advise(
        [parse_address("http://board:9877"), parse_address("https://nas"), parse_address("127.0.0.1")], access
    )
    assert said == "http://board:9877 is asked without TLS: the password can be read on the way"
    assert list(advise([parse_address("http://board:9877")], Access())) == []


def test_no_secret_is_shown_where_it_is_printed() -> None:
    assert "geheim" not in repr(Access(user="a", password="geheim", token="Bearer geheim"))


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("basic_auth: {username: ana, password_file: secret}", "secret"),
        ("authorization: {credentials_file: secret}", "secret"),
        ("tls_config: {cert_file: secret, key_file: secret}", "secret"),
        ("basic_auth: {username: ana, password: geheim}", "http.yml"),
    ],
)
def test_a_secret_that_others_can_read_is_named_by_its_file(text: str, secret: str, file: Path) -> None:
    (file.parent / "secret").write_text("geheim")
    for path in (file, file.parent / "secret"):
        path.chmod(0o600)
    assert list(advise([], load(file, text))) == []
    open_file = file.parent / secret
    open_file.chmod(0o644)
    assert list(advise([], load(file, text))) == [f"other users can read {open_file}: chmod 600 {open_file}"]
