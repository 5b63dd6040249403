"""What the program says of itself."""

import json
import logging
import os
import sys
from collections.abc import Iterator

import pytest

from sysvitals.config.logs import configure_logging
from sysvitals.config.settings import Log


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_what_is_below_the_level_is_not_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(level="warning"))
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")
    said = capsys.readouterr().err
    assert "quiet" not in said
    assert said.rstrip().endswith("WARNING loud")


def test_each_line_for_machines_is_one_json_object_whatever_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format="json"))
    logging.getLogger("some.part").error("two\nlines and ä %s", '"')
    said = capsys.readouterr().err
    (line,) = said.splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("error", "some.part", 'two\nlines and ä "')
    assert told["time"].endswith("Z")
    assert "exception" not in told


def test_an_exception_stays_within_its_line_for_machines(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format="json"))
    try:
        int("no number")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    said = capsys.readouterr().err
    (line,) = said.splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_logging_that_is_configured_again_says_each_thing_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(level="error", format="json"))
    configure_logging(Log(level="debug"))
    logging.getLogger("x").debug("once")
    said = capsys.readouterr().err
    assert said.count("once") == 1
    assert "{" not in said


def test_the_journal_gets_priorities_and_no_second_time(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", sys.__stderr__)
    stream = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stream.st_dev}:{stream.st_ino}")
    configure_logging(Log(level="debug"))
    logger = logging.getLogger("x")
    for say, text in ((logger.debug, "a"), (logger.info, "b"), (logger.warning, "c"), (logger.error, "d\ne")):
        say(text)
    assert capfd.readouterr().err.splitlines() == ["<7>a", "<6>b", "<4>c", "<3>d", "<3>e"]


@pytest.mark.parametrize("stream", ["", "0:0", "nonsense"])
def test_another_programs_journal_is_not_ours(
    stream: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", stream)
    configure_logging(Log())
    logging.getLogger("x").warning("loud")
    assert capsys.readouterr().err.rstrip().endswith("WARNING loud")
