"""The blocks of alertmanager.yml that are there to be uncommented, read as their remarks tell users to."""

import re
from dataclasses import dataclass

_START = re.compile(r"^ *#\w+_configs:$")
_CODE = re.compile(r"^( *)#(?! \S)(.*)$")
_REMARK = re.compile(r"^ *# \S")


@dataclass(frozen=True)
class Block:
    """Lines of the file, from the one that names the integration to the last that belongs to it."""

    integration: str
    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.integration}:{self.first + 1}"


def find_blocks(text: str) -> list[Block]:
    lines = text.splitlines()
    blocks = []
    for first, line in enumerate(lines):
        if _START.match(line):
            last = first
            while last + 1 < len(lines) and (_CODE.match(lines[last + 1]) or _REMARK.match(lines[last + 1])):
                last += 1
            blocks.append(Block(line.strip(" #:"), first, last))
    return blocks


def uncomment(text: str, *blocks: Block) -> str:
    """The file with these blocks in force."""
    lines = text.splitlines()
    for block in blocks:
        for number in range(block.first, block.last + 1):
            lines[number] = _CODE.sub(r"\1\2", lines[number])
    return "\n".join(lines) + "\n"


def list_code_lines(text: str) -> list[int]:
    """Numbers of all lines that are commented out code."""
    return [number for number, line in enumerate(text.splitlines()) if _CODE.match(line) and line.strip() != "#"]
