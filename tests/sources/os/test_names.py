from pathlib import Path

from sysvitals.sources.os.names import read_names
from tests.building import build_host

HOSTS = """
127.0.0.1 localhost
127.0.1.1 pi.example.org pi Kitchen  # by hand
0.0.0.0 ads.example.com
127.0.0.1 tracker.example.com
192.168.1.7 nas.example.org nas
"""


def test_a_host_has_its_name_its_aliases_and_the_domains_of_its_network(tmp_path: Path) -> None:
    files = {
        "etc/hostname": "Pi\n",
        "etc/hosts": HOSTS,
        "etc/resolv.conf": "nameserver 192.168.1.1\nsearch fritz.box office.example.org.\ndomain example.net\n",
    }
    found = read_names(build_host(tmp_path, files))
    resolved = {"pi.fritz.box", "pi.office.example.org", "pi.example.net"}
    assert found == {"pi", "pi.example.org", "kitchen", *resolved}


def test_a_full_name_is_known_by_its_first_part_too(tmp_path: Path) -> None:
    files = {"etc/hostname": "pi.example.org\n", "etc/resolv.conf": "search example.net\n"}
    assert read_names(build_host(tmp_path, files)) >= {"pi.example.org", "pi", "pi.example.net"}


def test_files_that_are_not_there_or_make_no_sense_add_nothing(tmp_path: Path) -> None:
    assert read_names(build_host(tmp_path / "a", {"etc/hostname": "pi\n"})) == {"pi"}
    odd = {"etc/hostname": "pi\n", "etc/hosts": "\0\n#\n \n1.2.3.4\n", "etc/resolv.conf": "search\n\nsearch . ..\n"}
    assert read_names(build_host(tmp_path / "b", odd)) == {"pi"}
