"""`sysvitals watch` beside servers that mean harm, and those that are merely others."""

import asyncio
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from sysvitals.client import session
from sysvitals.client.access import load_access
from sysvitals.client.address import parse_address
from sysvitals.collectors.throttling import Throttling, ThrottlingCleared
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.trouble import Trouble
from sysvitals.model.event import Event, Stamp
from sysvitals.model.reading import Body
from sysvitals.outputs.live import Line
from sysvitals.watch import command
from sysvitals.web.door import Door
from sysvitals.web.live import format_line
from tests.certificates import make_certificate
from tests.client.hostile import CHUNKED, ENDLESS_BYTES, HEAD, answer, endless
from tests.doctor.serving import Raw, serve
from tests.doctor.test_fetching import serve_tls
from tests.history.writing import NOON
from tests.web.asking import serve as serve_app
from tests.web.test_door import hello

EVIL = "\x1b]0;owned\x07\x9b2J\u202e\r"


def stop(_seconds: float) -> NoReturn:
    raise KeyboardInterrupt


def watch(url: str, *names: str, as_json: bool = False, file: Path | None = None, readings: bool = False) -> int:
    """Watch until it would try again."""
    options = {
        "url": url,
        "event": list(names),
        "json": as_json,
        "http_config": file and str(file),
        "readings": readings,
    }
    return command.run(options, wait=stop)


def stream(*messages: str) -> bytes:
    return HEAD + b"Connection: close\r\n\r\n" + "".join(messages).encode()


@pytest.mark.fault(
    "network",
    "a server whose answers hold terminal escapes",
    seen="the escapes as text, such as \\u001b",
    heals="-",
)
def test_what_a_server_says_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.dumps({"note": EVIL}, ensure_ascii=False)
    with answer(stream(f"event: x{EVIL}\ndata: {data}{EVIL}\n\n")) as (url, _):
        assert watch(url) == 0
        assert watch(url, as_json=True) == 0
    text, as_json, *rest = capsys.readouterr().out.split("\n")
    assert text.isprintable()
    assert text.startswith(r"x\u001b]0;owned")
    assert as_json.isprintable()
    assert rest == [""]


def test_json_of_an_event_stays_json(capsys: pytest.CaptureFixture[str]) -> None:
    data = json.dumps({"note": EVIL}, ensure_ascii=False)
    with answer(stream(f"data: {data}\n\n")) as (url, _):
        assert watch(url, as_json=True) == 0
    shown = capsys.readouterr().out
    assert json.loads(shown) == {"note": EVIL}
    assert shown.removesuffix("\n").isprintable()


def test_a_redirect_is_not_followed_and_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with serve({"/api/v1/events": Raw(302, headers={"location": "http://other/\x9b2J"})}) as fake:
        assert watch(fake.url) == 1
    assert len(fake.questions) == 1
    error = capsys.readouterr().err
    assert "it redirects to http://other/" in error
    assert error.removesuffix("\n").isprintable()


