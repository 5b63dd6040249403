"""What network devices received and sent, and the state of their links.

The traffic is one table of the kernel. The state of a link is asked of its driver, which can be slow: each by itself.
"""

import re
from collections.abc import Iterator
from functools import partial
from typing import Annotated, NamedTuple

from sysvitals.host.host import Host
from sysvitals.model.collector import Collector, Fault, Probe, Unavailable, Watch
from sysvitals.model.metric import Counter, Detail, Gauge, Label
from sysvitals.model.pattern import choose_by
from sysvitals.model.reading import Change, Reading, amend, tells
from sysvitals.sources.proc.netdev import NetDev, read_netdev
from sysvitals.sources.sys.netclass import order_devices, read_devices, read_interface

_TRAFFIC = "/proc/1/net/dev"
_STATE = "/sys/class/net/*/"


class Options(NamedTuple):
    """What is left out, and what is shown and not judged.

    Left out are the loopback device, and what containers and virtual machines make and unmake.
    """

    exclude_devices: Annotated[str, "Leave out devices whose name matches this as a whole."] = (
        "lo|(veth|cali|vxlan[.]calico|cilium_|weave|antrea-|lxc|lxdbr|incusbr|docker|br-[0-9a-f]{12}|cni|flannel|virbr|"
        "vnet|tap|fwbr|fwpr|fwln|dummy|ifb|podman|kube-|nodelocaldns|hwsim).*"
    )
    leave_alone: Annotated[
        str, "Devices whose name matches this as a whole are shown, but no alert and no verdict judges them."
    ] = ""


class Network(Reading, event="system.network.usage.updated"):
    """One network device: its traffic since it appeared."""

    device: Annotated[str, Label("The kernel's name of the device: `eth0`, `wlan0`.")]
    receive_bytes: Annotated[
        int | None, Counter("network_receive", unit="bytes", help="Bytes received.", origin=_TRAFFIC, summary=True)
    ] = None
    receive_packets: Annotated[
        int | None, Counter("network_receive_packets", help="Packets received.", origin=_TRAFFIC, summary=True)
    ] = None
    receive_errs: Annotated[
        int | None, Counter("network_receive_errs", help="Packets that arrived damaged.", origin=_TRAFFIC, summary=True)
    ] = None
    receive_drop: Annotated[
        int | None,
        Counter("network_receive_drop", help="Packets that arrived and were thrown away unread.", origin=_TRAFFIC),
    ] = None
    transmit_bytes: Annotated[
        int | None, Counter("network_transmit", unit="bytes", help="Bytes sent.", origin=_TRAFFIC, summary=True)
    ] = None
    transmit_packets: Annotated[
        int | None, Counter("network_transmit_packets", help="Packets sent.", origin=_TRAFFIC, summary=True)
    ] = None
    transmit_errs: Annotated[
        int | None,
        Counter("network_transmit_errs", help="Packets that could not be sent.", origin=_TRAFFIC, summary=True),
    ] = None
    transmit_drop: Annotated[
        int | None, Counter("network_transmit_drop", help="Packets thrown away before they were sent.", origin=_TRAFFIC)
    ] = None
    receive_bytes_per_second: Annotated[
        float | None, Detail("Since the last reading.", unit="bytes per second", summary=True)
    ] = None
    transmit_bytes_per_second: Annotated[
        float | None, Detail("Since the last reading.", unit="bytes per second", summary=True)
    ] = None
    left_alone: Annotated[
        bool | None,
        Gauge(
            "network_left_alone",
            help="1 where alerts and verdict leave the device alone; no series without the setting.",
            origin="the setting `collector.network.leave_alone`",
        ),
    ] = None


class Link(Reading, event="system.network.link.updated"):
    """One network device: its link now."""

    device: Annotated[str, Label("The kernel's name of the device: `eth0`, `wlan0`.")]
    operstate: Annotated[str | None, Detail("What the kernel calls the link's state: `up`, `down`, `dormant`.")] = None
    up: Annotated[
        bool | None,
        Gauge(
            "network_up",
            help="1 while the device can carry packets; a tunnel or USB link that never says counts as up while on.",
            origin=_STATE + "operstate",
            summary=True,
        ),
    ] = None
    carrier: Annotated[
        bool | None,
        Gauge(
            "network_carrier",
            help="1 while a switch or an access point is at the other end of the link; no series while switched off.",
            origin=_STATE + "carrier",
            summary=True,
        ),
    ] = None
    carrier_changes: Annotated[
        int | None,
        Counter(
            "network_carrier_changes",
            help="Times that the link came or went: many mean a bad cable, port or radio link.",
            origin=_STATE + "carrier_changes",
            summary=True,
        ),
    ] = None
    speed: Annotated[
        int | None,
        Gauge(
            "network_speed",
            unit="bytes",
            shown="link speed",
            help="Bytes per second that the link was negotiated at; not reported by Wi-Fi and virtual devices.",
            origin=_STATE + "speed",
            summary=True,
        ),
    ] = None
    mtu: Annotated[
        int | None,
        Gauge(
            "network_mtu",
            unit="bytes",
            shown="packet size",
            help="The longest packet it sends whole.",
            origin=_STATE + "mtu",
        ),
    ] = None


