import errno
import struct
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.simulation.firmware import RAILS, Firmware, Latches, Measurements, Model
from sysvitals.simulation.nodes import FirmwareNodes
from sysvitals.sources.pi.gencmd import parse_adc

REQUEST = 0xC0086400
MODEL = Model(
    revision=0xC03114,
    serial=0xC0FFEE,
    built=1_700_000_000,
    has_pmic=True,
    highest_hertz=1.8e9,
    lowest_hertz=6e8,
    soft_limit=None,
    clock_numbers={"arm": 48},
)


@pytest.fixture
def firmware() -> Firmware:
    firmware = Firmware(MODEL)
    firmware.measured = Measurements(
        requested_hertz=1.8e9,
        celsius=47.774,
        hertz={"arm": 1.2e9, "core": 5e8},
        volts={"core": 0.85, "sdram_p": 1.1},
        rails=[(name, volts or 0.8, 0.5) for name, (volts, _) in RAILS.items()] + [("EXT5V", 5.1, None)],
    )
    return firmware


@pytest.fixture
def nodes(tmp_path: Path, firmware: Firmware) -> Iterator[Host]:
    served = FirmwareNodes(str(tmp_path), firmware)
    yield Host(devfs=str(tmp_path))
    served.close()
    assert list(tmp_path.iterdir()) == []


def buffer(*words: int) -> bytes:
    return struct.pack(f"<{len(words) + 1}I", 4 * len(words) + 4, *words)


def gencmd_buffer(command: str) -> bytearray:
    words = struct.pack("<6I", 4124, 0, 0x30080, 4096, 0, 0)
    return bytearray((words + command.encode()).ljust(4124, b"\0"))


def answer_of(reply: bytes) -> tuple[int, str]:
    return struct.unpack_from("<I", reply, 20)[0], reply[24:].partition(b"\0")[0].decode()


def latches_after(*samples: tuple[bool, int]) -> Latches:
    latches = Latches()
    for undervoltage, others in samples:
        latches.sample(undervoltage, others)
    return latches


def test_the_throttle_words_reply_is_that_of_the_reference_byte_for_byte(firmware: Firmware) -> None:
    firmware.latches.now = firmware.latches.since_kernel = 5
    reply = firmware.ioctl(
        REQUEST, bytes.fromhex("1c00000000000000460003000400000000000000 00000000 00000000"), gencmd_only=False
    )
    assert reply == bytes.fromhex("1c000000 00000080 46000300 04000000 04000080 05000500 00000000")


def test_the_temperatures_reply_is_that_of_the_reference_byte_for_byte(firmware: Firmware) -> None:
    reply = firmware.ioctl(REQUEST, buffer(0, 0x30006, 8, 0, 0, 0, 0), gencmd_only=False)
    assert reply == bytes.fromhex("20000000 00000080 06000300 08000000 08000080 00000000 9eba0000 00000000")


def test_several_tags_are_answered_in_one_call_and_unknown_ones_left_alone(firmware: Firmware) -> None:
    call = buffer(0, 0x30047, 8, 0, 3, 0, 0x99999, 4, 0, 7, 0x30002, 8, 0, 3, 0, 0x1, 4, 0, 0, 0)
    words = struct.unpack("<21I", firmware.ioctl(0xC0046400, call, gencmd_only=False))
    assert words[1] == 0x80000000
    assert words[4:7] == (0x80000008, 3, 1_200_000_000)  # what the clock is
    assert words[9:11] == (0, 7)
    assert words[13:16] == (0x80000008, 3, 1_800_000_000)  # what the kernel asked for
    assert words[18:20] == (0x80000004, 1_700_000_000)


