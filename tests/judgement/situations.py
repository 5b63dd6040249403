"""The rows of the table of truth, and what may be true of a board."""

import errno
from collections.abc import Mapping
from typing import NamedTuple

from sysvitals.judgement.verdict import Level
from tests.grafana.plan import Span
from tests.judgement.lives import Life, Situation, refuse, set_clock

DAY = 86400.0
HEAT = frozenset({"TemperatureHigh", "TemperatureRising", "Throttled", "FrequencyCapped", "SoftTemperatureLimit"})


class Truth(NamedTuple):
    """What may be wrong: how bad that is, after how many seconds it must be said, and by which alerts.

    What is over must be said for `stays` more seconds. `may` are alerts that may name it, too, for as long as
    `lingers`, in seconds.
    """

    level: Level
    within: float
    alerts: frozenset[str]
    may: frozenset[str] = frozenset()
    stays: float = 0.0
    lingers: float = 1800.0
    subject: str = ""


TRUTHS: Mapping[str, Truth] = {
    "undervoltage": Truth(
        Level.CRITICAL,
        30,
        frozenset({"Undervoltage", "UndervoltageRecurring"}),
        frozenset({"Throttled", "FrequencyCapped", "InputVoltsLow"}),
        stays=DAY - 60,
        lingers=DAY + 4 * 3600,
    ),
    "undervoltage, no detector": Truth(Level.NOTE, 960, frozenset({"UndervoltageUndetectable"})),
    "power_cut": Truth(
        Level.WARNING, 60, frozenset({"UncleanShutdown"}), frozenset({"RebootLoop"}), stays=DAY - 60, lingers=DAY + 60
    ),
    "read_only": Truth(Level.CRITICAL, 75, frozenset({"FilesystemReadOnly"})),
    "fan_stalled": Truth(Level.CRITICAL, 225, frozenset({"FanStalled"}), HEAT),
    "hot": Truth(Level.WARNING, 660, HEAT - {"TemperatureRising", "SoftTemperatureLimit"}, HEAT),
    "throttled": Truth(Level.WARNING, 660, HEAT, HEAT),
    "link_down eth0": Truth(Level.WARNING, 960, frozenset({"LinkDown"}), frozenset({"LinkFlapping"})),
    "link_down wlan0": Truth(
        Level.WARNING, 960, frozenset({"LinkDown", "WifiWeak"}), frozenset({"LinkFlapping", "WifiWeak"})
    ),
    "weak Wi-Fi": Truth(Level.WARNING, 1860, frozenset({"WifiWeak", "LinkDown"}), lingers=3600.0),
    "storage refuses": Truth(
        Level.WARNING, 400, frozenset({"HistoryNotWritable"}), frozenset({"EventsDropped"}), lingers=3600.0
    ),
    "clock not synchronised": Truth(Level.WARNING, 3660, frozenset({"ClockUnsynchronised"})),
    "/ nearly full": Truth(Level.WARNING, 1860, frozenset({"FilesystemFull", "FilesystemFilling"}), lingers=7200),
    "temperatures unreadable": Truth(Level.WARNING, 1200, frozenset({"CollectorFailing", "CollectorVanished"})),
}


def tell(lasts: str, *steps: str, start: str = "") -> str:
    """A scenario in YAML."""
    begin = f"start: {start}\n" if start else ""
    played = "".join(f"  - {step}\n" for step in steps)
    return f"summary: A row.\nlasts: {lasts}\n{begin}" + (f"steps:\n{played}" if played else "")


DIPS = "{at: 60s, pulse: {supply_volts: 4.4}, for: 4s, every: 40s, times: 4}"
ONE_DIP = "{at: 60s, pulse: {supply_volts: 4.4}, for: 4s}"
CUT = "{at: 300s, pulse: {power: off}, for: 30s}"

