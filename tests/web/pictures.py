"""Pictures of the page at four widths, light and dark: `python -m tests.web.pictures FOLDER [STATE…]`."""

import argparse
import base64
import tempfile
from pathlib import Path

from selenium.webdriver import Chrome

from tests.web.browsing import Board, open_browser, run_board, shows
from tests.web.test_page_in_browser import STATES

WIDTHS = (360, 768, 1440, 2560)
HEIGHTS = {360: 780, 768: 1024, 1440: 900, 2560: 1440}


def take_pictures(browser: Chrome, state: str, folder: Path) -> None:
    """The first screen of this state in each width and theme."""
    board = Board(STATES[state].readings, STATES[state].verdict)
    with run_board(board):
        browser.get(board.url)
        shows(browser, "#link", "live")
        if state != "lost":
            _take_all(browser, state, folder)
    if state == "lost":
        shows(browser, "#link", "no contact")
        _take_all(browser, state, folder)


def _take_all(browser: Chrome, state: str, folder: Path) -> None:
    for width in WIDTHS:
        size = {"width": width, "height": HEIGHTS[width], "deviceScaleFactor": 1, "mobile": width < 500}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        for theme in ("light", "dark"):
            media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
            picture = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})["data"]
            (folder / f"{state}-{width}-{theme}.png").write_bytes(base64.b64decode(picture))


def main() -> None:
    """Write the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("states", nargs="*", default=list(STATES), help=f"of {', '.join(STATES)}")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, open_browser(Path(folder)) as browser:
        for state in options.states:
            take_pictures(browser, state, options.folder)


if __name__ == "__main__":
    main()
