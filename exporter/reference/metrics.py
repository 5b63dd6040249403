"""The reference page of all metrics and events, read off the catalog."""

from collections.abc import Iterator

from sysvitals.model.catalog import Catalog, Family
from sysvitals.model.collector import Collector
from sysvitals.model.metric import Label
from sysvitals.model.reading import Body, fields_of


def render_reference(catalog: Catalog) -> str:
    """Markdown: each collector with its metrics, labels and events, then the exporter's own."""
    lines = [
        "# Metrics and events",
        "",
        "Written by `make docs` from the declarations in the code; do not edit.",
        "",
        "Values are in base units; a series that is not there is unknown. A collector that this host cannot serve has",
        '`sysvitals_collector_available{collector="…"} 0`, one that is broken has `sysvitals_collector_success` 0.',
        "Adding a metric is safe. Renaming or removing one, a new label and another unit are breaking changes, and the",
        "changelog names them.",
    ]
    for collector in catalog.collectors:
        lines += ["", f"## {collector.name}", "", f"{collector.help}.", ""]
        lines += [
            f"Runs every {collector.interval:g} s, and when a scrape finds it older than {collector.max_age:g} s."
        ]
        lines += _metrics(catalog, collector.name)
        lines += _events(collector)
    lines += ["", "## The exporter itself", ""]
    lines += ["Beside these, `process_*` families tell what the process costs.", *_metrics(catalog, None)]
    return "\n".join(lines) + "\n"


def _metrics(catalog: Catalog, collector: str | None) -> Iterator[str]:
    families = [family for family in catalog.families.values() if family.collector == collector]
    if families:
        yield from ("", "| metric | type | labels | what it is | from |", "|---|---|---|---|---|")
    for family in families:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        origin = f"`{_cell(family.origin)}`" if family.origin else ""
        yield f"| `{family.name}` | {family.kind} | {labels} | {_cell(family.help)}{_unit(family)} | {origin} |"


def _events(collector: Collector) -> Iterator[str]:
    for reading in collector.readings:
        yield from ("", f"Event `{reading.event_name}`: {_first_line(reading)}", "")
        yield from ("| field | unit | what it is |", "|---|---|---|")
        for field in fields_of(reading):
            mark = field.mark
            unit = "" if isinstance(mark, Label) else mark.unit.replace("_", " ")
            known = f" One of: {', '.join(mark.values)}." if isinstance(mark, Label) and mark.values else ""
            yield f"| `{field.name}` | {unit} | {_cell(mark.help)}{known} |"


def _unit(family: Family) -> str:
    fixed = sorted({f'`{name}="{value}"`' for sample in family.samples for name, value in sample.labels})
    return f" ({', '.join(fixed)})" if fixed else ""


def _first_line(body: type[Body]) -> str:
    return (body.__doc__ or "").strip().splitlines()[0]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
