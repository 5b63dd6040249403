"""The page in a real browser, against the real exporter."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By

from sysvitals.collectors import COLLECTORS
from tests.patience import PATIENCE
from tests.recorded import HOSTS
from tests.stack.running import answers, free_port, run, run_exporter, wait_until, write_in_place
from tests.tools import need_tool

EVIL = "<script>document.title='taken'</script>\"'&lt;"
LONG = "x" * 200
RIGHT_TO_LEFT = "\u202eevil\u202c"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = need_tool("chromium")
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path / 'browser'}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(need_tool("chromedriver")))
    driver.set_window_size(1200, 900)
    try:
        yield driver
    finally:
        driver.quit()


def text(browser: Chrome, selector: str) -> str:
    return str(browser.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''", selector))


def shows(browser: Chrome, selector: str, words: str) -> None:
    wait_until(lambda: words in text(browser, selector), f"{selector} shows {words!r}")


def complaints(browser: Chrome) -> list[str]:
    """What the browser itself has to say against the page: errors, blocked content. Not that the server went away."""
    log: list[dict[str, Any]] = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in log if "ERR_CONNECTION_REFUSED" not in entry["message"]]


def copy_host(folder: Path) -> Path:
    host = folder / "host"
    shutil.copytree(HOSTS / "pi-4b-fine", host, symlinks=True)
    return host


def paths_of(host: Path) -> list[str]:
    return [f"--path.{name}fs={host / name}" for name in ("proc", "sys", "dev")] + [f"--path.rootfs={host}"]


def test_a_brownout_shows_with_verdict_cause_and_event_though_the_next_round_is_an_hour_away(
    browser: Chrome, tmp_path: Path
) -> None:
    host = copy_host(tmp_path)
    [alarm] = host.glob("sys/class/hwmon/*/in0_lcrit_alarm")
    rounds = [f"--collector.{collector.name}.interval=1h" for collector in COLLECTORS]
    with run_exporter(tmp_path, "kept", *paths_of(host), *rounds) as address:
        browser.get(f"http://{address}/")
        shows(browser, "#connection", "live")
        assert text(browser, "#verdict h2") in ("All is well", "Needs attention")  # whose clock is synchronised
        browser.execute_script("window.isTheSame = true")
        write_in_place(alarm, "1\n")
        shows(browser, "#verdict h2", "In trouble")
        assert browser.execute_script("return window.isTheSame"), "the page was loaded again"
        assert "The supply voltage is too low right now." in text(browser, "#verdict ul")
        assert text(browser, '#power tr[data-labels*="undervoltage"] .state') == "yes"
        shows(browser, "#changes li", "throttling started undervoltage")
        write_in_place(alarm, "0\n")
        shows(browser, "#changes li", "throttling cleared")
        wait_until(lambda: text(browser, "#verdict h2") != "In trouble", "the verdict is better again")
        assert complaints(browser) == []


def test_the_page_says_that_its_connection_is_lost_and_recovers_by_itself(browser: Chrome, tmp_path: Path) -> None:
    port = free_port()
    serve = [sys.executable, "-m", "sysvitals", "serve", f"--web.listen-address=127.0.0.1:{port}", "--no-history"]
    url = f"http://127.0.0.1:{port}"
    with run(serve, tmp_path, "first"):
        wait_until(lambda: answers(f"{url}/-/ready"), "it is ready")
        browser.get(f"{url}/")
        shows(browser, "#connection", "live")
    shows(browser, "#connection", "the connection is lost; these values are old")
    assert browser.find_elements(By.CSS_SELECTOR, ".card.stale")
    with run(serve, tmp_path, "second"):
        shows(browser, "#connection", "live")
        wait_until(lambda: not browser.find_elements(By.CSS_SELECTOR, "#cpu.stale"), "values are fresh again")


def test_what_the_script_shows_is_what_the_server_had_drawn(browser: Chrome, tmp_path: Path) -> None:
    # two renderers, one look: values that do not move are the same before and after the script took over
    host = copy_host(tmp_path)
    slow = [
        f"--collector.{name}.max-age=1h" for name in ("memory", "temperature", "filesystem", "network", "throttling")
    ]
    with run_exporter(tmp_path, "kept", *paths_of(host), *slow) as address:
        browser.get(f"http://{address}/")
        shows(browser, "#connection", "live")
        differing = browser.execute_async_script(
            """
            const done = arguments[0];
            fetch("/").then((answer) => answer.text()).then((html) => {
              const fresh = new DOMParser().parseFromString(html, "text/html"), found = [];
              const cards = ["memory", "heat", "filesystems", "power"];
              const path = cards.map((card) => `#${card} [data-field]:not(polyline)`)
                .join(", ");
              const ours = [...document.querySelectorAll(path)], theirs = [...fresh.querySelectorAll(path)];
              if (!ours.length || ours.length !== theirs.length) found.push("another number of elements");
              ours.forEach((element, at) => {
                const other = theirs[at], unit = element.dataset.unit;
                if (unit === "timestamp_seconds") return; // in the browser's own time zone
                if (element.textContent !== other.textContent || element.className !== other.className)
                  found.push([element.dataset.field, element.textContent, other.textContent]);
              });
              done(found);
            });
            """
        )
        assert differing == []


def hostile_host(folder: Path) -> Path:
    """A board whose mounts, interfaces and sensors have names that somebody chose to do harm."""
    host = copy_host(folder)
    mounts = host / "proc/1/mountinfo"
    mounts = mounts if mounts.exists() else host / "proc/self/mountinfo"
    octal = {" ": "\\040", "\\": "\\134"}
    lines = mounts.read_text()
    for number, name in enumerate((EVIL, LONG, RIGHT_TO_LEFT)):
        quoted = "".join(octal.get(letter, letter) for letter in name)
        target = host / "mnt" / name.replace("/", "_")
        target.parent.mkdir(exist_ok=True)
        lines += f"{900 + number} 1 8:{number + 40} / /mnt/{quoted.replace('/', '_')} rw - ext4 /dev/sd{number} rw\n"
        target.mkdir(exist_ok=True)
    mounts.write_bytes(lines.encode() + b"990 1 8:90 / /mnt/\xff\xfe rw - ext4 /dev/sdz rw\n")
    os.makedirs(os.fsencode(host) + b"/mnt/\xff\xfe", exist_ok=True)
    [network] = [path for path in (host / "proc/1/net/dev", host / "proc/net/dev") if path.exists()][:1]
    network.write_text(network.read_text() + "  <b>x</b>:  10 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n")
    (host / "sys/class/net/<b>x<").mkdir(parents=True, exist_ok=True)
    chip = host / "sys/class/hwmon/hwmon9"
    chip.mkdir(parents=True)
    (chip / "name").write_text("<img src=x onerror=document.title='taken'>\n")
    (chip / "temp1_input").write_text("41000\n")
    (chip / "temp1_label").write_text(f"{EVIL}\n")
    return host


def test_hostile_names_are_text_and_nothing_of_them_runs(browser: Chrome, tmp_path: Path) -> None:
    host = hostile_host(tmp_path)
    with run_exporter(tmp_path, "kept", *paths_of(host)) as address:
        browser.get(f"http://{address}/")
        shows(browser, "#connection", "live")
        shows(browser, "#heat", "<img src=x onerror=")
        body = browser.find_element(By.TAG_NAME, "body").text
        assert "<script>document.title='taken'<" in body
        assert LONG in body
        assert "evil" in body
        assert browser.title == "pi4 · sysvitals" or "taken" not in browser.title
        assert browser.find_elements(By.CSS_SELECTOR, "#main script, #main img, #main b > b") == []
        width = browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        assert width
        assert complaints(browser) == []


AXE = (files("axe_core_python") / "axe.min.js").read_text(encoding="utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1440])
def test_everybody_can_use_it(browser: Chrome, tmp_path: Path, theme: str, width: int) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    host = tmp_path / "host"
    shutil.copytree(HOSTS / "pi-4b-browning-out", host, symlinks=True)
    with run_exporter(tmp_path, "kept", *paths_of(host)) as address:
        browser.get(f"http://{address}/")
        shows(browser, "#connection", "live")
        browser.execute_script("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
        browser.execute_script(AXE)
        found = browser.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
        problems = {one["id"]: [node["html"][:120] for node in one["nodes"][:3]] for one in found["violations"]}
        assert problems == {}, json.dumps(problems, indent=1)
        assert len(found["passes"]) > 10
        scrolls = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not browser.execute_script(scrolls)


def test_it_works_without_a_script(browser: Chrome, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    with run_exporter(tmp_path, "kept") as address:
        browser.get(f"http://{address}/")
        root = browser.execute_cdp_cmd("DOM.getDocument", {"depth": -1})["root"]["nodeId"]
        page = browser.execute_cdp_cmd("DOM.getOuterHTML", {"nodeId": root})["outerHTML"]
    assert '<p class="note">Without JavaScript this is a picture of one moment' in page
    assert '<meta http-equiv="refresh"' in page
    assert "<polyline" in page
    assert "as of <time" in page


@contextmanager
def run_proxy(target: str) -> Iterator[str]:
    """A reverse proxy that shows the exporter below `/boards/pi4/`, WebSocket and all."""
    import asyncio  # noqa: PLC0415
    from threading import Thread  # noqa: PLC0415

    port, upstream = free_port(), target.split(":")
    loop = asyncio.new_event_loop()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # one request a connection is enough here, and lets the rest be passed on as it comes
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        line, _, rest = head.partition("\r\n")
        method, path, version = line.split(" ")
        lines = [line for line in rest.split("\r\n") if line and not line.lower().startswith("connection: keep-alive")]
        if "upgrade:" not in rest.lower():
            lines.append("Connection: close")
        lines = [line if not line.lower().startswith("host:") else f"Host: {target}" for line in lines]
        lines.append(f"X-Forwarded-Host: 127.0.0.1:{port}")
        inner_reader, inner_writer = await asyncio.open_connection(upstream[0], int(upstream[1]))
        first = f"{method} {path.removeprefix('/boards/pi4')} {version}"
        inner_writer.write("\r\n".join([first, *lines, "", ""]).encode())
        await asyncio.gather(pipe(reader, inner_writer), pipe(inner_reader, writer), return_exceptions=True)

    server = loop.run_until_complete(asyncio.start_server(serve, "127.0.0.1", port))
    thread = Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}/boards/pi4/"
    finally:

        async def end() -> None:
            server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), loop).result(PATIENCE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE)
        loop.close()


def test_it_works_behind_a_reverse_proxy_under_a_path_of_its_own(browser: Chrome, tmp_path: Path) -> None:
    with run_exporter(tmp_path, "kept") as address, run_proxy(address) as url:
        browser.get(url)
        shows(browser, "#connection", "live")
        assert browser.execute_script("return getComputedStyle(document.querySelector('.cards')).display") == "grid"
        assert complaints(browser) == []
        browser.get("about:blank")
