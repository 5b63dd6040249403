from collections.abc import Iterable
from pathlib import Path

import pytest

from sysvitals.collectors.fan import COLLECTOR, Fan, Options, after_reboot, compare, find
from sysvitals.model.catalog import build_catalog
from sysvitals.model.collector import Fault, Probe, Unavailable
from sysvitals.model.reading import Reading, amend
from tests.building import build_host
from tests.recorded import HOSTS, RecordedHost

FOLDER = "sys/class/hwmon/hwmon"


def read(name: str) -> list[Reading | Fault | Unavailable]:
    return list(COLLECTOR.run(RecordedHost(HOSTS / name)))


def header(speed: int | None, duty: float | None, *, own: bool = False) -> Fan:
    """A fan as read, without history."""
    known = speed is not None and duty is not None
    fan = Fan(chip="c", fan="fan1", speed=speed, duty=duty, comparable=known, turns_from=0.0 if own else None)
    return compare(fan, None, None)


def watch(
    *seen: tuple[int | None, float | None], before: Fan | None = None, every: float = 15, own: bool = False
) -> Fan:
    """The last of these speeds and duties, each seen some seconds after the one before."""
    for speed, duty in seen:
        now = header(speed, duty, own=own)
        before = now if before is None else compare(now, before, every)
    assert before is not None
    return before


def watch_all(seen: Iterable[tuple[int | None, float | None]], before: Fan) -> list[bool | None]:
    stalled = []
    for speed, duty in seen:
        before = watch((speed, duty), before=before)
        stalled.append(before.stalled)
    return stalled


TURNED = watch(*[(900, 0.5)] * 3)
"""A fan that was seen to turn at half duty for 30 seconds."""


def test_a_raspberry_pi_5_has_a_fan() -> None:
    (fan,) = read("pi-5")
    assert fan == Fan(
        chip="pwmfan",
        fan="fan1",
        speed=2871,
        duty=75 / 255,
        stalled=False,
        state=1,
        max_state=4,
        comparable=True,
        turns_from=0.0,
        spell_duty=0.2941,
    )


def test_a_raspberry_pis_own_fan_that_is_dead_at_the_start_is_found_immediately() -> None:
    (fan,) = read("pi-5-weak-supply")
    assert isinstance(fan, Fan)
    assert (fan.speed, fan.duty, fan.stalled) == (0, 125 / 255, True)


def test_a_raspberry_pis_own_fan_that_is_not_driven_may_stand_still() -> None:
    assert header(0, 0.0, own=True).stalled is False


def test_a_raspberry_pis_own_fan_has_time_to_start() -> None:
    seen = [(0, 0.3), (0, 0.3), (1500, 0.3)]
    assert watch_all(seen, header(0, 0.0, own=True)) == [False, False, False]


def test_a_raspberry_pis_own_fan_stalls_at_any_duty() -> None:
    turned = watch(*[(6000, 1.0)] * 4, own=True)
    assert watch((0, 0.1), (0, 0.1), (0, 0.1), before=turned, own=True).stalled is True


def test_a_fan_that_stands_still_for_30_seconds_at_a_duty_at_which_it_turned_has_stalled() -> None:
    assert TURNED.turns_from == 0.5
    assert watch_all([(0, 0.5)] * 4, TURNED) == [False, False, True, True]
    assert watch_all([(0, 0.9)] * 3, TURNED) == [False, False, True]


def test_two_intervals_of_15_seconds_that_are_not_quite_even_are_30_seconds() -> None:
    still = watch((0, 0.5), (0, 0.5), (0, 0.5), before=TURNED, every=14.99)
    assert still.stalled is True


def test_a_fan_that_stops_at_a_lower_duty_does_so_by_design() -> None:
    assert watch_all([(0, 0.49), (0, 0.2), (0, 0.0)] * 5, TURNED) == [False] * 15


def test_the_time_at_a_lower_duty_does_not_count() -> None:
    assert watch_all([(0, 0.5), (0, 0.5), (0, 0.4), (0, 0.5), (0, 0.5), (0, 0.5)], TURNED)[-2:] == [False, True]


def test_a_header_at_which_nothing_was_seen_to_turn_is_not_connected() -> None:
    assert watch_all([(0, 1.0)] * 10, header(0, 1.0)) == [None] * 10


def test_a_fan_that_was_dead_at_the_start_is_unknown_until_it_turns_for_30_seconds() -> None:
    dead = watch(*[(0, 0.5)] * 10)
    assert watch_all([(900, 0.5), (0, 0.5), (0, 0.5), (0, 0.5)], dead) == [False, None, None, None]
    assert watch_all([(900, 0.5)] * 3 + [(0, 0.5)] * 3, dead)[-3:] == [False, False, True]


def test_a_fan_that_stalled_stays_so_until_it_turns() -> None:
    stalled = watch(*[(0, 0.5)] * 3, before=TURNED)
    assert watch_all([(0, 0.1), (0, 0.0), (0, 0.5), (700, 0.5)], stalled) == [True, True, True, False]


def test_a_fan_that_runs_down_is_not_seen_to_turn_at_its_new_duty() -> None:
    running_down = watch((600, 0.1), (300, 0.1), before=TURNED, every=5)
    assert watch((0, 0.1), before=running_down).turns_from == 0.5


