"""The stack, from what was asked for to its orderly end."""

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sysvitals.config.host import build_host
from sysvitals.config.settings import Paths
from sysvitals.history.lock import Claim
from sysvitals.sources.os.kernel import read_hostname
from sysvitals.stack.addresses import Address, next_free, why_not
from sysvitals.stack.alerts import Alerts
from sysvitals.stack.group import Group, Part, PartEndedError
from sysvitals.stack.layout import Layout, lay_out, take_away
from sysvitals.stack.parts import alertmanager_part, exporter_part, grafana_part, prometheus_part, simulation_part
from sysvitals.stack.programs import PROGRAMS, find_grafana_home, find_program
from sysvitals.stack.wishes import Wishes
from sysvitals.stack.words import dashboard_url, describe_missing, describe_stack, describe_taken

_MEMORY = "/dev/shm"  # noqa: S108  # a folder of our own is made in it
_NAME_WIDTH = 12
_LOOK_SECONDS = 5.0
"""The power rules are evaluated as often."""

Say = Callable[[str], None]


class StackError(Exception):
    """Why there is no stack, with the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Servers:
    """The servers that will run: their programs, and where they listen."""

    programs: Mapping[str, str]
    addresses: Mapping[str, Address]
    grafana_home: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where this run keeps its things. `flags` tell it to the exporter; `board` is the simulated board's folder."""

    layout: Layout
    flags: Mapping[str, str]
    paths: Paths
    board: Path | None


def run_stack(wishes: Wishes, say: Say) -> int:
    """Run until a signal asks for the end. `say` is called with each line for whoever looks on.

    The exit status: 1 if a part ended by itself. Raises StackError, and OSError where a file cannot be written.
    """
    servers = _find_servers(wishes, say)
    _check_ports(wishes, servers)
    group = Group(lambda name, line: say(f"{name:<{_NAME_WIDTH}} | {line}"))
    try:
        with group.listening(), _make_place(wishes, say) as place:
            try:
                _start(group, wishes, servers, place, say)
                if group.wait_until_ready():
                    say(describe_stack(wishes, servers.addresses, place.layout))
                    alerts = Alerts(servers.addresses["prometheus"])
                    group.run(lambda: (("alert", line) for line in alerts.look()), _LOOK_SECONDS)
            finally:
                _stop(group, say)
    except PartEndedError as error:
        say(f"sysvitals: {error}")
        return 1
    return 0


def _start(group: Group, wishes: Wishes, servers: _Servers, place: _Place, say: Say) -> None:
    """Start all parts, each after what it reads. Raises PartEndedError, OSError."""
    logs = place.layout.logs
    if wishes.simulated is not None and place.board is not None:
        group.start(simulation_part(wishes.simulated.board, wishes.simulated.scenario, place.board), logs)
        if not group.wait_until_ready():
            return
    addresses = {"exporter": wishes.exporter, **servers.addresses}
    instance = _name_target(wishes, place)
    for note in lay_out(place.layout, addresses, instance, wishes.webhooks):
        say(note)
    say(f"starting {', '.join(addresses)}; Ctrl-C ends all")
    flags = dict(place.flags)
    if "grafana" in servers.addresses and not wishes.settings.web.grafana_url:
        flags["--web.grafana-url"] = dashboard_url(servers.addresses["grafana"], instance)
    group.start(exporter_part([*wishes.arguments(flags)], wishes.exporter), logs)
    for part in _server_parts(servers, place.layout):
        group.start(part, logs)


def _server_parts(servers: _Servers, layout: Layout) -> Iterator[Part]:
    """Those that are told first, so that they end last."""
    if "alertmanager" in servers.addresses:
        yield alertmanager_part(servers.programs["alertmanager"], layout, servers.addresses["alertmanager"])
    yield prometheus_part(servers.programs["prometheus"], layout, servers.addresses["prometheus"])
    if "grafana" in servers.addresses and servers.grafana_home is not None:
        program = servers.programs["grafana"]
        yield grafana_part(program, servers.grafana_home, layout, servers.addresses["grafana"])


def _stop(group: Group, say: Say) -> None:
    if not group.names:
        return
    say(f"stopping {', '.join(reversed(group.names))}")
    began = time.monotonic()
    killed = group.stop()
    say(f"all ended after {time.monotonic() - began:.1f} s")
    for name in killed:
        say(f"sysvitals: {name} did not end when asked, and was killed")


