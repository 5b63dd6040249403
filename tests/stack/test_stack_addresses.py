"""Where the parts of the stack listen, who holds what is taken, and which programs there are."""

import os
import socket
from pathlib import Path

import pytest

from sysvitals.stack.addresses import Address, find_holder, next_free, why_not
from sysvitals.stack.programs import PROGRAMS, find_grafana_home, find_program, grafana_command


@pytest.mark.parametrize(
    ("host", "bind", "near"),
    [
        ("127.0.0.1", "127.0.0.1:9090", "127.0.0.1:9090"),
        ("", ":9090", "127.0.0.1:9090"),
        ("0.0.0.0", "0.0.0.0:9090", "127.0.0.1:9090"),
        ("::1", "[::1]:9090", "[::1]:9090"),
        ("::", "[::]:9090", "[::1]:9090"),
        ("board", "board:9090", "board:9090"),
    ],
)
def test_an_address_is_written_for_servers_and_for_those_who_ask_them(host: str, bind: str, near: str) -> None:
    address = Address(host, 9090)
    assert (address.bind, address.near, address.url) == (bind, near, f"http://{near}/")


@pytest.mark.parametrize("mine", ["127.0.0.1", "0.0.0.0", ""])
@pytest.mark.parametrize("theirs", ["127.0.0.1", "0.0.0.0", ""])
def test_a_taken_port_is_noticed_whichever_way_it_is_taken(mine: str, theirs: str) -> None:
    if theirs == "":
        taken = socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        taken = socket.create_server((theirs, 0))
    with taken:
        address = Address(mine, taken.getsockname()[1])
        reason = why_not(address)
        assert reason is not None
        assert reason.startswith(f"taken by process {os.getpid()} (")
        free = next_free(address)
    assert free is not None
    assert free.port > address.port
    assert why_not(address) is None


def test_an_address_that_is_not_ours_is_told_as_the_system_says_it() -> None:
    assert why_not(Address("192.0.2.1", 9090)) == "Cannot assign requested address"


def test_the_holder_of_a_port_is_at_least_a_user_where_its_process_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp").write_text(
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:2382 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4242 1 0\n"
        "   1: 0100007F:2383 00000000:0000 01 00000000:00000000 00:00000000 00000000     0        0 4243 1 0\n"
    )
    assert find_holder(0x2382, str(tmp_path)) == "a program of the user root"
    assert find_holder(0x2383, str(tmp_path)) == "another program", "it only has a connection there"


def test_debians_name_and_the_projects_own_are_both_found(tmp_path: Path) -> None:
    for name in ("alertmanager", "prometheus-alertmanager"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
        assert find_program(PROGRAMS["alertmanager"], {"PATH": str(tmp_path)}) == str(tmp_path / name)


def make_grafana(folder: Path, *programs: str) -> Path:
    (folder / "conf").mkdir(parents=True)
    (folder / "conf/defaults.ini").touch()
    (folder / "bin").mkdir()
    for name in programs:
        (folder / "bin" / name).write_text("#!/bin/sh\n")
        (folder / "bin" / name).chmod(0o755)
    return folder


def test_grafanas_home_is_where_its_variable_says_or_around_the_program(tmp_path: Path) -> None:
    home, other = make_grafana(tmp_path / "one", "grafana"), make_grafana(tmp_path / "two", "grafana")
    link = tmp_path / "grafana"
    link.symlink_to(home / "bin/grafana")
    assert find_grafana_home(str(link), {}) == home
    assert find_grafana_home(str(link), {"GF_PATHS_HOME": str(other)}) == other
    assert find_grafana_home(str(link), {"GF_PATHS_HOME": str(tmp_path)}) == home, "there is none"


@pytest.mark.parametrize(
    ("programs", "command"),
    [
        (("grafana", "grafana-server"), ["{home}/bin/grafana", "server"]),
        (("grafana-server",), ["{home}/bin/grafana-server"]),
        ((), ["/usr/sbin/grafana", "server"]),
    ],
)
def test_grafana_is_started_as_its_version_wants_it(
    tmp_path: Path, programs: tuple[str, ...], command: list[str]
) -> None:
    home = make_grafana(tmp_path / "home", *programs)
    assert grafana_command("/usr/sbin/grafana", home) == [word.format(home=home) for word in command]
