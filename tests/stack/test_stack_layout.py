"""The folder of the stack, and what its configuration may be made of."""

import stat
from pathlib import Path

import pytest
import yaml

from sysvitals.provision.shipped import read_shipped
from sysvitals.stack.addresses import Address
from sysvitals.stack.layout import Layout, lay_out, take_away
from sysvitals.stack.receivers import add_webhooks


def lay(folder: Path) -> Layout:
    return Layout(folder=folder, kept=folder)


GRAFANA = {"prometheus": Address("127.0.0.1", 9090), "grafana": Address("127.0.0.1", 3000)}


def test_the_password_is_written_once_whole_and_for_its_user_alone(tmp_path: Path) -> None:
    layout = lay(tmp_path / "stack")
    lay_out(layout, GRAFANA, "pi4")
    first = layout.admin_password.read_text()
    lay_out(layout, GRAFANA, "pi4")
    assert layout.admin_password.read_text() == first
    assert len(first) >= 16
    assert stat.S_IMODE(layout.admin_password.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["a\nb", "$__env{HOME}", "%(x)s", "a;b", "a#b"])
def test_a_folder_that_grafana_would_read_otherwise_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"set --storage\.path"):
        lay_out(lay(tmp_path / name), GRAFANA, "pi4")


def test_a_folder_that_is_a_link_in_the_stacks_folder_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "stack/prometheus").mkdir(parents=True)
    (tmp_path / "stack/prometheus/targets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic link"):
        lay_out(lay(tmp_path / "stack"), GRAFANA, "pi4")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_what_was_written_is_taken_away_and_what_was_edited_or_added_stays(tmp_path: Path) -> None:
    servers = GRAFANA | {"alertmanager": Address("127.0.0.1", 9093), "exporter": Address("127.0.0.1", 9877)}
    layout = lay(tmp_path / "stack")
    lay_out(layout, servers, "pi4")
    edited = layout.config("alertmanager") / "alertmanager.yml"
    added = layout.config("prometheus") / "targets/sysvitals/boards.yml"
    edited.write_text(edited.read_text() + "# mine\n")
    added.write_text("[]\n")
    assert sorted(take_away(layout)) == [edited, added]
    assert {path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".json"} == {edited, added}


def test_what_was_edited_is_known_as_such_after_the_rest_was_taken_away(tmp_path: Path) -> None:
    servers = GRAFANA | {"alertmanager": Address("127.0.0.1", 9093)}
    layout = lay(tmp_path / "stack")
    lay_out(layout, servers, "pi4")
    edited = layout.config("alertmanager") / "alertmanager.yml"
    shipped = edited.read_text()
    edited.write_text(f"{shipped}# mine\n")
    for _ in range(2):
        assert take_away(layout) == [edited]
        assert lay_out(layout, servers, "pi4") == []
    edited.write_text(shipped)
    assert take_away(layout) == []
    assert not layout.config("alertmanager").exists()


def test_a_folder_is_borrowed_where_no_other_stack_keeps_its_data(tmp_path: Path) -> None:
    layout = Layout(folder=tmp_path / "stack", kept=tmp_path / "passing")
    assert layout.is_borrowed
    assert not lay(tmp_path / "stack").is_borrowed
    (tmp_path / "stack/data").mkdir(parents=True)
    assert not layout.is_borrowed


def test_nothing_behind_a_link_is_taken_away(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "sysvitals").mkdir(parents=True)
    (elsewhere / "sysvitals/local.yml").touch()
    (tmp_path / "stack/prometheus").mkdir(parents=True)
    (tmp_path / "stack/prometheus/targets").symlink_to(elsewhere)
    assert take_away(lay(tmp_path / "stack")) == [tmp_path / "stack/prometheus/targets"]
    assert (elsewhere / "sysvitals/local.yml").exists()


def test_web_hooks_are_sent_what_is_for_people_and_what_is_good_to_know() -> None:
    shipped = read_shipped("prometheus", ("alertmanager.yml",))["alertmanager.yml"]
    urls = ["http://127.0.0.1:1/a", 'https://ntfy.example/topic?template=alertmanager&x="']
    receivers = {one.pop("name"): one for one in yaml.safe_load(add_webhooks(shipped, urls))["receivers"]}
    named = {name for name, one in receivers.items() if one}
    assert named == {"people", "digest"}
    assert receivers["people"] == receivers["digest"] == {"webhook_configs": [{"url": url} for url in urls]}
    assert add_webhooks(shipped, []) == shipped
