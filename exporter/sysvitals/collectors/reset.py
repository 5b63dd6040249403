"""Why a Raspberry Pi was last reset."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Gauge, Info, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.pi.reset import POWER_CAUSES, read_power_reset, read_reset_status

_CHOSEN = "/sys/firmware/devicetree/base/chosen"
_STATUS = f"{_CHOSEN}/bootloader/rsts, firmware's get_rsts"


class Reset(Reading, event="system.reset.updated"):
    """Why the board was last reset, as its reset status register has it."""

    reason: Annotated[
        str,
        Info(
            "reset",
            help="`power_on`, `software`, `watchdog` (a hang, or Linux restarting, which uses it too), `debugger`, or "
            "several with + between; `unknown` where the register has none of these.",
            origin=_STATUS,
        ),
    ]
    register: Annotated[str, Info("reset", help="The register itself.", origin=_STATUS)]


class PowerReset(Reading, event="system.reset.power.updated"):
    """One cause for which the power controller of a Raspberry Pi 5 may have been reset."""

    cause: Annotated[str, Label("What the power controller notes.", values=POWER_CAUSES)]
    noted: Annotated[
        bool,
        Gauge(
            "power_reset",
            help="1 if the power controller was last reset for this cause.",
            origin=f"{_CHOSEN}/power/power_reset",
        ),
    ]


def read(host: Host) -> Iterator[Reset | PowerReset | Fault]:
    """One reading of the board, and one a cause where the power controller notes them."""
    status = attempt("reset status", read_reset_status, host)
    if isinstance(status, Fault):
        yield status
    elif status is not None:
        yield Reset(reason="+".join(status.reasons) or "unknown", register=f"0x{status.register:x}")
    power = attempt("power_reset", read_power_reset, host)
    if status is None and power is None:
        raise Unavailable(
            "reset reason not available: newer Raspberry Pis report it through their bootloader, or the firmware "
            "through /dev/vcio_gencmd or /dev/vcio"
        )
    if isinstance(power, Fault):
        yield power
    elif power is not None:
        for cause in POWER_CAUSES:
            yield PowerReset(cause=cause, noted=power.noted(cause))


COLLECTOR = Collector(
    name="reset",
    help="Why the board was last reset",
    readings=(Reset, PowerReset),
    read=read,
    interval=3600.0,
    max_age=300.0,
    timeout=4.0,
)
