"""More hours than the tests of the rules have: read each 15 s, as a host does, and what befell people's boards."""

from collections.abc import Mapping

from tests.judgement.stories import Story, tell_story


def _filesystem(what: str, mountpoint: str, device: str = "/dev/mmcblk0p2") -> str:
    labels = f'instance="pi4",device="{device}",mountpoint="{mountpoint}",fstype="btrfs"'
    return f"system_filesystem_{what}{{{labels}}}"


def _space(mountpoint: str, left: str, size: str = "32e9x400") -> list[tuple[str, str]]:
    return [
        (_filesystem("size_bytes", mountpoint), size),
        (_filesystem("free_bytes", mountpoint), left),
        (_filesystem("avail_bytes", mountpoint), left),
        (_filesystem("readonly", mountpoint), "0x800"),
    ]


_BOARD = 'instance="pi4"'

MORE: Mapping[str, tuple[Story, ...]] = {
    "filesystem": (
        tell_story(
            "more: a card that fills for hours, whose space is read once a minute and judged each 15 s",
            _space("/", " ".join(f"{10e9 - minute * 10e6:.0f}x3" for minute in range(200)), "32e9x800"),
            every=15,
        ),
        tell_story(
            "more: one space that two mount points show, full for twenty-nine minutes and for longer",
            [*_space("/", "16e9x20 3e9x115 16e9x20 3e9x243"), *_space("/home", "16e9x20 3e9x115 16e9x20 3e9x243")],
            every=15,
        ),
        tell_story(
            "more: a card that turns read-only, and a stick that always was",
            [
                (_filesystem("readonly", "/"), "0x40 1x40 0x80"),
                (_filesystem("readonly", "/media/stick", "/dev/sda1"), "1x160"),
            ],
            every=15,
        ),
    ),
    "memory": (
        tell_story(
            "more: little memory for four and a half minutes, and for six",
            [
                (f"system_memory_size_bytes{{{_BOARD}}}", "1e9x200"),
                (f"system_memory_available_bytes{{{_BOARD}}}", "500e6x20 20e6x17 500e6x20 20e6x24 500e6x116"),
            ],
            every=15,
        ),
    ),
    "cpu": (
        tell_story(
            "more: load that goes up and down about the limit, read each 15 s",
            [
                (f"system_load1{{{_BOARD}}}", "1x40 9x60 4x30 9x200 1x70"),
                (f"system_uptime_seconds{{{_BOARD}}}", "1e5+15x400"),
                *((f'system_cpu_seconds_total{{{_BOARD},cpu="{cpu}",mode="idle"}}', "0+1x400") for cpu in range(4)),
            ],
            every=15,
        ),
    ),
    "disk": (
        tell_story(
            "more: worn storage that is replaced, and forgotten after an hour",
            [
                (f'system_storage_life_used_ratio{{{_BOARD},device="mmcblk0",area="a"}}', "0.9x10 1x10 stale"),
                (f'system_storage_life_used_ratio{{{_BOARD},device="mmcblk1",area="a"}}', "0.1x120"),
            ],
        ),
        tell_story(
            "more: a disk on which everything waits for half an hour, and then does not",
            [
                (f'system_pressure_stalled_seconds_total{{{_BOARD},resource="io"}}', "0+8x120 960x200"),
                (f"system_procs_blocked{{{_BOARD}}}", "4x120 0x200"),
            ],
            every=15,
        ),
    ),
    "network": (
        tell_story(
            "more: a link that is down for a quarter of an hour and more, read each 15 s",
            [
                (f'system_network_carrier{{{_BOARD},device="eth0"}}', "1x100 0x55 1x100 0x90 1x60"),
                (f'system_network_carrier{{{_BOARD},device="eth1"}}', "0x405"),
                (f"up{{{_BOARD}}}", "1x405"),
            ],
            every=15,
        ),
        tell_story(
            "more: a Wi-Fi that grows weak and strong again, read each 15 s",
            [
                (f'system_wifi_signal_dbm{{{_BOARD},device="wlan0"}}', "-60x60 -82x140 -60x220"),
                (f'system_wifi_associated{{{_BOARD},device="wlan0"}}', "1x420"),
            ],
            every=15,
        ),
    ),
}
