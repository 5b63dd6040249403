"""What was asked of the stack."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sysvitals.collectors import COLLECTORS
from sysvitals.config.errors import ConfigError
from sysvitals.config.load import load_settings
from sysvitals.config.settings import Settings
from sysvitals.config.values import parse_address, parse_url
from sysvitals.simulation.boards import find_board
from sysvitals.simulation.scenario import load_scenario
from sysvitals.stack.addresses import SERVERS, Address

_HOST_FLAGS = ("--path.procfs", "--path.sysfs", "--path.rootfs", "--path.devfs")


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """A board that is simulated, by its name, and what it plays."""

    board: str
    scenario: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What was asked for. `file` and `flags` are the exporter's; `servers` those that are wanted, and where.

    `webhooks` are addresses that are sent the alerts.
    """

    settings: Settings
    file: str | None
    flags: Mapping[str, Any]
    servers: Mapping[str, Address]
    simulated: Simulated | None
    webhooks: tuple[str, ...] = ()

    @property
    def exporter(self) -> Address:
        """Where the exporter is scraped."""
        return Address(*self.settings.web.listen_address[0])

    @property
    def is_storage_chosen(self) -> bool:
        """Whether the command line says where to keep things."""
        return "--storage.path" in self.flags

    def arguments(self, more: Mapping[str, str]) -> Iterator[str]:
        """The exporter's arguments. `more` are flags that outweigh those that were given."""
        if self.file is not None:
            yield f"--config.file={self.file}"
        for flag, value in {**self.flags, **more}.items():
            if isinstance(value, bool):
                yield flag if value else flag.replace("--", "--no-", 1)
            else:
                yield from (f"{flag}={one}" for one in (value if isinstance(value, list) else [value]))


def read_wishes(options: Mapping[str, Any]) -> Wishes:
    """Raises ConfigError or SimulationError for what cannot be."""
    flags = {name: value for name, value in options.items() if name.startswith("--")}
    misplaced = [flag for flag in _HOST_FLAGS if flag in flags and options["simulate"] is not None]
    problems = [f"{flag} does not go with --simulate" for flag in misplaced]
    settings = load_settings(
        COLLECTORS, file=options["file"], flags={flag: flags[flag] for flag in flags if flag not in misplaced}
    )
    servers = {}
    for name in SERVERS:
        given = options[f"{name}_address"]
        try:
            servers[name] = Address(*parse_address(given))
        except ValueError as error:
            problems.append(f"--{name}.listen-address: {given!r} is not valid: expected {error}")
    wanted = {name: address for name, address in servers.items() if options.get(name, True)}
    flagged = [("web", Address(*settings.web.listen_address[0])), *wanted.items()]
    for name, address in flagged:
        if address.port == 0:
            problems.append(f"--{name}.listen-address: port 0 is not valid: the others must know where to find it")
    if settings.web.config_file:
        problems.append(
            "web.config_file: the stack knows no passwords; run the parts as services, or leave it out here"
        )
    webhooks = []
    for given in options["webhook"] or ():
        try:
            webhooks.append(parse_url(given or None))
        except ValueError:
            example = "https://ntfy.sh/TOPIC?template=alertmanager"
            problems.append(f"--webhook: {given!r} is not valid: expected an address such as {example}")
    if webhooks and "alertmanager" not in wanted:
        problems.append("--webhook does not go with --no-alertmanager, which sends them")
    if problems:
        raise ConfigError(problems)
    simulated = _read_simulated(options["simulate"]) if options["simulate"] is not None else None
    return Wishes(
        settings=settings,
        file=options["file"],
        flags=flags,
        servers=wanted,
        simulated=simulated,
        webhooks=tuple(webhooks),
    )


def _read_simulated(text: str) -> Simulated:
    board, _, scenario = text.partition(":")
    simulated = Simulated(board=find_board(board).name, scenario=scenario or "idle")
    load_scenario(simulated.scenario)
    return simulated
