"""Which cards and drives there are, and how worn those are that tell."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable
from sysvitals.model.metric import Detail, Gauge, Info, Label
from sysvitals.model.reading import Reading
from sysvitals.sources.sys.mmc import Card, list_cards, read_card
from sysvitals.sources.sys.nvme import Drive, list_drives, read_drive

_CARD = "/sys/block/mmcblk*/device/"
_life = Gauge(
    "storage_life_used",
    unit="ratio",
    help=(
        "Used part of an eMMC's life, known by tenths: 0.3 means between 20 and 30 percent, 1.1 means beyond its end. "
        "Area a is the faster and tougher memory (SLC) where a chip has two kinds. Read by the kernel at boot."
    ),
    origin=_CARD + "life_time",
)
_pre_eol = Gauge(
    "storage_pre_eol",
    help=(
        "1 for the state of an eMMC's spare blocks: normal, warning once 80 percent of them are used, urgent once 90 "
        "percent are. Read by the kernel at boot."
    ),
    origin=_CARD + "pre_eol_info",
)


def _describe(help_text: str) -> Info:
    return Info("storage", help=help_text, origin=f"{_CARD}*, /sys/block/nvme*/device/*")


class StorageWear(Reading, event="system.storage.wear.updated"):
    """One card or drive. Only eMMC has wear series: what NVMe drives and a few industrial SD cards know takes root."""

    device: Annotated[
        str,
        Label("The kernel's name: `mmcblk0`, `nvme0n1`. With several of a kind it may be another's after a reboot."),
    ]
    type: Annotated[str, _describe("`SD`, `MMC` (eMMC) or `NVMe`.")]
    model: Annotated[str | None, _describe("The name that it gives itself.")] = None
    manufacturer: Annotated[str | None, _describe("Number of the maker of a card or eMMC: `0x000015`.")] = None
    manufactured: Annotated[str | None, _describe("Month in which a card or eMMC was made: `08/2021`.")] = None
    firmware: Annotated[str | None, _describe("Version of an NVMe drive's firmware.")] = None
    state: Annotated[str | None, _describe("State of an NVMe drive: `live` when all is well.")] = None
    chip: Annotated[
        str | None, _describe("Label of an NVMe drive's temperatures, which stays with the drive: join by it.")
    ] = None
    wear_known: Annotated[
        bool, Detail("Whether its wear is known without root: that of eMMC, not that of SD cards and NVMe drives.")
    ]
    life_used_a: Annotated[float | None, _life.at(area="a")] = None
    life_used_b: Annotated[float | None, _life.at(area="b")] = None
    pre_eol_normal: Annotated[bool | None, _pre_eol.at(state="normal")] = None
    pre_eol_warning: Annotated[bool | None, _pre_eol.at(state="warning")] = None
    pre_eol_urgent: Annotated[bool | None, _pre_eol.at(state="urgent")] = None


def find(host: Host) -> Iterator[Probe]:
    """One probe a card or drive."""
    cards, drives = list_cards(host), list_drives(host)
    if not cards and not drives:
        raise Unavailable("no SD card, eMMC or NVMe drive (the wear of other disks is in SMART, which needs root)")
    for device in cards:
        yield Probe(device, partial(read, host, device, read_card))
    for device in drives:
        yield Probe(device, partial(read, host, device, read_drive))


def read(
    host: Host, device: str, read_device: Callable[[Host, str], Card | Drive | None]
) -> Iterator[StorageWear | Fault]:
    """The reading of one card or drive; none where it was taken out."""
    found = attempt(device, read_device, host, device)
    match found:
        case Card():
            yield from (part for part in (found.life_time, found.pre_eol) if isinstance(part, Fault))
            yield _build_card(found)
        case Drive():
            yield StorageWear(
                device=found.device,
                type="NVMe",
                model=found.model,
                firmware=found.firmware,
                state=found.state,
                chip=found.chip,
                wear_known=False,
            )
        case Fault():
            yield found


def _build_card(card: Card) -> StorageWear:
    areas = (0, 0) if card.life_time is None or isinstance(card.life_time, Fault) else card.life_time
    life_a, life_b = (tenths / 10 if tenths else None for tenths in areas)
    # 0 is the standard's "not defined"
    pre_eol = card.pre_eol if isinstance(card.pre_eol, int) and card.pre_eol else None
    return StorageWear(
        device=card.device,
        type=card.type,
        model=card.name,
        manufacturer=card.manufacturer,
        manufactured=card.date,
        wear_known=life_a is not None or life_b is not None or pre_eol is not None,
        life_used_a=life_a,
        life_used_b=life_b,
        pre_eol_normal=None if pre_eol is None else pre_eol == 1,
        pre_eol_warning=None if pre_eol is None else pre_eol == 2,
        pre_eol_urgent=None if pre_eol is None else pre_eol == 3,
    )


COLLECTOR = Collector(
    name="storage_wear",
    help="Wear of eMMC, and which cards and drives there are",
    readings=(StorageWear,),
    find=find,
    subsystems=("block", "mmc", "nvme"),
    interval=3600.0,
    max_age=300.0,
)
