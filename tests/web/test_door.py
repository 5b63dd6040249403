"""What happens to a running server when its web configuration file changes."""

import asyncio
import errno
import logging
import os
import ssl
import threading
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from sysvitals.config.errors import ConfigError
from sysvitals.config.web_config import WebFile, read_web_file
from sysvitals.web import door as module
from sysvitals.web.door import Door, take_look
from sysvitals.web.http.budget import Budget
from sysvitals.web.http.listening import listen
from sysvitals.web.http.messages import Answer, Request, respond_text
from sysvitals.web.http.server import Server
from tests.certificates import make_certificate
from tests.patience import PATIENCE
from tests.web.raw import CLOSE, UPGRADE, Line, run, wait_for
from tests.web.test_websocket import SERVICE_RESTART, Show

OLD, NEW = (bcrypt.hashpw(password, bcrypt.gensalt(4)).decode() for password in (b"old", b"new"))
CERTIFICATE = "cert_file: cert.pem, key_file: key.pem"
TLS = f"tls_server_config: {{{CERTIFICATE}}}\n"
CLIENTS = (
    f"tls_server_config: {{{CERTIFICATE}, client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}}\n"
)
ANNA = f"basic_auth_users: {{anna: {OLD}}}\n"
BOTH = f"basic_auth_users: {{anna: {OLD}, bert: {OLD}}}\n"
BROKEN = "http_server_config: {headers: {Server: me}}\n"
OUT = 0
"""The status of a client that gets no answer."""


async def hello(_request: Request) -> Answer:
    return respond_text(200, "hello")


