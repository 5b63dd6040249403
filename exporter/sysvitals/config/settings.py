"""All settings, declared once.

A field `keep_age` of `history` is `history: {keep_age: 30d}` in YAML and the flag `--history.keep-age=30d`. Each
collector has its own below `collector.NAME`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from sysvitals.config.values import (
    format_value,
    parse_addresses,
    parse_bool,
    parse_choice,
    parse_count,
    parse_duration,
    parse_path,
    parse_pattern,
    parse_positive_duration,
    parse_size,
    parse_text,
    parse_url,
)
from sysvitals.model.collector import Collector

DEFAULT_PORT = 9877


@dataclass(frozen=True, slots=True)
class Setting:
    """What a setting is for, and what it takes."""

    help: str
    parse: Callable[[object], Any]
    restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Paths:
    """Where the host's files are."""

    procfs: Annotated[str, Setting("Where the host's /proc is.", parse_text, restart=True)] = "/proc"
    sysfs: Annotated[str, Setting("Where the host's /sys is.", parse_text, restart=True)] = "/sys"
    rootfs: Annotated[str, Setting("Where the host's / is.", parse_text, restart=True)] = "/"
    devfs: Annotated[str, Setting("Where the host's device nodes are.", parse_text, restart=True)] = "/dev"


@dataclass(frozen=True, slots=True, kw_only=True)
class Web:
    """What is served."""

    listen_address: Annotated[
        tuple[tuple[str, int], ...],
        Setting(
            "Address to listen on; give it again for more. :9877 is every address of this host.",
            parse_addresses,
            restart=True,
        ),
    ] = (("127.0.0.1", DEFAULT_PORT),)
    config_file: Annotated[
        str,
        Setting("File that switches on TLS and passwords, as for all Prometheus exporters.", parse_path, restart=True),
    ] = ""
    grafana_url: Annotated[
        str, Setting("Where this host is to be seen in Grafana: the page links to it.", parse_url)
    ] = ""
    max_viewers: Annotated[
        int, Setting("How many may watch the live page and the event streams at a time.", parse_count, restart=True)
    ] = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Where things are kept."""

    path: Annotated[str, Setting("Folder for what is kept, such as the history.", parse_text, restart=True)] = "data"


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The history on disk. Limits of 0 are none."""

    enabled: Annotated[bool, Setting("Keep a history of all events.", parse_bool, restart=True)] = True
    flush_interval: Annotated[
        float,
        Setting("How often events are written; a power cut takes at most what came since.", parse_positive_duration),
    ] = 10.0
    fsync: Annotated[bool, Setting("Force each write to the disk. Power events are forced always.", parse_bool)] = True
    rotate_interval: Annotated[float, Setting("Begin a new segment after this time.", parse_duration)] = 600.0
    rotate_size: Annotated[int, Setting("Begin a new segment at this size.", parse_size)] = 16 << 20
    keep_age: Annotated[float, Setting("Remove segments that are older.", parse_duration)] = 30 * 86400.0
    keep_size: Annotated[int, Setting("Remove the oldest segments beyond this size.", parse_size)] = 512 << 20
    compress: Annotated[bool, Setting("Compress closed segments (gzip).", parse_bool)] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Console:
    """Events on standard output."""

    enabled: Annotated[bool, Setting("Print every event, one a line.", parse_bool, restart=True)] = False
    format: Annotated[
        str,
        Setting(
            "json, text, or auto: text at a terminal and json elsewhere.",
            parse_choice("auto", "json", "text"),
            restart=True,
        ),
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """What the program says of itself, on standard error."""

    level: Annotated[str, Setting("How much is said.", parse_choice("debug", "info", "warning", "error"))] = "info"
    format: Annotated[str, Setting("Lines for people or for machines.", parse_choice("text", "json"))] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that can be set. `collector` holds the collectors that are enabled, as set."""

    path: Paths = field(default_factory=Paths)
    web: Web = field(default_factory=Web)
    storage: Storage = field(default_factory=Storage)
    history: History = field(default_factory=History)
    console: Console = field(default_factory=Console)
    log: Log = field(default_factory=Log)
    collector: tuple[Collector, ...] = ()


@dataclass(frozen=True, slots=True)
class Leaf:
    """One setting with its place: `("history", "keep_age")`."""

    path: tuple[str, ...]
    setting: Setting
    default: Any
    is_bool: bool
    many: bool

    @property
    def shown_default(self) -> str:
        """The default as one would write it."""
        if self.many:
            return ", ".join(f"{host}:{port}" for host, port in self.default)
        if self.is_bool:
            return "true" if self.default else "false"
        return format_value(self.setting.parse, self.default)

    @property
    def key(self) -> str:
        """As written in messages and in the YAML file's comments: `history.keep_age`."""
        return ".".join(self.path)

    @property
    def flag(self) -> str:
        """As written on the command line: `--history.keep-age`. What is switched on has the flag of its section."""
        *section, name = self.path
        return "--" + ".".join(section if name == "enabled" else [*section, name.replace("_", "-")])


SECTIONS = tuple(f.name for f in fields(Settings) if f.name != "collector")

Values = Mapping[tuple[str, ...], Any]

_OPTION_PARSERS: dict[type, Callable[[object], Any]] = {
    bool: parse_bool,
    str: parse_pattern,
    float: parse_positive_duration,
}
"""What a collector's own option takes, by its type: text is a regular expression, a number is seconds."""


def list_leaves(collectors: Iterable[Collector]) -> tuple[Leaf, ...]:
    """All settings, those of these collectors among them."""
    leaves = [leaf for section in SECTIONS for leaf in _section_leaves(section)]
    for collector in collectors:
        leaves += _collector_leaves(collector)
    return tuple(leaves)


def build_settings(values: Values, collectors: Iterable[Collector]) -> Settings:
    """Typed settings from parsed values; what is not among them has its default."""
    sections: dict[str, Any] = {}
    for name in SECTIONS:
        kind: Any = get_type_hints(Settings)[name]
        sections[name] = kind(**{path[1]: value for path, value in values.items() if path[0] == name})
    enabled = tuple(
        _set_collector(collector, values)
        for collector in collectors
        if values.get(("collector", collector.name, "enabled"), True)
    )
    return Settings(**sections, collector=enabled)


def _section_leaves(section: str) -> Iterator[Leaf]:
    kind = get_type_hints(Settings)[section]
    hints = get_type_hints(kind, include_extras=True)
    for f in fields(kind):
        bare, setting = get_args(hints[f.name])
        yield Leaf((section, f.name), setting, f.default, bare is bool, get_origin(bare) is tuple)


def _collector_leaves(collector: Collector) -> Iterator[Leaf]:
    def leaf(name: str, text: str, parse: Callable[[object], Any], default: Any) -> Leaf:
        setting = Setting(text, parse)
        return Leaf(("collector", collector.name, name), setting, default, parse is parse_bool, many=False)

    yield leaf("enabled", f"{collector.help}.", parse_bool, default=True)
    yield leaf("interval", "How often it runs by itself.", parse_positive_duration, collector.interval)
    yield leaf("max_age", "A scrape reads again what is older.", parse_duration, collector.max_age)
    yield leaf("timeout", "After this time a run counts as failed.", parse_positive_duration, collector.timeout)
    if collector.options is not None:
        hints = get_type_hints(type(collector.options), include_extras=True)
        for f in fields(collector.options):
            bare, text = get_args(hints[f.name])
            yield leaf(f.name, text, _OPTION_PARSERS[bare], getattr(collector.options, f.name))


def _set_collector(collector: Collector, values: Values) -> Collector:
    mine = {path[2]: value for path, value in values.items() if path[:2] == ("collector", collector.name)}
    own: dict[str, Any] = {name: mine[name] for name in ("interval", "max_age", "timeout") if name in mine}
    if collector.options is not None:
        chosen = {f.name: mine[f.name] for f in fields(collector.options) if f.name in mine}
        own["options"] = replace(collector.options, **chosen)
    return replace(collector, **own)
