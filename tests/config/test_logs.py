"""What the program says of itself."""

import json
import logging
import os
from collections.abc import Iterator

import pytest

from sysvitals.config.log_thread import ThreadedHandler
from sysvitals.config.logs import configure_logging, dropped_messages
from sysvitals.config.settings import Log
from tests.patience import PATIENCE


@pytest.fixture(autouse=True)
def _root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = []
    yield
    close_handlers()
    root.handlers[:] = handlers
    root.setLevel(level)


def close_handlers() -> None:
    for handler in logging.getLogger().handlers:
        handler.close()
        if isinstance(handler, ThreadedHandler):
            handler.thread.join(PATIENCE)  # longer than closing waits: this machine may be busy


def written(capfd: pytest.CaptureFixture[str]) -> str:
    """All that was logged."""
    close_handlers()
    return capfd.readouterr().err


def test_what_is_below_the_level_is_not_said(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(level="warning"))
    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")
    said = written(capfd)
    assert "quiet" not in said
    assert said.rstrip().endswith("WARNING loud")


def test_each_line_for_machines_is_one_json_object_whatever_is_said(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format="json"))
    logging.getLogger("some.part").error("two\nlines and ä %s", '"')
    said = written(capfd)
    (line,) = said.splitlines()
    told = json.loads(line)
    assert (told["level"], told["logger"], told["message"]) == ("error", "some.part", 'two\nlines and ä "')
    assert told["time"].endswith("Z")
    assert "exception" not in told


def test_an_exception_stays_within_its_line_for_machines(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(format="json"))
    try:
        int("no number")
    except ValueError:
        logging.getLogger("x").exception("it failed")
    said = written(capfd)
    (line,) = said.splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_logging_that_is_configured_again_says_each_thing_once(capfd: pytest.CaptureFixture[str]) -> None:
    configure_logging(Log(level="error", format="json"))
    configure_logging(Log(level="debug"))
    logging.getLogger("x").debug("once")
    said = written(capfd)
    assert said.count("once") == 1
    assert "{" not in said


def test_the_journal_gets_priorities_and_no_second_time(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = os.fstat(2)
    monkeypatch.setenv("JOURNAL_STREAM", f"{stream.st_dev}:{stream.st_ino}")
    configure_logging(Log(level="debug"))
    logger = logging.getLogger("x")
    for say, text in ((logger.debug, "a"), (logger.info, "b"), (logger.warning, "c"), (logger.error, "d")):
        say(text)
    logger.error("e", exc_info=ValueError("f"))
    assert written(capfd).splitlines() == ["<7>a", "<6>b", "<4>c", "<3>d", "<3>e", "<3>  ValueError: f"]


@pytest.mark.parametrize("stream", ["", "0:0", "nonsense"])
def test_another_programs_journal_is_not_ours(
    stream: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", stream)
    configure_logging(Log())
    logging.getLogger("x").warning("loud")
    assert written(capfd).rstrip().endswith("WARNING loud")


def test_a_message_that_does_not_fit_its_arguments_is_logged_as_such_and_stops_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure_logging(Log(format="json"))
    logging.getLogger("x").info("%d sensors", "no number")
    logging.getLogger("x").info("next")
    first, second = written(capfd).splitlines()
    assert json.loads(first)["level"] == "error"
    assert "'%d sensors'" in json.loads(first)["message"]
    assert json.loads(second)["message"] == "next"


def test_a_reload_goes_on_counting_what_was_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sysvitals.config.logs.STANDARD_ERROR", os.open(os.devnull, os.O_RDONLY))  # takes nothing
    configure_logging(Log())
    logging.getLogger("x").warning("lost")
    configure_logging(Log(format="json"))
    logging.getLogger("x").warning("lost too")
    close_handlers()
    assert dropped_messages() == 2


@pytest.mark.parametrize("form", ["text", "json"])
def test_what_is_logged_cannot_act_on_the_terminal(form: str, capfd: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;x\x07\x9b2J\u202e\r"
    configure_logging(Log(format=form, level="info"))
    logging.getLogger("test").error("device %s", evil, exc_info=ValueError(evil))
    said = written(capfd)
    assert all(line.isprintable() for line in said.split("\n"))
    assert r"device \u001b]0;x\u0007" in said


@pytest.mark.fault(
    "sources",
    "a name with an end of line in it, such as the folder of a FUSE mount",
    seen="one line in the log, with `\\n` in the name",
    heals="-",
)
@pytest.mark.parametrize("form", ["text", "journal", "json"])
def test_a_name_with_an_end_of_line_forges_no_message(
    form: str, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "journal":
        stream = os.fstat(2)
        monkeypatch.setenv("JOURNAL_STREAM", f"{stream.st_dev}:{stream.st_ino}")
    name = "/home/eve/x\n<2>06:00:00 CRITICAL the exporter ends"
    configure_logging(Log(format="json" if form == "json" else "text"))
    logging.getLogger("x").warning("%s: cannot be read", name)
    logging.getLogger("x").error("failed", exc_info=ValueError(name))
    first, second, *traceback = written(capfd).splitlines()
    assert "CRITICAL the exporter ends: cannot be read" in first
    assert "failed" in second
    assert all(line.removeprefix("<3>").startswith("  ") for line in traceback)
