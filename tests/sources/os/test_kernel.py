import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.sources.os.kernel import parse_etc_hostname, read_architecture, read_hostname, read_kernel_release
from tests.building import build_host
from tests.recorded import RecordedHost

UNAME = {"sysname": "Linux", "nodename": "node", "release": "6.6", "version": "#1", "machine": "armv7l"}
SYSCALLS = {"syscalls.json": json.dumps({"uname": UNAME})}


def test_a_root_mounted_elsewhere_tells_the_hosts_name_and_not_the_containers(tmp_path: Path) -> None:
    host = build_host(tmp_path, {"etc/hostname": "pi4\n", "proc/sys/kernel/hostname": "c0ffee000000\n"})
    assert read_hostname(host) == "pi4"


def test_on_the_host_itself_the_kernel_tells_the_name(tmp_path: Path) -> None:
    class OwnRoot(RecordedHost):
        def __init__(self, folder: Path) -> None:
            super().__init__(folder)
            self.rootfs = ""

    build_host(tmp_path, {"proc/sys/kernel/hostname": "renamed\n"})
    assert read_hostname(OwnRoot(tmp_path)) == "renamed"


def test_without_a_name_in_etc_the_kernel_is_asked(tmp_path: Path) -> None:
    kernel = {"proc/sys/kernel/hostname": "kernel\n"}
    assert read_hostname(build_host(tmp_path / "a", kernel)) == "kernel"
    assert read_hostname(build_host(tmp_path / "b", kernel | {"etc/hostname": "# by hand\n\n"})) == "kernel"
    assert read_hostname(build_host(tmp_path / "c", SYSCALLS)) == "node"


def test_hostname_is_the_first_line_that_says_something() -> None:
    assert parse_etc_hostname("# comment\n\n  pi4 \nother\n") == "pi4"
    assert parse_etc_hostname("") == ""


@given(st.text())
def test_any_text_is_a_hostname_or_none(text: str) -> None:
    assert parse_etc_hostname(text).isprintable()


def test_kernels_before_6_1_tell_their_architecture_by_uname(tmp_path: Path) -> None:
    old = build_host(tmp_path / "old", SYSCALLS)
    assert (read_architecture(old), read_kernel_release(old)) == ("armv7l", "6.6")
    files = {"proc/sys/kernel/arch": "aarch64\n", "proc/sys/kernel/osrelease": "6.12.47+rpt\n"}
    new = build_host(tmp_path / "new", SYSCALLS | files)
    assert (read_architecture(new), read_kernel_release(new)) == ("aarch64", "6.12.47+rpt")


def test_this_machine_agrees_with_uname() -> None:
    host = Host()
    uname = host.uname()
    assert read_hostname(host) == uname.nodename
    assert read_kernel_release(host) == uname.release
