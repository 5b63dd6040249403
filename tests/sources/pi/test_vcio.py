import contextlib
import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sysvitals.host.host import Host
from sysvitals.model.collector import Fault
from sysvitals.sources.pi import vcio
from sysvitals.sources.pi.vcio import (
    COMMANDS,
    NotSupportedError,
    Question,
    Tag,
    ask_gencmd,
    ask_properties,
    build_gencmd,
    build_request,
    parse_gencmd,
    parse_reply,
)
from tests.firmware_nodes import answer_ioctl

THROTTLED = Question(Tag.THROTTLED)
TEMPERATURE = Question(Tag.TEMPERATURE)
ARM = Question(Tag.CLOCK_MEASURED, 3)
CORE_VOLTS = Question(Tag.VOLTAGE, 1)
THROTTLED_REQUEST = bytes.fromhex("1c000000 00000000 46000300 04000000 00000000 00000000 00000000")
THROTTLED_REPLY = bytes.fromhex("1c000000 00000080 46000300 04000000 04000080 05000500 00000000")
TEMPERATURE_REPLY = bytes.fromhex("20000000 00000080 06000300 08000000 08000080 00000000 9eba0000 00000000")


class FakeHost(Host):
    """Answers ioctl from a table, and remembers what it was asked."""

    def __init__(self, nodes: dict[str, dict[str, Any]], after: Callable[[bytearray], None] = lambda _: None) -> None:
        super().__init__(devfs="/none")
        self.nodes = nodes
        self.after = after
        self.asked: list[tuple[str, bytes]] = []

    def ioctl(self, path: str, request: int, buffer: bytearray) -> None:
        folder, name = os.path.split(path)
        assert (folder, request) == ("/none", vcio.REQUEST)
        self.asked.append((name, bytes(buffer)))
        answer_ioctl(path, self.nodes.get(name, {"errno": "ENOENT"}), request, buffer)
        self.after(buffer)


def set_words(words: dict[int, int]) -> Callable[[bytearray], None]:
    def after(buffer: bytearray) -> None:
        for index, word in words.items():
            struct.pack_into("<I", buffer, 4 * index, word)

    return after


def test_the_request_number_is_that_of_a_pointer_of_this_program() -> None:
    assert {8: 0xC0086400, 4: 0xC0046400}[struct.calcsize("P")] == vcio.REQUEST


def test_the_throttle_word_is_asked_for_with_the_mask_that_clears_nothing() -> None:
    assert build_request([THROTTLED]) == THROTTLED_REQUEST


def test_the_throttle_word_is_read() -> None:
    assert parse_reply(THROTTLED_REPLY, [THROTTLED]) == {THROTTLED: 0x50005}


def test_a_temperature_is_asked_for_and_read() -> None:
    request = bytes.fromhex("20000000 00000000 06000300 08000000 00000000 00000000 00000000 00000000")
    assert build_request([TEMPERATURE]) == request
    assert parse_reply(TEMPERATURE_REPLY, [TEMPERATURE]) == {TEMPERATURE: 47774}


def test_several_tags_go_in_one_buffer() -> None:
    words = (60, 0, 0x30006, 8, 0, 0, 0, 0x30047, 8, 0, 3, 0, 0x30046, 4, 0, 0, 0)
    buffer = struct.pack(f"<{len(words)}I", 4 * len(words), *words[1:])
    assert build_request([TEMPERATURE, ARM, THROTTLED]) == buffer


def test_a_mask_for_the_throttle_word_cannot_be_given() -> None:
    for number in (1, 0xF, 0x1F):
        with pytest.raises(ValueError, match="THROTTLED has no id"):
            Question(Tag.THROTTLED, number)


def test_whatever_is_asked_the_throttle_words_mask_is_zero() -> None:
    for questions in ([THROTTLED], [ARM, THROTTLED], [THROTTLED, CORE_VOLTS, ARM]):
        words = struct.unpack(f"<{len(build_request(questions)) // 4}I", build_request(questions))
        assert words[words.index(0x30046) + 3] == 0


def test_no_tag_and_no_command_changes_anything() -> None:
    assert {tag.value[0] & 0x8000 for tag in Tag} == {0}  # bit 15 tells a tag that sets
    verbs = {command.split()[0] for command in COMMANDS}
    assert verbs == {"get_config", "get_rsts", "get_throttled", "measure_clock", "measure_temp", "measure_volts",
                     "pmic_read_adc"}  # fmt: skip
    assert [command for command in COMMANDS if command.startswith("get_throttled")] == ["get_throttled"]


