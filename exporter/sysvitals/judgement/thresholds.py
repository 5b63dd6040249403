"""Where good ends and bad begins: the one source for alert rules, dashboards and the verdict on the page."""

from typing import NamedTuple


class Threshold(NamedTuple):
    """A number with its unit (a base unit, or what is counted) and the reason why it is this one and no other."""

    value: float
    unit: str
    why: str


# power
UNDERVOLTAGE_RECURS = Threshold(
    3, "events a day", "One dip may come from plugging something in; three are a weak supply."
)
UNDERVOLTAGE_RECENT = Threshold(
    1800, "seconds", "An alert that outlives a dip by half an hour is told once, however often dips follow each other."
)
THROTTLED_TIME = Threshold(0.10, "ratio", "A tenth of the time: a short peak does no harm, what lasts is felt.")
SOFT_LIMIT_TIME = Threshold(0.50, "ratio", "Half of the time: it costs a seventh of the clock and is meant to happen.")
INPUT_VOLTS_LOW = Threshold(
    4.8, "volts", "The detector trips at 4.63 V; below 4.8 V at the input nothing is left for a dip under load."
)
UNCLEAN_SHUTDOWNS_LOOP = Threshold(3, "boots an hour", "A board that starts three times in an hour does not stay up.")

# heat
THROTTLE_LIMIT = Threshold(
    85, "celsius", "Where a Raspberry Pi's firmware throttles hardest, unless it says otherwise (temp_limit)."
)
THROTTLE_MARGIN = Threshold(5, "celsius", "The firmware begins to slow the processor down 5 degrees below its limit.")
CRITICAL_MARGIN = Threshold(
    5, "celsius", "At a sensor's critical point the host is shut down at once, so the warning comes before it."
)
HIGH_MARGIN = Threshold(15, "celsius", "A sensor that gives a critical point only is warm this far below it.")
PROCESSOR_MARGIN = Threshold(
    5, "celsius", "A processor at work is meant to come near its critical point: 88 of 100 is an ordinary build."
)
PROCESSOR_CRITICAL_MARGIN = Threshold(
    2, "celsius", "A processor slows down at its critical point: what stays this near to it is not held by that."
)
UNLIMITED_HIGH = Threshold(
    96, "celsius", "What gives no limits of its own: some processors run at 95 by design, and none is made for more."
)
LIMIT_LEAST = Threshold(
    40, "celsius", "A limit that a warm room exceeds is none: some firmware gives 5 or 20.8 degrees for a processor."
)
HEAT_RISING = Threshold(1, "celsius in ten minutes", "What rises less is the weather, or noise.")
HEAT_PREDICTED = Threshold(1800, "seconds", "Half an hour is time to open a lid or to stop a job.")

# availability and the exporter itself
HOST_FLAPS = Threshold(4, "outages an hour", "Four times gone and come back: more than updates and their reboots do.")
EXPORTER_RESTARTS = Threshold(3, "restarts an hour", "Three times in an hour nobody restarts it on purpose.")
COLLECTOR_FAILING = Threshold(0.50, "ratio", "Half of the time: what it reads has more gaps than values.")
COLLECTOR_STALE = Threshold(3, "intervals", "One slow run and one failed run are chance; three missed ones are not.")
READ_ERRORS = Threshold(0.05, "errors a second", "A sensor that fails on most reads; a rare error is a bus's bad day.")
SCRAPE_INTERVAL_LONG = Threshold(
    120,
    "seconds",
    "Values are forgotten after five minutes, and a rate over five needs two scrapes, also if one fails.",
)
SCRAPE_INTERVAL_MARGIN = Threshold(1.1, "times", "A few scrapes of an hour may be missing.")
SCRAPE_SLOW = Threshold(5, "seconds", "Half of the timeout that Prometheus has by default: 10 s.")

# clock
CLOCK_ERROR = Threshold(1, "seconds", "Events of different hosts can no longer be put in order.")
CLOCK_DEVIATION = Threshold(5, "seconds", "A scrape tells it to 2 seconds or so: this is a wrong clock, and no delay.")

# filesystems: the part of the space that is used
FILESYSTEM_NEARLY_FULL = Threshold(0.90, "ratio", "Updates and logs of a small card need about this much room.")
FILESYSTEM_FULL = Threshold(0.97, "ratio", "Programs begin to fail, and nothing can be repaired without room.")
INODES_NEARLY_FULL = Threshold(0.90, "ratio", "Without a free inode no file can be made, however much space is left.")
INODES_FULL = Threshold(0.97, "ratio", "As with space.")
FILESYSTEM_FILLS_SOON = Threshold(86400, "seconds", "A day is time to look in the morning.")
FILESYSTEM_FILLS_NOW = Threshold(14400, "seconds", "Four hours: tonight.")
FILESYSTEM_HALF_FULL = Threshold(0.60, "ratio", "With more room than this, a day is enough to see where it leads.")
FILESYSTEM_MOSTLY_FULL = Threshold(0.80, "ratio", "With more room than this, nobody need get up for a guess.")
FILESYSTEM_ROOM = Threshold(20e9, "bytes", "A tenth of a large disk is no want of room; 20 GB and less is.")
FILESYSTEM_LITTLE_ROOM = Threshold(5e9, "bytes", "As above, for those who are woken.")
FILESYSTEM_SMALL = Threshold(
    128e6, "bytes", "Smaller disks hold a boot loader, or are a microcontroller's: as full as their maker left them."
)
BOOT_ROOM = Threshold(32e6, "bytes", "An update writes a kernel and its initramfs before it removes the old ones.")
FILESYSTEM_WRITABLE = Threshold(
    0.10, "ratio", "Of a day: one that is made writable for an update only, and is read-only again, is as it should be."
)

