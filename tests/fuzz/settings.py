"""What administrators write: settings, or what is wrong with them in words that fit a terminal."""

import argparse
import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sysvitals.collectors import COLLECTORS
from sysvitals.config.errors import ConfigError
from sysvitals.config.flags import add_flags, settings_from
from sysvitals.config.load import load_settings
from sysvitals.config.web_config import load_web_config


def open_web_file() -> contextlib.AbstractContextManager[Callable[[bytes], None]]:
    """The file with TLS and passwords."""
    return _open_file(load_web_config)


def open_settings() -> contextlib.AbstractContextManager[Callable[[bytes], None]]:
    """The configuration file."""
    return _open_file(lambda file: load_settings(COLLECTORS, file=file))


@contextmanager
def open_flags() -> Iterator[Callable[[bytes], None]]:
    """The command line: an argument a line."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_flags(parser, COLLECTORS)

    def check(case: bytes) -> None:
        # no argument can hold a NUL
        arguments = [os.fsdecode(argument) for argument in case.replace(b"\0", b"").split(b"\n")]
        with contextlib.redirect_stderr(io.StringIO()), contextlib.redirect_stdout(io.StringIO()):
            try:
                options = vars(parser.parse_args(arguments))
            except (SystemExit, argparse.ArgumentError):
                return
        _load(lambda: settings_from(options | {"file": None}, COLLECTORS))

    yield check


@contextmanager
def _open_file(load: Callable[[str], object]) -> Iterator[Callable[[bytes], None]]:
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "file.yml")

        def check(case: bytes) -> None:
            with open(file, "wb") as stream:
                stream.write(case)
            _load(lambda: load(file))

        yield check


def _load(load: Callable[[], object]) -> None:
    problems: tuple[str, ...] = ("none",)
    try:
        load()
    except ConfigError as error:
        problems = error.problems
    assert problems
    # a line each, whatever the file holds: they go to a terminal and into a log
    assert [problem for problem in problems if not problem.isprintable()] == []
