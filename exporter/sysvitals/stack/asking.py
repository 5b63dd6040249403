"""Asks the parts over HTTP, directly, whatever proxy the environment names."""

import http.client

from sysvitals.stack.addresses import Address

_SECONDS = 1.0
_MOST_BYTES = 1 << 16


def ask(address: Address, path: str, *, most_bytes: int = _MOST_BYTES) -> bytes | None:
    """What is there, or at least its beginning; None where the answer is not 200."""
    host, _, port = address.near.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=_SECONDS)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.read(most_bytes) if answer.status == http.client.OK else None
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def answers(address: Address, path: str) -> bool:
    """Whether the answer is 200."""
    return ask(address, path) is not None