SITUATIONS = (
    Situation("nothing happens", "idle", (15, 600)),
    Situation("brownouts", "brownout", (60, 600)),
    Situation("a supply that tires", "supply-sag", (600, 1500, 1800)),
    Situation("a thin cable", "thin-cable", (120, 600)),
    Situation("brownouts that the board cannot detect", "brownout", (60, 1200), board="pi-zero-w", lasts=1200),
    Situation("a processor that gets hot", "warm-up", (600, 1320, 2400)),
    Situation("a fan that sticks", "fan-failure", (605, 690, 1800), board="pi5"),
    Situation("a power cut", "power-cut", (105, 180, 300)),
    Situation("a card that turns read-only", "sd-read-only", (180, 240, 600)),
    Situation("Wi-Fi that fades and comes back", "wifi-fading", (420, 600, 900)),
    Situation("a bad night", "bad-night", (900, 1500, 2100, 2600, 3600)),
    # with restarts of the exporter
    Situation(
        "one dip, then the exporter is restarted",
        tell("15m", ONE_DIP),
        (75, 135, 330, 900),
        happens={300: Life.restart},
    ),
    Situation(
        "dips, then the exporter is killed and started again",
        tell("15m", DIPS),
        (75, 330, 900),
        happens={300: Life.crash},
    ),
    Situation(
        "a dip while no exporter runs",
        tell("10m", "{at: 150s, pulse: {supply_volts: 4.4}, for: 4s}"),
        (135, 330, 600),
        happens={120: Life.stop, 300: Life.begin},
    ),
    Situation(
        "undervoltage that lasts over a restart",
        tell("10m", "{at: 100s, set: {supply_volts: 4.4}}"),
        (135, 210, 600),
        happens={190: Life.restart},
    ),
    Situation(
        "a fan that stands still over a restart",
        tell("12m", "{at: 60s, set: {fan: 0}}", start="{load: 0.8}"),
        (150, 330, 720),
        board="pi5",
        happens={300: Life.restart},
    ),
    # boots
    Situation(
        "an orderly reboot",
        tell("10m", CUT),
        (285, 360, 600),
        happens={298: Life.reboot},
        is_cut=False,
    ),
    Situation("dips, then a power cut", tell("12m", DIPS, CUT), (240, 360, 720)),
    Situation(
        "several power cuts in a row",
        tell("20m", "{at: 300s, pulse: {power: off}, for: 20s, every: 120s, times: 3}"),
        (285, 390, 720, 1200),
    ),
    # the network
    Situation(
        "Wi-Fi that is weak, and then lost",
        tell("75m", "{at: 32m, set: {wifi_signal: -97}}", start="{wifi_signal: -82}"),
        (900, 1890, 2100, 3000, 4500),
        apart={("the verdict", "WifiWeak"): "The rule says LinkDown by then, which is a note."},
    ),
    Situation("a cable that is pulled out", tell("38m", "{at: 20m, set: {ethernet: off}}"), (1200, 1500, 2280)),
    # clocks
    Situation(
        "dips, then a clock that is set back, and a restart",
        tell("15m", DIPS),
        (240, 330, 630, 900),
        happens={300: set_clock(-7200), 600: Life.restart},
    ),
    Situation(
        "dips, then a clock that is set ten days ahead, and a restart",
        tell("15m", DIPS),
        (240, 330, 630, 900),
        happens={300: set_clock(10 * DAY), 600: Life.restart},
    ),
    Situation(
        "a power cut on a board without a clock",
        tell("12m", DIPS, CUT),
        (285, 360, 720),
        happens={310: set_clock(-7200), 384: set_clock(7200)},
    ),
    Situation(
        "a clock that hears of no server",
        tell("75m"),
        (1800, 4500),
        target={"unsynchronised": (Span(300, 1e6),)},
        also={"clock not synchronised": (300, 1e6)},
    ),
    # storage
    Situation(
        "a storage that turns read-only, and can be written again",
        tell("20m"),
        (300, 660, 1200),
        happens={90: refuse(errno.EROFS), 720: refuse(0)},
    ),
    Situation(
        "a power cut, and a full disk at the next start",
        tell("20m", CUT),
        (285, 390, 780, 1200),
        happens={310: refuse(errno.ENOSPC), 900: refuse(0)},
    ),
    Situation(
        "a root filesystem that is almost full",
        tell("40m"),
        (900, 2400),
        target={"used": {"/": (0.94, 0.95)}},
        also={"/ nearly full": (0, 1e6)},
        apart={("the rules", "FilesystemFilling"): "The verdict needs three quarters of an hour."},
    ),
    # the exporter
    Situation(
        "dips, without a history, and a restart",
        tell("10m", DIPS),
        (240, 330, 600),
        flags={"--history": False},
        happens={300: Life.restart},
    ),
    Situation(
        "all is well, without a history, and a restart",
        tell("10m"),
        (240, 330, 600),
        flags={"--history": False},
        happens={300: Life.restart},
    ),
    Situation(
        "dips, and a history that cannot be read after a restart",
        tell("10m", DIPS),
        (240, 330, 600),
        happens={290: Life.cut_off, 300: Life.restart},
    ),
    Situation(
        "all is well, and a history that cannot be read after a restart",
        tell("10m"),
        (285, 330, 600),
        happens={290: Life.cut_off, 300: Life.restart},
        stays_unknown=True,
    ),
    Situation(
        "temperatures that cannot be read",
        tell("25m"),
        (285, 1500),
        target={"unreadable": {"thermal": Span(300, 1e6), "hwmon": Span(300, 1e6)}},
        also={"temperatures unreadable": (300, 1e6)},
    ),
)
