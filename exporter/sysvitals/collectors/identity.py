"""Which machine this is: its name, model, operating system, kernel and firmware."""

from collections.abc import Iterator
from typing import Annotated, NamedTuple, TypeVar

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault
from sysvitals.model.metric import Gauge, Info
from sysvitals.model.reading import Reading
from sysvitals.sources.os.kernel import read_architecture, read_hostname, read_kernel_release
from sysvitals.sources.os.os_release import read_os_release
from sysvitals.sources.os.virtualization import read_container, read_virtualization
from sysvitals.sources.pi.board import Board, read_board, read_serial
from sysvitals.sources.sys.devicetree import read_property_number
from sysvitals.sources.sys.dmi import Dmi, parse_bios_date, read_dmi, read_product_serial
from sysvitals.sources.sys.mac_addresses import read_mac_addresses

T = TypeVar("T")


class Options(NamedTuple):
    """What identifies one machine in the world is told only when asked for."""

    serial: Annotated[bool, "Whether to publish the serial number; on a PC only root can read it."] = False
    mac_addresses: Annotated[bool, "Whether to publish the hardware addresses of the network interfaces."] = False


def _info(help_text: str, origin: str = "") -> Info:
    return Info("identity", help=help_text, origin=origin)


class Identity(Reading, event="system.identity.updated"):
    """Which machine this is and what it runs."""

    hostname: Annotated[str | None, _info("The host's name.", "/proc, /sys/firmware/devicetree, /sys/class/dmi/id")]
    model: Annotated[str | None, _info("Board, or vendor and product of a PC.")]
    host_type: Annotated[str | None, _info("`board`, `machine` (a PC or server), `vm` or `container`.")]
    os: Annotated[str | None, _info("Operating system.")]
    os_version: Annotated[str | None, _info("Its version; absent where it is rolling.")]
    kernel: Annotated[str | None, _info("The kernel's release.")]
    architecture: Annotated[str | None, _info("The kernel's architecture.")]
    virtualization: Annotated[str | None, _info("Kind of virtual machine, in systemd-detect-virt's words, or `none`.")]
    container: Annotated[str | None, _info("Kind of container, or `none`.")]
    firmware_version: Annotated[str | None, _info("Version of the BIOS.")] = None
    serial: Annotated[str | None, _info("Serial number, if asked for.")] = None
    mac_addresses: Annotated[str | None, _info("Hardware addresses with commas between, if asked for.")] = None
    firmware_built: Annotated[
        float | None,
        Gauge(
            "firmware_build",
            unit="timestamp_seconds",
            help="When the firmware was built: a Raspberry Pi's bootloader, a PC's BIOS (its day).",
            origin="/sys/firmware/devicetree/base/chosen/bootloader/build-timestamp, /sys/class/dmi/id/bios_date",
        ),
    ] = None


class RaspberryPi(Reading, event="system.board.updated"):
    """A Raspberry Pi, as its revision code describes it."""

    revision: Annotated[str, Info("board", help="The revision code.", origin="/proc/cpuinfo, device tree")]
    type: Annotated[str | None, Info("board", help="Type of board, such as `4B`.")]
    version: Annotated[str | None, Info("board", help="The board's own version, such as `1.4`.")]
    maker: Annotated[str | None, Info("board", help="Who built it.")]
    processor: Annotated[str | None, Info("board", help="Its system on a chip.")]
    memory: Annotated[
        int | None,
        Gauge("board_memory", unit="bytes", help="Memory that the board was built with.", origin="revision code"),
    ]


def read(host: Host, options: Options) -> Iterator[Identity | RaspberryPi | Fault]:
    """One reading of the whole host, and one of the board where it is a Raspberry Pi. What fails is left out."""
    faults: list[Fault] = []

    def known(answer: T | Fault) -> T | None:
        if isinstance(answer, Fault):
            faults.append(answer)
            return None
        return answer

    board = known(attempt("board", read_board, host)) or Board()
    dmi = known(attempt("dmi", read_dmi, host)) or Dmi()
    system = known(attempt("os-release", read_os_release, host))
    virtualization = known(attempt("virtualization", read_virtualization, host, dmi))
    container = known(attempt("container", read_container, host))
    addresses = known(attempt("mac_addresses", read_mac_addresses, host)) if options.mac_addresses else None
    yield Identity(
        hostname=known(attempt("hostname", read_hostname, host)),
        model=board.model or dmi.model,
        host_type=_host_type(board, virtualization, container),
        os=system.name if system else None,
        os_version=system.version if system else None,
        kernel=known(attempt("kernel", read_kernel_release, host)),
        architecture=known(attempt("architecture", read_architecture, host)),
        virtualization=virtualization,
        container=container,
        firmware_version=dmi.bios_version,
        serial=known(attempt("serial", _read_serial, host)) if options.serial else None,
        mac_addresses=",".join(addresses) if addresses else None,
        firmware_built=known(attempt("firmware", _read_firmware_time, host, dmi)),
    )
    if revision := board.revision:
        yield RaspberryPi(
            revision=revision.code,
            type=revision.type,
            version=revision.version,
            maker=revision.maker,
            processor=revision.processor,
            memory=revision.memory,
        )
    yield from faults


def _host_type(board: Board, virtualization: str | None, container: str | None) -> str | None:
    if container not in {None, "none"}:
        return "container"
    if virtualization not in {None, "none"}:
        return "vm"
    if board.model or board.revision:
        return "board"
    # what could not be asked may be anything
    return "machine" if virtualization and container else None


def _read_firmware_time(host: Host, dmi: Dmi) -> float | None:
    built = read_property_number(host, "chosen/bootloader/build-timestamp")
    if built is None and dmi.bios_date:
        return float(parse_bios_date(dmi.bios_date))
    return float(built) if built else None


def _read_serial(host: Host) -> str | None:
    return read_serial(host) or read_product_serial(host)


COLLECTOR = Collector(
    name="identity",
    help="Which machine this is",
    readings=(Identity, RaspberryPi),
    read=read,
    options=Options(),
    interval=3600.0,
    max_age=300.0,
)
