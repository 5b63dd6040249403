"""Where good ends and bad begins: the one source for alert rules, dashboards and the verdict on the page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number with its unit (a base unit, or what is counted) and the reason why it is this one and no other."""

    value: float
    unit: str
    why: str


# power
UNDERVOLTAGE_RECURS = Threshold(
    3, "events a day", "One dip may come from plugging something in; three are a weak supply."
)
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
HEAT_PREDICTED = Threshold(1800, "seconds", "Half an hour is time to open a lid or to stop a job.")

# availability and the exporter itself
COLLECTOR_STALE = Threshold(3, "intervals", "One slow run and one failed run are chance; three missed ones are not.")
READ_ERRORS = Threshold(0.05, "errors a second", "A sensor that fails on most reads; a rare error is a bus's bad day.")

# clock
CLOCK_ERROR = Threshold(1, "seconds", "Events of different hosts can no longer be put in order.")

# filesystems: the part of the space that is used
FILESYSTEM_NEARLY_FULL = Threshold(0.90, "ratio", "Updates and logs of a small card need about this much room.")
FILESYSTEM_FULL = Threshold(0.97, "ratio", "Programs begin to fail, and nothing can be repaired without room.")
INODES_NEARLY_FULL = Threshold(0.90, "ratio", "Without a free inode no file can be made, however much space is left.")
INODES_FULL = Threshold(0.97, "ratio", "As with space.")
FILESYSTEM_FILLS_SOON = Threshold(86400, "seconds", "A day is time to look in the morning.")
FILESYSTEM_FILLS_NOW = Threshold(14400, "seconds", "Four hours: tonight.")

# memory
MEMORY_LOW = Threshold(0.90, "ratio", "Beyond it the kernel throws away the cache that programs run from.")
MEMORY_VERY_LOW = Threshold(0.97, "ratio", "The next larger program is killed, or the host stands still.")
MEMORY_STALLED = Threshold(0.10, "ratio", "A tenth of the time in which nothing got done for want of memory.")

# load and disks
LOAD_HIGH = Threshold(2, "tasks per CPU", "As many again wait as run: everything takes twice as long.")
CPU_WAITING = Threshold(0.50, "ratio", "Half of the time some task waited for a CPU.")
DISK_BUSY = Threshold(0.95, "ratio", "The disk has no rest left; a small card gets there long before a large one.")
IO_STALLED = Threshold(0.30, "ratio", "Almost a third of the time in which nothing got done but waiting for a disk.")
STORAGE_WORN = Threshold(0.8, "ratio", "Above 70 percent of an eMMC's life: time to order another.")
STORAGE_WORN_OUT = Threshold(1.0, "ratio", "Above 90 percent: the maker promises nothing soon.")

# network
NETWORK_ERRORS = Threshold(0.01, "ratio", "One packet of a hundred: a bad cable, port or radio link.")
LINK_FLAPS = Threshold(6, "changes in ten minutes", "Three times gone and come back; one replugging is two changes.")
WIFI_WEAK = Threshold(-75, "dBm", "Below it rates fall and packets are lost; below -80 the link breaks.")
