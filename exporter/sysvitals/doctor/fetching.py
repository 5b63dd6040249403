"""Asks HTTP servers, with limits on time and size, and without ever showing a password.

It imports `requests`, which takes a small board a second: import it only where something is asked.
"""

import json
import time
from collections.abc import Mapping
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

import requests
import urllib3
from requests.auth import HTTPBasicAuth

from sysvitals import __version__
from sysvitals.doctor.address import Address
from sysvitals.doctor.trouble import Trouble, explain_error, explain_status, silence, strange

PATIENCE_SECONDS = 5.0
"""How long a server may keep silent, while connecting and between two parts of an answer."""
LONGEST_SECONDS = 15.0
"""How long a whole question may take, looking up the name and a long answer over a weak link included."""
LARGEST_BYTES = 64 << 20


class Server:
    """A server that is asked, one question after another. `name` is what people call it."""

    def __init__(self, name: str, address: Address, *, direct: bool = False) -> None:
        """`direct`: it is on this machine, so neither a proxy is asked nor whose name its certificate bears."""
        self.name = name
        self.address = address
        self._session = requests.Session()
        self._session.headers["User-Agent"] = f"sysvitals-doctor/{__version__}"
        self._session.trust_env = not direct
        if direct:
            self._session.verify = False
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        if address.user is not None:
            # as bytes, since texts could be Latin-1 only
            self._session.auth = HTTPBasicAuth(address.user.encode(), (address.password or "").encode())

    def close(self) -> None:
        """Hang up."""
        self._session.close()

    def get_json(self, path: str, **parameters: str) -> Any:
        """What the server says below this path. Raises Trouble."""
        content = self._ask("GET", path, parameters=parameters)
        try:
            return json.loads(content)
        except (ValueError, RecursionError):
            what = " with a web page" if content.lstrip()[:1] == b"<" else ""
            raise strange(self.address, self.name, what) from None

    def get_data(self, path: str, **parameters: str) -> Any:
        """The same for Prometheus's interface, whose answers are wrapped. Raises Trouble."""
        answer = self.get_json(f"/api/v1/{path}", **parameters)
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
        self, method: str, path: str, *, parameters: Mapping[str, str] | None = None, body: object = None
    ) -> bytes:
        """The content of a good answer. A thread asks: nothing else can limit how long a name is looked up."""
        answers: SimpleQueue[bytes | Exception] = SimpleQueue()

        def work() -> None:
            try:
                answers.put(self._exchange(method, path, parameters, body))
            except Exception as error:  # noqa: BLE001  # who waits raises it
                answers.put(error)

        Thread(target=work, name="doctor", daemon=True).start()
        try:
            answer = answers.get(timeout=LONGEST_SECONDS)
        except Empty:
            raise silence(self.address, LONGEST_SECONDS) from None
        if isinstance(answer, Trouble):
            raise answer
        if isinstance(answer, Exception):
            raise explain_error(self.address, self.name, answer, PATIENCE_SECONDS) from None
        return answer

    def _exchange(self, method: str, path: str, parameters: Mapping[str, str] | None, body: object) -> bytes:
        deadline = time.monotonic() + LONGEST_SECONDS
        url = self.address.url + path
        with self._session.request(
            method, url, params=parameters, json=body, timeout=PATIENCE_SECONDS, stream=True
        ) as answer:
            content = bytearray()
            for part in answer.iter_content(1 << 16):
                content += part
                if len(content) > LARGEST_BYTES:
                    raise strange(self.address, self.name, " without end")
                if time.monotonic() > deadline:
                    raise silence(self.address, LONGEST_SECONDS)
            if not answer.ok:
                raise explain_status(self.address, self.name, path, answer.status_code, bytes(content))
            return bytes(content)
