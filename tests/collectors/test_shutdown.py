from pathlib import Path

import pytest

from sysvitals.collectors.shutdown import COLLECTOR, Shutdowns
from sysvitals.host.host import Host
from sysvitals.model.collector import Unavailable

BOOT = "e60f8b9f-14ca-4487-83f9-eb900066e2e6"
OTHER = "00000000-14ca-4487-83f9-eb900066e2e6"


def build(folder: Path, record: str | None) -> Host:
    boot_id = folder / "proc/sys/kernel/random/boot_id"
    boot_id.parent.mkdir(parents=True)
    boot_id.write_text(f"{BOOT}\n")
    if record is not None:
        (folder / "shutdowns.json").write_text(record)
    return Host(procfs=str(folder / "proc"), storage=str(folder))


def test_it_reports_what_is_remembered(tmp_path: Path) -> None:
    host = build(tmp_path, f'{{"boot": "{BOOT}", "unclean": 4, "last_seen": 1789905600.0}}')
    assert list(COLLECTOR.run(host)) == [Shutdowns(unclean=4, last_seen=1_789_905_600.0)]


def test_a_host_that_never_went_down_uncleanly_has_a_total_of_zero_and_no_last_time(tmp_path: Path) -> None:
    host = build(tmp_path, f'{{"boot": "{BOOT}", "unclean": 0, "last_seen": null}}')
    assert list(COLLECTOR.run(host)) == [Shutdowns(unclean=0, last_seen=None)]


@pytest.mark.parametrize("record", [None, f'{{"boot": "{OTHER}", "unclean": 4, "last_seen": null}}'])
def test_where_nothing_is_remembered_of_this_boot_it_is_unavailable_and_says_how_to_get_it(
    tmp_path: Path, record: str | None
) -> None:
    with pytest.raises(Unavailable, match=r"history\.enabled"):
        list(COLLECTOR.run(build(tmp_path, record)))


def test_without_storage_it_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        list(COLLECTOR.run(Host(procfs=build(tmp_path, None).procfs)))


def test_a_damaged_record_is_a_failure_and_no_zero(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no record of shutdowns"):
        list(COLLECTOR.run(build(tmp_path, "{}")))
