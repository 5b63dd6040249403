"""Settings from YAML and flags.

`bad/NAME.yml` is wrong and `bad/NAME.txt` holds just what is said of it; with UPDATE_EXPECTED=1 the latter is written
anew, for review.
"""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sysvitals.cli import parse
from sysvitals.collectors import COLLECTORS
from sysvitals.config import yaml_nodes
from sysvitals.config.errors import ConfigError
from sysvitals.config.load import load_settings
from sysvitals.config.settings import SECTIONS, Leaf, Settings, list_leaves
from sysvitals.model.collector import Collector

BAD = Path(__file__).parent / "bad"
UPDATE = bool(os.environ.get("UPDATE_EXPECTED"))


class Options(NamedTuple):
    partitions: Annotated[bool, "Whether to look at partitions."] = False
    exclude: Annotated[str, "What to leave out."] = "loop.*"
    patience: Annotated[float, "How long to wait."] = 1.0


def read_nothing(*_: object) -> Iterator[Any]:
    return iter(())


ALPHA = Collector(name="alpha", help="The first", readings=(), read=read_nothing, options=Options())
BETA = Collector(name="beta", help="The second", readings=(), read=read_nothing)


def load(text: str | bytes, folder: Path, **flags: Any) -> Settings:
    file = folder / "sysvitals.yml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return load_settings((ALPHA, BETA), file=str(file), flags=flags)


def problems_of(text: str | bytes, folder: Path) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, folder)
    return tuple(problem.replace(f"{folder}/", "") for problem in caught.value.problems)


@pytest.mark.parametrize("name", sorted(path.stem for path in BAD.glob("*.yml")))
def test_all_that_is_wrong_with_a_bad_file_is_told_at_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as caught:
        load_settings((ALPHA, BETA), file=f"{name}.yml")
    told = "".join(f"{problem}\n" for problem in caught.value.problems)
    expected = BAD / f"{name}.txt"
    if UPDATE:
        expected.write_text(told, encoding="utf-8")
    assert told == expected.read_text(encoding="utf-8")
    assert all(problem.isprintable() for problem in caught.value.problems)


def test_each_bad_file_has_its_expected_messages_and_no_message_is_left_over() -> None:
    assert {path.stem for path in BAD.glob("*.yml")} == {path.stem for path in BAD.glob("*.txt")}


def test_the_tag_of_a_value_executes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "system", lambda command: pytest.fail(f"{command} was run"))
    with pytest.raises(ConfigError):
        load_settings((ALPHA, BETA), file=str(BAD / "tags.yml"))


@pytest.mark.parametrize(
    "text", ["", "\n", "# only a comment\n", "---\n", "~", "{}", "log:\n", "collector:\n  alpha:\n"]
)
def test_an_empty_file_and_an_empty_section_leave_all_at_the_default(text: str, tmp_path: Path) -> None:
    assert load(text, tmp_path) == load_settings((ALPHA, BETA))


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path: Path) -> None:
    settings = load(b"\xef\xbb\xbflog:\r\n  level: debug\r\n", tmp_path)
    assert settings.log.level == "debug"


def test_an_alias_stands_for_the_whole_value(tmp_path: Path) -> None:
    settings = load("collector:\n  alpha: &slow {interval: 30s}\n  beta: *slow\n", tmp_path)
    assert [collector.interval for collector in settings.collector] == [30.0, 30.0]


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10.0), ("010s", 10.0), ("1.50s", 1.5), ("'10s'", 10.0), ("0", 0.0), ("10 s", 10.0)]
)
def test_a_value_in_the_file_means_what_it_means_as_a_flag(text: str, seconds: float, tmp_path: Path) -> None:
    by_file = load(f"history: {{keep_age: {text}}}", tmp_path)
    by_flag = load_settings((ALPHA, BETA), flags={"--history.keep-age": text.strip("'\"")})
    assert by_file.history.keep_age == by_flag.history.keep_age == seconds


def test_an_age_without_a_unit_is_refused_rather_than_taken_for_seconds(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"history.keep_age: '90' is not valid: expected a duration with a unit, such as .*90d"
    ):
        load("history: {keep_age: 90}", tmp_path)


@pytest.mark.parametrize(("text", "meant"), [("on", True), ("no", False), ("False", False), ('"yes"', True)])
def test_a_switch_in_the_file_takes_the_words_of_yaml(text: str, meant: bool, tmp_path: Path) -> None:
    assert load(f"history: {{fsync: {text}}}", tmp_path).history.fsync is meant


def test_a_folder_may_be_called_by_a_number(tmp_path: Path) -> None:
    assert load("storage: {path: 2026}", tmp_path).storage.path == "2026"


def test_one_address_and_a_list_of_them_both_do(tmp_path: Path) -> None:
    assert load('web: {listen_address: ":1"}', tmp_path).web.listen_address == (("", 1),)
    both = load('web: {listen_address: [":1", "[::1]:2"]}', tmp_path)
    assert both.web.listen_address == (("", 1), ("::1", 2))


