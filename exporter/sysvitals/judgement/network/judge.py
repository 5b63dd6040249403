"""Links that lose packets, flap, are down, slow or weak: as the host judges them."""

import re
from collections.abc import Iterable, Iterator, Mapping

from sysvitals.judgement.judgement import DAY_SECONDS, Facts, Finding, Judgement, Watch
from sysvitals.judgement.left_alone import LINK
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
from sysvitals.model.unit import format_value

VIRTUAL = "(bond|br|can|gre|ip6|ipvlan|macv|ppp|sit|tailscale|team|tun|vcan|vlan|wg|zt).*|.*[.@].*"
"""Bridges, bonds and VLANs, which repeat their members, and tunnels, which have no wire: matches as a whole."""

_is_virtual = re.compile(VIRTUAL).fullmatch

_ERRORS = ("system_network_receive_errs_total", "system_network_transmit_errs_total")
_DROPS = ("system_network_receive_drop_total", "system_network_transmit_drop_total")
_PACKETS = ("system_network_receive_packets_total", "system_network_transmit_packets_total")
_CARRIER, _CHANGES = "system_network_carrier", "system_network_carrier_changes_total"
_SPEED = "system_network_speed_bytes"
_SIGNAL, _ASSOCIATED = "system_wifi_signal_dbm", "system_wifi_associated"
_QUARTER, _FLAP_SECONDS = 900.0, 600.0


def _find_errors(facts: Facts) -> Iterator[Finding]:
    for labels, _ in facts.rows(_ERRORS[0], unless=LINK):
        device, errors = labels["device"], _grown(facts, _ERRORS, labels)
        if not errors or _is_virtual(device):
            continue
        packets = _grown(facts, _PACKETS, labels)
        if packets is None or packets + errors <= NETWORK_PACKETS.value:
            continue
        part = errors / (packets + errors)
        if part > NETWORK_ERRORS.value:
            text = f"{100 * part:.1f} % of the packets of {device} are damaged or cannot be sent"
            yield Finding((device,), text, part, cause=f"link {device}")


def _find_drops(facts: Facts) -> Iterator[Finding]:
    for labels, received, sent in facts.rows(*_DROPS, unless=LINK):
        device = labels["device"]
        if received + (sent or 0.0) <= NETWORK_DROPS_LEAST.value or _is_virtual(device):
            continue
        drops = _grown(facts, _DROPS, labels)
        if drops is None or drops <= NETWORK_DROPS_LEAST.value:
            continue
        packets = _grown(facts, _PACKETS, labels)
        if packets is not None and (part := drops / (packets + drops)) > NETWORK_DROPS.value:
            text = f"{100 * part:.1f} % of the packets of {device} are dropped"
            yield Finding((device,), text, part, cause=f"link {device}")


def _grown(facts: Facts, counters: Iterable[str], labels: Mapping[str, str]) -> float | None:
    """By how much these counters grew together; None where one of them is not known."""
    counts = [facts.growth(counter, labels, _QUARTER) for counter in counters]
    return None if None in counts else sum(count for count in counts if count is not None)


def _find_flapping(facts: Facts) -> Iterator[Finding]:
    if facts.uptime < BOOT_SETTLED.value:
        return
    for labels, _ in facts.rows(_CHANGES, unless=LINK):
        device, flaps = labels["device"], facts.growth(_CHANGES, labels, _FLAP_SECONDS)
        if flaps is not None and flaps >= LINK_FLAPS.value and not _is_virtual(device):
            text = f"The link of {device} came or went {flaps:.0f} times within ten minutes"
            yield Finding((device,), text, flaps, cause=f"link {device}")


def _find_down(facts: Facts) -> Iterator[Finding]:
    for labels, carrier in facts.rows(_CARRIER, unless=LINK):
        device = labels["device"]
        if carrier or _is_virtual(device):
            continue
        part = (facts.average(_CARRIER, labels, DAY_SECONDS) or 0.0) * facts.presence(_CARRIER, labels, DAY_SECONDS)
        # what fires goes on until the link is up, or was down for a day
        goes_on = facts.is_firing("LinkDown", "warning", (device,)) and facts.most(_CARRIER, labels, DAY_SECONDS)
        if part > LINK_WAS_UP.value or goes_on:
            yield Finding((device,), f"The link of {device} is down", cause=f"link {device}")