class LinkChanged(Change, event="system.network.link.changed"):
    """A link came or went, or did both between two looks."""

    device: Annotated[str, Label("The kernel's name of the device.")]
    carrier: Annotated[bool | None, Detail("Whether something is at the other end now; none while switched off.")] = (
        None
    )
    changes: Annotated[int | None, Detail("How often it came or went since the last look.")] = None


def read(host: Host, options: Options) -> Iterator[Network | Fault]:
    """The traffic: one reading a device."""
    excluded = re.compile(options.exclude_devices).fullmatch
    found = read_netdev(host, lambda device: not excluded(device))
    if not found:
        raise Unavailable("no network devices, except those left out (in a container, mount the host's /proc)")
    yield from (traffic for traffic in found if isinstance(traffic, Fault))
    # devices that come and go while the table is read may stand there twice
    devices = {traffic.device: traffic for traffic in found if isinstance(traffic, NetDev)}
    left_alone = choose_by(options.leave_alone)
    for device in order_devices(host, devices):
        traffic = devices[device]
        if any(value is not None for value in traffic[1:]):
            yield _build(traffic, left_alone=left_alone(device))


def _build(traffic: NetDev, *, left_alone: bool | None) -> Network:
    return Network(**traffic._asdict(), left_alone=left_alone)


def find(host: Host, options: Options) -> Iterator[Probe]:
    """The links, each by itself."""
    excluded = re.compile(options.exclude_devices).fullmatch
    for device in order_devices(host, (device for device in read_devices(host) if not excluded(device))):
        yield Probe(device, partial(_read_link, host, device))


def _read_link(host: Host, device: str) -> Iterator[Link | Fault]:
    interface = read_interface(host, device)
    yield from interface.faults
    reading = Link(
        device=device,
        operstate=interface.operstate,
        up=interface.up,
        carrier=interface.carrier,
        carrier_changes=interface.carrier_changes,
        speed=None if interface.speed is None else interface.speed * 125_000,  # from megabits
        mtu=interface.mtu,
    )
    if tells(reading):
        yield reading


def compare(now: Network | Link, before: Network | Link, seconds: float | None) -> Network | Link:
    """Rates since the reading before; none where a total went back, as when a device is plugged in again."""
    if seconds is None or isinstance(now, Link) or isinstance(before, Link):
        return now
    return amend(
        now,
        receive_bytes_per_second=_rate(now.receive_bytes, before.receive_bytes, seconds),
        transmit_bytes_per_second=_rate(now.transmit_bytes, before.transmit_bytes, seconds),
    )


def changes(now: Network | Link, before: Network | Link | None) -> Iterator[LinkChanged]:
    """Whether the link came or went; a flap between two looks shows in the kernel's count alone."""
    if not isinstance(now, Link) or not isinstance(before, Link):
        return
    flaps = None
    if now.carrier_changes is not None and before.carrier_changes is not None:
        flaps = now.carrier_changes - before.carrier_changes
    if flaps or (now.carrier != before.carrier and _is_told(now) and _is_told(before)):
        # a count that went back is that of a device plugged in anew
        yield LinkChanged(device=now.device, carrier=now.carrier, changes=None if flaps is None or flaps < 0 else flaps)


def _is_told(reading: Link) -> bool:
    """Whether the carrier is known, or known to be switched off; what could not be read is neither."""
    return reading.carrier is not None or reading.up is False


def watch(host: Host, options: Options) -> Iterator[Watch]:
    """How often each link came or went, at which one has to look where the kernel gives no notice of links."""
    excluded = re.compile(options.exclude_devices).fullmatch
    devices = [device for device in read_devices(host) if not excluded(device)]
    seconds = max(_LOOK_SECONDS, len(devices) / _LOOKS_PER_SECOND)
    for device in devices:
        path = f"{host.sysfs}/class/net/{device}/carrier_changes"
        yield Watch(path, seconds, link=device, thing=device)


_LOOK_SECONDS = 15.0
"""A flap between two looks still shows in the kernel's count."""

_LOOKS_PER_SECOND = 4
"""With more links each is looked at more rarely."""


def _rate(now: int | None, before: int | None, seconds: float) -> float | None:
    if now is None or before is None or now < before:
        return None
    return round((now - before) / seconds, 1)


COLLECTOR = Collector(
    name="network",
    help="Traffic and links of network devices",
    readings=(Network, Link),
    reports=(LinkChanged,),
    read=read,
    find=find,
    compare=compare,
    changes=changes,
    watch=watch,
    subsystems=("net",),
    options=Options(),
)
