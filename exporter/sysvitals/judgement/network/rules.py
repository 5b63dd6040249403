"""The rules of this subject for Prometheus: never imported by the program."""

from sysvitals.judgement.left_alone import LINK
from sysvitals.judgement.network import judge
from sysvitals.judgement.rule import Alert, Subject, beside, still_firing
from sysvitals.judgement.texts import tell
from sysvitals.judgement.thresholds import (
    BOOT_SETTLED,
    LINK_FLAPS,
    LINK_WAS_FAST,
    LINK_WAS_UP,
    NETWORK_DROPS,
    NETWORK_DROPS_LEAST,
    NETWORK_ERRORS,
    NETWORK_PACKETS,
    WIFI_WEAK,
)

_REAL = f'device!~"{judge.VIRTUAL}"'
"""Not bridges, bonds and VLANs, which repeat their members, nor tunnels, which have no wire."""

_DEVICE = "job, instance, device"


_PACKETS_ONLY = """{function}(system_network_receive_packets_total[15m])
  + {function}(system_network_transmit_packets_total[15m])"""
_PACKETS = f"""{_PACKETS_ONLY}
  + {{function}}(system_network_receive_errs_total[15m])
  + {{function}}(system_network_transmit_errs_total[15m])"""

ERRORS = Alert(
    **beside(judge.ERRORS),
    value=f"""(
  rate(system_network_receive_errs_total{{{_REAL}}}[15m])
  + rate(system_network_transmit_errs_total[15m])
)
/
(
  {_PACKETS.format(function="rate")}
)""",
    compares=">",
    threshold=NETWORK_ERRORS,
    condition=f"""and (
  {_PACKETS.format(function="increase")}
) > {NETWORK_PACKETS.value:g}
{LINK.unless}""",
    summary="{{ $labels.instance }}: {{ $value | humanizePercentage }} of the packets on {{ $labels.device }} fail",
    description=(
        "Of the packets that {{ $labels.device }} of {{ $labels.instance }} receives and sends, {{ $value | "
        "humanizePercentage }} are damaged or cannot be sent. Change the cable, then the port of the switch; see "
        "`ethtool -S {{ $labels.device }}` and `ip -s -s link show {{ $labels.device }}`."
    ),
    why=(
        f"{NETWORK_PACKETS.why} Over fifteen minutes and for fifteen more: a plug that is pulled or a switch that "
        "restarts makes errors, too. Tunnels are left out, whose errors are peers that are away."
    ),
)

_DROPS = f"""(
  {{function}}(system_network_receive_drop_total{{{{{_REAL}}}}}[15m])
  + {{function}}(system_network_transmit_drop_total[15m])
)"""

DROPPED = Alert(
    **beside(judge.DROPPED),
    value=f"""{_DROPS.format(function="rate")}
/
(
  {_DROPS.format(function="rate")}
  + {_PACKETS_ONLY.format(function="rate")}
)""",
    compares=">",
    threshold=NETWORK_DROPS,
    condition=f"""and {_DROPS.format(function="increase")} > {NETWORK_DROPS_LEAST.value:g}
{LINK.unless}""",
    summary="{{ $labels.instance }}: {{ $labels.device }} drops {{ $value | humanizePercentage }} of the packets",
    description=(
        "Of the packets of {{ $labels.device }} of {{ $labels.instance }} {{ $value | humanizePercentage }} are thrown "
        "away by the kernel or the network card. On arrival: the host is too slow for them, or its buffers are small "
        "(`ethtool -g {{ $labels.device }}`). When sent: the link is full. Which: `ip -s -s link show "
        "{{ $labels.device }}`."
    ),
    why=(
        f"{NETWORK_DROPS_LEAST.why} Over fifteen minutes and for fifteen more, as with damaged packets: a burst is "
        "over by then."
    ),
)

FLAPPING = Alert(
    **beside(judge.FLAPPING),
    value=f"system_network_carrier_changes_total{{{_REAL}}} - system_network_carrier_changes_total offset 10m",
    compares=">=",
    threshold=LINK_FLAPS,
    condition=f"unless on (job, instance) system_uptime_seconds < {BOOT_SETTLED.value:g}\n{LINK.unless}",
    summary='{{ $labels.instance }}: the link of {{ $labels.device }} came or went {{ $value | printf "%.0f" }} times',
    description=(
        "Within ten minutes the link of {{ $labels.device }} of {{ $labels.instance }} came or went {{ $value | "
        'printf "%.0f" }} times. Change the cable, then the port; for Wi-Fi look at the signal; and at the supply, '
        'which a USB network adapter feels first. When exactly: `journalctl -k --grep "{{ $labels.device }}"`.'
    ),
    why=(
        f"A difference, because increase() makes seven of six changes at the edges of its window. {BOOT_SETTLED.why} "
        "Kept for half an hour: a link that flaps does so by fits, and is one alert."
    ),
)

