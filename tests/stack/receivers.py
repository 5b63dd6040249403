"""Where notifications arrive in tests: an HTTP server that takes what any service would be sent, and a mail server."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.stack.running import free_port

ANSWER = b'{"ok":true,"result":{"message_id":1,"date":1,"chat":{"id":1,"type":"private"}}}'
"""What Slack and Telegram say: Alertmanager 0.25 dies of an answer by Telegram without a chat."""


@dataclass(frozen=True)
class Message:
    """One request: when it came (monotonic seconds), to which path, and its JSON."""

    time: float
    path: str
    body: Any


@dataclass
class HttpReceiver:
    """Answers 401 to what is sent to one of the paths that it `refuses`."""

    address: str
    messages: list[Message] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)

    def url(self, path: str) -> str:
        return f"http://{self.address}/{path}"

    def to(self, path: str) -> list[Message]:
        """What came to a path, in order."""
        return [message for message in list(self.messages) if message.path == f"/{path}"]


@contextmanager
def run_http_receiver() -> Iterator[HttpReceiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            arrived = time.monotonic()
            body = self.rfile.read(int(self.headers["content-length"]))
            answer = ANSWER
            receiver.messages.append(Message(arrived, self.path, json.loads(body)))
            self.send_response(401 if self.path.removeprefix("/") in receiver.refuses else 200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Nothing: it would go to the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = HttpReceiver(f"127.0.0.1:{server.server_port}")
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


@dataclass
class MailReceiver:
    address: str
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 taken"


@contextmanager
def run_mail_receiver() -> Iterator[MailReceiver]:
    port = free_port()
    receiver = MailReceiver(f"127.0.0.1:{port}")
    controller = Controller(receiver, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield receiver
    finally:
        controller.stop()
