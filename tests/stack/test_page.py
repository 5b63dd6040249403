"""The page in a real browser, against the real exporter."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.patience import PATIENCE
from tests.recorded import HOSTS
from tests.stack.running import answers, free_port, run, run_exporter, wait_until, write_in_place
from tests.web.browsing import complaints, open_browser, shows, text

EVIL = "<script>document.title='taken'</script>\"'&lt;"
LONG = "x" * 200
RIGHT_TO_LEFT = "\u202eevil\u202c"


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Chrome]:
    with open_browser(tmp_path) as driver:
        yield driver


def copy_host(folder: Path) -> Path:
    host = folder / "host"
    shutil.copytree(HOSTS / "pi-4b-fine", host, symlinks=True)
    return host


def paths_of(host: Path) -> list[str]:
    return [f"--path.{name}fs={host / name}" for name in ("proc", "sys", "dev")] + [f"--path.rootfs={host}"]


def test_a_brownout_shows_and_stays_in_sight_when_it_is_over(browser: Chrome, tmp_path: Path) -> None:
    host = copy_host(tmp_path)
    [alarm] = host.glob("sys/class/hwmon/*/in0_lcrit_alarm")
    with run_exporter(tmp_path, "kept", *paths_of(host)) as address:
        browser.get(f"http://{address}/")
        shows(browser, "#link", "live")
        wait_until(lambda: "Not known yet" not in text(browser, "#verdict h2"), "the last day is known")
        write_in_place(alarm, "1\n")
        shows(browser, "#verdict h2", "In trouble")
        assert browser.title.startswith("✖ ")
        assert "The 5 V supply is too low" in text(browser, "#verdict .reasons")
        shows(browser, "#events", "Undervoltage")
        write_in_place(alarm, "0\n")
        # it may fall again at any moment, so it stays as bad as its alert for half an hour, in words of the past
        shows(browser, "#verdict .reasons", "The 5 V supply was too low")
        assert "The voltage is high enough again" in text(browser, "#verdict")
        assert complaints(browser) == []


@contextmanager
def run_stoppable(folder: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """An exporter that can be stopped as a sleeping computer is, and goes on."""
    serve = [sys.executable, "-m", "sysvitals", "serve", f"--web.listen-address=127.0.0.1:{port}", "--no-history"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(serve, cwd=folder, stdout=log, stderr=log)
    try:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), "it is ready")
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(PATIENCE)


@pytest.mark.fault(
    "network",
    "the exporter is stopped, the network is lost or a computer sleeps, and no connection is closed",
    seen='within 5 s the page says "No contact" and since when; its title and icon turn grey',
    heals="by itself: the page connects again and asks for what was recorded meanwhile",
)
def test_the_page_says_that_it_has_no_contact_when_the_exporter_falls_silent(browser: Chrome, tmp_path: Path) -> None:
    port = free_port()
    with run_stoppable(tmp_path, port) as process:
        browser.get(f"http://127.0.0.1:{port}/")
        shows(browser, "#link", "live")
        process.send_signal(signal.SIGSTOP)
        wait_until(lambda: browser.title.endswith(": no contact"), "the tab says so")
        assert browser.title.startswith("? ")
        assert browser.find_element(By.ID, "lost").is_displayed()
        assert not browser.find_element(By.ID, "verdict").is_displayed()
        process.send_signal(signal.SIGCONT)
        shows(browser, "#link", "live")
        assert browser.find_element(By.ID, "verdict").is_displayed()
        assert not browser.title.endswith(": no contact")


def test_the_page_recovers_by_itself_when_the_exporter_was_restarted(browser: Chrome, tmp_path: Path) -> None:
    port = free_port()
    serve = [sys.executable, "-m", "sysvitals", "serve", f"--web.listen-address=127.0.0.1:{port}", "--no-history"]
    url = f"http://127.0.0.1:{port}"
    with run(serve, tmp_path, "first"):
        wait_until(lambda: answers(f"{url}/-/ready"), "it is ready")
        browser.get(f"{url}/")
        shows(browser, "#link", "live")
    shows(browser, "#link", "no contact since")
    with run(serve, tmp_path, "second"):
        shows(browser, "#link", "live")


def test_what_the_script_shows_is_what_the_server_had_drawn(browser: Chrome, tmp_path: Path) -> None:
    # two renderers, one look: values that do not move are the same before and after the script took over
    host = copy_host(tmp_path)
    slow = [
        f"--collector.{name}.max-age=1h" for name in ("memory", "temperature", "filesystem", "network", "throttling")
    ]
    with run_exporter(tmp_path, "kept", *paths_of(host), *slow) as address:
        browser.get(f"http://{address}/")
        shows(browser, "#link", "live")
        differing = browser.execute_async_script(
            """
            const done = arguments[0];
            fetch("/").then((answer) => answer.text()).then((html) => {
              const fresh = new DOMParser().parseFromString(html, "text/html"), found = [];
              const parts = ["[data-tile=heat]", "[data-tile=memory]", "#filesystems", "#sensors", "#power"];
              const path = parts.map((part) => `${part} [data-field]`).join(", ");
              const ours = [...document.querySelectorAll(path)], theirs = [...fresh.querySelectorAll(path)];
              if (ours.length < 10 || ours.length !== theirs.length) found.push("another number of elements");
              ours.forEach((element, at) => {
                const other = theirs[at];
                if (element.textContent !== other.textContent || element.outerHTML !== other.outerHTML)
                  found.push([element.dataset.field, element.outerHTML, other.outerHTML]);
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
        shows(browser, "#link", "live")
        shows(browser, "#sensors", "<img src=x onerror=")
        assert EVIL.replace("/", "_") in text(browser, "#filesystems")
        assert LONG in text(browser, "#filesystems")
        assert "⟨202E⟩evil" in text(browser, "#filesystems")
        assert "taken" not in browser.title
        assert browser.find_elements(By.CSS_SELECTOR, "#main script, #main img, #main b > b") == []
        assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
        assert complaints(browser) == []


def test_it_works_without_a_script(browser: Chrome, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    with run_exporter(tmp_path, "kept") as address:
        browser.get(f"http://{address}/")
        root = browser.execute_cdp_cmd("DOM.getDocument", {"depth": -1})["root"]["nodeId"]
        page = browser.execute_cdp_cmd("DOM.getOuterHTML", {"nodeId": root})["outerHTML"]
    assert "Snapshot, reloaded every 30 s" in page
    assert '<meta http-equiv="refresh"' in page
    assert 'data-row="verdict"' in page
    assert ">at <time" in page


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
        shows(browser, "#link", "live")
        assert browser.execute_script("return getComputedStyle(document.querySelector('.now')).display") == "grid"
        assert complaints(browser) == []
        browser.get("about:blank")
