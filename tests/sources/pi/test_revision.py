import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sysvitals.sources.pi.revision import Revision, decode_revision, detects_undervoltage, parse_revision

MIB = 1 << 20
GIB = 1 << 30


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("c03111", ("4B", "1.1", 4 * GIB, "Sony UK", "BCM2711")),
        ("d04170", ("5", "1.0", 8 * GIB, "Sony UK", "BCM2712")),
        ("e04171", ("5", "1.1", 16 * GIB, "Sony UK", "BCM2712")),
        ("a01041", ("2B", "1.1", 1 * GIB, "Sony UK", "BCM2836")),
        ("a22042", ("2B", "1.2", 1 * GIB, "Embest", "BCM2837")),
        ("a32082", ("3B", "1.2", 1 * GIB, "Sony Japan", "BCM2837")),
        ("a52082", ("3B", "1.2", 1 * GIB, "Stadium", "BCM2837")),
        ("9000c1", ("Zero W", "1.1", 512 * MIB, "Sony UK", "BCM2835")),
        ("902120", ("Zero 2 W", "1.0", 512 * MIB, "Sony UK", "BCM2837")),
        ("c03130", ("400", "1.0", 4 * GIB, "Sony UK", "BCM2711")),
        ("b03141", ("CM4", "1.1", 2 * GIB, "Sony UK", "BCM2711")),
        ("d04190", ("500", "1.0", 8 * GIB, "Sony UK", "BCM2712")),
        ("e041a0", ("CM5 Lite", "1.0", 16 * GIB, "Sony UK", "BCM2712")),
        # warranty void, overvoltage disallowed
        ("2a02082", ("3B", "1.2", 1 * GIB, "Sony UK", "BCM2837")),
        ("80c03111", ("4B", "1.1", 4 * GIB, "Sony UK", "BCM2711")),
        # memory, maker, processor and type that are not known yet
        ("fffff0", (None, "1.0", None, None, None)),
        ("0002", ("B", "1.0", 256 * MIB, "Egoman", "BCM2835")),
        ("0005", ("B", "2.0", 256 * MIB, "Qisda", "BCM2835")),
        ("000e", ("B", "2.0", 512 * MIB, "Sony UK", "BCM2835")),
        ("1000010", ("B+", "1.2", 512 * MIB, "Sony UK", "BCM2835")),
        ("0015", ("A+", "1.1", None, "Embest", "BCM2835")),
        ("0000", (None, None, None, None, None)),
    ],
)
def test_a_code_is_decoded_as_the_vendor_documents_it(
    code: str, expected: tuple[str | None, str | None, int | None, str | None, str | None]
) -> None:
    revision = parse_revision(code)
    assert (revision.type, revision.version, revision.memory, revision.maker, revision.processor) == expected
    assert revision.code == code


@pytest.mark.parametrize("text", ["", "xyz", "-1", "0x10", "c0_3111", "123456789", "\uff11\uff12"])
def test_what_is_no_code_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a revision code"):
        parse_revision(text)


@given(st.integers(0, 2**32 - 1))
def test_any_word_is_decoded(word: int) -> None:
    assert int(decode_revision(word).code, 16) == word


@given(st.text(max_size=10))
def test_any_text_is_a_code_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_revision(text)


@pytest.mark.parametrize(
    ("code", "detects"),
    [
        ("000e", False),
        ("0010", True),
        ("900021", True),
        ("a01041", True),
        ("a020d3", True),
        ("c03114", True),
        ("d04170", True),
        ("c03130", True),
        ("900092", False),
        ("9000c1", False),
        ("902120", False),
        ("0014", False),
        ("a020a0", False),
        ("b03141", False),
        ("d04180", False),
    ],
)
def test_boards_with_a_detector_are_told_by_their_type(code: str, detects: bool) -> None:
    assert detects_undervoltage(parse_revision(code), None) is detects


@pytest.mark.parametrize(
    ("model", "detects"),
    [
        ("Raspberry Pi Model B Rev 2", False),
        ("Raspberry Pi Model A", False),
        ("Raspberry Pi Model B Plus Rev 1.2", True),
        ("Raspberry Pi Model A Plus Rev 1.1", True),
        ("Raspberry Pi 2 Model B Rev 1.1", True),
        ("Raspberry Pi 3 Model B", True),
        ("Raspberry Pi 3 Model A Plus Rev 1.0", True),
        ("Raspberry Pi 4 Model B Rev 1.5", True),
        ("Raspberry Pi 400 Rev 1.0", True),
        ("Raspberry Pi 5 Model B Rev 1.0", True),
        ("Raspberry Pi Zero W Rev 1.1", False),
        ("Raspberry Pi Zero 2 W Rev 1.0", False),
        ("Raspberry Pi Compute Module 4 Rev 1.1", False),
        ("Raspberry Pi 6 Model B Rev 1.0", None),
        ("NVIDIA Jetson", None),
        (None, None),
    ],
)
def test_without_a_code_the_model_tells(model: str | None, detects: bool | None) -> None:
    assert detects_undervoltage(None, model) is detects
    assert detects_undervoltage(Revision("0000"), model) is detects


def test_of_a_board_yet_to_come_it_is_not_known() -> None:
    assert detects_undervoltage(parse_revision("c05ff0"), "Raspberry Pi 7 Model C") is None