@pytest.mark.fault(
    "network",
    "a server that sends an answer without end",
    seen="one line: more than 1 MiB, no exporter of sysvitals",
    heals="the connection is closed",
)
@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Connection: close\r\n\r\n",
        CHUNKED + b"ffffffff\r\n",
        CHUNKED,  # the length of a chunk that has no end
    ],
    ids=["one line", "one chunk", "the head of a chunk"],
)
def test_a_line_without_end_is_not_kept(head: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    tracemalloc.start()
    try:
        with answer(head, endless()) as (url, _):
            watch(url)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < ENDLESS_BYTES // 4
    assert "1,048,576 bytes" in (error := capsys.readouterr().err) or "the connection broke off" in error


def test_an_event_without_end_is_not_kept(capsys: pytest.CaptureFixture[str]) -> None:
    with answer(HEAD + b"Connection: close\r\n\r\n", endless(b"data: x" + b"x" * 10_000 + b"\n")) as (url, _):
        assert watch(url) == 1
    assert "more than 1,048,576 bytes" in capsys.readouterr().err


@pytest.mark.fault(
    "network",
    "a server that sends 100 Continue, or the trailer of an answer, without end",
    seen="`no connection` or `the connection broke off`, and it is tried again later and later",
    heals="when the server does",
)
@pytest.mark.parametrize(
    ("head", "piece"),
    [(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), (CHUNKED + b"0\r\n", b"X: y\r\n")],
    ids=["continue", "trailer"],
)
def test_a_head_or_trailer_without_end_is_not_read_to_its_end(
    head: bytes, piece: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = 0

    def count() -> Iterator[bytes]:
        nonlocal sent
        for more in endless(piece * (65536 // len(piece))):
            sent += len(more)
            yield more

    with answer(head, count()) as (url, _):
        assert watch(url) == 0
    assert "trying again in 1 s" in capsys.readouterr().err
    assert sent < ENDLESS_BYTES / 2


def test_a_head_that_drips_in_has_a_deadline(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(session, "_LINES_SECONDS", 0.0)
    with answer(HEAD, b"\r\ndata: 1\n\n") as (url, _):
        assert watch(url) == 0
    assert "trying again in 1 s" in capsys.readouterr().err


def test_a_stream_of_many_small_chunks_has_no_end(capsys: pytest.CaptureFixture[str]) -> None:
    with answer(CHUNKED, *[b"9\r\ndata: 1\n\n\r\n"] * 2000, b"0\r\n\r\n") as (url, _):
        assert watch(url) == 0
    printed = capsys.readouterr()
    assert printed.out.count("1\n") == 2000
    assert "the exporter ended the stream" in printed.err


def test_it_says_that_the_exporter_is_busy(capsys: pytest.CaptureFixture[str]) -> None:
    with serve({"/api/v1/events": Raw(503)}) as fake:
        assert watch(fake.url) == 0
    assert "it answers 503: it is busy, starting or ending; trying again in 1 s" in capsys.readouterr().err


def test_a_compressed_answer_is_not_unpacked(capsys: pytest.CaptureFixture[str]) -> None:
    with answer(HEAD + b"Content-Encoding: gzip\r\nConnection: close\r\n\r\n", b"\x1f\x8b") as (url, asked):
        watch(url)
    assert b"Accept-Encoding: identity\r\n" in asked[0]
    assert "the connection broke off" in capsys.readouterr().err


def test_a_mark_that_no_header_can_hold_is_not_sent_back(capsys: pytest.CaptureFixture[str]) -> None:
    tries = []

    def once_more(_seconds: float) -> None:
        tries.append(1)
        if len(tries) == 2:
            raise KeyboardInterrupt

    with answer(stream("id: é\r€\ndata: 1\n\n")) as (url, asked):
        options = {"url": url, "event": [], "json": True, "http_config": None, "readings": False}
        assert command.run(options, wait=once_more) == 0
    assert len(asked) == 2
    assert b"last-event-id" not in asked[1].lower()
    assert "the exporter ended the stream" in capsys.readouterr().err


def test_it_says_that_a_server_speaks_tls(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with serve_tls(tmp_path) as url:
        assert watch(url.replace("https:", "http:")) in (0, 1)
    assert f"it speaks TLS: try {url}" in capsys.readouterr().err


@pytest.mark.parametrize("pattern", ["system.throtling.*", "nothing", "LOAD"])
def test_it_says_which_events_exist_where_none_has_the_name(pattern: str, capsys: pytest.CaptureFixture[str]) -> None:
    with answer(stream()) as (url, _):
        assert watch(url, pattern, "system.load.*") == 0
    error = capsys.readouterr().err
    assert f"--event={pattern}: no event has this name; there are: " in error
    assert "system." in error
    assert "--event=system.load.*" not in error


def test_a_pattern_that_no_exporter_takes_is_refused_before_it_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    assert watch("http://127.0.0.1:1", "system.[ab]*") == 2
    assert capsys.readouterr().err.startswith("sysvitals: --event: expected a name such as ")


def test_a_password_comes_from_a_file_and_is_not_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "http.yml"
    file.write_text("basic_auth: {username: ana, password: 'ge:heim'}\n")
    file.chmod(0o600)
    with answer(stream()) as (url, asked):
        assert watch(url, file=file) == 0
    assert b"Authorization: Basic YW5hOmdlOmhlaW0=\r\n" in asked[0]
    assert "heim" not in "".join(capsys.readouterr())


def test_a_password_in_the_address_still_works_with_a_word_of_advice(capsys: pytest.CaptureFixture[str]) -> None:
    with answer(stream()) as (url, asked):
        assert watch(url.replace("//", "//ana:geheim@")) == 0
    assert b"Authorization: Basic YW5hOmdlaGVpbQ==\r\n" in asked[0]
    error = capsys.readouterr().err
    assert error.count("--http.config.file=FILE hides it") == 1
    assert "geheim" not in error


@pytest.mark.parametrize("url", ["http://[", "ftp://x", "http://a b", "http://x:99999"])
def test_what_is_no_address_is_said_without_showing_it(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert watch(f"{url}") == 2
    assert capsys.readouterr().err.startswith("sysvitals: URL: ")


def test_it_shows_why_a_server_refuses(capsys: pytest.CaptureFixture[str]) -> None:
    said = "board.example is not known as a name of this host: allow it with --web.allowed-hosts=board.example\n"
    with serve({"/api/v1/events": Raw(421, said)}) as fake:
        assert watch(fake.url) == 1
        assert f"{fake.url}: it answers 421: {said}" in capsys.readouterr().err


def test_a_wrong_password_is_not_asked_for_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "http.yml"
    file.write_text("basic_auth: {username: ana, password: wrong}\n")
    with serve({"/api/v1/events": Raw(401)}) as fake:
        assert watch(fake.url, file=file) == 1
        assert f"{fake.url}: wrong user or password\n" in capsys.readouterr().err
        assert watch(fake.url) == 1
        assert "it requires a user and a password: --http.config.file=FILE" in capsys.readouterr().err


@pytest.mark.parametrize("version", ["TLS12", "TLS13"])
@pytest.mark.parametrize("presented", ["", "other", "named"])
def test_a_client_certificate_that_is_missing_or_refused_is_named_as_the_likely_cause(
    presented: str, version: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """`named` is signed by the right authority and has another name than the allowed one."""
    make_certificate(tmp_path, "board")
    for name in ("named", "other"):
        make_certificate(tmp_path, name, names=f"DNS:{name}", cert=f"{name}.pem", key=f"{name}.key")
    web, file = tmp_path / "web.yml", tmp_path / "http.yml"
    web.write_text(
        "tls_server_config: {cert_file: cert.pem, key_file: key.pem, client_auth_type: RequireAndVerifyClientCert, "
        f"client_ca_file: named.pem, client_allowed_sans: [scraper], max_version: {version}}}\n"
    )
    own = f", cert_file: {presented}.pem, key_file: {presented}.key" if presented else ""
    file.write_text(f"tls_config: {{ca_file: cert.pem{own}}}\n")

    async def ask() -> Trouble:
        async with serve_app(hello, tls=Door(str(web)).tls) as (port, _):
            url = f"https://127.0.0.1:{port}"
            await asyncio.to_thread(watch, url, file=file)
            server = Server("the exporter", parse_address(url), load_access(str(file)))
            with pytest.raises(Trouble) as caught:
                await asyncio.to_thread(server.get_text, "/")
            server.close()
            return caught.value

    trouble = asyncio.run(ask())
    remedy = "name one that it accepts in a file: --http.config.file=FILE, tls_config: cert_file, key_file"
    assert trouble.remedy == remedy
    error = capsys.readouterr().err
    assert remedy in error
    assert "client certificate" in trouble.text
    assert "client certificate" in error


CAPPED = Throttling(cause="frequency_capped", active=True, since_boot=True)


def event_stream(*bodies: Body) -> bytes:
    """As an exporter sends them that does not know of readings left out."""
    lines = [Line(Event(Stamp(NOON, "pi4", "b", 1.0, synced=True), seq, body)) for seq, body in enumerate(bodies)]
    return stream(*map(format_line, lines))


@pytest.mark.parametrize(
    ("names", "readings", "shown"),
    [
        ((), False, ["Throttling ended after 5.1 s"]),
        (("system.throttling.*",), False, ["Throttling ended after 5.1 s"]),
        (("system.throttling.updated",), False, ["system.throttling.updated", "Throttling ended after 5.1 s"]),
        (("system.throttling.*",), True, ["system.throttling.updated", "Throttling ended after 5.1 s"]),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_happens_is_shown_and_readings_where_they_are_asked_for_by_name_or_by_flag(
    names: tuple[str, ...], readings: bool, shown: list[str], as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    with answer(event_stream(CAPPED, ThrottlingCleared(cause="throttled", seconds=5.1))) as (url, asked):
        assert watch(url, *names, readings=readings, as_json=as_json) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(shown)
    if not as_json:
        assert [text in line for text, line in zip(shown, lines, strict=True)] == [True] * len(shown)
    assert (b"changes=only" in asked[0]) == (not readings)


def test_a_loss_is_shown_whatever_was_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with answer(stream('event: sink.dropped\ndata: {"sink":"live","events":3}\n\n')) as (url, _):
        assert watch(url, "system.throttling.*") == 0
    assert "sink.dropped" in capsys.readouterr().out
