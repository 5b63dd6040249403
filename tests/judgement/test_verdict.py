"""The verdict on recorded hosts, and as JSON."""

import json
from collections.abc import Iterable

from sysvitals.collectors import COLLECTORS
from sysvitals.config.load import load_settings
from sysvitals.exporter import Exporter
from sysvitals.judgement.judgement import Facts
from sysvitals.judgement.judgements import JUDGEMENTS
from sysvitals.judgement.verdict import LEVELS, WORDS, Level, Reason, Verdict, encode_verdict
from sysvitals.model.samples import Sample
from sysvitals.pipeline.clock import Clock
from tests.judgement.judging import CATALOG
from tests.recorded import HOSTS, NOW, RecordedHost


def recorded(name: str) -> Verdict:
    """The verdict on a recorded host at the first look, hours after its boot."""
    settings = load_settings(COLLECTORS, flags={"--history": False})
    clock = Clock(wall=lambda: NOW, uptime=lambda: 20_000.0)
    exporter = Exporter(settings, load=lambda: settings, host=RecordedHost(HOSTS / name), clock=clock)
    exporter.start()
    try:
        exporter.refresh(10.0, slow=True)
        return exporter.verdict(0)
    finally:
        exporter.stop("test")


def test_a_board_that_browns_out_is_critical_and_one_that_is_fine_is_good() -> None:
    assert recorded("pi-4b-browning-out").level is Level.CRITICAL
    assert recorded("pi-4b-fine")[:2] == (Level.GOOD, ())


def test_a_board_that_browned_out_earlier_is_not_well_although_it_was_not_watched_then() -> None:
    verdict = recorded("pi-4b-browned-out-earlier")
    assert "Undervoltage" in [reason.alert for reason in verdict.reasons]
    assert verdict.level is Level.WARNING


def test_silence_is_not_health_where_a_board_cannot_know() -> None:
    assert "UndervoltageUndetectable" in [reason.alert for reason in recorded("pi-zero-w").reasons]


def test_a_weak_supply_shows_before_it_gives_way() -> None:
    assert "PowerBudgetInsufficient" in [reason.alert for reason in recorded("pi-5-weak-supply").reasons]


def test_every_reason_says_where_it_belongs_and_what_to_do() -> None:
    for name in ("pi-4b-browning-out", "hostile", "container"):
        for reason in recorded(name).reasons:
            assert reason.area
            assert reason.remedy
            assert not reason.text.endswith(".")


class Asked(dict[str, list[Sample]]):
    """No values, and the names of those that were asked for."""

    def __init__(self, names: set[str]) -> None:
        super().__init__()
        self.names = names

    def get(self, name: str, default: Iterable[Sample] = ()) -> list[Sample]:  # type: ignore[override]
        self.names.add(name)
        return list(default)


def test_every_value_that_is_judged_is_a_metric_that_is_declared() -> None:
    names: set[str] = set()
    facts = Facts(Asked(names), now=NOW, uptime=20_000.0)
    for judgement in JUDGEMENTS:
        assert list(judgement.find(facts)) == [], "nothing known is no reason"
    assert names
    assert names <= CATALOG.families.keys()


def test_every_level_has_its_words() -> None:
    assert {level.name.lower() for level in Level} - {"note"} == {*LEVELS}
    assert WORDS.keys() == set(Level)


def test_the_verdict_as_json_names_levels_in_words() -> None:
    weak = Reason(
        Level.WARNING, "WifiWeak", "The signal <is> weak", ("wlan0",), "network", since=1.0, remedy="Move closer."
    )
    assert json.loads(encode_verdict(Verdict(Level.WARNING, (weak,), since=2.0, now="Now.", unknown=""))) == {
        "level": "warning",
        "since": 2.0,
        "now": "Now.",
        "unknown": "",
        "reasons": [
            {
                "level": "warning",
                "alert": "WifiWeak",
                "text": "The signal <is> weak",
                "subject": ["wlan0"],
                "area": "network",
                "since": 1.0,
                "last": None,
                "remedy": "Move closer.",
            }
        ],
    }
