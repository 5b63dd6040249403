"""What the program says of itself."""

import json
import logging
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