@pytest.mark.parametrize(
    ("tag", "number", "value"),
    [
        (0x30003, 1, 850_000),
        (0x30003, 3, 1_100_000),
        (0x30003, 9, 0x80000000),
        (0x30004, 3, 1_800_000_000),
        (0x30007, 3, 600_000_000),
        (0x3000A, 0, 85_000),
        (0x30002, 4, 500_000_000),
        (0x30002, 13, 0),
    ],
)
def test_tags_with_an_id_are_answered(firmware: Firmware, tag: int, number: int, value: int) -> None:
    reply = firmware.ioctl(REQUEST, buffer(0, tag, 8, 0, number, 0, 0), gencmd_only=False)
    assert struct.unpack_from("<II", reply, 20) == (number, value)


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("get_throttled", "throttled=0x0"),
        ("measure_temp", "temp=47.8'C"),
        ("measure_volts core", "volt=0.8500V"),
        ("measure_volts", "volt=0.8500V"),
        ("measure_clock arm", "frequency(48)=1200000000"),
        ("get_rsts", "get_rsts=1000"),
        ("get_config temp_limit", "temp_limit=85"),
        ("get_config temp_soft_limit", "temp_soft_limit is unknown"),
        ("pmic_read_adc EXT5V_V", "     EXT5V_V volt(24)=5.10000000V"),
    ],
)
def test_text_commands_are_answered(firmware: Firmware, command: str, answer: str) -> None:
    reply = firmware.ioctl(REQUEST, bytes(gencmd_buffer(command)), gencmd_only=True)
    assert answer_of(reply) == (0, answer)


@pytest.mark.parametrize(
    ("command", "error", "answer"),
    [
        ("sing", 1, 'error=1 error_msg="Command not registered"'),
        ("", 1, 'error=1 error_msg="Command not registered"'),
        ("measure_volts wings", 2, 'error=2 error_msg="Invalid arguments"'),
    ],
)
def test_commands_that_are_none_are_refused(firmware: Firmware, command: str, error: int, answer: str) -> None:
    reply = firmware.ioctl(REQUEST, bytes(gencmd_buffer(command)), gencmd_only=True)
    assert answer_of(reply) == (error, answer)


def test_the_power_chips_answer_is_what_the_exporter_reads(firmware: Firmware) -> None:
    rails = {adc.rail: adc for adc in parse_adc(firmware.run("pmic_read_adc")[1])}
    assert rails["EXT5V"].volts == 5.1
    assert rails["EXT5V"].amperes is None
    assert rails["VDD_CORE"].watts == pytest.approx(0.4)
    assert len(rails) == len(RAILS) + 1


def test_a_board_without_a_power_chip_does_not_know_the_command() -> None:
    plain = Firmware(Model(1, 1, 1, False, 1e9, 5e8, 60.0, {}))
    assert plain.run("pmic_read_adc") == (1, 'error=1 error_msg="Command not registered"')
    assert plain.run("measure_temp pmic")[0] == 2
    assert plain.run("get_config temp_soft_limit") == (0, "temp_soft_limit=60")


def test_undervoltage_lingers_for_32_samples_and_takes_the_turbo_with_it() -> None:
    assert latches_after((True, 0)).now == 0b101
    assert latches_after((True, 0), *[(False, 0)] * 31).now == 0b101
    assert latches_after((True, 0), *[(False, 0)] * 32).now == 0


def test_other_bits_do_not_linger() -> None:
    assert latches_after((False, 0b1010)).now == 0b1010
    assert latches_after((False, 0b1010), (False, 0)).now == 0


def test_since_boot_stays_and_since_the_kernels_question_does_not() -> None:
    latches = latches_after((True, 2), *[(False, 0)] * 40)
    assert (latches.now, latches.since_boot, latches.since_kernel) == (0, 0b111, 0b111)
    latches.poll_by_kernel()
    assert latches.kernel_word == 0x70000
    assert (latches.since_boot, latches.since_kernel) == (0b111, 0)
    latches.poll_by_kernel()
    assert latches.kernel_word == 0


def test_a_mask_that_is_not_0_clears_the_kernels_bits_for_everyone(firmware: Firmware) -> None:
    firmware.latches.since_kernel = 0b1111
    firmware.ioctl(REQUEST, buffer(0, 0x30046, 4, 0, 0, 0), gencmd_only=False)
    assert firmware.latches.since_kernel == 0b1111
    firmware.ioctl(REQUEST, buffer(0, 0x30046, 4, 0, 0xFFFF, 0), gencmd_only=False)
    assert firmware.latches.since_kernel == 0


