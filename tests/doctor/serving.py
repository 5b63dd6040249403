"""Servers of canned answers, on the loopback, for what real ones say when something is wrong."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sysvitals.client.address import parse_address
from sysvitals.doctor.fetching import Server


@dataclass(frozen=True)
class Question:
    """What was asked."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Raw:
    """An answer with a status of its own."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Answer = Raw | str | dict[str, Any] | list[Any] | None
Answers = Mapping[str, Answer | Callable[[Question], Answer]]


@dataclass(frozen=True)
class Fake:
    """A server that runs: its address, and what it was asked."""

    url: str
    questions: list[Question]


@contextmanager
def serve(answers: Answers) -> Iterator[Fake]:
    """A server that gives these answers by their paths: a text as it is, anything else as JSON; else 404."""
    questions: list[Question] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("content-length", 0))
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            question = Question(self.command, parts.path, query, dict(self.headers), self.rfile.read(length))
            questions.append(question)
            answer = answers.get(parts.path, Raw(404, "404 page not found"))
            self._send(answer(question) if callable(answer) else answer)

        do_POST = do_GET  # noqa: N815  # the base class calls it so

        def _send(self, answer: Answer) -> None:
            raw = answer if isinstance(answer, Raw) else None
            text = raw.body if raw else answer if isinstance(answer, str) else json.dumps(answer)
            assert isinstance(text, str)
            body = text.encode()
            self.send_response(raw.status if raw else 200)
            for name, value in (raw.headers if raw else {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield Fake(f"http://127.0.0.1:{server.server_address[1]}", questions)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def connect(answers: Answers, name: str = "Prometheus") -> Iterator[tuple[Server, Fake]]:
    """The doctor's way to such a server."""
    with serve(answers) as fake:
        server = Server(name, parse_address(fake.url))
        try:
            yield server, fake
        finally:
            server.close()


def success(data: Any) -> dict[str, Any]:
    """An answer of Prometheus's interface."""
    return {"status": "success", "data": data}


def vector(*rows: tuple[Mapping[str, str], float]) -> dict[str, Any]:
    """What Prometheus answers to a query."""
    found = [{"metric": dict(labels), "value": [1_800_000_000.0, f"{value}"]} for labels, value in rows]
    return success({"resultType": "vector", "result": found})
