"""The hwmon chip `rpi_volt`: the kernel asks the Raspberry Pi's firmware every two seconds about undervoltage.

It is known by its name only: its number and its path differ from kernel to kernel. Its driver registers on every
Raspberry Pi whose firmware answers, even where the board has nothing that could detect an undervoltage.
"""

from sysvitals.host.files import optional, shorten
from sysvitals.host.host import Host
from sysvitals.sources.sys.hwmon import find_chip


def find_rpi_volt(host: Host) -> str | None:
    """The chip's folder, or None. Raises OSError where the class's folder cannot be read."""
    return find_chip(host, "rpi_volt")


def read_undervoltage_alarm(host: Host, folder: str) -> bool | None:
    """Whether there was an undervoltage at any time in the driver's last poll of two seconds; None without the file.

    Not voltage: newer kernels have `in0_input` to `in3_input` for that beside it. Raises OSError, or ValueError.
    """
    return optional(_read, host, f"{folder}/in0_lcrit_alarm")


def parse_alarm(text: str) -> bool:
    """From `0` or `1`."""
    if text not in {"0", "1"}:
        raise ValueError(f"neither 0 nor 1: {shorten(text)!r}")
    return text == "1"


def _read(host: Host, path: str) -> bool:
    return parse_alarm(host.read_text(path))
