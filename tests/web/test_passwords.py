"""Passwords are compared one at a time, so that none waits for ever, and what came of it is remembered."""

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import bcrypt
import pytest

from sysvitals.web import passwords as module
from sysvitals.web.http.budget import fit_budget
from sysvitals.web.http.messages import BusyError
from sysvitals.web.passwords import MOST_ALIKE, Passwords
from tests.patience import PATIENCE
from tests.web.raw import run, wait_for

MOST_WAITING = fit_budget().connections // 2
HASH = bcrypt.hashpw(b"open sesame", bcrypt.gensalt(4)).decode()
COSTLY = bcrypt.hashpw(b"long", bcrypt.gensalt(7)).decode()


class Compared:
    """What was compared, in order. While it is held, a comparison does not end."""

    def __init__(self) -> None:
        self.passwords: list[bytes] = []
        self.rounds = 0
        self.held = threading.Event()
        self.held.set()

    def check(self, password: bytes, hashed: bytes) -> bool:
        self.passwords.append(password)
        self.rounds += 2 ** module.find_cost(hashed)
        assert self.held.wait(PATIENCE)
        return _check(password, hashed)

    def hash(self, _password: bytes, salt: bytes) -> bytes:
        self.rounds += 2 ** module.find_cost(salt)
        return b""


_check = bcrypt.checkpw


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Iterator[Compared]:
    compared = Compared()
    monkeypatch.setattr(bcrypt, "checkpw", compared.check)
    monkeypatch.setattr(bcrypt, "hashpw", compared.hash)
    yield compared
    compared.held.set()


def test_what_was_found_is_remembered_whether_it_was_right_or_wrong(compared: Compared) -> None:
    async def ask() -> list[bool]:
        passwords = Passwords({"anna": HASH})
        given = [b"open sesame", b"wrong"] * 3
        return [await passwords.check("::1", b"anna", password) for password in given]

    assert run(ask()) == [True, False] * 3
    assert compared.passwords == [b"open sesame", b"wrong"]


