"""What the memory is used for, and what it costs where there is too little of it."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Counter, Detail, Gauge
from sysvitals.model.reading import Reading, tells
from sysvitals.sources.proc.lxcfs import read_lxcfs
from sysvitals.sources.proc.meminfo import Meminfo, read_meminfo
from sysvitals.sources.proc.vmstat import Vmstat, read_vmstat


def _bytes(name: str, line: str, text: str, *, summary: bool = False) -> Gauge:
    return Gauge(name, unit="bytes", help=text, origin=f"/proc/meminfo {line}", summary=summary)


def _count(name: str, line: str, text: str, *, summary: bool = False) -> Counter:
    return Counter(name, help=text, origin=f"/proc/vmstat {line}", summary=summary)


_TOTAL = _bytes("memory_size", "MemTotal", "Memory that the kernel has, without what it and firmware reserved at boot.")
_AVAILABLE_HELP = "Memory that programs could still have without swapping: the number to watch."
_AVAILABLE = _bytes("memory_available", "MemAvailable", _AVAILABLE_HELP, summary=True)
_FREE = _bytes("memory_free", "MemFree", "Memory used for nothing at all, which is no measure of what is left.")
_BUFFERS = _bytes("memory_buffers", "Buffers", "Cache of raw disk blocks.")
_CACHED = _bytes("memory_cached", "Cached", "Cache of files, shared memory and tmpfs among it.")
_SHMEM = _bytes("memory_shmem", "Shmem", "Shared memory and tmpfs, which can go to swap only.")
_RECLAIMABLE_HELP = "Kernel's own objects that it can give back, such as cached names of files."
_RECLAIMABLE = _bytes("memory_slab_reclaimable", "SReclaimable", _RECLAIMABLE_HELP)
_UNRECLAIMABLE = _bytes("memory_slab_unreclaimable", "SUnreclaim", "Kernel's own objects that it cannot give back.")
_DIRTY = _bytes("memory_dirty", "Dirty", "Data that waits to be written to disk, and is lost if the power fails.")
_WRITEBACK = _bytes("memory_writeback", "Writeback", "Data that is being written to disk.")
_SWAP_TOTAL = _bytes("memory_swap_size", "SwapTotal", "Swap space, on disk or compressed in memory (zram).")
_SWAP_FREE = _bytes("memory_swap_free", "SwapFree", "Swap space that is not used.")
_KILLS = _count(
    "memory_oom_kills", "oom_kill", "Tasks that the kernel killed since boot because memory ran out.", summary=True
)
_FAULTS_HELP = "Times since boot that a task had to wait for a page from disk."
_FAULTS = _count("memory_major_page_faults", "pgmajfault", _FAULTS_HELP)
_IN = _count("memory_swapped_in_pages", "pswpin", "Pages read back from swap since boot.")
_OUT = _count("memory_swapped_out_pages", "pswpout", "Pages written to swap since boot.")


class MemoryUsage(Reading, event="system.memory.usage.updated"):
    """Memory and swap of the whole host."""

    used_percent: Annotated[
        float | None, Detail("Memory that is not available to programs.", unit="percent", summary=True)
    ] = None
    swap_used_percent: Annotated[float | None, Detail("Swap space that is used.", unit="percent", summary=True)] = None
    total: Annotated[int | None, _TOTAL] = None
    available: Annotated[int | None, _AVAILABLE] = None
    free: Annotated[int | None, _FREE] = None
    buffers: Annotated[int | None, _BUFFERS] = None
    cached: Annotated[int | None, _CACHED] = None
    shmem: Annotated[int | None, _SHMEM] = None
    slab_reclaimable: Annotated[int | None, _RECLAIMABLE] = None
    slab_unreclaimable: Annotated[int | None, _UNRECLAIMABLE] = None
    dirty: Annotated[int | None, _DIRTY] = None
    writeback: Annotated[int | None, _WRITEBACK] = None
    swap_total: Annotated[int | None, _SWAP_TOTAL] = None
    swap_free: Annotated[int | None, _SWAP_FREE] = None
    oom_kills: Annotated[int | None, _KILLS] = None
    major_page_faults: Annotated[int | None, _FAULTS] = None
    pages_swapped_in: Annotated[int | None, _IN] = None
    pages_swapped_out: Annotated[int | None, _OUT] = None


def read(host: Host) -> Iterator[MemoryUsage | Fault | Unavailable]:
    """One reading of the whole host; without the counts where only those cannot be read."""
    lxcfs = read_lxcfs(host)
    sizes, counts = read_meminfo(host), _UNKNOWN
    yield from sizes.faults
    if lxcfs:
        yield Unavailable("page faults, swapped pages and OOM kills: /proc/vmstat has those of the container's host")
    else:
        found = read_vmstat(host) or _UNKNOWN
        if isinstance(found, Fault):
            yield found
        else:
            counts = found
            yield from counts.faults
    unknown = _unknown_to_lxcfs(sizes) if "meminfo" in lxcfs else ()
    reading = MemoryUsage(
        used_percent=_used_percent(sizes.total, sizes.available),
        swap_used_percent=_used_percent(sizes.swap_total, sizes.swap_free),
        **{name: getattr(sizes, name) for name in _SIZES if name not in unknown},
        **{name: getattr(counts, name) for name in _COUNTS},
    )
    if tells(reading):
        yield reading


def _unknown_to_lxcfs(sizes: Meminfo) -> list[str]:
    """Sizes of which lxcfs prints 0 where it does not know the container's share; of swap, where there is no limit."""
    zeros = [name for name in _ZERO_IF_UNKNOWN if not getattr(sizes, name)]
    return [*zeros, "swap_free"] if "swap_total" in zeros else zeros


def _used_percent(total: int | None, left: int | None) -> float | None:
    if not total or left is None:
        return None
    return round(100 * (1 - left / total), 2)


_UNKNOWN = Vmstat()
_COUNTS = ("oom_kills", "major_page_faults", "pages_swapped_in", "pages_swapped_out")
_SIZES = (
    "total", "available", "free", "buffers", "cached", "shmem", "slab_reclaimable", "slab_unreclaimable", "dirty",
    "writeback", "swap_total", "swap_free",
)  # fmt: skip
_ZERO_IF_UNKNOWN = ("buffers", "slab_reclaimable", "slab_unreclaimable", "dirty", "writeback", "swap_total")

COLLECTOR = Collector(name="memory", help="Memory and swap", readings=(MemoryUsage,), read=read)
