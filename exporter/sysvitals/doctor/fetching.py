"""Asks HTTP servers, with limits on time and size, and without ever showing a password.

It imports `requests`, which takes a small board a second: import it only where something is asked.
"""

import json
import time
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from sysvitals.client.access import NO_ACCESS, Access
from sysvitals.client.address import Address
from sysvitals.client.session import Session, read_parts, speaks_tls
from sysvitals.doctor.trouble import Trouble, explain_error, explain_redirect, explain_status, silence, strange

PATIENCE_SECONDS = 5.0
"""How long a server may keep silent, while connecting and between two parts of an answer."""
LONGEST_SECONDS = 15.0
"""How long a whole question may take, looking up the name and a long answer over a weak link included."""
PATIENT_SECONDS = 90.0
"""How long one server may take for all its answers together."""
LARGEST_BYTES = 4 << 20
"""How long an answer may be: the metrics of 25,000 series, or the configuration of a large site."""
LARGEST_LIST_BYTES = 16 << 20
"""The same for lists of all targets, rules or alerts: some 10,000 of them. Python takes ten times that for a moment."""
_LARGEST_ERROR_BYTES = 1 << 16


class Server:
    """A server that is asked, one question after another. `name` is what people call it."""

    def __init__(self, name: str, address: Address, access: Access = NO_ACCESS, *, direct: bool = False) -> None:
        """`direct`: it is on this machine, so neither a proxy is asked nor whose name its certificate bears."""
        self.name = name
        self.address = address
        self._session = Session(address, access, program="sysvitals-doctor", direct=direct)
        self._spent_seconds = 0.0

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def get_json(self, path: str, most: int | None = None, **parameters: str) -> Any:
        """What the server says below this path, in at most so many bytes. Raises Trouble."""
        content = self._ask("GET", path, most=most, parameters=parameters)
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            what = " with a web page" if content.lstrip()[:1] == b"<" else ""
            raise strange(self.address, self.name, what) from None

    def get_data(self, path: str, most: int | None = None, **parameters: str) -> Any:
        """The same for Prometheus's interface, whose answers are wrapped. Raises Trouble."""
        answer = self.get_json(f"/api/v1/{path}", most, **parameters)
        if not isinstance(answer, dict) or answer.get("status") != "success":
            raise strange(self.address, self.name)
        return answer.get("data")

    def get_text(self, path: str, **parameters: str) -> str:
        """The same as text. Raises Trouble."""
        return self._ask("GET", path, parameters=parameters).decode("utf-8", "replace")

    def post_json(self, path: str, body: object) -> None:
        """Send this. Raises Trouble where it was not taken."""
        self._ask("POST", path, body=body)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        most: int | None = None,
        parameters: Mapping[str, str] | None = None,
        body: object = None,
    ) -> bytes:
        """The content of a good answer. A thread asks: nothing else can limit how long a name is looked up."""
        if self._spent_seconds > PATIENT_SECONDS:
            raise silence(self.address, PATIENT_SECONDS)
        began = time.monotonic()
        answers: SimpleQueue[bytes | Exception] = SimpleQueue()

        def work() -> None:
            try:
                answers.put(self._exchange(method, path, most or LARGEST_BYTES, parameters, body))
            except Exception as error:  # noqa: BLE001  # who waits raises it
                answers.put(error)

        Thread(target=work, name="doctor", daemon=True).start()
        try:
            answer = answers.get(timeout=LONGEST_SECONDS)
        except Empty:
            raise silence(self.address, LONGEST_SECONDS) from None
        finally:
            self._spent_seconds += time.monotonic() - began
        if isinstance(answer, Trouble):
            raise answer
        if isinstance(answer, Exception):
            raise explain_error(self.address, self.name, answer, PATIENCE_SECONDS, speaks_tls=speaks_tls) from None
        return answer

    def _exchange(self, method: str, path: str, most: int, parameters: Mapping[str, str] | None, body: object) -> bytes:
        deadline = time.monotonic() + LONGEST_SECONDS
        url = self.address.url + path
        with self._session.request(
            method, url, params=parameters, json=body, timeout=PATIENCE_SECONDS, stream=True
        ) as answer:
            if answer.is_redirect:
                raise explain_redirect(self.address, answer.headers["Location"])
            most = most if answer.ok else _LARGEST_ERROR_BYTES
            content = bytearray()
            for part in read_parts(answer):
                content += part
                if len(content) > most:
                    raise strange(self.address, self.name, f" with more than {most:,} bytes")
                if time.monotonic() > deadline:
                    raise silence(self.address, LONGEST_SECONDS)
            if not answer.ok:
                knew = "Authorization" in answer.request.headers
                raise explain_status(
                    self.address, self.name, path, answer.status_code, bytes(content), knew_password=knew
                )
            return bytes(content)
