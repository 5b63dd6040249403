"""Reads a page of documentation as one who follows it does: blocks, commands, paths, links."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\s*$")
_HEREDOC = re.compile(r"<<-?\s*['\"]?(?P<word>\w+)['\"]?")
_ITSELF = re.compile(r'"?\$\(command -v (?P<name>\w+)\)"?')
_INNER = re.compile(r"\$\((?P<inner>[^()]*)\)")
_SEPARATORS = {"&&", "||", "|", ";", "&", "|&"}
_REDIRECTIONS = {">", ">>", "<", "2>", "&>", ">&", "<<<"}
_KEYWORDS = {"do", "then", "else", "while", "until", "if", "!", "{", "time"}
_WRAPPERS = {"sudo", "env", "exec", "nohup", "command"}
_VALUED = {"-u", "-g"}
"""Flags of sudo with a word behind them."""

SUBSTITUTED = "SUBSTITUTED"


@dataclass(frozen=True)
class Block:
    """What stands apart from the text, to be typed or copied."""

    language: str
    """As the fence names it; empty for an indented block."""

    text: str
    line: int


@dataclass(frozen=True)
class Command:
    """One program with its arguments, without sudo and the like."""

    words: tuple[str, ...]
    line: int

    @property
    def program(self) -> str:
        return self.words[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.words[1:]

    def __str__(self) -> str:
        return f"line {self.line}: {' '.join(self.words)}"


def read_blocks(page: str) -> Iterator[Block]:
    """Fenced blocks, and those that are indented by four or more after an empty line."""
    lines = page.splitlines()
    number = 0
    while number < len(lines):
        begin = number
        if fence := _FENCE.match(lines[number]):
            number += 1
            while number < len(lines) and lines[number].strip() != "```":
                number += 1
            body, language = lines[begin + 1 : number], fence["language"]
            yield Block(language, _dedent(body), begin + 2)
        elif lines[number].startswith("    ") and (begin == 0 or not lines[begin - 1].strip()):
            while number + 1 < len(lines) and _goes_on(lines, number + 1):
                number += 1
            yield Block("", _dedent(lines[begin : number + 1]), begin + 1)
        number += 1


def _goes_on(lines: list[str], number: int) -> bool:
    """An indented block goes on over empty lines if something indented comes after them."""
    after = next((line for line in lines[number:] if line.strip()), "")
    return after.startswith("    ") and (lines[number].startswith("    ") or not lines[number].strip())


def _dedent(lines: list[str]) -> str:
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines)


def read_text(page: str) -> str:
    """What is left without the blocks; lines keep their numbers."""
    lines = page.splitlines()
    for block in read_blocks(page):
        for number in range(block.line - 1, block.line + len(block.text.splitlines()) - 1):
            lines[number] = ""
    return "\n".join(lines)


def read_inline_code(page: str) -> list[str]:
    """What stands between single backticks in the text."""
    return [" ".join(code.split()) for code in re.findall(r"`([^`]+)`", re.sub(r"(?m)^ *```.*$", "", read_text(page)))]


def read_commands(text: str, first_line: int) -> Iterator[Command]:
    """The commands of a block of shell. Raises ValueError for what no shell would read."""
    for line, whole in _join_lines(text, first_line):
        yield from parse_commands(whole, line)


def _join_lines(text: str, first_line: int) -> Iterator[tuple[int, str]]:
    """Logical lines: continued ones as one, without the bodies of here-documents."""
    lines = iter(enumerate(text.splitlines(), first_line))
    for number, line in lines:
        whole = line
        while re.search(r"(\\|\||&&)$", whole.rstrip()) or not _is_closed(whole):
            following = next(lines, None)
            if following is None:
                break
            whole = re.sub(r"\\$", "", whole.rstrip()) + "\n" + following[1]
        if here := _HEREDOC.search(whole):
            while (following := next(lines, None)) is not None and following[1].strip() != here["word"]:
                pass
            whole = _HEREDOC.sub("", whole)
        if whole.strip():
            yield number, whole


def _is_closed(text: str) -> bool:
    try:
        shlex.split(text, comments=True)
    except ValueError:
        return False
    return True


def parse_commands(text: str, line: int) -> Iterator[Command]:
    """The commands of one logical line, those within $(…) too."""
    text = _ITSELF.sub(lambda match: match["name"], text)
    for inner in _INNER.finditer(text):
        yield from parse_commands(inner["inner"], line)
    text = _INNER.sub(SUBSTITUTED, text)
    words: list[str] = []
    tokens = shlex.shlex(re.sub(r"(^|\s)#.*", "", text), posix=True, punctuation_chars="();<>|&")
    tokens.whitespace_split = True
    tokens.commenters = ""
    skip = False
    for token in [*tokens, ";"]:
        if skip:
            skip = False
        elif token in _REDIRECTIONS:
            skip = True
            if words and words[-1].isdigit():
                words.pop()
        elif token in _SEPARATORS or set(token) <= set("();"):
            if command := _unwrap(words):
                yield Command(tuple(command), line)
            words = []
        else:
            words.append(token)


def _unwrap(words: list[str]) -> list[str]:
    """Without sudo, variables in front, keywords of the shell."""
    left = list(words)
    while left:
        if left[0] in _KEYWORDS or re.fullmatch(r"\w+=.*", left[0], re.DOTALL):
            left.pop(0)
        elif left[0] in _WRAPPERS:
            left.pop(0)
            while left and left[0].startswith("-"):
                flag = left.pop(0)
                if flag in _VALUED and left:
                    left.pop(0)
        elif left[0] in ("for", "done", "fi", "}"):
            return []
        else:
            return left
    return []


def read_links(page: str) -> list[str]:
    """Where links lead, but for those to other sites."""
    return re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", read_text(page))


def read_anchors(page: str) -> set[str]:
    """The names by which the page's headings can be linked to, as GitHub makes them."""
    headings = re.findall(r"(?m)^#{1,6} +(.*?)\s*$", re.sub(r"(?ms)^ *```.*?^ *```", "", page))
    anchors: set[str] = set()
    for heading in headings:
        text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
        count, name = 0, slug
        while name in anchors:
            count += 1
            name = f"{slug}-{count}"
        anchors.add(name)
    return anchors
