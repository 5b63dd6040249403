"""HTML as a test reads it."""

import re
from html.parser import HTMLParser

VOID = {"meta", "link", "br", "hr", "img", "input"}
SHAPES = {"path", "rect", "line", "circle", "use", "text"}


class Reader(HTMLParser):
    """Notes each element with its attributes, all text, and elements that are not closed as they were opened."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.crossed: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.crossed.append(tag)

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.text.append(data.strip())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def said(self) -> str:
        return " ".join(self.text)


def is_harmless(reader: Reader) -> bool:
    """Nothing inline that could run, nothing from elsewhere, at most one script of our own."""
    for _, attributes in reader.elements:
        if any(name.startswith("on") or name == "style" for name in attributes):
            return False
        if re.match(r"(?i)\s*(javascript|data):", attributes.get("href") or ""):
            return False
    loaded = [a.get("href") for a in reader.all("link")] + [a.get("src") for a in reader.all("script")]
    return (
        reader.all("script") in ([{"type": "module", "src": "static/page.js"}], [])
        and not reader.all("img")
        and not reader.all("iframe")
        and not reader.all("style")
        and all(address and address.startswith("static/") for address in loaded)
    )


def faults_of(page: str) -> list[str]:
    """What is not valid: elements that cross, an id that stands twice, a reference to none, a name without a letter."""
    reader = Reader(page)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    faults = [f"crossed {tag}" for tag in [*reader.crossed, *reader.open]]
    faults += [f"twice {one}" for one in ids if ids.count(one) > 1]
    for tag, attributes in reader.elements:
        targets = [*(attributes.get("aria-labelledby") or "").split()]
        href = attributes.get("href") or ""
        targets += [href[1:]] if href.startswith("#") else []
        faults += [f"{tag} leads to {target}" for target in targets if target not in ids]
        if tag in SHAPES and "None" in attributes.values():
            faults.append(f"{tag} without a place")
    return faults
