"""The file with passwords and certificates, and what is said of it."""

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
    return [problem.removeprefix(f"{file}: ") for problem in caught.value.problems]


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
        ("oauth2: {}", "oauth2: is not supported here. Valid: basic_auth, authorization, tls_config"),
        ("basic_auth: [geheim]", "basic_auth: expected keys with texts: username, password, password_file"),
        ("basic_auth: {password: [geheim]}", "basic_auth: expected keys with texts: username, password, password_file"),
        ("- geheim", "expected keys: basic_auth, authorization, tls_config"),
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


@pytest.mark.parametrize("text", ["basic_auth: {password: 'geheim", "geheim: geheim: geheim", "[" * 5000])
def test_what_is_no_yaml_is_said_without_showing_it(file: Path, text: str) -> None:
    [problem] = problems(file, text)
    assert problem.endswith("is not YAML")
    assert "geheim" not in problem


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
    assert list(advise([], access)) == [f"other users can read {file}: chmod 600 it"]
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