def test_guesses_do_not_make_the_right_password_forgotten(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        assert await passwords.check("::1", b"anna", b"open sesame")
        for number in range(300):
            assert not await passwords.check("::1", b"anna", b"%d" % number)
        assert await passwords.check("::1", b"anna", b"open sesame")

    run(ask())
    assert compared.passwords.count(b"open sesame") == 1


@pytest.mark.fault(
    "network",
    "50 clients that guess passwords, from one address and with a name that exists",
    seen="guesses wait and get 401; a scraper waits for one comparison beside its own, and for none once it is known",
    heals="by itself",
)
def test_the_newest_request_is_compared_next_so_that_guesses_do_not_keep_a_scraper_out(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        guesses = [asyncio.create_task(passwords.check("::1", b"anna", b"guess %d" % number)) for number in range(50)]
        await wait_for(lambda: bool(compared.passwords))
        scrape = asyncio.create_task(passwords.check("::1", b"anna", b"open sesame"))
        await asyncio.sleep(0)
        compared.held.set()
        assert await scrape
        assert compared.passwords[:2] == [b"guess 0", b"open sesame"]
        assert not any(await asyncio.gather(*guesses))

    run(ask())


@pytest.mark.fault(
    "network",
    "hundreds of clients at one address that guess passwords, each again as soon as it is refused",
    seen="they get 503; a scraper at another address waits for one comparison beside its own",
    heals="by itself",
)
def test_guesses_from_one_address_hold_up_no_other_however_many_they_are(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        scrape = None
        guesses = []
        for number in range(5 * MOST_WAITING):
            guesses.append(asyncio.create_task(passwords.check("::1", b"anna", b"guess %d" % number)))
            if number == MOST_WAITING:
                await wait_for(lambda: bool(compared.passwords))
                scrape = asyncio.create_task(passwords.check("::2", b"anna", b"open sesame"))
        await asyncio.sleep(0)
        compared.held.set()
        assert scrape is not None
        assert await scrape
        assert compared.passwords[1] == b"open sesame"
        outcomes = await asyncio.gather(*guesses, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {bool, BusyError}

    run(ask())


def test_the_newest_address_goes_first_and_then_all_take_turns_with_their_oldest_requests(
    compared: Compared,
) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        asked = [("a", b"a0"), ("a", b"a1"), ("a", b"a2"), ("b", b"b1"), ("b", b"b2"), ("a", b"a3")]
        tasks = [asyncio.create_task(passwords.check(client, b"anna", password)) for client, password in asked]
        await wait_for(lambda: bool(compared.passwords))
        compared.held.set()
        await asyncio.gather(*tasks)

    run(ask())
    assert compared.passwords == [b"a0", b"b2", b"a1", b"b1", b"a2", b"a3"]


@pytest.mark.fault(
    "network",
    "a client that guesses passwords and always has a newer guess waiting, from one address or from many",
    seen="a scraper waits for one comparison more; its guesses get 401",
    heals="by itself",
)
@pytest.mark.parametrize(
    "clients", [("evil", "evil"), ("evil-%d", "evil-%d"), ("scraper", "evil-%d"), ("scraper", "scraper")], ids=str
)
def test_guesses_sent_while_another_is_compared_do_not_keep_a_scraper_waiting(
    clients: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each guess comes after the scraper's password, and before the comparison under way has ended."""
    asked: list[asyncio.Task[bool]] = []

    async def ask() -> list[bytes]:
        loop = asyncio.get_running_loop()
        passwords = Passwords({"anna": HASH})
        compared: list[bytes] = []

        def guess() -> None:
            for client in clients:
                name = client.replace("%d", str(len(asked)))
                asked.append(loop.create_task(passwords.check(name, b"anna", b"guess %d" % len(asked))))

        def compare(_pool: object, _work: object, *question: bytes) -> asyncio.Future[bool]:
            compared.append(question[-1])
            done = loop.create_future()
            if b"open sesame" not in compared:
                guess()
            loop.call_later(0.001, done.set_result, question[-1] == b"open sesame")
            return done

        monkeypatch.setattr(loop, "run_in_executor", compare)
        guess()
        await asyncio.sleep(0)
        assert await passwords.check("scraper", b"anna", b"open sesame")
        await asyncio.gather(*asked)
        return compared

    assert run(ask()).index(b"open sesame") <= 6


def test_beyond_the_limit_the_address_with_most_requests_loses_its_oldest(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        tasks = [asyncio.create_task(passwords.check("::0", b"anna", b"first"))]
        await wait_for(lambda: bool(compared.passwords))
        tasks.append(asyncio.create_task(passwords.check("::1", b"anna", b"open sesame")))
        guesses = [passwords.check("::2", b"anna", b"%d" % number) for number in range(MOST_WAITING - 1)]
        tasks.extend(map(asyncio.create_task, guesses))
        with pytest.raises(BusyError):
            await tasks.pop(2)
        compared.held.set()
        assert (await asyncio.gather(*tasks)).count(True) == 1

    run(ask())


@pytest.mark.parametrize(("password", "most"), [(b"%d", 256), (b"open sesame%d", 32)])
def test_what_was_looked_for_longest_ago_is_forgotten_first(
    password: bytes, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: list[bytes] = []

    def check(password: bytes, _hashed: bytes) -> bool:
        compared.append(password)
        return password.startswith(b"open sesame")

    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        for number in (*range(most), 0, most):
            await passwords.check("::1", b"anna", password % number)
        assert len(compared) == most + 1
        await passwords.check("::1", b"anna", password % 0)
        assert len(compared) == most + 1
        await passwords.check("::1", b"anna", password % 1)
        assert len(compared) == most + 2

    monkeypatch.setattr(bcrypt, "checkpw", check)
    run(ask())


def test_a_name_and_a_password_are_not_taken_for_others_that_are_spelt_the_same_together() -> None:
    async def ask() -> list[bool]:
        passwords = Passwords({"anna": HASH})
        given = [(b"anna", b"open sesame"), (b"anna" + HASH.encode(), b"open sesame"), (b"anna", b"")]
        return [await passwords.check("::1", user, password) for user, password in given]

    assert run(ask()) == [True, False, False]


def test_a_change_of_other_users_makes_no_password_forgotten(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH, "bert": COSTLY})
        assert await passwords.check("::1", b"anna", b"open sesame")
        passwords.replace({"anna": HASH})
        assert await passwords.check("::1", b"anna", b"open sesame")
        passwords.replace({"bert": HASH})
        assert not await passwords.check("::1", b"anna", b"open sesame")
        passwords.replace({"anna": COSTLY})
        assert not await passwords.check("::1", b"anna", b"open sesame")
        passwords.replace({"anna": HASH})
        assert await passwords.check("::1", b"anna", b"open sesame")

    run(ask())
    assert compared.passwords == [b"open sesame"] * 2


def test_requests_with_the_same_password_share_one_comparison(compared: Compared) -> None:
    async def ask() -> list[bool]:
        passwords = Passwords({"anna": HASH})
        return await asyncio.gather(*(passwords.check("::1", b"anna", b"open sesame") for _ in range(MOST_ALIKE)))

    assert run(ask()) == [True] * MOST_ALIKE
    assert compared.passwords == [b"open sesame"]


@pytest.mark.fault(
    "network",
    "clients that give the same wrong password together, one on each connection",
    seen="all but eight of them get 503; `sysvitals_http_refused_total` with `busy` rises",
    heals="by itself",
)
def test_few_wait_for_the_same_comparison_and_leave_connections_to_others(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        tasks = [asyncio.create_task(passwords.check("::1", b"anna", b"wrong")) for _ in range(MOST_WAITING)]
        refused, waiting = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        assert {type(task.exception()) for task in refused} == {BusyError}
        assert len(waiting) == MOST_ALIKE
        compared.held.set()
        assert await asyncio.gather(*waiting) == [False] * MOST_ALIKE

    run(ask())


@pytest.mark.fault(
    "network",
    "clients that hold the same guess on many connections, and others that guess on",
    seen="503 for the oldest guesses",
    heals="by itself",
)
def test_half_of_the_connections_at_most_wait_for_passwords(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        tasks = []
        for number in range(3 * MOST_WAITING):
            guess = b"%d" % (number // MOST_ALIKE)
            tasks.append(asyncio.create_task(passwords.check(f"::{number}", b"anna", guess)))
            await asyncio.sleep(0)
        await wait_for(lambda: sum(not task.done() for task in tasks) <= MOST_WAITING)
        compared.held.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {bool, BusyError}

    run(ask())


def test_beyond_the_limit_addresses_with_many_alike_lose_and_not_one_that_asks_once(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        tasks = [asyncio.create_task(passwords.check("::", b"anna", b"first"))]
        await wait_for(lambda: bool(compared.passwords))
        scrape = asyncio.create_task(passwords.check("10.0.0.1", b"anna", b"open sesame"))
        for number in range(2 * MOST_WAITING):
            alike = (
                passwords.check(f"10.1.{number // 250}.{number % 250}", b"anna", b"%d" % number)
                for _ in range(MOST_ALIKE)
            )
            tasks.extend(map(asyncio.create_task, alike))
            await asyncio.sleep(0)
            await asyncio.sleep(0)  # those that were refused have gone
        assert not scrape.done()
        compared.held.set()
        assert await scrape
        await asyncio.gather(*tasks, return_exceptions=True)

    run(ask())


@pytest.mark.parametrize("client", ["::1", "::%d"])
def test_beyond_the_limit_the_request_that_waited_for_longest_is_refused(client: str, compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        waiting = [asyncio.create_task(passwords.check("::", b"anna", b"first"))]
        await wait_for(lambda: bool(compared.passwords))
        for number in range(MOST_WAITING + 1):
            address = client.replace("%d", str(number))
            waiting.append(asyncio.create_task(passwords.check(address, b"anna", b"%d" % number)))
        for refused in waiting[1:3]:
            with pytest.raises(BusyError):
                await refused
        compared.held.set()
        assert not any(await asyncio.gather(waiting[0], *waiting[3:]))

    run(ask())


def test_a_client_that_leaves_finds_its_password_compared_when_it_comes_back(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        first = asyncio.create_task(passwords.check("::1", b"anna", b"open sesame"))
        await wait_for(lambda: bool(compared.passwords))
        first.cancel()
        compared.held.set()
        assert await passwords.check("::1", b"anna", b"open sesame")

    run(ask())
    assert compared.passwords == [b"open sesame"]


@pytest.mark.parametrize("user", [b"anna", b"bert", b"nobody", b"\xff"])
def test_each_failure_takes_as_many_rounds_as_the_highest_cost(user: bytes, compared: Compared) -> None:
    async def ask() -> bool:
        return await Passwords({"anna": HASH, "bert": COSTLY}).check("::1", user, b"wrong")

    assert run(ask()) is False
    assert compared.rounds == 2**7


def test_a_password_that_an_older_library_refuses_is_wrong_and_takes_as_long(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: bytes) -> bool:
        raise ValueError("password may not contain NUL bytes")

    async def ask() -> bool:
        return await Passwords({"anna": HASH, "bert": COSTLY}).check("::1", b"anna", b"a\0b")

    monkeypatch.setattr(bcrypt, "checkpw", refuse)
    assert run(ask()) is False
    assert compared.rounds == 2**7


@pytest.mark.parametrize("kind", ["$2a$", "$2b$", "$2y$"])
def test_hashes_of_htpasswd_and_others_are_understood(kind: str) -> None:
    async def ask() -> bool:
        return await Passwords({"anna": HASH.replace("$2b$", kind)}).check("::1", b"anna", b"open sesame")

    assert run(ask())


@pytest.mark.parametrize("password", [b"", b"a\0b", b"\xff" * 100, b"x" * 73])
def test_a_password_of_any_bytes_is_compared(password: bytes) -> None:
    async def ask() -> bool:
        hashed = bcrypt.hashpw(password[:72], bcrypt.gensalt(4)).decode()
        return await Passwords({"anna": hashed}).check("::1", b"anna", password)

    assert run(ask())


def test_what_is_found_with_users_of_before_is_not_remembered_for_those_of_now(compared: Compared) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        compared.held.clear()
        asked = asyncio.create_task(passwords.check("::1", b"anna", b"open sesame"))
        await wait_for(lambda: bool(compared.passwords))
        passwords.replace({"anna": COSTLY})
        compared.held.set()
        assert await asked
        assert not await passwords.check("::1", b"anna", b"open sesame")

    run(ask())


def test_comparisons_let_readings_and_answers_go_first() -> None:
    async def ask() -> int:
        loop = asyncio.get_running_loop()

        def niceness() -> int:
            return os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

        return await loop.run_in_executor(module._comparer, niceness)

    assert run(ask()) == max(os.getpriority(os.PRIO_PROCESS, 0), 10)


@pytest.mark.fault(
    "resources",
    "a sandbox without the system call that lowers a thread's priority",
    seen="passwords are compared at the exporter's own priority",
    heals="when the sandbox allows setpriority",
)
def test_where_the_priority_cannot_be_lowered_passwords_are_compared_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setpriority", refuse)
    module._yield_to_others()


@pytest.mark.fault(
    "resources",
    "no room for the thread that compares passwords",
    seen="503 for passwords that are not known yet",
    heals="by itself, with the next request for which there is room",
)
def test_without_a_thread_passwords_are_refused_and_compared_later(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        loop = asyncio.get_running_loop()
        with monkeypatch.context() as patch:

            def refuse(*_: object) -> None:
                raise RuntimeError("can't start new thread")

            patch.setattr(loop, "run_in_executor", refuse)
            with pytest.raises(BusyError):
                await passwords.check("::1", b"anna", b"open sesame")
        assert await passwords.check("::1", b"anna", b"open sesame")

    run(ask())


def test_without_a_thread_all_that_wait_are_refused_and_not_compared_for_nobody_later(
    compared: Compared, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        passwords = Passwords({"anna": HASH})
        monkeypatch.setattr(module, "_comparer", ThreadPoolExecutor(1))
        compared.held.clear()
        waiting = [asyncio.create_task(passwords.check("::1", b"anna", b"first"))]
        await wait_for(lambda: bool(compared.passwords))
        waiting += [asyncio.create_task(passwords.check("::1", b"anna", b"%d" % number)) for number in range(3)]
        await asyncio.sleep(0)
        room = ThreadPoolExecutor(1)
        monkeypatch.setattr(module, "_comparer", room)
        with monkeypatch.context() as patch:

            def refuse(*_: object) -> None:
                raise RuntimeError("can't start new thread")

            patch.setattr(threading.Thread, "start", refuse)
            compared.held.set()
            assert not await waiting[0]
            for refused in waiting[1:]:
                with pytest.raises(BusyError):
                    await refused
        assert await passwords.check("::1", b"anna", b"open sesame")

    run(ask())
    assert compared.passwords == [b"first", b"open sesame"]