# memory
MEMORY_LOW = Threshold(0.90, "ratio", "Beyond it the kernel throws away the cache that programs run from.")
MEMORY_VERY_LOW = Threshold(0.97, "ratio", "The next larger program is killed, or the host stands still.")
MEMORY_STALLED = Threshold(0.10, "ratio", "A tenth of the time in which nothing got done for want of memory.")
MEMORY_ROOM = Threshold(1e9, "bytes", "A tenth of a large memory is no want of memory.")
SWAP_LEFT = Threshold(0.10, "ratio", "While there is swap, nothing need be killed.")
MEMORY_FILLS_SOON = Threshold(60, "minutes", "An hour is time to find the program and to restart it.")
MEMORY_MOSTLY_USED = Threshold(0.75, "ratio", "A database that warms up takes three quarters of the memory and stops.")
MEMORY_STEADY = Threshold(
    0.15,
    "ratio",
    "A leak takes about a third of a quarter of an hour's loss in each third of it; a program that starts takes all of "
    "its memory in one or two of them.",
)

# load and disks
LOAD_HIGH = Threshold(
    2,
    "tasks per CPU",
    "As many again wait as run: everything takes twice as long. One program that uses all CPUs, such as a video "
    "encoder, has one or one and a half threads for each.",
)
LOAD_VERY_HIGH = Threshold(
    4, "tasks per CPU", "Everything takes four times as long: too long to wait for. Only a colour goes by it."
)
LOAD_LEAST = Threshold(4, "tasks", "On one core two or three waiting tasks are an ordinary moment.")
NICED = Threshold(0.50, "ratio", "Half of the CPU time goes to work that was started to take what nobody else wants.")
BOOT_SETTLED = Threshold(
    900, "seconds", "While a small board boots it has more to do than it can, and links come and go."
)
CPU_BUSY = Threshold(0.90, "ratio", "Hardly any time is left. That is no fault by itself, so only a colour goes by it.")
CPU_WAITING = Threshold(0.50, "ratio", "Half of the time some task waited for a CPU.")
CPU_STOLEN = Threshold(
    0.20, "ratio", "A fifth of the time the CPUs served other virtual machines; a few percent are a busy neighbour."
)
DISK_BUSY = Threshold(0.95, "ratio", "The disk has no rest left; a small card gets there long before a large one.")
DISK_QUEUE = Threshold(10, "requests", "A busy disk alone harms nobody; ten requests that wait for it at any time do.")
DISK_SLOW = Threshold(
    1, "seconds", "A request takes a card hundredths of a second, and a second where it fails or is read again."
)
DISK_FEW_REQUESTS = Threshold(
    5,
    "requests a second",
    "In a backup many large requests wait for each other, and even a slow card completes ten a second.",
)
DISK_OFTEN_BUSY = Threshold(0.50, "ratio", "Half of the time: a disk that had to spin up first is slow only once.")
IO_STALLED = Threshold(0.30, "ratio", "Almost a third of the time in which nothing got done but waiting for a disk.")
TASKS_BLOCKED = Threshold(2, "tasks", "A lone copy makes itself wait, and the kernel's writer; others do not notice.")
STORAGE_WORN = Threshold(0.8, "ratio", "Above 70 percent of an eMMC's life: time to order another.")
STORAGE_WORN_OUT = Threshold(1.0, "ratio", "Above 90 percent: the maker promises nothing soon.")
UNMOUNTED_BEFORE = Threshold(
    900,
    "seconds",
    "A disk that goes so soon after its last mount was unmounted to be taken away. A mount that has been missing for "
    "longer has been reported.",
)

# network
NETWORK_ERRORS = Threshold(0.01, "ratio", "One packet of a hundred: a bad cable, port or radio link.")
NETWORK_PACKETS = Threshold(1000, "packets in fifteen minutes", "The ratio of fewer says nothing.")
NETWORK_DROPS = Threshold(0.05, "ratio", "One packet in twenty: connections slow down to a crawl.")
NETWORK_DROPS_LEAST = Threshold(
    4500,
    "packets in fifteen minutes",
    "Five a second: a host drops multicasts that no program of it asked for, a few a second in any network.",
)
LINK_FLAPS = Threshold(6, "changes in ten minutes", "Three times gone and come back; one replugging is two changes.")
LINK_WAS_UP = Threshold(0.50, "ratio", "Of a day: what is mostly unplugged is not missed.")
LINK_WAS_FAST = Threshold(0.50, "ratio", "Of a day: what a link seldom has, as at another desk, is not missed.")
WIFI_WEAK = Threshold(-75, "dBm", "Below it rates fall and packets are lost; below -80 the link breaks.")