def test_a_fan_that_turns_again_after_a_false_alarm_is_learnt_from_the_start() -> None:
    stalled = watch(*[(0, 0.5)] * 3, before=TURNED)
    turning = watch(*[(900, 0.8)] * 3, before=stalled)
    assert turning.turns_from == 0.8
    assert watch_all([(0, 0.5)] * 4, turning) == [False] * 4


def test_the_lowest_duty_at_which_it_turned_is_kept_while_the_duty_sways() -> None:
    seen = [(900, 0.41), (880, 0.40), (890, 0.42), (885, 0.40), (1200, 0.8), (1200, 0.8), (1200, 0.8)]
    assert watch(*seen, before=TURNED).turns_from == 0.42


def test_a_time_that_was_not_watched_counts_for_nothing() -> None:
    standing = watch((0, 0.5), (0, 0.5), before=TURNED)
    again = compare(header(0, 0.5), standing, None)
    assert (standing.spell_seconds, again.spell_seconds, again.stalled) == (15, 0, False)
    turning = compare(header(900, 0.3), watch((900, 0.3), (900, 0.3), before=TURNED), None)
    assert turning.turns_from == 0.5


def test_a_fan_whose_speed_or_duty_is_not_known_is_not_judged() -> None:
    assert watch_all([(0, None), (None, 0.9)] * 4, TURNED) == [None] * 8
    assert watch((None, 0.5), (0, 0.5), before=TURNED).turns_from == 0.5
    assert watch(*[(900, None)] * 5).turns_from is None


def test_a_fan_that_stalled_is_still_stalled_after_a_restart_of_the_exporter() -> None:
    stalled = watch(*[(0, 0.5)] * 3, before=TURNED)
    assert compare(header(0, 0.5), stalled, None).stalled is True


def test_after_a_reboot_a_dead_fan_that_once_turned_is_found_after_30_seconds() -> None:
    remembered, changes = after_reboot(watch(*[(0, 0.5)] * 3, before=TURNED))
    assert list(changes) == []
    first = compare(header(0, 0.5), remembered, None)
    assert first.stalled is False
    assert watch_all([(0, 0.5)] * 2, first) == [False, True]


def test_what_was_learnt_of_one_fan_is_kept_through_the_history() -> None:
    assert COLLECTOR.remembers == (Fan,)
    assert COLLECTOR.after_reboot is after_reboot


def chip(number: int, driver: str, **files: str) -> dict[str, str]:
    folder = f"{FOLDER}{number}"
    return {f"{folder}/{name}": f"{text}\n" for name, text in {"name": driver, **files}.items()}


def test_each_chip_can_fail_alone(tmp_path: Path) -> None:
    files = chip(0, "nct6798", fan1_input="900", pwm1="90") | chip(1, "it8728", fan1_input="0", fan2_input="x")
    probes = list(COLLECTOR.things(build_host(tmp_path, files | chip(2, "coretemp", temp1_input="40000"))))
    assert [probe.name for probe in probes if isinstance(probe, Probe)] == ["nct6798", "it8728"]
    (nct, it87) = [list(probe.read()) for probe in probes if isinstance(probe, Probe)]
    assert [type(found) for found in nct] == [Fan]
    assert [type(found) for found in it87] == [Fan, Fault]


def test_a_fan_that_was_taken_out_can_be_excluded(tmp_path: Path) -> None:
    files = chip(0, "nct6798", fan1_input="900", fan2_input="0", fan3_input="0", fan3_label="Rear")
    probes = find(build_host(tmp_path, files), Options(exclude_fans="nct6798 (fan2|Rear)"))
    found = [reading for probe in probes if isinstance(probe, Probe) for reading in probe.read()]
    assert [reading.fan for reading in found if isinstance(reading, Fan)] == ["fan1"]


def test_a_fan_of_which_the_driver_makes_up_speed_or_duty_is_not_judged(tmp_path: Path) -> None:
    (fan,) = COLLECTOR.run(build_host(tmp_path, chip(0, "gpio_fan", fan1_input="5000", pwm1="255")))
    assert isinstance(fan, Fan)
    assert (fan.stalled, compare(fan, amend(fan, turns_from=0.1), 60).stalled) == (None, None)


def test_a_fan_without_tachometer_has_no_speed_and_is_not_judged() -> None:
    (fan,) = read("qemu-raspi3b-emmc-fan")
    assert isinstance(fan, Fan)
    assert (fan.speed, fan.duty, fan.stalled, fan.state, fan.max_state) == (None, 250 / 255, None, 4, 4)


def test_a_jetsons_tachometer_is_a_chip_of_its_own() -> None:
    assert read("jetson") == [
        Fan(chip="pwm_tach", fan="fan1", speed=2214, duty=None),
        Fan(chip="pwmfan", fan="fan1", speed=None, duty=88 / 255, state=1, max_state=10),
    ]


def test_what_is_no_speed_and_no_duty_is_a_fault() -> None:
    assert {f.error for f in read("hostile") if isinstance(f, Fault)} == {"garbage"}
    assert not [f for f in read("hostile") if isinstance(f, Fan)]


@pytest.mark.parametrize("name", ["pi-4b-fine", "vm", "container"])
def test_a_host_without_a_fan_says_so(name: str) -> None:
    with pytest.raises(Unavailable, match="no fan"):
        read(name)


def test_its_families_are_named_as_users_know_them() -> None:
    assert list(build_catalog([COLLECTOR]).families) == [
        "system_fan_duty_ratio",
        "system_fan_fault",
        "system_fan_speed_rpm",
        "system_fan_stalled",
    ]
