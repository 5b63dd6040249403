"""Whether the exporter in this container answers: the exit status is 0 if so, else 1.

Run each minute, so it imports next to nothing: a socket and one question cost a small board a tenth of what the program
itself would. The address is the first `--web.listen-address` of process 1, or SYSVITALS_HEALTH_ADDRESS where that
stands in a configuration file. That a password is asked for is an answer too.
"""
# ruff: noqa: INP001 - no package: the image holds this file alone

import os
import socket
import sys

_PATIENCE_SECONDS = 8.0
_QUESTION = b"GET /-/healthy HTTP/1.0\r\nHost: localhost\r\n\r\n"
_FLAG = "--web.listen-address"
_DEFAULT = "127.0.0.1:9877"


def find_address(arguments: list[str], environment: dict[str, str]) -> tuple[str, int]:
    """Where to ask: the host is this one where the exporter listens on all addresses. Raises ValueError."""
    text = environment.get("SYSVITALS_HEALTH_ADDRESS") or _find_flag(arguments) or _DEFAULT
    host, _, port = text.rpartition(":")
    host = host.strip("[]")
    return {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), int(port)


def _find_flag(arguments: list[str]) -> str | None:
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, _, value = argument.partition("=")
        if name == _FLAG:
            return value or following
    return None


def is_well(answer: bytes) -> bool:
    """Whether this begins an answer of a server that works: 200, or 401 where a password is asked for."""
    return answer[:7] == b"HTTP/1." and answer[8:12] in (b" 200", b" 401")


def ask(host: str, port: int, *, encrypted: bool = False) -> bytes:
    """What the server says first. Raises OSError."""
    with socket.create_connection((host, port), timeout=_PATIENCE_SECONDS) as connection:
        if not encrypted:
            connection.sendall(_QUESTION)
            return connection.recv(64)
        import ssl  # noqa: PLC0415 - only where it is needed: it takes as long as all else

        context = ssl.create_default_context()
        # it is ourselves that we ask, by a name that no certificate has
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(connection) as wrapped:
            wrapped.sendall(_QUESTION)
            return wrapped.recv(64)


def main() -> int:
    """Ask, and tell by the status."""
    try:
        with open("/proc/1/cmdline", encoding="utf-8", errors="replace") as file:
            arguments = file.read().split("\0")
        host, port = find_address(arguments, dict(os.environ))
        try:
            answer = ask(host, port)
        except ConnectionResetError:
            answer = b""
        if answer[:4] != b"HTTP":
            answer = ask(host, port, encrypted=True)
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if not is_well(answer):
        sys.stderr.write(f"{answer!r}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