@pytest.mark.parametrize(
    "command", ["", "get_throttled 0xf", "get_throttled 0", "get_throttled\0 7", "set_backlight 1", "get_rsts\n"]
)
def test_no_other_command_can_be_sent(command: str) -> None:
    with pytest.raises(ValueError, match="not a command"):
        build_gencmd(command)
    host = FakeHost({"vcio": {command: "throttled=0x0"}})
    with pytest.raises(ValueError, match="not a command"):
        ask_gencmd(host, "vcio", command)
    assert host.asked == []


def test_a_command_is_sent_as_vcgencmd_sends_it() -> None:
    buffer = build_gencmd("get_throttled")
    assert len(buffer) == 4124
    assert struct.unpack_from("<6I", buffer) == (4124, 0, 0x30080, 4096, 0, 0)
    assert buffer[24:38] == b"get_throttled\0"
    assert not any(buffer[37:])


def gencmd_reply(text: bytes, *, error: int = 0, answered: int = 0x80000000, code: int = 0x80000000) -> bytes:
    head = struct.pack("<6I", 4124, code, 0x30080, 4096, answered, error)
    return (head + text).ljust(4124, b"\0")


@pytest.mark.parametrize("answered", [0x80000000, 0x80001000, 0x80000013])
def test_the_firmwares_text_is_read_up_to_its_end(answered: int) -> None:
    reply = gencmd_reply(b"temp=47.8'C \0rest of an older one", answered=answered)
    assert parse_gencmd(reply, "measure_temp") == "temp=47.8'C"


def test_a_text_counts_even_where_the_firmware_forgot_to_mark_it_as_answered() -> None:
    assert parse_gencmd(gencmd_reply(b"throttled=0x0", answered=0), "get_throttled") == "throttled=0x0"


