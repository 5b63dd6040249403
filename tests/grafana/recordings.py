"""What is recorded: which hosts, named as people name theirs, for how long, and what befalls them.

Their weather is in `scenarios/`. Times of a target are from its recording's beginning.
"""

from typing import Any

from tests.grafana.plan import Plan, Span, Target

HOUR = 3600.0
_FOR_GOOD = 99 * HOUR

NIGHT = Plan(
    start=1_795_204_800.0,  # 2026-11-20 20:00 UTC
    lasts=12 * HOUR,
    every=15,
    targets=(
        Target(instance="attic", board="pi4", scenario="attic.yaml", day="attic-day.yaml", seed=1),
        Target(
            instance="greenhouse",
            board="pi5-weak-supply",
            scenario="greenhouse.yaml",
            day="greenhouse-day.yaml",
            seed=2,
            unreadable={"/hwmon1/temp1_input": Span(6.2 * HOUR, 7.9 * HOUR)},  # as a sensor on a loose wire
        ),
        Target(
            instance="kitchen",
            board="pi-3b-plus",
            scenario="kitchen.yaml",
            day="kitchen-day.yaml",
            seed=3,
            unreadable={"/proc/net/wireless": Span(11.4 * HOUR, _FOR_GOOD)},
        ),
        Target(
            instance="garden-gate",
            board="pi-zero-w",
            scenario="garden-gate.yaml",
            seed=4,
            unreachable=(Span(2.4 * HOUR, 2.5 * HOUR), Span(11.3 * HOUR, _FOR_GOOD)),
        ),
        Target(
            instance="cellar",
            board="cm4",
            scenario="cellar.yaml",
            seed=5,
            used={"/": (0.82, 0.845)},
            unsynchronised=(Span(1 * HOUR, 3.5 * HOUR),),
        ),
        Target(instance="office-nuc", board="nuc", scenario="office-nuc.yaml", seed=6),
        Target(instance="nas", board="pi5", scenario="nas.yaml", day="day.yaml", seed=7, used={"/": (0.895, 0.982)}),
        Target(instance="workshop", board="jetson", scenario="workshop.yaml", seed=8),
        Target(
            instance="web",
            board="vm",
            scenario="web.yaml",
            seed=9,
            unreachable=(Span(9.9 * HOUR, _FOR_GOOD),),
            dropped=10.2 * HOUR,
        ),
    ),
)
"""A night that was bad for most, to be looked at."""

_BOARDS = (
    *("pi4",) * 18,
    *("pi-3b-plus",) * 8,
    *("pi5",) * 8,
    *("pi-zero-w",) * 5,
    *("pi5-weak-supply",) * 4,
    *("cm4",) * 4,
    *("nuc",) * 2,
    "vm",
)
_SITES = ("berlin", "lisboa", "oslo", "praha", "wien")
_TROUBLE: dict[int, dict[str, Any]] = {
    2: {"scenario": "kiosk-brownout.yaml"},
    7: {"scenario": "kiosk-brownout.yaml"},
    9: {"scenario": "kiosk-power-cut.yaml"},
    11: {"scenario": "kiosk-hot.yaml"},
    13: {"used": {"/": (0.962, 0.991)}},
    16: {"unreachable": (Span(4.7 * HOUR, _FOR_GOOD),)},
    19: {"scenario": "kiosk-hot.yaml"},
    21: {"scenario": "kiosk-brownout.yaml"},
    24: {"scenario": "kiosk-readonly.yaml"},
    28: {"scenario": "kiosk-hot.yaml"},
    30: {"unreachable": (Span(2 * HOUR, 2.3 * HOUR),)},
    35: {"unreachable": (Span(5.6 * HOUR, _FOR_GOOD),)},
    40: {"scenario": "kiosk-brownout.yaml"},
    43: {"unsynchronised": (Span(1 * HOUR, _FOR_GOOD),)},
    49: {"unreachable": (Span(4 * HOUR, _FOR_GOOD),), "dropped": 4.2 * HOUR},
}


def _build_kiosk(number: int, board: str) -> Target:
    site = _SITES[number % len(_SITES)]
    own: dict[str, Any] = {"scenario": "kiosk.yaml", **_TROUBLE.get(number, {})}
    instance = f"{site}-{number // len(_SITES) + 1:02d}"
    return Target(instance=instance, board=board, seed=100 + number, labels={"site": site}, **own)


FLEET = Plan(
    start=1_795_226_400.0,  # 2026-11-21 02:00 UTC
    lasts=6 * HOUR,
    every=30,
    targets=tuple(_build_kiosk(number, board) for number, board in enumerate(_BOARDS)),
)
"""Fifty boards in shops, most of them well, whose targets carry a label of their user's own."""

TROUBLE = Plan(
    start=1_795_216_500.0,  # 2026-11-20 23:15 UTC: midnight is in it, by which days are told apart
    lasts=1.25 * HOUR,
    every=30,
    targets=(
        Target(instance="attic", board="pi4", scenario="trouble.yaml", seed=1),
        Target(
            instance="greenhouse",
            board="pi5-weak-supply",
            scenario="trouble.yaml",
            seed=2,
            unreadable={
                "/hwmon1/temp1_input": Span(0.6 * HOUR, _FOR_GOOD),
                "/proc/net/wireless": Span(1 * HOUR, _FOR_GOOD),
            },
        ),
        Target(instance="kitchen", board="pi-3b-plus", scenario="heat.yaml", seed=3),
        Target(
            instance="garden-gate",
            board="pi-zero-w",
            scenario="trouble.yaml",
            seed=4,
            unreachable=(Span(1.1 * HOUR, _FOR_GOOD),),
        ),
        Target(
            instance="cellar",
            board="cm4",
            scenario="wear.yaml",
            seed=5,
            used={"/": (0.85, 0.985)},
            unsynchronised=(Span(0.4 * HOUR, _FOR_GOOD),),
        ),
        Target(instance="office-nuc", board="nuc", scenario="trouble.yaml", seed=6),
        Target(instance="workshop", board="jetson", scenario="trouble.yaml", seed=7),
        Target(
            instance="web",
            board="vm",
            scenario="trouble.yaml",
            seed=8,
            unreachable=(Span(0.9 * HOUR, _FOR_GOOD),),
            dropped=1 * HOUR,
        ),
    ),
)
"""An hour in which everything happens, and which ends in the middle of it: what tests ask."""

PLANS = {"night": NIGHT, "fleet": FLEET, "trouble": TROUBLE}
