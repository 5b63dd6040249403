"""All settings, declared once.

A field `keep_age` of `history` is `history: {keep_age: 30d}` in YAML and the flag `--history.keep-age=30d`. Each
collector has its own below `collector.NAME`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Annotated, Any, NamedTuple, get_args, get_origin

from sysvitals.config.values import (
    format_value,
    parse_addresses,
    parse_bool,
    parse_choice,
    parse_compression,
    parse_count,
    parse_duration,
    parse_hosts,
    parse_path,
    parse_pattern,
    parse_positive_duration,
    parse_size,
    parse_text,
    parse_url,
)
from sysvitals.model.collector import Collector

DEFAULT_PORT = 9877


class Setting(NamedTuple):
    """What a setting is for, and what it takes."""

    help: str
    parse: Callable[[object], Any]
    restart: bool = False


class Paths(NamedTuple):
    """Where the host's files are."""

    procfs: Annotated[str, Setting("Where the host's /proc is.", parse_text, restart=True)] = "/proc"
    sysfs: Annotated[str, Setting("Where the host's /sys is.", parse_text, restart=True)] = "/sys"
    rootfs: Annotated[str, Setting("Where the host's / is.", parse_text, restart=True)] = "/"
    devfs: Annotated[str, Setting("Where the host's device nodes are.", parse_text, restart=True)] = "/dev"


class Web(NamedTuple):
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
        Setting(
            "File that switches on TLS and passwords, as for all Prometheus exporters. Changes of its content take "
            "effect within seconds; another file needs a restart.",
            parse_path,
            restart=True,
        ),
    ] = ""
    allowed_hosts: Annotated[
        tuple[str, ...],
        Setting(
            "Additional Host name to accept; give it again for more. *.example.org is each below it, * is "
            "any. Addresses, names without a dot, this host's own and those of private networks (.local, .lan, "
            ".internal, .home.arpa) are always allowed.",
            parse_hosts,
        ),
    ] = ()
    enable_lifecycle: Annotated[
        bool, Setting("Let POST /-/reload read this configuration again. SIGHUP always does.", parse_bool)
    ] = False
    grafana_url: Annotated[
        str, Setting("Where this host is to be seen in Grafana: the page links to it.", parse_url)
    ] = ""
    max_viewers: Annotated[
        int, Setting("How many may watch the live page and the event streams at a time.", parse_count, restart=True)
    ] = 128


class Storage(NamedTuple):
    """Where things are kept."""

    path: Annotated[str, Setting("Folder for what is kept, such as the history.", parse_text, restart=True)] = "data"


class History(NamedTuple):
    """The history on disk. Limits of 0 are none."""

    enabled: Annotated[bool, Setting("Keep a history of all events.", parse_bool, restart=True)] = True
    flush_interval: Annotated[
        float,
        Setting(
            "How often what was written is forced to the disk. A power cut takes at most the readings of this time; "
            "edges of power, heat and mounts are forced immediately, and what came before them with them.",
            parse_positive_duration,
        ),
    ] = 60.0
    buffer: Annotated[
        str,
        Setting(
            "Folder in memory (tmpfs) for what is not yet forced: it outlives the exporter, and spares the disk. Not "
            "set: the RuntimeDirectory of the service; without one, events are written to the disk as they come.",
            parse_path,
            restart=True,
        ),
    ] = ""
    fsync: Annotated[
        bool,
        Setting(
            "Force ordinary readings to the disk, too. If off, only edges (power, heat, mounts) are forced.", parse_bool
        ),
    ] = True
    rotate_interval: Annotated[float, Setting("Begin a new segment after this time.", parse_duration)] = 3600.0
    rotate_size: Annotated[int, Setting("Begin a new segment at this size.", parse_size)] = 16 << 20
    keep_age: Annotated[float, Setting("Remove segments that are older.", parse_duration)] = 30 * 86400.0
    keep_size: Annotated[int, Setting("Remove the oldest segments beyond this size.", parse_size)] = 512 << 20
    compress: Annotated[
        str,
        Setting(
            "What is compressed (gzip), from the next segment on. segments: closed ones, so that the current one can "
            "be followed with tail; stream: every write, which wears a card least; off: nothing.",
            parse_compression,
        ),
    ] = "segments"
    collector_budget: Annotated[
        int,
        Setting(
            "How much one collector may write a day, before compression. Beyond, whole rounds of its readings are left "
            "out, and an event says so.",
            parse_size,
        ),
    ] = 48 << 20


