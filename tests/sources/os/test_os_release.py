from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.os.os_release import OsRelease, parse_os_release, parse_value, read_os_release
from tests.building import build_host


def test_name_and_version_are_unquoted() -> None:
    text = 'PRETTY_NAME="Debian"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\n'
    assert parse_os_release(text) == OsRelease("Debian GNU/Linux", "12 (bookworm)")


def test_a_rolling_distribution_has_no_version_and_a_small_one_an_id_only() -> None:
    assert parse_os_release('NAME="Arch Linux"\nBUILD_ID=rolling\n') == OsRelease("Arch Linux")
    assert parse_os_release("NAME=NixOS\nVERSION_ID=25.05\n") == OsRelease("NixOS", "25.05")


def test_the_name_is_linux_where_there_is_none() -> None:
    assert parse_os_release("# nothing\n\nnoequals\n=novalue\n") == OsRelease("Linux")


def test_comments_and_lines_that_are_no_assignment_are_passed_over() -> None:
    assert parse_os_release("#NAME=no\nNAME=yes\nNAME=evil; rm -rf /\nVERSION='1\nVERSION_ID=2\n") == OsRelease(
        "yes", "2"
    )


@pytest.mark.parametrize(
    ("quoted", "value"),
    [
        ("", ""),
        ("plain", "plain"),
        ('"two words"', "two words"),
        ("'single \"double\" \\$HOME'", 'single "double" \\$HOME'),
        (r'"\"quoted\" \$HOME \`id\` \\ \n"', r'"quoted" $HOME `id` \ \n'),
        ("'It'\\''s'", "It's"),
        (r"a\ b", "a b"),
    ],
)
def test_values_are_quoted_as_in_a_shell(quoted: str, value: str) -> None:
    assert parse_value(quoted) == value


@pytest.mark.parametrize("text", ["two words", '"open', "'open", "end\\", "a;b", "a&b"])
def test_what_is_not_one_word_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"word|closed"):
        parse_value(text)


@given(st.text())
def test_a_quoted_text_comes_back(text: str) -> None:
    quoted = "".join(f"\\{c}" if c in '"$`\\' else c for c in text)
    assert parse_value(f'"{quoted}"') == text


@given(st.text())
def test_any_text_makes_a_name(text: str) -> None:
    assert parse_os_release(text).name
    assert parse_os_release(f"NAME={text}\nVERSION={text}").name


def test_etc_comes_before_usr_lib_below_the_hosts_root(tmp_path: Path) -> None:
    usr = {"usr/lib/os-release": "NAME=usr\n"}
    assert read_os_release(build_host(tmp_path / "none", {})) is None
    assert read_os_release(build_host(tmp_path / "usr", usr)) == OsRelease("usr")
    assert read_os_release(build_host(tmp_path / "etc", usr | {"etc/os-release": "NAME=etc\n"})) == OsRelease("etc")
    dangling = usr | {"etc/os-release": "->/nowhere/os-release"}
    assert read_os_release(build_host(tmp_path / "dangling", dangling)) == OsRelease("usr")