def _find_servers(wishes: Wishes, say: Say) -> _Servers:
    """The programs of those that are wanted; tells of what is missing. Raises StackError where it is Prometheus."""
    programs: dict[str, str] = {}
    home = None
    for name in wishes.servers:
        found = find_program(PROGRAMS[name], os.environ)
        missing = f"no {' or '.join(PROGRAMS[name].names)} on the PATH"
        if found is not None and name == "grafana":
            home = find_grafana_home(found, os.environ)
            missing = f"{found} is there, but not the folder with its conf/defaults.ini: set GF_PATHS_HOME to it"
            found = found if home is not None else None
        if found is not None:
            programs[name] = found
        elif name == "prometheus":
            raise StackError(f"there is no stack without Prometheus: {missing}\n{PROGRAMS[name].remedy}")
        else:
            say(describe_missing(PROGRAMS[name], missing))
    addresses = {name: address for name, address in wishes.servers.items() if name in programs}
    return _Servers(programs=programs, addresses=addresses, grafana_home=home)


def _check_ports(wishes: Wishes, servers: _Servers) -> None:
    """Before anything is started: who cannot listen tells so in words that do not help. Raises StackError."""
    listening = [("exporter", Address(*one)) for one in wishes.settings.web.listen_address]
    problems = [
        describe_taken(name, address, reason, next_free(address))
        for name, address in (*listening, *servers.addresses.items())
        if (reason := why_not(address)) is not None
    ]
    if problems:
        raise StackError("\nsysvitals: ".join(problems))


@contextlib.contextmanager
def _make_place(wishes: Wishes, say: Say) -> Iterator[_Place]:
    """A simulation leaves behind what was edited, and no more, unless the command line says where to keep things.

    Raises StackError, OSError.
    """
    paths, flags, board = wishes.settings.path, {}, None
    storage = Path(wishes.settings.storage.path).absolute()
    layout = Layout(folder=storage / "stack", kept=storage / "stack")
    with contextlib.ExitStack() as cleaning:
        if wishes.simulated is not None:
            # a dozen files change five times a second: not on an SD card
            memory = _MEMORY if os.access(_MEMORY, os.W_OK | os.X_OK) else None
            board = cleaning.enter_context(_temporary_folder(memory))
            paths = Paths(procfs=f"{board}/proc", sysfs=f"{board}/sys", rootfs=str(board), devfs=f"{board}/dev")
            flags = {f"--path.{name}": getattr(paths, name) for name in ("procfs", "sysfs", "rootfs", "devfs")}
            if not wishes.is_storage_chosen:
                passing = cleaning.enter_context(_temporary_folder(but="stack/logs"))
                flags["--storage.path"] = str(passing)
                layout = Layout(folder=layout.folder, kept=passing / "stack")
        missing = [path for path in layout.folder.parents if not path.exists()]
        try:
            layout.folder.mkdir(0o700, parents=True, exist_ok=True)  # logs and a password are in it
        except OSError as error:
            if layout.kept == layout.folder:
                raise StackError(
                    f"storage path {storage} is not writable ({error.strerror}): set --storage.path=DIR, or fix its"
                    " owner"
                ) from None
            say(f"what you edit will be gone at the end: {layout.folder} cannot be made ({error.strerror})")
            layout = Layout(folder=layout.kept, kept=layout.kept)
            layout.folder.mkdir(0o700)
        try:
            cleaning.enter_context(Claim(str(layout.folder)))
        except OSError:
            raise StackError(
                f"another sysvitals stack keeps its things in {layout.folder}: --storage.path=DIR"
            ) from None
        if layout.is_borrowed:
            cleaning.callback(_give_back, layout, missing, say)
        yield _Place(layout=layout, flags=flags, paths=paths, board=board)


def _give_back(layout: Layout, missing: Sequence[Path], say: Say) -> None:
    """Leave what was edited, and none of the folders that were `missing` unless that is in it."""
    for path in take_away(layout):
        say(f"kept, since you edited it: {path}")
    (layout.folder / "lock").unlink(missing_ok=True)
    for path in (layout.folder, *missing):
        with contextlib.suppress(OSError):  # it is not empty
            path.rmdir()


@contextlib.contextmanager
def _temporary_folder(within: str | None = None, *, but: str | None = None) -> Iterator[Path]:
    """It goes at the end; the folder `but` in it stays where a part ended by itself."""
    folder = Path(tempfile.mkdtemp(prefix="sysvitals-stack.", dir=within))
    stays = None
    try:
        yield folder
    except PartEndedError:
        stays = folder / but if but is not None else None
        raise
    finally:
        if stays is None:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            _remove_all_but(stays, folder)


def _remove_all_but(stays: Path, folder: Path) -> None:
    for path in folder.iterdir():
        if path in stays.parents:
            _remove_all_but(stays, path)
        elif path.is_dir() and path != stays:
            shutil.rmtree(path, ignore_errors=True)
        elif path != stays:
            path.unlink(missing_ok=True)


def _name_target(wishes: Wishes, place: _Place) -> str:
    """What this host is called in Prometheus: as it calls itself in its events."""
    try:
        return read_hostname(build_host(wishes.settings._replace(path=place.paths))) or "localhost"
    except (OSError, ValueError):
        return "localhost"
