"""Bodies as the values that alert rules see."""

from prometheus_client.parser import text_string_to_metric_families

from sysvitals.collectors import COLLECTORS
from sysvitals.collectors.catalog import build_full_catalog
from sysvitals.collectors.temperature import Temperature
from sysvitals.collectors.throttling import ThrottlingSource
from sysvitals.model.reading import Reading
from sysvitals.model.samples import Current, Sample, sample_bodies
from sysvitals.outputs.exposition import Exposition
from tests.recorded import HOSTS, RecordedHost


def test_a_value_stands_under_its_metrics_full_name_with_its_labels() -> None:
    samples = sample_bodies([Temperature(chip="nvme0", sensor="Composite", celsius=41.5, critical=85.0)])
    labels = {"chip": "nvme0", "sensor": "Composite"}
    assert samples == {
        "system_temperature_celsius": [Sample(labels, 41.5)],
        "system_temperature_critical_celsius": [Sample(labels, 85.0)],
    }


def test_text_is_not_among_them_and_a_state_is_a_number() -> None:
    samples = sample_bodies([ThrottlingSource(undervoltage_detectable=True, source="vcio")])
    assert samples == {"system_undervoltage_detectable": [Sample({}, 1.0)]}


def read_all(name: str) -> list[Reading]:
    host = RecordedHost(HOSTS / name)
    bodies: list[Reading] = []
    for collector in COLLECTORS:
        if collector.name not in ("boot", "shutdown"):
            try:
                bodies += [reading for reading in collector.run(host) if isinstance(reading, Reading)]
            except Exception:  # noqa: BLE001, S112  # what this host does not have
                continue
    return bodies


def test_they_are_what_the_exposition_shows_of_a_whole_host() -> None:
    bodies = read_all("pi-4b-browning-out")
    text = Exposition(build_full_catalog()).render(bodies)[0].decode()
    shown = {
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(text)
        if not family.name.endswith("_info")
        for sample in family.samples
        if not sample.name.endswith("_info")
    }
    ours = {
        (name, tuple(sorted(sample.labels.items())), sample.value)
        for name, samples in sample_bodies(bodies).items()
        for sample in samples
    }
    assert ours == shown
    assert len(ours) > 100


def test_current_values_are_what_the_exposition_shows_with_the_text_of_infos() -> None:
    catalog = build_full_catalog()
    bodies = read_all("pi-4b-browning-out")
    text = Exposition(catalog).render(bodies)[0].decode()
    shown = {
        (sample.name, tuple(sorted(sample.labels.items())), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    ours = {
        (name, tuple(sorted(sample.labels.items())), sample.value)
        for name, samples in Current(catalog.families, bodies).items()
        for sample in samples
    }
    assert ours == shown
    assert {"system_board_info", "system_identity_info"} <= {name for name, _, _ in ours}
