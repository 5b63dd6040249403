"""Compares passwords, and remembers what came of it.

A comparison takes a whole core for a time that the file chooses: 60 ms to a second for the usual cost. There is one at
a time, in a thread of low priority. Addresses take turns, a new one first, and each one's newest request goes first:
someone who guesses waits for each answer, so that a scraper waits for the comparison under way and its own, even where
all guesses come from its own address and with its name.
"""

import asyncio
import hmac
import os
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

import bcrypt

from sysvitals.web.http.messages import BusyError

MOST_WAITING = 128
"""Beyond it the oldest request of the address with most of them is refused. Half of the usual limit of connections, so
that there is room for a scraper's."""

_RIGHT_REMEMBERED = 32
_WRONG_REMEMBERED = 256
"""A client with a wrong password that asks again and again costs one comparison."""

_NICENESS = 10
_NO_SALT = b"." * 22
_LONGEST_BYTES = 72
"""bcrypt looks at no more."""


class Passwords:
    """The passwords of these users. Each change of users makes another one, so that nothing remembered outlives it."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._hashes = {user.encode(): hashed.encode() for user, hashed in users.items()}
        self._highest_cost = max((find_cost(hashed) for hashed in self._hashes.values()), default=10)
        self._key = secrets.token_bytes(32)
        self._right = _Memory(_RIGHT_REMEMBERED)
        self._wrong = _Memory(_WRONG_REMEMBERED)
        self._queue = _Queue()
        self._results: dict[bytes, asyncio.Future[bool]] = {}
        """Of those that wait, and of the one being compared."""
        self._is_comparing = False

    async def check(self, client: str, user: bytes, password: bytes) -> bool:
        """Whether this is that user's password, asked from this address. Raises BusyError where too many wait."""
        digest = hmac.digest(self._key, len(user).to_bytes(4) + user + password, sha256)
        if self._right.has(digest):
            return True
        if self._wrong.has(digest):
            return False
        result = self._results.get(digest)
        if result is None:
            result = self._results[digest] = asyncio.get_running_loop().create_future()
            self._queue.add(client, _Question(digest, user, password))
            if len(self._queue) > MOST_WAITING:
                dropped = self._queue.drop()
                self._refuse(dropped.digest, BusyError("too many passwords are being checked; try again later"))
            self._go_on()
        # others may wait for the same; and it is compared even if the client goes, which then need not wait next time
        return await asyncio.shield(result)

    def _go_on(self) -> None:
        if self._is_comparing or not len(self._queue):
            return
        digest, user, password = self._queue.take()
        self._is_comparing = True
        loop = asyncio.get_running_loop()
        try:
            comparison = loop.run_in_executor(_comparer, self._compare, user, password)
        except RuntimeError:  # no room for its thread
            self._is_comparing = False
            self._refuse(digest, BusyError("no thread to check the password; try again later"))
            return
        comparison.add_done_callback(lambda done: self._finish(digest, done))

    def _finish(self, digest: bytes, done: "asyncio.Future[bool]") -> None:
        self._is_comparing = False
        if error := done.exception():
            self._refuse(digest, error)
        else:
            is_right = done.result()
            (self._right if is_right else self._wrong).add(digest)
            self._results.pop(digest).set_result(is_right)
        self._go_on()

    def _refuse(self, digest: bytes, error: BaseException) -> None:
        result = self._results.pop(digest)
        result.set_exception(error)
        result.exception()  # seen: all that waited for it may have gone

    def _compare(self, user: bytes, password: bytes) -> bool:
        """Whether it is right. Any that is not takes as long as the highest cost, so that time shows no names."""
        password = password[:_LONGEST_BYTES]
        hashed = self._hashes.get(user)
        try:
            if hashed is not None and bcrypt.checkpw(password, hashed):
                return True
        except ValueError:  # of Debian's bcrypt 3, for a NUL in the password
            hashed = None
        if hashed is None:
            _spend(self._highest_cost)
            return False
        # a comparison takes 2 to the power of its cost, and these add up to the difference
        for cost in range(find_cost(hashed), self._highest_cost):
            _spend(cost)
        return False


class _Question(NamedTuple):
    digest: bytes
    user: bytes
    password: bytes


class _Queue:
    """Addresses in reverse order of their turns, each with its questions, oldest first."""

    def __init__(self) -> None:
        self._of_clients: OrderedDict[str, list[_Question]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._of_clients.values()))

    def add(self, client: str, question: _Question) -> None:
        self._of_clients.setdefault(client, []).append(question)

    def take(self) -> _Question:
        client, questions = self._of_clients.popitem()
        question = questions.pop()
        if questions:  # all others first
            self._of_clients[client] = questions
            self._of_clients.move_to_end(client, last=False)
        return question

    def drop(self) -> _Question:
        client, questions = max(self._of_clients.items(), key=lambda item: len(item[1]))
        question = questions.pop(0)
        if not questions:
            del self._of_clients[client]
        return question


class _Memory:
    """The digests that were added or looked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._digests: OrderedDict[bytes, None] = OrderedDict()

    def add(self, digest: bytes) -> None:
        self._digests[digest] = None
        if len(self._digests) > self._most:
            self._digests.popitem(last=False)

    def has(self, digest: bytes) -> bool:
        if digest not in self._digests:
            return False
        self._digests.move_to_end(digest)
        return True


def find_cost(hashed: bytes) -> int:
    """The cost of a bcrypt hash: the base-2 logarithm of its rounds."""
    return int(hashed.split(b"$")[2])


def _spend(cost: int) -> None:
    bcrypt.hashpw(b"", b"$2b$%02d$%s" % (cost, _NO_SALT))


def _yield_to_others() -> None:
    """Let readings and answers go first. Where a sandbox refuses that, comparisons take their turns as all do."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


_comparer = ThreadPoolExecutor(1, thread_name_prefix="password", initializer=_yield_to_others)
"""Starts its thread with the first comparison."""
