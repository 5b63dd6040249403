"""One colour for one meaning, on every dashboard. Names are Grafana's own, which suit its dark and its light theme.

Green, orange and red say how good something is and nothing else; what only has to be told apart gets another colour.
"""

GOOD = "green"
INFO = "blue"
WARNING = "orange"
CRITICAL = "red"
CALM = "rgba(115, 191, 105, 0.28)"
"""Good, where so much of it is shown that it must not outshine the rest."""

WATCHING = "rgba(87, 148, 242, 0.65)"
"""Something is about to be worse, or is no trouble yet."""

CLEAR = "transparent"
"""No colour behind a value that is neither good nor bad, or that is not known."""

UNKNOWN = "#8e8e8e"
"""Not known: no detector, no sensor, or a host that is asleep."""

PLAIN = "text"
"""A value that is neither good nor bad."""

FADED = "rgba(142, 142, 142, 0.28)"
"""Not known, where so much of it is shown that it must not outshine the rest."""

BOOT = "purple"
UNDERVOLTAGE = CRITICAL
THROTTLED = WARNING
FREQUENCY_CAPPED = "yellow"
UNDERVOLTAGE_MARK = "rgba(242, 73, 92, 0.45)"
REBOOT_MARK = "rgba(184, 119, 217, 0.8)"
"""Marks lie over every chart of a dashboard, and must not hide what is drawn there."""

SEVERITIES = {"critical": CRITICAL, "warning": WARNING, "info": INFO, "none": UNKNOWN}

HIGH_LIMIT = WARNING
CRITICAL_LIMIT = CRITICAL

READ = "blue"
WRITE = "purple"
DEVICES = ("blue", "purple", "yellow", "super-light-blue", "dark-purple", "dark-blue", "light-purple", "light-blue")
"""Of disks and links: each keeps its colour in every chart, in both directions."""

NAMED = (
    "blue",
    "yellow",
    "purple",
    "#2fb8c9",
    "#e58fc3",
    "dark-blue",
    "super-light-purple",
    "dark-yellow",
    "super-light-blue",
    "dark-purple",
)
"""Of hosts, sensors and fans, by their names: none that says how good something is."""

LOADS = ("super-light-blue", "purple", "yellow")
"""Of the mean of 1, 5 and 15 minutes."""

USER = "blue"
NICE = "super-light-blue"
SYSTEM = "purple"
IOWAIT = "yellow"
INTERRUPTS = "light-purple"
SOFT_INTERRUPTS = "dark-purple"
STEAL = "dark-yellow"

USED = "blue"
CACHE = "super-light-blue"
SWAP = "purple"
SIZE = UNKNOWN

REQUESTED = UNKNOWN
WAITING = "yellow"
