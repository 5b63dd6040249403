"""Whether the power supply can give what the board wants, as a Raspberry Pi 5 found out when it started."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Detail, Gauge
from sysvitals.model.reading import Reading
from sysvitals.sources.pi.board import Board, read_board
from sysvitals.sources.pi.power_budget import read_power_budget

_POWER = "/sys/firmware/devicetree/base/chosen/power"


class Budget(Reading, event="system.power.budget.updated"):
    """What the supply offered when the board started."""

    amperes: Annotated[
        float | None,
        Gauge(
            "power_budget",
            unit="amperes",
            help="Current that the supply said it can give, at 5 V, when the board started.",
            origin=f"{_POWER}/max_current",
        ),
    ]
    sufficient: Annotated[
        bool | None,
        Gauge(
            "power_budget_sufficient",
            help="1 if that is what the board needs (a Raspberry Pi 5 or 500: 5 A), 0 if it is less: USB devices may "
            "get too little then, and the voltage may sag under load.",
            origin=f"{_POWER}/max_current, board revision",
        ),
    ]
    usb_full: Annotated[
        bool | None,
        Gauge(
            "usb_max_current_enabled",
            help="1 if the USB ports may take their full current (1.6 A together on a Raspberry Pi 5), 0 if they are "
            "held to 0.6 A.",
            origin=f"{_POWER}/usb_max_current_enable",
        ),
    ]
    usb_overcurrent: Annotated[
        bool | None,
        Gauge(
            "usb_over_current_detected",
            help="1 if a USB device took too much current while the board started.",
            origin=f"{_POWER}/usb_over_current_detected",
        ),
    ]
    wanted: Annotated[float | None, Detail("What the board needs.", unit="amperes")] = None


def read(host: Host) -> Iterator[Budget | Fault]:
    """One reading of the whole board."""
    board = attempt("board", read_board, host)
    if isinstance(board, Fault):
        yield board
        board = Board()
    budget = read_power_budget(host, board)
    if budget is None:
        raise Unavailable(
            "power budget not negotiated: only the Raspberry Pi 5 family does that "
            "(in a container, mount the host's /sys)"
        )
    yield from budget.faults
    if budget.amperes is None and budget.usb_full is None and budget.usb_overcurrent is None:
        return
    yield Budget(
        amperes=budget.amperes,
        sufficient=budget.sufficient,
        usb_full=budget.usb_full,
        usb_overcurrent=budget.usb_overcurrent,
        wanted=budget.wanted,
    )


COLLECTOR = Collector(
    name="power_budget",
    help="What the power supply can give",
    readings=(Budget,),
    read=read,
    interval=300.0,
    max_age=60.0,
)
