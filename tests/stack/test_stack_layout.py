"""The folder of the stack, and what its configuration may be made of."""

import stat
from pathlib import Path

import pytest

from sysvitals.stack.addresses import Address
from sysvitals.stack.layout import Layout, lay_out

GRAFANA = {"prometheus": Address("127.0.0.1", 9090), "grafana": Address("127.0.0.1", 3000)}


def test_the_password_is_written_once_whole_and_for_its_user_alone(tmp_path: Path) -> None:
    layout = Layout(folder=tmp_path / "stack")
    lay_out(layout, GRAFANA, "pi4")
    first = layout.admin_password.read_text()
    lay_out(layout, GRAFANA, "pi4")
    assert layout.admin_password.read_text() == first
    assert len(first) >= 16
    assert stat.S_IMODE(layout.admin_password.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["a\nb", "$__env{HOME}", "%(x)s", "a;b", "a#b"])
def test_a_folder_that_grafana_would_read_otherwise_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"set --storage\.path"):
        lay_out(Layout(folder=tmp_path / name), GRAFANA, "pi4")


def test_a_folder_that_is_a_link_in_the_stacks_folder_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "stack/prometheus").mkdir(parents=True)
    (tmp_path / "stack/prometheus/targets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        lay_out(Layout(folder=tmp_path / "stack"), GRAFANA, "pi4")
    assert list((tmp_path / "elsewhere").iterdir()) == []