class Console(NamedTuple):
    """Events on standard output."""

    enabled: Annotated[bool, Setting("Print events, one a line.", parse_bool, restart=True)] = False
    format: Annotated[
        str,
        Setting(
            "json, text, or auto: text at a terminal and json elsewhere.",
            parse_choice("auto", "json", "text"),
            restart=True,
        ),
    ] = "auto"
    readings: Annotated[
        bool,
        Setting("In text, print readings too, not only what happens. json has all events.", parse_bool, restart=True),
    ] = False


class Log(NamedTuple):
    """What the program says of itself, on standard error."""

    level: Annotated[str, Setting("How much is said.", parse_choice("debug", "info", "warning", "error"))] = "info"
    format: Annotated[str, Setting("Lines for people or for machines.", parse_choice("text", "json"))] = "text"


class Settings(NamedTuple):
    """Everything that can be set. `collector` holds the collectors that are enabled, as set."""

    path: Paths = Paths()
    web: Web = Web()
    storage: Storage = Storage()
    history: History = History()
    console: Console = Console()
    log: Log = Log()
    collector: tuple[Collector, ...] = ()


class Leaf(NamedTuple):
    """One setting with its place: `("history", "keep_age")`."""

    path: tuple[str, ...]
    setting: Setting
    default: Any
    is_bool: bool
    many: bool

    @property
    def shown_default(self) -> str:
        """The default as one would write it."""
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


SECTIONS: Mapping[str, Any] = {name: kind for name, kind in Settings.__annotations__.items() if name != "collector"}
"""The classes of the sections, by their names."""

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
    for name, kind in SECTIONS.items():
        sections[name] = kind(**{path[1]: value for path, value in values.items() if path[0] == name})
    enabled = tuple(
        _set_collector(collector, values)
        for collector in collectors
        if values.get(("collector", collector.name, "enabled"), True)
    )
    return Settings(**sections, collector=enabled)


def read_only(settings: Settings) -> Settings:
    """Return the settings without history and console: for an exporter that only answers."""
    return settings._replace(
        history=settings.history._replace(enabled=False), console=settings.console._replace(enabled=False)
    )


def _section_leaves(section: str) -> Iterator[Leaf]:
    kind = SECTIONS[section]
    for name, hint in kind.__annotations__.items():
        bare, setting = get_args(hint)
        yield Leaf((section, name), setting, kind._field_defaults[name], bare is bool, get_origin(bare) is tuple)


def _collector_leaves(collector: Collector) -> Iterator[Leaf]:
    def leaf(name: str, text: str, parse: Callable[[object], Any], default: Any) -> Leaf:
        setting = Setting(text, parse)
        return Leaf(("collector", collector.name, name), setting, default, parse is parse_bool, many=False)

    yield leaf("enabled", f"{collector.help}.", parse_bool, default=True)
    yield leaf("interval", "How often it runs by itself.", parse_positive_duration, collector.interval)
    yield leaf("max_age", "A scrape reads again what is older.", parse_duration, collector.max_age)
    yield leaf("timeout", "After this time a run counts as failed.", parse_positive_duration, collector.timeout)
    yield leaf("max_series", "Maximum number of series; 0: unlimited.", parse_count, collector.max_series)
    if collector.options is not None:
        for name, hint in type(collector.options).__annotations__.items():
            bare, text = get_args(hint)
            yield leaf(name, text, _OPTION_PARSERS[bare], getattr(collector.options, name))


def _set_collector(collector: Collector, values: Values) -> Collector:
    mine = {path[2]: value for path, value in values.items() if path[:2] == ("collector", collector.name)}
    own: dict[str, Any] = {
        name: mine[name] for name in ("interval", "max_age", "timeout", "max_series") if name in mine
    }
    if collector.options is not None:
        chosen = {name: mine[name] for name in collector.options._fields if name in mine}
        own["options"] = collector.options._replace(**chosen)
    return replace(collector, **own)
