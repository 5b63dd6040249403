"""What is written is true: generated files are current, and pages name only what exists."""

import argparse
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import deploy.kubernetes.__main__
import grafana.builder.__main__
import prometheus.rulebook.__main__
from sysvitals.cli import build_parser
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.model.metric import Label
from sysvitals.model.reading import fields_of

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for folder in (
        ROOT,
        ROOT / "exporter",
        ROOT / "exporter/sysvitals/simulation",
        ROOT / "benchmarks",
        ROOT / "prometheus",
        ROOT / "victoriametrics",
        ROOT / "grafana",
        ROOT / "deploy",
    )
    for page in folder.glob("*.md")
    if page.name not in ("METRICS.md", "SETTINGS.md", "CHANGELOG.md")
)


def render_documents() -> dict[Path, str]:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "exporter/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    documents: dict[Path, str] = module.render_documents()
    for made in (prometheus.rulebook.__main__, grafana.builder.__main__, deploy.kubernetes.__main__):
        documents |= made.render_documents()
    return documents


DOCUMENTS = render_documents()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_generated_file_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == DOCUMENTS[path], "run: make docs"


@pytest.mark.parametrize(
    "folder", ["prometheus/rules", "victoriametrics/rules", "grafana/dashboards", "deploy/kubernetes/operator/rules"]
)
def test_a_folder_of_generated_files_holds_nothing_else(folder: str) -> None:
    assert set((ROOT / folder).iterdir()) == {path for path in DOCUMENTS if path.parent == ROOT / folder}


def list_flags(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        yield from action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from list_flags(command)


def names_of_metrics() -> set[str]:
    return set(build_full_catalog().families)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_metrics_that_are_declared(page: Path) -> None:
    named = set(re.findall(r"\b(?:system|sysvitals)_[a-z0-9_]+\b", page.read_text(encoding="utf-8")))
    recorded = {name for name in named if f":{name}" in page.read_text(encoding="utf-8")}  # a recording rule's, in part
    assert {name for name in named if name.rstrip("_") == name} - names_of_metrics() - recorded == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_names_only_flags_that_exist(page: Path) -> None:
    flags = set(list_flags(build_parser()))
    # the unit is called so, too, and systemctl has flags of its own
    text = re.sub(r"systemctl [^`\n]*", "", page.read_text(encoding="utf-8"))
    lines = [line for line in text.splitlines() if "sysvitals " in line]
    named = {flag for line in lines for flag in re.findall(r"--[a-z][a-z0-9.\-]*[a-z0-9]", line)}
    assert named - flags == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_links_only_to_files_that_exist(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_reading_and_label_is_explained() -> None:
    for body in build_full_catalog().bodies.values():
        assert (body.__doc__ or "").strip(), body
        for field in fields_of(body):
            help_text = field.mark.help
            assert help_text.endswith("."), f"{body.__name__}.{field.name}: {help_text!r} is no sentence"


def test_every_metric_of_the_host_says_where_it_comes_from() -> None:
    families = build_full_catalog().families.values()
    assert [f.name for f in families if f.collector and f.kind != "info" and not f.origin] == []


def test_no_label_is_one_that_prometheus_gives_to_targets() -> None:
    taken = {"instance", "job", "env", "region", "cluster", "severity", "alertname"}
    labels = {
        field.name
        for body in build_full_catalog().bodies.values()
        for field in fields_of(body)
        if isinstance(field.mark, Label)
    }
    assert labels & taken == set()