def test_names_of_this_host_are_one_or_a_list_and_case_does_not_matter(tmp_path: Path) -> None:
    assert load("web: {allowed_hosts: Pi.Example.org.}", tmp_path).web.allowed_hosts == ("pi.example.org",)
    both = load('web: {allowed_hosts: [pi.example.org, "*.example.com", "*"]}', tmp_path)
    assert both.web.allowed_hosts == ("pi.example.org", "*.example.com", "*")


@pytest.mark.parametrize(
    "name", ["pi.example.org:80", "http://pi.example.org", "*pi", "a.*.org", "a..b", "pi ok", "[::1]"]
)
def test_what_is_not_the_name_of_a_host_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected a name such as"):
        load(f"web: {{allowed_hosts: '{name}'}}", tmp_path)


def test_flags_outweigh_the_file_and_the_rest_of_the_file_stays(tmp_path: Path) -> None:
    text = 'web: {listen_address: [":1", ":2"]}\nlog: {level: debug, format: json}\n'
    flags = {"--log.level": "error", "--web.listen-address": [":3"]}
    settings = load(text, tmp_path, **flags)
    assert (settings.log.level, settings.log.format) == ("error", "json")
    assert settings.web.listen_address == (("", 3),)


def test_a_bad_value_in_the_file_is_told_even_where_a_flag_outweighs_it(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="loud"):
        load("log: {level: loud}", tmp_path, **{"--log.level": "info"})


def test_errors_of_the_file_and_of_flags_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load("log: {level: loud}", tmp_path, **{"--log.format": "xml", "--web.listen-address": [":1", ":x", ":y"]})
    first, *rest = caught.value.problems
    assert (
        first
        == f"{tmp_path}/sysvitals.yml:1: log.level: 'loud' is not valid: expected one of debug, info, warning, error"
    )
    assert rest[0] == "--log.format: 'xml' is not valid: expected one of text, json"
    assert [problem.partition(" is not valid")[0] for problem in rest[1:]] == [
        "--web.listen-address: ':x'",
        "--web.listen-address: ':y'",
    ]