def _find_slow(facts: Facts) -> Iterator[Finding]:
    for labels, speed in facts.rows(_SPEED, unless=LINK):
        device, most = labels["device"], facts.most(_SPEED, labels, DAY_SECONDS)
        if most is None or speed >= most or _is_virtual(device):
            continue
        mean = facts.average(_SPEED, labels, DAY_SECONDS) or 0.0
        part = (mean - speed) / (most - speed) * facts.presence(_SPEED, labels, DAY_SECONDS)
        # what fires goes on until the link is as fast again, or was not for a day
        if part > LINK_WAS_FAST.value or facts.is_firing("LinkSlow", "warning", (device,)):
            now, before = format_value(speed, "link speed"), format_value(most, "link speed")
            yield Finding((device,), f"{device} runs at {now} instead of up to {before}", cause=f"link {device}")


def _find_weak(facts: Facts) -> Iterator[Finding]:
    for labels, _, associated in facts.rows(_SIGNAL, _ASSOCIATED, unless=LINK):
        device, signal = labels["device"], facts.average(_SIGNAL, labels, _QUARTER)
        if signal is not None and signal < WIFI_WEAK.value and associated != 0:
            text = f"Weak Wi-Fi: {format_value(round(signal), 'dbm')} on {device}"
            yield Finding((device,), text, -signal, cause=f"link {device}")
    for labels, associated in facts.rows(_ASSOCIATED, unless=LINK):
        device = labels["device"]
        # it must not look better when a signal that was weak is lost
        if associated == 0 and facts.is_firing("WifiWeak", "warning", (device,)):
            yield Finding((device,), f"No Wi-Fi on {device}, its signal was weak before", cause=f"link {device}")


ERRORS = Judgement(
    alert="NetworkErrors",
    severity="warning",
    area="network",
    find=_find_errors,
    lasts=900,
    keeps=900,
    watches=tuple(Watch(counter, _QUARTER) for counter in (*_ERRORS, *_PACKETS)),
    remedy="Change the cable, then the port of the switch. `ip -s -s link` shows the kind of errors.",
)
DROPPED = Judgement(
    alert="PacketsDropped",
    severity="warning",
    area="network",
    find=_find_drops,
    lasts=900,
    keeps=900,
    watches=tuple(Watch(counter, _QUARTER) for counter in (*_DROPS, *_PACKETS)),
    remedy="`ip -s -s link` shows whether they are dropped on arrival or before they are sent. Is the CPU busy?",
)
FLAPPING = Judgement(
    alert="LinkFlapping",
    severity="warning",
    area="network",
    find=_find_flapping,
    keeps=1800,
    watches=(Watch(_CHANGES, _FLAP_SECONDS),),
    remedy=(
        "Change the cable, then the port; for Wi-Fi look at the signal. A weak power supply does this to USB adapters."
    ),
)
DOWN = Judgement(
    alert="LinkDown",
    severity="warning",
    area="network",
    find=_find_down,
    lasts=900,
    keeps=300,
    fades=True,
    watches=(Watch(_CARRIER, DAY_SECONDS),),
    remedy="Check the cable, and whether the switch or the access point is on.",
)
SLOW = Judgement(
    alert="LinkSlow",
    severity="warning",
    area="network",
    find=_find_slow,
    lasts=900,
    keeps=300,
    fades=True,
    watches=(Watch(_SPEED, DAY_SECONDS),),
    remedy="Change the cable: a wire is broken, or a plug is worn. Then try another port of the switch.",
)
WEAK = Judgement(
    alert="WifiWeak",
    severity="warning",
    area="network",
    find=_find_weak,
    lasts=900,
    keeps=1800,
    watches=(Watch(_SIGNAL, _QUARTER),),
    remedy="Move the board or its antenna out of metal and away from USB 3 plugs, or bring the access point nearer.",
)

JUDGEMENTS = (ERRORS, DROPPED, FLAPPING, DOWN, SLOW, WEAK)
