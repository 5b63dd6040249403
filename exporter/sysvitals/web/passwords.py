"""Compares passwords, and remembers what came of it.

A comparison takes a whole core for a time that the file chooses: 60 ms to a second for the usual cost. There is one at
a time, in a thread of low priority. Where more came during the last comparison than the client that it answered, the
newest request goes first, of the address that came last: someone who guesses waits for each answer, so that a scraper
mostly waits for the comparison under way and its own, even where all guesses come from its own address and with its
name. Otherwise, and after each newest one, addresses take turns, and each one's oldest request goes first: none waits
for ever, whatever others send.
"""

import asyncio
import hmac
import os
import secrets
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import NamedTuple

import bcrypt

from sysvitals.web.http.budget import fit_budget
from sysvitals.web.http.messages import BusyError

MOST_ALIKE = 8
"""So many may wait for the comparison of the same name and password."""

_TOO_MANY = "too many passwords are being checked; try again later"
_RIGHT_REMEMBERED = 32
_WRONG_REMEMBERED = 256
"""A client with a wrong password that asks again and again costs one comparison."""

_NICENESS = 10
_NO_SALT = b"." * 22
_LONGEST_BYTES = 72
"""bcrypt looks at no more."""


class Passwords:
    """The passwords of users. What is remembered holds for a user's hash: it outlives changes of other users only."""

    def __init__(self, users: Mapping[str, str]) -> None:
        self._key = secrets.token_bytes(32)
        self._right = _Memory(_RIGHT_REMEMBERED)
        self._wrong = _Memory(_WRONG_REMEMBERED)
        self._queue = _Queue()
        self._results: dict[bytes, asyncio.Future[bool]] = {}
        """Of those that wait, and of the one being compared."""
        self._waiting: Counter[bytes] = Counter()
        """How many requests wait for each of these."""
        self.most_waiting = fit_budget().connections // 2
        """Beyond it the oldest question of the address with most requests is refused: each that waits holds a
        connection, and there must be room for a scraper that is known."""
        self._is_comparing = False
        self.replace(users)

    def replace(self, users: Mapping[str, str]) -> None:
        """From now on these are the users. What is being compared goes on with the hash of before."""
        self._hashes = {user.encode(): hashed.encode() for user, hashed in users.items()}
        self._highest_cost = max((find_cost(hashed) for hashed in self._hashes.values()), default=10)

    async def check(self, client: str, user: bytes, password: bytes) -> bool:
        """Whether this is that user's password, asked from this address. Raises BusyError where too many wait."""
        hashed = self._hashes.get(user)
        parts = (user, hashed or b"", password)
        digest = hmac.digest(self._key, b"".join(len(part).to_bytes(4) + part for part in parts), sha256)
        if self._right.has(digest):
            return True
        if self._wrong.has(digest):
            return False
        result = self._results.get(digest)
        if result is None:
            result = self._results[digest] = asyncio.get_running_loop().create_future()
            self._queue.add(client, _Question(digest, hashed, password))
            # the client of a question may have gone: both are counted
            if max(len(self._queue), self._waiting.total() + 1) > self.most_waiting:
                self._refuse(self._queue.drop(self._waiting).digest, BusyError(_TOO_MANY))
            self._go_on()
        elif self._waiting[digest] >= MOST_ALIKE:
            raise BusyError(_TOO_MANY)
        self._waiting[digest] += 1
        try:
            # it is compared even if the client goes, which then need not wait next time
            return await asyncio.shield(result)
        finally:
            self._waiting[digest] -= 1
            self._waiting += Counter()  # without those for which no request waits

    def _go_on(self) -> None:
        while len(self._queue) and not self._is_comparing:
            digest, hashed, password = self._queue.take()
            try:
                comparison = asyncio.get_running_loop().run_in_executor(
                    _comparer, self._compare, digest, hashed, password
                )
            except RuntimeError:  # no room for its thread
                self._refuse(digest, BusyError("no thread to check the password; try again later"))
                continue
            self._is_comparing = True
            comparison.add_done_callback(partial(self._finish, digest))

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

    def _compare(self, digest: bytes, hashed: bytes | None, password: bytes) -> bool:
        """Whether it is right. Any that is not takes as long as the highest cost, so that time shows no names."""
        if digest not in self._results:  # refused for want of a thread, and still handed to the one that came later
            return False
        password = password[:_LONGEST_BYTES]
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
    hashed: bytes | None
    """Of the user, if there is one."""
    password: bytes


class _Queue:
    """Addresses in the order in which they came, each with its questions, oldest first."""

    def __init__(self) -> None:
        self._of_clients: dict[str, list[_Question]] = {}
        self._turns: dict[str, None] = {}
        """The same addresses, next one first."""
        self._came = 0
        self._was_newest = False

    def __len__(self) -> int:
        return sum(map(len, self._of_clients.values()))

    def add(self, client: str, question: _Question) -> None:
        self._of_clients.setdefault(client, []).append(question)
        self._turns.setdefault(client)
        self._came += 1

    def take(self) -> _Question:
        self._was_newest = self._came > 1 and not self._was_newest
        self._came = 0
        client = next(reversed(self._of_clients) if self._was_newest else iter(self._turns))
        question = self._remove(client, -1 if self._was_newest else 0)
        if client in self._turns:  # all others first
            self._turns[client] = self._turns.pop(client)
        return question

    def drop(self, waiting: Mapping[bytes, int]) -> _Question:
        """Remove the oldest of the address for which most requests wait; a client that has gone counts, too."""

        def weigh(client: str) -> int:
            return sum(max(1, waiting[question.digest]) for question in self._of_clients[client])

        return self._remove(max(self._of_clients, key=weigh), 0)

    def _remove(self, client: str, at: int) -> _Question:
        question = self._of_clients[client].pop(at)
        if not self._of_clients[client]:
            del self._of_clients[client], self._turns[client]
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
