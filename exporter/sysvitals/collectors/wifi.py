"""How well each Wi-Fi device hears its access point."""

from collections.abc import Iterator
from typing import Annotated

from sysvitals.host.files import attempt
from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Unavailable
from sysvitals.model.metric import Counter, Gauge, Label
from sysvitals.model.plausible import NOISE, SIGNAL, Kind
from sysvitals.model.reading import Reading, tells
from sysvitals.sources.proc.wireless import Wireless, read_wireless
from sysvitals.sources.sys.netclass import read_carrier, read_wifi_devices

_ORIGIN = "/proc/1/net/wireless"
_discarded = Counter(
    "wifi_discarded_packets",
    help="Packets given up after retries, and packets received but not usable; starts again with each access point.",
    origin=_ORIGIN,
)


class Wifi(Reading, event="system.wifi.updated"):
    """One Wi-Fi device."""

    device: Annotated[str, Label("The kernel's name of the device: `wlan0`.")]
    associated: Annotated[
        bool | None,
        Gauge(
            "wifi_associated",
            help=(
                "1 while connected to an access point, 0 while not. No series for a device that is an access point "
                "itself, nor for one whose driver keeps silent, as those for Wi-Fi 7 do."
            ),
            origin=_ORIGIN + ", /sys/class/net/*/carrier",
            summary=True,
        ),
    ] = None
    signal: Annotated[
        int | None,
        Gauge(
            "wifi_signal",
            unit="dbm",
            help="Strength of the signal: -50 is strong, -70 fair, below -80 hardly usable.",
            origin=_ORIGIN,
            summary=True,
        ),
    ] = None
    link_quality: Annotated[
        float | None,
        Gauge(
            "wifi_link_quality",
            unit="ratio",
            help="Quality of the link from 0 to 1; with most drivers the signal in other words (-110 to -40 dBm).",
            origin=_ORIGIN,
        ),
    ] = None
    noise: Annotated[
        int | None,
        Gauge("wifi_noise", unit="dbm", help="Strength of the noise; most drivers do not report it.", origin=_ORIGIN),
    ] = None
    discarded_retry: Annotated[int | None, _discarded.at(reason="retry")] = None
    discarded_misc: Annotated[int | None, _discarded.at(reason="misc")] = None


def read(host: Host) -> Iterator[Wifi | Fault]:
    """One reading a device, connected or not."""
    found = read_wireless(host)
    if found is None:
        raise Unavailable("no /proc/net/wireless: no Wi-Fi driver, or a kernel without CONFIG_CFG80211_WEXT")
    rows = {row.device: row for row in found if isinstance(row, Wireless)}
    devices = dict.fromkeys([*rows, *read_wifi_devices(host)])
    if not devices and not found:
        raise Unavailable("no Wi-Fi device")
    yield from (row for row in found if isinstance(row, Fault))
    for device in devices:
        row = rows.get(device)
        if row is not None and row.heard is not False:
            yield from _build(row)
        else:
            # with a link, yet without a word of its signal, it is an access point or its driver keeps silent
            carrier = read_carrier(host, device)
            if isinstance(carrier, Fault):
                yield carrier
            yield Wifi(device=device, associated=None if carrier else False)


def _build(row: Wireless) -> Iterator[Wifi | Fault]:
    signal = attempt(f"{row.device} signal", _check, SIGNAL, row.signal_dbm)
    noise = attempt(f"{row.device} noise", _check, NOISE, row.noise_dbm)
    yield from (part for part in (signal, noise) if isinstance(part, Fault))
    reading = Wifi(
        device=row.device,
        associated=row.heard,
        signal=None if isinstance(signal, Fault) else signal,
        link_quality=row.quality,
        noise=None if isinstance(noise, Fault) else noise,
        discarded_retry=row.retry,
        discarded_misc=row.misc,
    )
    if tells(reading):
        yield reading


def _check(kind: Kind, decibels: int | None) -> int | None:
    return None if decibels is None else kind.check(decibels)


COLLECTOR = Collector(name="wifi", help="Signal of Wi-Fi devices", readings=(Wifi,), read=read)