def test_get_throttled_with_a_number_forgets_what_was_since_boot(firmware: Firmware) -> None:
    firmware.latches.since_boot = 0b101
    assert firmware.run("get_throttled 0x10000") == (0, "throttled=0x50000")
    assert firmware.run("get_throttled") == (0, "throttled=0x40000")


@pytest.mark.parametrize(
    "call",
    [
        b"",
        bytes(8),
        bytes(13),
        buffer(0, 0, 0) + bytes(4),
        buffer(0, 0x30006, 800, 0, 0),
        buffer(1, 0x30006, 8, 0, 0, 0, 0),
    ],
    ids=["nothing", "short", "odd", "wrong length", "a value beyond the buffer", "a reply"],
)
def test_what_is_no_property_buffer_is_einval(firmware: Firmware, call: bytes) -> None:
    with pytest.raises(OSError, match=r"\[Errno 22\]") as caught:
        firmware.ioctl(REQUEST, call, gencmd_only=False)
    assert caught.value.errno == errno.EINVAL


def test_another_request_is_einval_and_another_tag_on_the_narrow_node_eperm(firmware: Firmware) -> None:
    with pytest.raises(OSError, match=r"\[Errno 22\]") as caught:
        firmware.ioctl(0xC0086401, buffer(0, 0, 0), gencmd_only=False)
    assert caught.value.errno == errno.EINVAL
    with pytest.raises(PermissionError):
        firmware.ioctl(REQUEST, buffer(0, 0x30006, 8, 0, 0, 0, 0), gencmd_only=True)


@given(st.lists(st.integers(0, 0xFFFFFFFF) | st.sampled_from([0x30080, 0x30046, 0x30003, 8, 4, 0]), max_size=40))
@settings(max_examples=150)
def test_any_buffer_is_answered_in_place_or_refused(words: list[int]) -> None:
    firmware = Firmware(MODEL)
    call = buffer(0, *words)
    length, number = len(call), errno.EINVAL
    try:
        length = len(firmware.ioctl(REQUEST, call, gencmd_only=False))
    except OSError as error:
        number = error.errno or 0
    assert (length, number) == (len(call), errno.EINVAL)


def test_the_exporters_ioctl_reaches_the_node(nodes: Host) -> None:
    call = gencmd_buffer("measure_temp")
    nodes.ioctl(f"{nodes.devfs}/vcio_gencmd", REQUEST, call)
    assert answer_of(bytes(call)) == (0, "temp=47.8'C")


def test_refusals_come_through_the_node_as_errnos(nodes: Host) -> None:
    with pytest.raises(PermissionError):
        nodes.ioctl(f"{nodes.devfs}/vcio_gencmd", REQUEST, bytearray(buffer(0, 0x30006, 8, 0, 0, 0, 0)))
    with pytest.raises(OSError, match=r"\[Errno 22\]") as caught:
        nodes.ioctl(f"{nodes.devfs}/vcio", 1, bytearray(buffer(0, 0, 0)))
    assert caught.value.errno == errno.EINVAL


def test_many_ask_at_once_and_all_are_answered(nodes: Host) -> None:
    answers: list[tuple[int, str]] = []

    def ask() -> None:
        for _ in range(20):
            call = gencmd_buffer("measure_volts core")
            nodes.ioctl(f"{nodes.devfs}/vcio_gencmd", REQUEST, call)
            answers.append(answer_of(bytes(call)))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [(0, "volt=0.8500V")] * 160


def test_a_folder_too_deep_for_a_socket_has_nodes_all_the_same(tmp_path: Path, firmware: Firmware) -> None:
    deep = tmp_path / ("d" * 120)
    deep.mkdir()
    stale = deep / "vcio"
    stale.write_text("left by one that was killed")
    served = FirmwareNodes(str(deep), firmware)
    try:
        call = gencmd_buffer("measure_temp")
        Host(devfs=str(deep)).ioctl(f"{deep}/vcio", REQUEST, call)
        assert answer_of(bytes(call)) == (0, "temp=47.8'C")
    finally:
        served.close()