_DAY = "min by (job, instance) (count_over_time(up[1d]))"
"""The scrapes of a day, also of a host that slept. Of two targets with other labels, what the newer one has."""

DOWN = Alert(
    **beside(judge.DOWN),
    value=f"system_network_carrier{{{_REAL}}}",
    threshold=0,
    condition=f"""and on ({_DEVICE}) (
  sum_over_time(system_network_carrier[1d]) > on (job, instance) group_left () {LINK_WAS_UP.value:g} * {_DAY}
  or
  max_over_time(system_network_carrier[1d]) == 1
  and on ({_DEVICE})
  {still_firing("LinkDown", "warning")}
)
{LINK.unless}""",
    summary="{{ $labels.instance }}: {{ $labels.device }} has lost its link",
    description=(
        "{{ $labels.device }} of {{ $labels.instance }} had a link for most of the last day and has none for fifteen "
        "minutes; the host answers by another way. Is the cable in, the switch or the access point on? If it was "
        "unplugged on purpose, this ends after a day."
    ),
    why=(
        "A warning, as a weak link is: the host still answers, but what was to be there is not. Once it fires it goes "
        "on until the link is up again; what was down for a whole day is taken for intended. A device that is switched "
        "off has no series and is not missed. Of the whole day: while a laptop sleeps, its link is not up."
    ),
)

_SPEED, _MOST = "system_network_speed_bytes", "max_over_time(system_network_speed_bytes[1d])"

SLOW = Alert(
    **beside(judge.SLOW),
    value=f"8 * system_network_speed_bytes{{{_REAL}}}",
    compares="<",
    threshold=f"8 * {_MOST}",
    condition=f"""and on ({_DEVICE}) (
  (sum_over_time({_SPEED}[1d]) - count_over_time({_SPEED}[1d]) * {_SPEED}) / ({_MOST} - {_SPEED})
  > on (job, instance) group_left () {LINK_WAS_FAST.value:g} * {_DAY}
  or
  system_network_speed_bytes
  and on ({_DEVICE})
  {still_firing("LinkSlow", "warning")}
)
{LINK.unless}""",
    summary="{{ $labels.instance }}: {{ $labels.device }} runs at {{ $value | humanize }}bit/s only",
    description=(
        "{{ $labels.device }} of {{ $labels.instance }} has negotiated {{ $value | humanize }}bit/s"
        + tell(
            "8 * max_over_time(system_network_speed_bytes{SAME}[1d])",
            "; within the last day it had up to {{ VALUE | humanize }}bit/s",
            labels=("job", "instance", "device"),
        )
        + ". Change the cable: both ends agree on less where a wire is broken, a plug is worn or the cable is of a "
        "lower category. Then try another port of the switch. If it is meant, this ends after a day."
    ),
    why=(
        f"{LINK_WAS_FAST.why} A link that never was faster is as it is. A quarter of an hour: a switch that restarts "
        "negotiates more than once. Once it fires it goes on until the link is as fast again; what was so for a whole "
        "day is taken for intended."
    ),
)

WEAK = Alert(
    **beside(judge.WEAK),
    value="avg_over_time(system_wifi_signal_dbm[15m])",
    compares="<",
    threshold=WIFI_WEAK,
    condition=f"unless on ({_DEVICE}) system_wifi_associated == 0\n{LINK.unless}",
    summary='{{ $labels.instance }}: weak Wi-Fi, {{ $value | printf "%.0f" }} dBm on {{ $labels.device }}',
    description=(
        '{{ $labels.device }} of {{ $labels.instance }} hears its access point with {{ $value | printf "%.0f" }} dBm '
        "on average: packets are lost and sent again, and the link may break. Move the board or its antenna out of "
        "metal and away from USB 3 plugs and HDMI, or bring the access point nearer. See `iw dev {{ $labels.device "
        "}} link`."
    ),
    why=(
        "Averaged over a quarter of an hour and for another: people, doors and microwave ovens come and go. Without "
        "an access point there is no signal, and nothing is said."
    ),
)

SUBJECT = Subject(
    name="network",
    help="Links that lose packets, flap, or are down, slow or weak.",
    interval="1m",  # nothing here is a matter of seconds, and a look back over a day costs time
    rules=(ERRORS, DROPPED, FLAPPING, DOWN, SLOW, WEAK),
)
