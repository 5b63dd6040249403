"""The reference page of all metrics and events, read off the catalog."""

from collections.abc import Iterator

from sysvitals.model.catalog import Catalog, Family
from sysvitals.model.collector import Collector
from sysvitals.model.metric import Label
from sysvitals.model.plausible import KINDS, Kind
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
        "",
        *_LABELS,
        "",
        "## Values that are not believed",
        "",
        "What no sensor can measure is no measurement: it is absent, and counted in `sysvitals_read_errors_total` as",
        "`garbage`. Values by which chips, drivers and firmware say that there is no sensor are absent, and no error.",
        "",
        "| kind | from | to | unit | no sensor | why |",
        "|---|---|---|---|---|---|",
        *(f"| {k.name} | {k.lowest:,} | {k.highest:,} | {k.unit} | {_absent(k)} | {_cell(k.reason)} |" for k in KINDS),
    ]
    for collector in catalog.collectors:
        lines += ["", f"## {collector.name}", "", f"{collector.help}.", ""]
        lines += [
            f"Runs every {collector.interval:g} s, and when a scrape finds it older than {collector.max_age:g} s."
        ]
        lines += _metrics(catalog, collector.name)
        lines += _events(collector)
    lines += ["", "## The exporter itself"]
    lines += _metrics(catalog, None)
    return "\n".join(lines) + "\n"


_LABELS = (
    "## Labels",
    "",
    "A label means the same thing after a reboot, as far as the kernel gives something that stays. `chip` is:",
    "",
    "| thing | named by | example | stays |",
    "|---|---|---|---|",
    "| chip of the board, thermal zone | driver | `cpu_thermal`, `rp1_adc` | yes |",
    "| SATA, SAS or USB disk | model and short hash of its WWN | `drivetemp_ST4000VN008-1f0c9a37` | yes, on any port |",
    "| disk that gives no WWN | PCI address and port | `drivetemp_0000:00:17.0-2` | on its port |",
    "| the only NVMe drive | the kernel's name | `nvme0` | until another is added |",
    "| several NVMe drives | model and short hash of the serial number | `nvme_Disk-980-5b1e0c42` | yes, in any slot |",
    "| graphics and other PCI cards | PCI address | `amdgpu_0000:01:00.0` | in its slot, until cards are added |",
    "| I2C chip | number of the board's bus and address | `lm75_1-0048` | yes, where the device tree numbers the bus |",
    "| I2C chip behind PCI or USB | PCI address, port, and its own | `jc42_0000:00:1f.4-0018` | in its slot |",
    "| one-wire sensor | its id | `w1_slave_temp_28-000005e2fdc3` | yes |",
    "| USB device | PCI address or controller, and port | `kraken2_0000:00:14.0-9` | on its port |",
    "| like things of which the kernel says nothing else | a number | `twins_2` | no |",
    "",
    "`device` is the kernel's name. `sda`, `nvme0n1` and `wlan0` may be another's after a reboot if there are more.",
    "`system_storage_info` has `chip` beside `device`, which joins an NVMe drive's temperature and traffic:",
    "",
    "    system_temperature_celsius * on (instance, chip) group_left (device, model) system_storage_info",
)


def _absent(kind: Kind) -> str:
    return "; ".join(f"{value:,}" for value in sorted(kind.absent))


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
