"""Text from outside as people may see it: names that hardware gives, answers of servers, lines of other programs."""

import json


def visible(text: str, backslash: str = "\\") -> str:
    r"""The text in one line that a terminal only shows: what cannot be printed is written as in JSON, such as `\u001b`.

    So are ends of lines, marks that turn the direction of writing, and code points that mean nothing. JSON stays the
    same JSON. `backslash` is for a format in which the backslash itself must be escaped.
    """
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else escape(letter).replace("\\", backslash) for letter in text)


def escape(letter: str) -> str:
    """One letter as JSON writes it in ASCII, without quotation marks."""
    return json.dumps(letter)[1:-1]
