"""Each recorded host gives exactly the exposition beside it.

`make expected` writes the expositions anew, for review; a new host is a new folder and needs no code.
"""

import json
import os
from pathlib import Path

import jsonschema
import pytest

from reference.schema import build_schema
from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.event import encode_events
from tests.looking import ROUND_SECONDS, expose, look
from tests.recorded import HOSTS, recorded_hosts

UPDATE = bool(os.environ.get("UPDATE_EXPECTED"))


@pytest.mark.parametrize("name", recorded_hosts())
def test_a_recorded_host_gives_just_the_expected_exposition(name: str) -> None:
    text = expose(HOSTS / name)
    expected = HOSTS / name / "expected.prom"
    if UPDATE:
        expected.write_text(text, encoding="utf-8")
    assert text == expected.read_text(encoding="utf-8"), "if the change is meant: make expected, and review"


@pytest.mark.parametrize("name", recorded_hosts())
def test_each_event_of_a_recorded_host_satisfies_the_schema(name: str) -> None:
    exporter = look(HOSTS / name)
    exporter.refresh(ROUND_SECONDS)
    validator = jsonschema.Draft202012Validator(build_schema(build_full_catalog()))
    lines = encode_events(exporter.latest_events())
    assert lines
    for line in lines:
        assert [error.message for error in validator.iter_errors(json.loads(line))] == []


@pytest.mark.parametrize("name", sorted({*recorded_hosts()} - {"nuc", "hostile"}))
def test_a_default_host_stays_under_410_series(name: str) -> None:
    # not the nuc: eight threads, ten filesystems and three disks are no default; nor what is no host at all
    text, _ = look(HOSTS / name).metrics(None, ROUND_SECONDS)
    assert len([line for line in text.decode().splitlines() if not line.startswith("#")]) < 410


def test_each_recorded_host_says_where_it_comes_from() -> None:
    assert [name for name in recorded_hosts() if not (HOSTS / name / "README.md").is_file()] == []


def test_no_collector_is_forgotten() -> None:
    folder = Path(__file__).parent.parent / "exporter/sysvitals/collectors"
    modules = {path.stem for path in folder.glob("*.py")} - {"__init__", "catalog"}
    assert {collector.name for collector in COLLECTORS} == modules
