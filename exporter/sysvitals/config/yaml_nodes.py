"""Reads a YAML file down to its nodes, whose scalars are text as it is written.

What YAML 1.1 would make of `off`, `1:30`, `010` or `2026-02-30` is not what people mean, and may raise anything.
"""

import os
import stat
from collections.abc import Callable, Iterator
from typing import BinaryIO, NamedTuple, TypeGuard

import yaml

from sysvitals.config.errors import ConfigError

MOST_BYTES = 1 << 20
"""A larger file is not a configuration."""

_STANDARD = "tag:yaml.org,2002:"
_MERGE = f"{_STANDARD}merge"
_PLAIN = frozenset(_STANDARD + kind for kind in ("str", "bool", "int", "float", "timestamp", "value"))


class Pair(NamedTuple):
    """A key of a mapping, what stands below it, and why it cannot be taken (empty: it can)."""

    key: str
    key_node: yaml.Node
    value: yaml.Node
    fault: str = ""


def read_regular(path: str) -> bytes:
    """The content of a regular file. Raises OSError; never waits for the writer of a FIFO."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb") as stream:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(None, "Is a directory")
        if not stat.S_ISREG(mode):
            raise OSError(None, "Not a regular file")
        return _read_bounded(stream)


def read_any(path: str) -> bytes:
    """The content of a file, or of the pipe that a shell puts in its place. Raises OSError.

    It waits for what a pipe's writer sends, never for a writer.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb") as stream:
        os.set_blocking(descriptor, True)
        content = _read_bounded(stream)
        if not content and stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            raise OSError(None, "A FIFO that nothing writes to")
        return content


def _read_bounded(stream: BinaryIO) -> bytes:
    content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(None, f"Larger than {MOST_BYTES >> 20} MiB")
    return content


def read_yaml(file: str, read: Callable[[str], bytes], *, is_secret: bool = False) -> yaml.Node | None:
    """The only document of this file, None where it is empty. Raises ConfigError with one line.

    That line shows nothing of a file that `is_secret`.
    """
    raw = b""
    try:
        raw = read(file)
        root = yaml.SafeLoader(raw.decode("utf-8-sig")).get_single_node()
    except OSError as error:
        problem = f"{file}: cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = f"{file}:{line}: is not UTF-8 text: {error.reason}"
    except yaml.reader.ReaderError as error:
        line = raw.decode("utf-8-sig").count("\n", 0, error.position) + 1
        problem = f"{file}:{line}: is not YAML: the character U+{error.character:04X} is not allowed"
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        said = ", ".join(part for part in (error.context, error.problem) if part)
        problem = f"{where}: is not YAML" + ("" if is_secret else f": {said}")
    except RecursionError:
        problem = f"{file}: is nested too deeply"
    else:
        return root if root is not None and not is_empty(root) else None
    raise ConfigError([problem])


def read_pairs(node: yaml.MappingNode) -> Iterator[Pair]:
    """The keys of a mapping. A key that is none, is merged or was there before has a fault."""
    lines: dict[str, int] = {}
    for key_node, value in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            yield Pair("", key_node, value, f"{kind(key_node)} is no key")
            continue
        key = key_node.value
        fault = ""
        if key_node.tag == _MERGE:
            fault = "keys are not merged; give an alias (*NAME) as the whole value"
        elif key in lines:
            fault = f"is given twice, first on line {lines[key]}"
        yield Pair(key, key_node, value, fault)
        lines.setdefault(key, key_node.start_mark.line + 1)


def is_empty(node: yaml.Node) -> bool:
    """Whether nothing stands there."""
    return isinstance(node, yaml.ScalarNode) and node.tag == f"{_STANDARD}null"


def is_text(node: yaml.Node) -> TypeGuard[yaml.ScalarNode]:
    """Whether it is text that no tag asks for more than."""
    return isinstance(node, yaml.ScalarNode) and is_plain(node)


def is_plain(node: yaml.ScalarNode) -> bool:
    """Whether no tag asks for more than text."""
    return node.tag in _PLAIN


def kind(node: yaml.Node) -> str:
    """What it is, for a message."""
    if isinstance(node, yaml.ScalarNode):
        return "text"
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def describe_place(file: str, node: yaml.Node, *path: str) -> str:
    """File, line and the path of a key: on one line, whatever the key holds."""
    steps = (step if step.isprintable() else repr(step) for step in path)
    return f"{file}:{node.start_mark.line + 1}: {'.'.join(steps)}".removesuffix(": ")