class House:
    """A server behind a door, whose file is looked at when the test says so."""

    def __init__(self, folder: Path, text: str, app: Any = hello) -> None:
        self.folder = folder
        self.file = folder / "web.yml"
        self.file.write_text(text)
        self.door = Door(str(self.file))
        self.server = Server(self.door.guard(app), lambda: self.door.tls, Budget())
        self.port = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["House"]:
        (listener,) = listen([("127.0.0.1", 0)])
        self.port = listener.getsockname()[1]
        serving = asyncio.create_task(self.server.serve([listener]))
        try:
            yield self
        finally:
            self.server.end()
            await serving

    def save(self, text: str, *, looks: int = 2) -> None:
        """Save the file by renaming, as editors do, and look at it so often."""
        part = self.folder / "part"
        part.write_text(text)
        part.replace(self.file)
        self.look(looks)

    def look(self, looks: int = 2) -> None:
        for _ in range(looks):
            if self.door.take(take_look(str(self.file), self.door._seen)):
                self.server.renew()

    @asynccontextmanager
    async def line(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[Line]:
        line = Line(*await asyncio.open_connection("127.0.0.1", self.port, ssl=tls))
        try:
            yield line
        finally:
            line.writer.close()

    async def ask(self, password: str = "", user: str = "anna", tls: ssl.SSLContext | None = None) -> int:
        """The status of the answer, OUT where there is none."""
        coded = b64encode(f"{user}:{password}".encode()).decode()
        try:
            async with self.line(tls) as line:
                line.send(
                    f"GET / HTTP/1.1\r\nHost: b\r\nConnection: close\r\nAuthorization: Basic {coded}\r\n\r\n".encode()
                )
                answer = await line.rest()
        except (ssl.SSLError, ConnectionError):
            return OUT
        return int(answer.split()[1]) if answer.startswith(b"HTTP/1.1 ") else OUT


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    make_certificate(folder, "board")
    make_certificate(folder, "renewed", cert="renewed.pem", key="renewed.key")
    make_certificate(folder, "scraper", names="DNS:scraper", cert="ca.pem", key="ca.key")
    make_certificate(folder, "other", names="DNS:other", cert="other.pem", key="other.key")
    return folder


@pytest.fixture
def folder(keys: Path, tmp_path: Path) -> Path:
    for file in keys.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


def trust(folder: Path, name: str = "", **options: Any) -> ssl.SSLContext:
    """What a client trusts and presents."""
    context = ssl.create_default_context(cafile=str(folder / "cert.pem"))
    if name:
        context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    for key, value in options.items():
        setattr(context, key, value)
    return context


@pytest.mark.fault(
    "network",
    "RequireAndVerifyClientCert is added to the web file of a running server",
    seen="clients without a certificate are disconnected, and refused from then on",
    heals="for each client, with a certificate of client_ca",
)
def test_client_certificates_that_are_required_while_it_runs_are_required(folder: Path) -> None:
    async def ask() -> None:
        async with House(folder, TLS).open() as house:
            assert await house.ask(tls=trust(folder)) == 200
            async with house.line(trust(folder)) as kept:
                house.save(CLIENTS, looks=1)
                assert await kept.rest() == b""
            assert await house.ask(tls=trust(folder)) == OUT
            assert await house.ask(tls=trust(folder, "other")) == OUT
            assert await house.ask(tls=trust(folder, "ca")) == 200
            house.look()
            assert await house.ask(tls=trust(folder)) == OUT
            assert await house.ask(tls=trust(folder, "ca")) == 200

    run(ask())


@pytest.mark.fault(
    "network",
    "min_version is raised in the web file of a running server",
    seen="clients that speak only the older version are refused",
    heals="for each client, with the newer version",
)
def test_a_version_that_is_raised_while_it_runs_is_required(folder: Path) -> None:
    async def ask() -> None:
        old = trust(folder, maximum_version=ssl.TLSVersion.TLSv1_2)
        async with House(folder, TLS).open() as house:
            assert await house.ask(tls=old) == 200
            house.save(TLS.replace("}", ", min_version: TLS13}"), looks=1)
            assert await house.ask(tls=old) == OUT
            assert await house.ask(tls=trust(folder)) == 200

    run(ask())


def test_another_authority_for_clients_is_in_force_when_it_was_saved_completely(folder: Path) -> None:
    async def ask() -> None:
        async with House(folder, CLIENTS).open() as house:
            (folder / "ca.pem").write_bytes((folder / "other.pem").read_bytes())
            house.look(1)
            assert await house.ask(tls=trust(folder, "other")) == OUT
            house.look(1)
            assert await house.ask(tls=trust(folder, "other")) == 200
            assert await house.ask(tls=trust(folder, "renewed")) == OUT

    run(ask())


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_of_before_is_not_resumed_after_a_change(folder: Path, version: ssl.TLSVersion) -> None:
    def begin(house: House, client: ssl.SSLContext, session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession]:
        import socket  # noqa: PLC0415

        with (
            socket.create_connection(("127.0.0.1", house.port), timeout=PATIENCE) as plain,
            client.wrap_socket(plain, server_hostname="127.0.0.1", session=session) as line,
        ):
            line.sendall(b"GET / HTTP/1.1\r\nHost: b\r\n\r\n")
            assert line.recv(1 << 16).startswith(b"HTTP/1.1 200 ")
            assert line.session is not None
            return bool(line.session_reused), line.session

    async def ask() -> None:
        client = trust(folder, minimum_version=version, maximum_version=version)
        async with House(folder, TLS).open() as house:
            _, session = await asyncio.to_thread(begin, house, client, None)
            assert (await asyncio.to_thread(begin, house, client, session))[0]
            house.save(TLS + "rate_limit: {interval: 1ms, burst: 1000}\n")
            assert not (await asyncio.to_thread(begin, house, client, session))[0]

    run(ask())


def test_a_renewed_certificate_is_presented_when_both_files_were_saved(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def present(house: House) -> bytes:
        context = trust(folder, check_hostname=False, verify_mode=ssl.CERT_NONE)
        async with house.line(context) as line:
            found: bytes = line.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            return found

    async def ask() -> None:
        async with House(folder, TLS).open() as house:
            before = await present(house)
            (folder / "cert.pem").write_bytes((folder / "renewed.pem").read_bytes())
            house.look()
            assert "the key does not match the certificate" in caplog.text
            assert await present(house) == before
            (folder / "key.pem").write_bytes((folder / "renewed.key").read_bytes())
            house.look()
            assert await present(house) == ssl.PEM_cert_to_DER_cert((folder / "renewed.pem").read_text())

    run(ask())


def test_tls_can_be_switched_on_while_it_runs_and_off_at_the_next_start_only(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        async with House(folder, ANNA).open() as house:
            assert await house.ask("old") == 200
            house.save(TLS + ANNA)
            assert await house.ask("old") == OUT
            assert await house.ask("old", tls=trust(folder)) == 200
            house.save(ANNA)
            assert await house.ask("old") == OUT
            assert await house.ask("old", tls=trust(folder)) == 200

    run(ask())
    assert "tls_server_config was removed: TLS stays required until a restart; after it: no TLS" in caplog.text


@pytest.mark.fault(
    "storage",
    "a web configuration file that is emptied, cut off or gone while the server runs",
    seen="one line in the log; passwords, TLS and client certificates stay as they were",
    heals="by itself, when the file is whole again; a server is opened by a restart only",
)
@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "basic_auth_users:\n", "basic_auth_users: {}\n", None, "[", BROKEN]
)
def test_a_file_that_is_emptied_or_gone_opens_no_running_server(
    text: str | None, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        async with House(folder, CLIENTS + ANNA).open() as house:
            if text is None:
                house.file.unlink()
                house.look()
            else:
                house.save(text)
            assert await house.ask("old") == OUT
            assert await house.ask("old", tls=trust(folder)) == OUT
            assert await house.ask("wrong", tls=trust(folder, "ca")) == 401
            assert await house.ask("old", tls=trust(folder, "ca")) == 200
            assert [record for record in caplog.records if record.levelno >= logging.WARNING]
            house.save(CLIENTS + ANNA.replace(OLD, NEW))
            assert await house.ask("new", tls=trust(folder, "ca")) == 200

    run(ask())


def test_client_certificates_are_required_until_the_next_start(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def ask() -> None:
        async with House(folder, CLIENTS).open() as house:
            house.save(TLS)
            assert await house.ask(tls=trust(folder)) == OUT
            assert await house.ask(tls=trust(folder, "ca")) == 200

    run(ask())
    assert "RequireAndVerifyClientCert was removed: client certificates stay required until a restart" in caplog.text


@pytest.mark.fault(
    "process",
    "a user who is removed, or added, while the file is being saved",
    seen="who is gone is out immediately; who is new comes in 2 s later",
    heals="by itself, when the file was the same at two looks",
)
def test_what_locks_counts_immediately_and_what_opens_when_it_was_saved_completely(folder: Path) -> None:
    async def ask() -> None:
        async with House(folder, BOTH).open() as house:
            house.save(f"basic_auth_users: {{anna: {OLD}, carl: {NEW}}}\n", looks=1)
            assert await house.ask("old") == 200
            assert await house.ask("old", "bert") == 401
            assert await house.ask("new", "carl") == 401
            house.look(1)
            assert await house.ask("old") == 200
            assert await house.ask("old", "bert") == 401
            assert await house.ask("new", "carl") == 200

    run(ask())


def test_users_who_are_added_to_an_open_server_close_it(folder: Path) -> None:
    async def ask() -> None:
        async with House(folder, "").open() as house:
            assert await house.ask() == 200
            house.save(ANNA, looks=1)
            assert await house.ask() == 401
            assert await house.ask("old") == 200

    run(ask())


@pytest.mark.fault(
    "process",
    "a password that is changed in a file that is wrong elsewhere",
    seen="the log names the mistake and the user; neither the old nor the new password is valid",
    heals="by itself, when the file is right",
)
def test_a_password_that_changes_with_a_mistake_elsewhere_is_valid_no_longer(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        async with House(folder, BOTH).open() as house:
            house.save(f"basic_auth_users: {{anna: {NEW}, bert: {OLD}}}\n{BROKEN}")
            assert [await house.ask("old"), await house.ask("new")] == [401, 401]
            assert await house.ask("old", "bert") == 200
            assert "'anna' has no valid entry with the same password: locked out" in caplog.text
            assert "http_server_config.headers.Server: unknown key" in caplog.text
            house.save(f"basic_auth_users: {{anna: {NEW}, bert: {OLD}}}\n")
            assert [await house.ask("old"), await house.ask("new")] == [401, 200]
            assert await house.ask("old", "bert") == 200

    run(ask())


@pytest.mark.parametrize(
    "text",
    [
        f"{ANNA}{ANNA.replace(OLD, NEW)}",  # its section is there twice
        "basic_auth_users: [anna]\n",
        f"{ANNA}http_server_config: 2026-02-30\n",
        f"{ANNA}x: !!timestamp 2026-02-30\n",
    ],
)
def test_a_file_that_cannot_be_read_leaves_what_was_there(
    text: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        async with House(folder, ANNA).open() as house:
            house.save(text)
            assert [await house.ask("old"), await house.ask("new"), await house.ask()] == [200, 401, 401]
            assert "not taken. In force until it is right: no TLS, users with passwords: 1" in caplog.text

    run(ask())


@pytest.mark.fault(
    "sources",
    "a value in the web file that YAML cannot make sense of, such as the date 2026-02-30",
    seen="one line in the log with the place",
    heals="by itself, when the file is right: it goes on being read",
)
def test_after_a_value_of_any_kind_the_file_goes_on_being_read(folder: Path) -> None:
    async def ask() -> None:
        async with House(folder, ANNA).open() as house:
            for value in ("2026-02-30", "!!binary 1", "!!int x", "1:99", "~", "*a", "&a [*a]", "0b", ".nan"):
                house.save(f"{ANNA}http_server_config: {value}\n")
            house.save(ANNA.replace(OLD, NEW))
            assert [await house.ask("old"), await house.ask("new")] == [401, 200]

    run(ask())


def test_client_certificates_whose_authority_cannot_be_used_are_all_refused(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        async with House(folder, TLS).open() as house:
            (folder / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
            house.save(CLIENTS)
            assert await house.ask(tls=trust(folder)) == OUT
            assert "RequireAndVerifyClientCert, where no certificate is valid" in caplog.text
            house.save(CLIENTS.replace("ca.pem", "other.pem"))
            assert await house.ask(tls=trust(folder, "other")) == 200

    run(ask())


def test_tls_that_cannot_be_switched_on_is_said_and_switched_on_when_its_key_is_there(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        async with House(folder, "").open() as house:
            key = (folder / "key.pem").read_bytes()
            (folder / "key.pem").unlink()
            house.save(TLS)
            assert await house.ask() == 200
            assert "key.pem' cannot be read: No such file or directory" in caplog.text
            (folder / "key.pem").write_bytes(key)
            house.look()
            assert await house.ask() == OUT
            assert await house.ask(tls=trust(folder)) == 200

    run(ask())


def test_a_mistake_is_logged_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(folder, ANNA)
    house.save("x: 1\n", looks=5)
    os.utime(house.file, (1, 1))
    house.look(5)
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert len(lines) == 2
    assert lines[0].startswith(f"{house.file}:1: x: unknown key. Valid here: ")


@pytest.mark.fault(
    "storage",
    "a web configuration file, or one that it names, that cannot be read for a moment after it changed",
    seen="one line in the log; what was in force stays in force",
    heals="by itself: it is read again with each look, though it did not change since",
)
@pytest.mark.parametrize("file", ["web.yml", "cert.pem", "key.pem"])
def test_a_change_that_could_not_be_read_once_is_taken_with_the_next_look(
    file: str, folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    house = House(folder, TLS + BOTH)
    house.file.write_text(TLS + ANNA)
    for old, new in (("cert.pem", "renewed.pem"), ("key.pem", "renewed.key")):
        (folder / old).write_bytes((folder / new).read_bytes())
    real = os.open

    def fail(path: str, *given: Any, **options: Any) -> int:
        if str(path).endswith(file):
            raise OSError(errno.EMFILE, "Too many open files", path)
        return real(path, *given, **options)

    monkeypatch.setattr(os, "open", fail)
    house.look(3)
    monkeypatch.undo()
    assert caplog.text.count("Too many open files") == 1
    house.look(2)
    config = house.door._config
    assert config.users is not None
    assert config.users.keys() == {"anna"}
    assert config.tls is not None
    assert config.tls.cert == (folder / "renewed.pem").read_bytes()


def test_a_file_that_is_named_since_and_changes_while_it_is_read_is_read_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(folder, TLS)
    (folder / "new.pem").write_bytes((folder / "cert.pem").read_bytes())

    def change(file: str) -> WebFile:
        found = read_web_file(file)
        (folder / "new.pem").write_bytes((folder / "renewed.pem").read_bytes())
        (folder / "key.pem").write_bytes((folder / "renewed.key").read_bytes())
        return found

    monkeypatch.setattr(module, "read_web_file", change)
    house.save(TLS.replace("cert.pem", "new.pem"))
    assert house.door._config.tls is not None
    assert house.door._config.tls.cert == (folder / "renewed.pem").read_bytes()


@pytest.mark.parametrize("named", ["cert.pem/in.pem", "circle.pem", "x" * 300])
def test_a_file_that_is_named_and_cannot_be_looked_at_is_a_problem_of_the_file(
    named: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "circle.pem").symlink_to("circle.pem")
    house = House(folder, TLS)
    house.save(TLS.replace("key.pem", named))
    assert "cannot be read: " in caplog.text
    assert "not taken. In force until it is right: TLS" in caplog.text


@pytest.mark.fault(
    "storage",
    "a FIFO that replaces the web configuration file of a running server",
    seen="one line in the log; what was in force stays in force",
    heals="by itself, when a regular file is there again",
)
def test_a_fifo_in_place_of_the_file_is_not_waited_for(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    house = House(folder, ANNA)
    house.file.unlink()
    os.mkfifo(house.file)
    house.look()
    assert f"{house.file}: cannot be read: Not a regular file" in caplog.text


def test_a_start_with_a_file_that_is_wrong_is_refused_with_all_that_is_wrong(folder: Path) -> None:
    (folder / "web.yml").write_text(f"{TLS.replace('key.pem', 'other.key')}{BROKEN}")
    with pytest.raises(ConfigError) as caught:
        Door(str(folder / "web.yml"))
    assert len(caught.value.problems) == 2


@pytest.mark.fault(
    "network",
    "a user who is removed while a stream of theirs is open",
    seen="the stream is closed with code 1012, and is refused when it comes back",
    heals="-",
)
def test_streams_of_a_user_who_is_removed_end(folder: Path) -> None:
    async def ask() -> None:
        async with House(folder, BOTH, Show()).open() as house:
            coded = b64encode(b"bert:old")
            upgrade = UPGRADE.replace(b"\r\n\r\n", b"\r\nAuthorization: Basic " + coded + b"\r\n\r\n")
            async with house.line() as line:
                line.send(upgrade)
                assert (await line.head()).startswith(b"HTTP/1.1 101 ")
                house.save(ANNA, looks=1)
                while (frame := await line.frame())[0] != CLOSE:
                    pass
                assert int.from_bytes(frame[1][:2], "big") == SERVICE_RESTART
            async with house.line() as line:
                line.send(upgrade)
                assert (await line.head()).startswith(b"HTTP/1.1 401 ")

    run(ask())


@pytest.mark.fault(
    "process",
    "an error while the web file is read again",
    seen="one traceback in the log; what was in force stays in force",
    heals="by itself, with the next look",
)
def test_an_error_while_it_is_read_again_does_not_end_the_looking(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    errors = [MemoryError(), RuntimeError("can't start new thread"), RuntimeError("can't start new thread")]

    def look(*given: Any) -> Any:
        if errors:
            raise errors.pop()
        return take_look(*given)

    async def watch() -> None:
        renewed: list[None] = []
        house = House(folder, ANNA)
        monkeypatch.setattr(module, "take_look", look)
        part = house.folder / "part"
        part.write_text(ANNA.replace(OLD, NEW))
        part.replace(house.file)
        watching = asyncio.create_task(house.door.watch(lambda: renewed.append(None)))
        await wait_for(lambda: not errors and len(renewed) == 2)  # the old password is out, then the new one is in
        watching.cancel()

    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(module, "_SETTLE_SECONDS", 0.02)
    run(watch())
    assert [record.exc_info is not None for record in caplog.records if record.levelno == logging.ERROR] == [True, True]


@pytest.mark.fault(
    "storage",
    "a disk that hangs while the web file is read again",
    seen="one line in the log after 10 s; the server answers, and what was in force stays in force",
    heals="by itself, when the disk answers",
)
def test_a_disk_that_hangs_holds_nothing_else_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    answers = threading.Event()

    def look(*given: Any) -> Any:
        assert answers.wait(PATIENCE)
        return take_look(*given)

    async def ask() -> None:
        async with House(folder, ANNA).open() as house:
            monkeypatch.setattr(module, "take_look", look)
            part = house.folder / "part"
            part.write_text(ANNA.replace(OLD, NEW))
            part.replace(house.file)
            watching = asyncio.create_task(house.door.watch(house.server.renew))
            await wait_for(lambda: "reading it takes longer than" in caplog.text)
            assert await house.ask("old") == 200
            answers.set()
            await wait_for(lambda: "read again" in caplog.text)
            assert [await house.ask("old"), await house.ask("new")] == [401, 200]
            watching.cancel()

    caplog.set_level(logging.INFO)
    for name in ("_LOOK_SECONDS", "_SETTLE_SECONDS", "_SLOW_SECONDS"):
        monkeypatch.setattr(module, name, 0.02)
    run(ask())


def test_the_log_names_each_lock_that_is_in_force(folder: Path) -> None:
    strict = CLIENTS.replace("}", ", client_allowed_sans: [scraper], min_version: TLS13}")
    limit = "rate_limit: {interval: 500ms, burst: 5}\n"
    for text, words in {
        "": "no TLS, no passwords",
        BOTH: "no TLS, users with passwords: 2",
        TLS: "TLS, no passwords",
        strict + limit: "TLS (min_version TLS13), RequireAndVerifyClientCert, client_allowed_sans: 1, no passwords, "
        "rate_limit: 5, one more each 0.5 s",
    }.items():
        assert House(folder, text).door.describe() == words


@pytest.mark.parametrize(
    ("text", "is_open"),
    [("", True), (TLS, True), (ANNA, False), (CLIENTS, False)],
    ids=["nothing", "TLS", "passwords", "certificates"],  # a hash is another one in each process that runs tests
)
def test_a_door_is_open_without_passwords_and_without_client_certificates(
    text: str, is_open: bool, folder: Path
) -> None:
    assert House(folder, text).door.is_open == is_open


def test_a_user_who_is_given_twice_is_locked_out_and_the_log_says_why(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        async with House(folder, ANNA).open() as house:
            house.save(f"basic_auth_users:\n  anna: {OLD}\n  anna: {NEW}\n")
            assert [await house.ask("old"), await house.ask("new")] == [401, 401]

    run(ask())
    assert "basic_auth_users.anna: is given twice, first on line 2" in caplog.text
    assert "'anna' has no valid entry with the same password: locked out until the file is right" in caplog.text
    assert "In force until it is right: no TLS, users with passwords: none valid" in caplog.text
