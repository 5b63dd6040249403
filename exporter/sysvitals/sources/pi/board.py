"""Which Raspberry Pi or other board this is, as device tree or /proc/cpuinfo tell."""

from typing import NamedTuple

from sysvitals.host.files import optional
from sysvitals.host.host import Host
from sysvitals.host.sysfs import tidy
from sysvitals.sources.pi.revision import Revision, decode_revision, parse_revision
from sysvitals.sources.sys.devicetree import read_property_number, read_property_text


class Board(NamedTuple):
    """A board that has no BIOS. `revision` is a Raspberry Pi's."""

    model: str | None = None
    revision: Revision | None = None

    @property
    def is_raspberry_pi(self) -> bool:
        """Whether the model or the revision code says so."""
        return self.revision is not None or (self.model or "").startswith("Raspberry Pi")


def read_board(host: Host) -> Board:
    """The board; all None on a machine that has no device tree, such as a PC.

    In a container that does not see the device tree, /proc/cpuinfo still tells of a Raspberry Pi, on ARM only: there
    it is short. A board that was recognised is kept: it stays the same while the host runs.
    Raises OSError, or ValueError for a revision code that is none.
    """
    board: Board | None = host.kept.get(_KEPT)
    if board is None:
        board = _read_board(host)
        if board != Board():
            host.kept[_KEPT] = board
    return board


def _read_board(host: Host) -> Board:
    model = read_property_text(host, "model")
    word = read_property_number(host, "system/linux,revision")
    if word:
        return Board(model, decode_revision(word))
    board = Board(model)
    if not _is_arm(host) or (model and not board.is_raspberry_pi):
        return board
    return parse_cpuinfo(_read_cpuinfo(host), model)


def read_serial(host: Host) -> str | None:
    """The board's serial number, or None where there is none or it was never set. Raises OSError."""
    serial = read_property_text(host, "serial-number")
    if serial is None and _is_arm(host):
        serial = tidy(_fields(_read_cpuinfo(host)).get("Serial", ""))
    return serial if serial and serial.strip("0") else None


def parse_cpuinfo(text: str, model: str | None = None) -> Board:
    """From the lines `Model` and `Revision`, each of which may be missing. Raises ValueError.

    Other ARM boards have a `Revision` that means nothing: it counts where model or hardware is a Raspberry Pi's.
    """
    fields = _fields(text)
    board = Board(model or tidy(fields.get("Model", "")) or None)
    code = fields.get("Revision")
    if code and code.strip("0") and (board.is_raspberry_pi or fields.get("Hardware", "").startswith("BCM2")):
        return board._replace(revision=parse_revision(code))
    return board


def _fields(text: str) -> dict[str, str]:
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.split("\n"))}


_KEPT = "board"


def _is_arm(host: Host) -> bool:
    return host.uname().machine.startswith(("arm", "aarch64"))


def _read_cpuinfo(host: Host) -> str:
    return optional(_read_text, host, f"{host.procfs}/cpuinfo") or ""


def _read_text(host: Host, path: str) -> str:
    return host.read_text(path)