def test_a_file_that_is_not_there_or_a_folder_is_one_clear_problem(tmp_path: Path) -> None:
    for file, words in ((tmp_path / "none.yml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigError) as caught:
            load_settings((ALPHA, BETA), file=str(file))
        assert caught.value.problems == (f"{file}: cannot be read: {words}",)


def test_a_byte_that_is_no_utf_8_is_found_on_its_line_in_a_long_file(tmp_path: Path) -> None:
    text = b"# a line\n" * 5000 + b"log: {level: caf\xe9}\n"
    assert problems_of(text, tmp_path) == ("sysvitals.yml:5001: is not UTF-8 text: invalid continuation byte",)


def test_what_expands_without_end_is_refused_in_few_words(tmp_path: Path) -> None:
    bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    bomb += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    told = problems_of("\n".join(bomb) + "\nlog: {level: *a11}\nstorage: {path: *a11}\n", tmp_path)
    assert sum(map(len, told)) < 3000


PIECES = (
    *("log", "level", "collector", "alpha", "exclude", "web", "5s", "info", "2026-13-45"),
    *(":", ": ", "\n", "\n  ", "- ", "&a ", "*a", "<<", "!!int ", "!x ", "? ", "---", "~", "|", ">", "%"),
    *("{", "}", "[", "]", ",", "'", '"'),
)


@given(
    text=st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(str.encode),
        st.lists(st.sampled_from(PIECES), max_size=14).map(lambda parts: "".join(parts).encode()),
    )
)
@example(text=b"log: {level: !!timestamp x}")
@example(text=b"log: {level: !!float x}")
@example(text=b"log: {[a]: b}")
@example(text=b"<<: *a")
def test_whatever_the_file_holds_it_is_loaded_or_all_problems_are_lines(
    text: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp()
    problems: tuple[str, ...] = ()
    try:
        load(text, folder)
    except ConfigError as error:
        problems = error.problems or ("",)
    assert all(problem and problem.isprintable() for problem in problems)


CANDIDATES = ("false", "7", "true", "7s", "7MiB", "/elsewhere", "debug", "json", "127.0.0.1:1", "http://grafana")


def another_value(leaf: Leaf) -> tuple[str, Any]:
    """A text that this setting takes and that is not its default, and what it means."""
    for text in CANDIDATES:
        try:
            value = leaf.setting.parse(text)
        except ValueError:
            continue
        if value != leaf.default:
            return text, value
    raise AssertionError(f"{leaf.key}: none of {CANDIDATES} will do")


def value_of(settings: Settings, leaf: Leaf) -> Any:
    section, name, *rest = leaf.path
    if section != "collector":
        return getattr(getattr(settings, section), name)
    found = {collector.name: collector for collector in settings.collector}.get(name)
    if rest == ["enabled"]:
        return found is not None
    assert found is not None
    return getattr(found if hasattr(found, rest[0]) else found.options, rest[0])


def nest(path: tuple[str, ...], text: str) -> str:
    lines = [f"{'  ' * depth}{key}:" for depth, key in enumerate(path)]
    return "\n".join(lines) + f" {text}\n"


LEAVES = list_leaves(COLLECTORS)


@pytest.fixture
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the paths of the host's files lead."""
    monkeypatch.chdir(tmp_path)
    for text in {another_value(leaf)[0] for leaf in LEAVES if leaf.path[0] == "path"}:
        (tmp_path / text).mkdir()


@pytest.mark.usefixtures("_folders")
@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.key)
def test_each_setting_can_be_set_in_the_file(leaf: Leaf, tmp_path: Path) -> None:
    text, value = ("false", False) if leaf.path[-1] == "enabled" and leaf.default else another_value(leaf)
    file = tmp_path / "sysvitals.yml"
    file.write_text(nest(leaf.path, text), encoding="utf-8")
    default, settings = load_settings(COLLECTORS), load_settings(COLLECTORS, file=str(file))
    assert value_of(default, leaf) == leaf.default
    assert value_of(settings, leaf) == value
    others = [other for other in LEAVES if other.path[:2] != leaf.path[:2] or leaf.path[0] != "collector"]
    assert [other.key for other in others if value_of(settings, other) != value_of(default, other)] in ([], [leaf.key])


@pytest.mark.usefixtures("_folders")
def test_each_setting_can_be_set_by_a_flag_all_of_them_at_once() -> None:
    switches = {leaf for leaf in LEAVES if leaf.path[0] == "collector" and leaf.path[-1] == "enabled"}
    arguments = ["serve"]
    for leaf in LEAVES:
        text, _ = another_value(leaf)
        if leaf in switches:
            arguments.append(leaf.flag)
        elif leaf.is_bool:
            arguments.append(leaf.flag if text == "true" else leaf.flag.replace("--", "--no-", 1))
        else:
            arguments.append(f"{leaf.flag}={text}")
    flags = parse(arguments)
    assert (flags.pop("command"), flags.pop("file"), len(flags)) == ("serve", None, len(LEAVES))
    settings = load_settings(COLLECTORS, flags=flags)
    for leaf in LEAVES:
        assert value_of(settings, leaf) == (True if leaf in switches else another_value(leaf)[1]), leaf.key


@pytest.mark.parametrize("name", [collector.name for collector in COLLECTORS])
def test_each_collector_can_be_switched_off_by_a_flag(name: str) -> None:
    flags = parse(["once", f"--no-collector.{name}"])
    for word in ("command", "file", "json"):
        flags.pop(word)
    kept = [collector.name for collector in load_settings(COLLECTORS, flags=flags).collector]
    assert kept == [collector.name for collector in COLLECTORS if collector.name != name]


def test_a_flag_may_switch_on_what_the_file_switched_off(tmp_path: Path) -> None:
    text = "collector: {beta: {enabled: false}}"
    assert [collector.name for collector in load(text, tmp_path).collector] == ["alpha"]
    again = load(text, tmp_path, **{"--collector.beta": True})
    assert [collector.name for collector in again.collector] == ["alpha", "beta"]


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.key)
def test_the_default_as_it_is_shown_is_the_default(leaf: Leaf) -> None:
    shown = [leaf.shown_default] if leaf.many else leaf.shown_default
    assert leaf.setting.parse(shown) == leaf.default


def test_no_two_settings_share_a_flag_and_each_says_what_it_is() -> None:
    flags = [leaf.flag for leaf in LEAVES]
    assert len(flags) == len(set(flags))
    assert [leaf.key for leaf in LEAVES if not leaf.setting.help.endswith(".")] == []


def test_a_section_is_called_as_its_field_and_no_collector_takes_its_options_from_another() -> None:
    assert tuple(SECTIONS) == ("path", "web", "storage", "history", "console", "log")
    settings = load_settings(
        (ALPHA, BETA), flags={"--collector.alpha.patience": "7s", "--collector.alpha.partitions": True}
    )
    assert settings.collector[0].options == Options(partitions=True, patience=7.0)
    assert settings.collector[1] == BETA


@pytest.mark.fault(
    "storage",
    "a FIFO without a writer as the configuration file",
    seen="one line that says so; exit status 2",
    heals="when a file is there, or something writes to it",
)
def test_a_pipe_is_read_and_a_fifo_without_a_writer_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    with pytest.raises(ConfigError, match="fifo: cannot be read: A FIFO that nothing writes to"):
        yaml_nodes.read_yaml(str(fifo), yaml_nodes.read_any)
    reading, writing = os.pipe()
    with open(reading, "rb"):

        def send() -> None:
            with open(writing, "wb") as pipe:
                pipe.write(b"a: 1")

        writer = threading.Thread(target=send)
        writer.start()
        assert yaml_nodes.read_any(f"/dev/fd/{reading}") == b"a: 1"
        writer.join()
