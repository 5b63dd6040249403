"""Each way in which a server may fail to answer is one clear line, with what to do."""

import shutil
import socket
import ssl
import subprocess
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from sysvitals.client.access import Access
from sysvitals.client.address import parse_address
from sysvitals.doctor import fetching
from sysvitals.doctor.fetching import Server
from sysvitals.doctor.trouble import Trouble
from tests.client import hostile
from tests.client.hostile import CHUNKED
from tests.doctor.serving import Raw, connect, serve
from tests.patience import PATIENCE
from tests.stack.running import free_port


def ask(url: str, path: str = "/x") -> Trouble:
    server = Server("Prometheus", parse_address(url))
    try:
        with pytest.raises(Trouble) as caught:
            server.get_json(path)
    finally:
        server.close()
    assert caught.value.remedy
    assert "\n" not in caught.value.text
    return caught.value


@contextmanager
def listen(talk: Callable[[socket.socket], None]) -> Iterator[str]:
    """Something that listens and may not speak HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            try:
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        talk(connection)
            except OSError:
                return

        thread = Thread(target=accept, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_nobody_there() -> None:
    trouble = ask(f"http://127.0.0.1:{free_port()}")
    assert trouble.kind == "refused"
    assert "refuses the connection" in trouble.text
    assert "Prometheus is not running there" in trouble.remedy


def test_a_name_that_nobody_knows() -> None:
    trouble = ask("http://no-such-host.invalid:9090")
    assert trouble.kind == "unknown"
    assert trouble.text == "no-such-host.invalid: no such host is known here"


def test_a_server_that_keeps_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PATIENCE_SECONDS", 0.2)
    done = Event()

    def keep_silent(_: socket.socket) -> None:
        done.wait(PATIENCE)

    with listen(keep_silent) as url:
        trouble = ask(url)
        done.set()
    assert (trouble.kind, trouble.text) == ("silent", f"{url} does not answer within 0.2 s")


def test_an_answer_that_drips_for_ever_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LONGEST_SECONDS", 0.5)

    done = Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        for _ in range(round(PATIENCE / 0.02)):  # its end would be no silence
            if done.wait(0.02):
                return
            connection.sendall(b" ")

    with listen(drip) as url:
        trouble = ask(url)
        done.set()
    assert trouble.kind == "silent"


def test_an_answer_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "LARGEST_BYTES", 1000)
    with serve({"/x": "1" * 2000}) as fake:
        assert "answers with more than 1,000 bytes, but not as" in ask(fake.url).text


def test_what_hangs_up_at_once() -> None:
    with listen(lambda _: None) as url:
        assert "hangs up" in ask(url).text


def test_what_does_not_speak_http() -> None:
    def ssh(connection: socket.socket) -> None:
        connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
        connection.recv(1000)

    with listen(ssh) as url:
        trouble = ask(url)
    assert trouble.kind == "content"
    assert "hangs up" in trouble.text


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (Raw(401, "Unauthorized"), "status", "requires a user and a password (401)"),
        (Raw(403), "status", "refuses to answer (403)"),
        (Raw(404, "404 page not found"), "status", "/x does not exist (404)"),
        (Raw(502, "<html>Bad Gateway</html>"), "status", "a proxy answers, Prometheus behind it does not (502)"),
        (Raw(503, '{"status":"error","error":"not ready yet"}'), "status", "answers 503: not ready yet"),
        (Raw(500, "out of\nmemory"), "status", "answers 500: out of memory"),
        (Raw(400, "Client sent an HTTP request to an HTTPS server.\n"), "tls", "speaks HTTPS"),
        (Raw(302, headers={"location": "https://ana:geheim@b/x?y"}), "content", "redirects to https://b/x"),
        ("<!doctype html><title>Sign in</title>", "content", "answers with a web page, but not as Prometheus does"),
        ("", "content", "answers, but not as Prometheus does"),
        ("[" * 100_000, "content", "answers, but not as Prometheus does"),
    ],
)
def test_an_answer_that_is_none(answer: Raw | str, kind: str, words: str) -> None:
    with serve({"/x": answer}) as fake:
        trouble = ask(fake.url)
    assert trouble.kind == kind
    assert words in trouble.text


def test_an_answer_of_prometheuss_own_form_is_unwrapped_and_another_is_not() -> None:
    with connect({"/api/v1/x": {"status": "success", "data": [1]}, "/api/v1/y": {"hello": 1}}) as (server, _):
        assert server.get_data("x") == [1]
        with pytest.raises(Trouble, match="but not as Prometheus does"):
            server.get_data("y")


def test_a_path_in_front_is_kept_and_name_and_password_are_sent() -> None:
    with serve({"/prefix/api/v1/x": {"status": "success", "data": 1}}) as fake:
        server = Server("Prometheus", parse_address(fake.url.replace("//", "//ana:ge%3Aheim@") + "/prefix/"))
        assert server.get_data("x", query="a&b") == 1
        server.close()
    [question] = fake.questions
    assert question.headers["Authorization"] == "Basic YW5hOmdlOmhlaW0="
    assert question.query == {"query": "a&b"}


def test_a_refused_password_is_named_and_not_shown() -> None:
    with serve({"/x": Raw(401)}) as fake:
        trouble = ask(fake.url.replace("//", "//ana:geheim@"))
    assert "wrong user or password" in trouble.text
    assert "geheim" not in trouble.text + trouble.remedy


def test_a_server_on_this_machine_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("no_proxy", raising=False)
    with serve({"/x": {"a": 1}}) as fake:
        server = Server("the exporter", parse_address(fake.url), direct=True)
        assert server.get_json("/x") == {"a": 1}
        server.close()
        assert "proxy of the environment" in ask(fake.url).text


@contextmanager
def serve_tls(folder: Path) -> Iterator[str]:
    """An HTTPS server whose certificate nobody signed."""
    openssl = shutil.which("openssl")
    assert openssl, "openssl is needed"
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([openssl, "req", *kind, *files, *names], check=True, capture_output=True)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that hangs up is expected
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_certificate_that_nobody_signed_and_the_authority_that_makes_it_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serve_tls(tmp_path) as url:
        trouble = ask(url)
        assert trouble.kind == "tls"
        assert "its certificate is not trusted: self-signed certificate" in trouble.text
        assert "--http.config.file=FILE" in trouble.remedy
        authority = str(tmp_path / "certificate.pem")
        server = Server("Prometheus", parse_address(url), Access(ca_file=authority))
        assert server.get_json("/x") == {}
        server.close()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", authority)
        server = Server("Prometheus", parse_address(url))
        assert server.get_json("/x") == {}
        server.close()


def test_https_where_http_is_spoken() -> None:
    with serve({}) as fake:
        trouble = ask(fake.url.replace("http:", "https:"))
    assert (trouble.kind, trouble.remedy) == ("tls", "write http:// instead of https://")


@pytest.mark.fault(
    "network",
    "a server whose answers have no end, or are bombs",
    seen="`doctor` says with how many bytes it answers",
    heals="the connection is closed",
)
@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED + b"ffffffff\r\n",
        CHUNKED,  # the length of a chunk that has no end
        b"HTTP/1.1 302 Found\r\nLocation: /y\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n",
        b"HTTP/1.1 500 Oh\r\nContent-Length: 1000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1000000000\r\n\r\n",
    ],
    ids=["a chunk", "the head of a chunk", "a redirect", "an error", "a bomb"],
)
def test_no_answer_is_kept_beyond_what_the_question_needs(answer: bytes) -> None:
    tracemalloc.start()
    try:
        with hostile.answer(answer, hostile.endless()) as (url, _):
            trouble = ask(url)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert trouble.kind == "content"
    assert most < hostile.ENDLESS_BYTES // 4


def test_a_redirect_brings_no_password_anywhere() -> None:
    with serve({"/x": {}}) as other:
        with serve({"/x": Raw(302, headers={"location": f"{other.url}/x"})}) as fake:
            trouble = ask(fake.url.replace("//", "//ana:geheim@"))
        assert other.questions == []
    assert trouble.text.endswith(f"redirects to {other.url}/x")


def test_plain_text_where_tls_is_spoken(tmp_path: Path) -> None:
    with serve_tls(tmp_path) as url:
        trouble = ask(url.replace("https:", "http:"))
    assert (trouble.kind, trouble.remedy) == ("tls", "write https:// instead of http://")


def test_a_server_that_took_too_long_for_all_answers_together_is_asked_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "PATIENT_SECONDS", -1.0)
    with serve({"/x": {}}) as fake:
        assert ask(fake.url).kind == "silent"
        assert fake.questions == []


def test_a_token_of_a_file_is_sent(tmp_path: Path) -> None:
    with serve({"/x": {"a": 1}}) as fake:
        server = Server("Prometheus", parse_address(fake.url), Access(token="Bearer abc"))
        assert server.get_json("/x") == {"a": 1}
        server.close()
    assert fake.questions[0].headers["Authorization"] == "Bearer abc"


def test_a_name_that_is_not_allowed_is_shown_with_what_helps() -> None:
    said = "b.example is not known as a name of this host: allow it with --web.allowed-hosts=b.example"
    with serve({"/x": Raw(421, said)}) as fake:
        trouble = ask(fake.url)
    assert trouble.text.endswith(f"answers 421: {said}")
    assert trouble.remedy == "allow that name where Prometheus runs, or ask it by its IP address"
