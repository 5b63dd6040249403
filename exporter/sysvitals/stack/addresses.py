"""Addresses that the parts of the stack listen on, and who holds one that is taken."""

import contextlib
import errno
import os
import pwd
import socket
from dataclasses import dataclass
from pathlib import Path

from sysvitals.model.visible import visible

SERVERS = {"prometheus": "127.0.0.1:9090", "alertmanager": "127.0.0.1:9093", "grafana": "127.0.0.1:3000"}
"""Where they listen by default."""

_LISTENING = "0A"
_MOST_TRIES = 50
_SHOWN_CHARACTERS = 50


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens; an empty host is every address of this host."""

    host: str
    port: int

    @property
    def bind(self) -> str:
        """As servers written in Go take it: `127.0.0.1:9090`, `:9090`, `[::1]:9090`."""
        return f"{_bracket(self.host)}:{self.port}"

    @property
    def near(self) -> str:
        """As somebody on this host reaches it."""
        host = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        return f"{_bracket(host)}:{self.port}"

    @property
    def url(self) -> str:
        """The server's page, for somebody on this host."""
        return f"http://{self.near}/"


def why_not(address: Address) -> str | None:
    """Why nothing can listen there now, or None."""
    try:
        if not address.host and socket.has_dualstack_ipv6():
            socket.create_server(("", address.port), family=socket.AF_INET6, dualstack_ipv6=True).close()
        else:
            family, *_, place = socket.getaddrinfo(address.host or "0.0.0.0", address.port, type=socket.SOCK_STREAM)[0]
            socket.create_server(place, family=family).close()
    except UnicodeError:
        return "that is no name of a host"
    except socket.gaierror as error:
        return str(error.strerror)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return f"taken by {find_holder(address.port)}"
        return os.strerror(error.errno) if error.errno else str(error)  # Python's text says the address again
    return None


def next_free(address: Address) -> Address | None:
    """The next port up that nothing listens on."""
    ports = range(address.port + 1, min(address.port + _MOST_TRIES, 65536))
    return next((free for port in ports if why_not(free := Address(address.host, port)) is None), None)


def find_holder(port: int, procfs: str = "/proc") -> str:
    """Who listens on this port, as far as the kernel tells us."""
    inodes: dict[str, int] = {}
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            lines = Path(procfs, "net", table).read_text(encoding="ascii", errors="replace").splitlines()[1:]
            for columns in map(str.split, lines):
                if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes[columns[9]] = int(columns[7])
    for inode, uid in inodes.items():
        found = _find_process(inode, procfs)
        user = _user_name(uid)
        return f"{found}, of the user {user}" if found else f"a program of the user {user}"
    return "another program"


def _find_process(inode: str, procfs: str) -> str | None:
    wanted = f"socket:[{inode}]"
    for process in (name for name in os.listdir(procfs) if name.isdigit()):
        with contextlib.suppress(OSError):  # of other users, and what has ended meanwhile
            folder = os.path.join(procfs, process, "fd")
            if any(os.readlink(os.path.join(folder, name)) == wanted for name in os.listdir(folder)):
                words = Path(procfs, process, "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
                shown = " ".join([os.path.basename(words[0]), *words[1:]])
                return f"process {process} ({_shorten(shown)})"
    return None


def _shorten(text: str) -> str:
    clean = visible(text.strip())
    return clean if len(clean) <= _SHOWN_CHARACTERS else f"{clean[:_SHOWN_CHARACTERS]}…"


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _bracket(host: str) -> str:
    return f"[{host}]" if ":" in host else host