def test_a_command_that_comes_back_untouched_was_not_taken() -> None:
    with pytest.raises(NotSupportedError):
        parse_gencmd(gencmd_reply(b"get_throttled", answered=0), "get_throttled")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (b'error=1 error_msg="Command not registered"', 0xFFFFFFFF),
        (b'error=1 error_msg="Command not registered"', 0),
        (b'error=2 error_msg="Invalid arguments"', 0xFFFFFFFF),
    ],
)
def test_a_command_that_the_firmware_does_not_know_has_no_answer(text: bytes, error: int) -> None:
    assert parse_gencmd(gencmd_reply(text, error=error), "pmic_read_adc") is None


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (gencmd_reply(b'error=1 error_msg="bad display"', error=1), "failed at get_rsts"),
        (gencmd_reply(b"get_rsts=1000", error=7), "failed at get_rsts"),
        (gencmd_reply(b""), "answered nothing to get_rsts"),
        (gencmd_reply(b" \n"), "answered nothing to get_rsts"),
        (gencmd_reply(b"x" * 4100), "no end"),
        (gencmd_reply(b"x" * 4092 + b"\0\0\0\0"), "no end"),
        (gencmd_reply(b"get_rsts=1000", code=0), "code 0x00000000"),
        (gencmd_reply(b"get_rsts=1000", code=0x80000002), "code 0x80000002"),
        (gencmd_reply(b"get_rsts=1000", answered=0x80001001), "with 4097 bytes of 4096"),
        (gencmd_reply(b"get_rsts=1000")[:-4], "not the 4124 bytes"),
        (b"", "not the 4124 bytes"),
        (b"\x18" + gencmd_reply(b"get_rsts=1000")[1:], "not the 4124 bytes"),
    ],
)
def test_a_text_that_makes_no_sense_is_refused(reply: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_gencmd(reply, "get_rsts")


def test_bytes_that_are_no_text_are_shown() -> None:
    assert parse_gencmd(gencmd_reply(b"volt=\xff"), "measure_volts core") == "volt=\\xff"


@given(st.binary(max_size=64), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_any_reply_to_a_command_is_a_text_or_refused(text: bytes, code: int, answered: int, error: int) -> None:
    for reply in (gencmd_reply(text, error=error, answered=answered, code=code), gencmd_reply(text), text):
        with contextlib.suppress(ValueError, NotSupportedError):
            parsed = parse_gencmd(reply, "get_throttled")
            assert parsed is None or parsed.encode().decode() == parsed


@given(st.integers(0, 2**32 - 1))
def test_any_word_that_the_firmware_gives_is_read(word: int) -> None:
    reply = bytearray(THROTTLED_REPLY)
    struct.pack_into("<I", reply, 20, word)
    assert parse_reply(reply, [THROTTLED]) == {THROTTLED: word}


@settings(max_examples=200)
@given(st.data())
def test_any_reply_to_tags_is_numbers_faults_or_refused(data: st.DataObject) -> None:
    questions = [TEMPERATURE, ARM, THROTTLED]
    reply = build_request(questions)
    struct.pack_into("<I", reply, 4, 0x80000000)
    for index, word in data.draw(st.dictionaries(st.integers(0, 16), st.integers(0, 2**32 - 1), max_size=6)).items():
        struct.pack_into("<I", reply, 4 * index, word)
    cut = data.draw(st.integers(0, len(reply)))
    for buffer in (reply, reply[:cut], reply + b"\0" * 4):
        with contextlib.suppress(ValueError, NotSupportedError):
            answers = parse_reply(buffer, questions)
            assert set(answers) <= set(questions)
            assert all(isinstance(answer, Fault) or 0 <= answer < 2**32 for answer in answers.values())


def changed(reply: bytes, index: int, word: int) -> bytes:
    buffer = bytearray(reply)
    struct.pack_into("<I", buffer, 4 * index, word)
    return bytes(buffer)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (TEMPERATURE_REPLY[:-1], "not the 32 bytes"),
        (TEMPERATURE_REPLY + b"\0\0\0\0", "not the 32 bytes"),
        (b"", "not the 32 bytes"),
        (changed(TEMPERATURE_REPLY, 0, 28), "not the 32 bytes"),
        (changed(TEMPERATURE_REPLY, 1, 0), "code 0x00000000"),
        (changed(TEMPERATURE_REPLY, 1, 0xFFFFFFFF), "code 0xffffffff"),
    ],
)
def test_a_reply_that_makes_no_sense_is_refused(reply: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_reply(reply, [TEMPERATURE])


def test_a_reply_with_the_firmwares_error_is_a_refusal() -> None:
    with pytest.raises(NotSupportedError):
        parse_reply(changed(TEMPERATURE_REPLY, 1, 0x80000001), [TEMPERATURE])


@pytest.mark.parametrize(
    ("index", "word", "words"),
    [
        (2, 0x30007, "tag 0x00030007 of 8 bytes in its place"),
        (3, 4, "tag 0x00030006 of 4 bytes in its place"),
        (4, 0x80000004, "answered with 4 bytes of 8"),
        (4, 0x80000000, "answered with 0 bytes of 8"),
        (4, 0xFFFFFFFF, "answered with 2147483647 bytes of 8"),
        (5, 1, "answered for id 1 instead of 0"),
    ],
)
def test_a_tag_that_makes_no_sense_is_a_fault(index: int, word: int, words: str) -> None:
    answer = parse_reply(changed(TEMPERATURE_REPLY, index, word), [TEMPERATURE])[TEMPERATURE]
    assert answer == Fault("firmware tag 0x00030006", "garbage", words)


def test_a_tag_that_is_not_answered_is_left_out() -> None:
    assert parse_reply(changed(TEMPERATURE_REPLY, 4, 0), [TEMPERATURE]) == {}


def test_one_tag_that_makes_no_sense_hides_no_other() -> None:
    tags = {"0x00030006": {"0": 47774}, "0x00030047": {"3": 600000000}}
    host = FakeHost({"vcio": {"tags": tags}}, set_words({10: 9}))
    answers = ask_properties(host, [TEMPERATURE, ARM]) or {}
    assert answers[TEMPERATURE] == 47774
    assert isinstance(answers[ARM], Fault)


def test_a_rail_that_the_board_has_not_is_left_out() -> None:
    host = FakeHost({"vcio": {"tags": {"0x00030003": {"1": 0x80000000}}}})
    assert ask_properties(host, [CORE_VOLTS]) == {}


def test_all_is_asked_in_one_call() -> None:
    tags = {"0x00030006": {"0": 47774}, "0x00030047": {"3": 600000000}, "0x00030046": 0x50005}
    host = FakeHost({"vcio": {"tags": tags}})
    assert ask_properties(host, [TEMPERATURE, ARM, THROTTLED, CORE_VOLTS]) == {
        TEMPERATURE: 47774, ARM: 600000000, THROTTLED: 0x50005
    }  # fmt: skip
    assert len(host.asked) == 1


def test_a_tag_that_the_firmware_refuses_is_found_out_once_and_never_asked_again() -> None:
    host = FakeHost({"vcio": {"tags": {"0x00030006": {"0": 47774}, "0x00030003": {"errno": "EINVAL"}}}})
    assert ask_properties(host, [TEMPERATURE, CORE_VOLTS]) == {TEMPERATURE: 47774}
    assert len(host.asked) == 3  # together, and one by one
    for _ in range(5):
        assert ask_properties(host, [TEMPERATURE, CORE_VOLTS]) == {TEMPERATURE: 47774}
    assert [asked for asked in host.asked[3:] if struct.pack("<I", 0x30003) in asked[1]] == []
    assert len(host.asked) == 3 + 5
    assert ask_properties(host, [CORE_VOLTS]) == {}
    assert len(host.asked) == 3 + 5


def test_a_firmware_that_takes_no_two_tags_at_once_is_asked_one_by_one_from_then_on() -> None:
    host = FakeHost({"vcio": {"tags": {"0x00030006": {"0": 47774}, "0x00030046": 0}}})

    def after(buffer: bytearray) -> None:
        if len(buffer) > 32:
            raise OSError(errno.EINVAL, "Invalid argument")

    host.after = after
    for calls in (3, 5, 7):
        assert ask_properties(host, [TEMPERATURE, THROTTLED]) == {TEMPERATURE: 47774, THROTTLED: 0}
        assert len(host.asked) == calls


def test_what_one_host_refused_is_still_asked_of_another() -> None:
    refusing = FakeHost({"vcio": {"tags": {"0x00030046": {"errno": "EINVAL"}}}})
    assert ask_properties(refusing, [THROTTLED]) == {}
    assert ask_properties(FakeHost({"vcio": {"tags": {"0x00030046": 5}}}), [THROTTLED]) == {THROTTLED: 5}


@pytest.mark.parametrize("name", ["ENOENT", "ENOTDIR", "ENXIO", "ENODEV"])
def test_a_node_that_is_not_there_is_absent(name: str) -> None:
    host = FakeHost({"vcio": {"errno": name}, "vcio_gencmd": {"errno": name}})
    assert ask_properties(host, [THROTTLED]) is None
    with pytest.raises(FileNotFoundError):
        ask_gencmd(host, "vcio_gencmd", "get_throttled")


@pytest.mark.parametrize("name", ["EACCES", "EPERM"])
@pytest.mark.parametrize("node", ["vcio", "vcio_gencmd"])
def test_a_missing_permission_is_said_with_what_to_do_about_it(name: str, node: str) -> None:
    host = FakeHost({node: {"errno": name}})
    with pytest.raises(PermissionError) as caught:
        ask_gencmd(host, node, "get_throttled")
    assert caught.value.errno == getattr(errno, name)
    assert caught.value.filename == f"/none/{node}"
    words = str(caught.value)
    for remedy in ("usermod -aG video", f'KERNEL=="{node}", GROUP="video", MODE="0660"', f"--device /dev/{node} "):
        assert remedy in words


def test_a_missing_permission_for_tags_is_said_too() -> None:
    with pytest.raises(PermissionError, match="group video"):
        ask_properties(FakeHost({"vcio": {"errno": "EACCES"}}), [THROTTLED])


def test_a_permission_that_comes_later_is_used() -> None:
    host = FakeHost({"vcio": {"errno": "EACCES"}})
    with pytest.raises(PermissionError):
        ask_properties(host, [THROTTLED])
    host.nodes = {"vcio": {"tags": {"0x00030046": 0}}}
    assert ask_properties(host, [THROTTLED]) == {THROTTLED: 0}


@pytest.mark.parametrize("name", ["EINVAL", "EPERM"])
def test_a_node_that_takes_no_commands_is_asked_once(name: str) -> None:
    host = FakeHost({"vcio": {"get_throttled": {"errno": name}}})
    for _ in range(3):
        with pytest.raises(NotSupportedError):
            ask_gencmd(host, "vcio", "get_throttled")
    assert len(host.asked) == 1


def test_a_tag_that_the_node_does_not_allow_is_not_a_missing_permission() -> None:
    assert ask_properties(FakeHost({"vcio": {"tags": {"0x00030046": {"errno": "EPERM"}}}}), [THROTTLED]) == {}


def test_a_command_that_is_not_known_is_asked_once() -> None:
    host = FakeHost({"vcio": {"get_throttled": "throttled=0x0"}})
    for _ in range(3):
        assert ask_gencmd(host, "vcio", "pmic_read_adc") is None
    assert len(host.asked) == 1
    assert ask_gencmd(host, "vcio", "get_throttled") == "throttled=0x0"


@pytest.mark.parametrize("name", ["ETIMEDOUT", "EIO", "ENOMEM", "EFAULT", "ENOTTY"])
def test_other_failures_are_raised_and_asked_again(name: str) -> None:
    host = FakeHost({"vcio": {"get_throttled": {"errno": name}, "tags": {"0x00030046": {"errno": name}}}})
    for _ in range(2):
        with pytest.raises(OSError, match=r".") as caught:
            ask_gencmd(host, "vcio", "get_throttled")
        assert caught.value.errno == getattr(errno, name)
        with pytest.raises(OSError, match=r"."):
            ask_properties(host, [THROTTLED])
    assert len(host.asked) == 4


def test_a_simulated_node_is_reached_through_the_real_seam(tmp_path: Path) -> None:
    host = Host(devfs=str(tmp_path))
    assert ask_properties(host, [THROTTLED]) is None
