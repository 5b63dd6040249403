"""The ids that scripts go by are all explained."""

import re
from pathlib import Path

import sysvitals.doctor

SOURCES = sorted(Path(sysvitals.doctor.__file__).parent.glob("*.py"))
PAGE = Path(__file__).parents[2] / "exporter/DOCTOR.md"
LINKS = "host|exporter|prometheus|alertmanager|test|rules"


def ids_in_code() -> set[str]:
    texts = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    return set(re.findall(rf'"((?:{LINKS})\.[a-z_]+(?:\.[a-z_]+)?)"', texts))


def ids_in_page() -> set[str]:
    found: set[str] = set()
    for cell in re.findall(r"(?m)^\| (`[^|]*) \|", PAGE.read_text(encoding="utf-8")):
        link = ""
        for name in re.findall(r"`([a-zA-Z_.]+)`", cell):
            link = link if name.startswith(".") else name.partition(".")[0]
            found.add(link + name if name.startswith(".") else name)
    return found


def test_each_id_is_on_the_page_and_nothing_else() -> None:
    assert ids_in_page() == ids_in_code() | {"collector.NAME"}
