"""What a page names must exist: what is checked of each program, path and link."""

import argparse
import configparser
import contextlib
import io
import itertools
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import yaml

from sysvitals.cli import build_parser
from sysvitals.config.settings import Settings
from sysvitals.judgement.links import PROJECT_URL
from tests.deploy.pages import (
    Command,
    parse_commands,
    read_anchors,
    read_blocks,
    read_commands,
    read_inline_code,
    read_links,
)
from tests.patience import PATIENCE

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"

SHELL = re.compile(
    r"awk|cat|cd|chgrp|chmod|chown|comm|cp|curl|cut|date|diff|du|echo|export|find|git|grep|head|id|install"
    r"|journalctl|ln|ls|mkdir|mktemp|mv|openssl|printf|python3|read|rm|sed|sh|sleep|sort|ss|stat|tail|tar|tee"
    r"|test|touch|tr|true|umask|uname|unset|usermod|wc|xargs|htpasswd|ssh|scp|sha256sum|stty|getent|groupadd"
    r"|useradd|userdel|adduser"
)
"""Programs of every host, or so well known that a page may count on them. Their arguments are not looked at, but for
paths of this repository."""

PACKAGES = re.compile(
    r"apache2-utils|binutils|buildah|curl|docker\.io|docker-compose|git|podman|prometheus"
    r"|prometheus-alertmanager|prometheus-node-exporter|pipx|python3-bcrypt|python3-venv|qemu-user-static"
)
"""Debian's packages that pages tell people to install. Each was installed, or looked up in Debian 12."""

FOREIGN_UNITS = re.compile(
    r"prometheus|prometheus-alertmanager|prometheus-node-exporter|grafana-server|docker|systemd-udevd"
)
PORTS = {
    3000: "Grafana",
    9090: "Prometheus",
    9093: "Alertmanager",
    9100: "node_exporter",
    Settings().web.listen_address[0][1]: "sysvitals",
}
OURS = ("deploy", "exporter", "grafana", "prometheus", "victoriametrics", "tests", "benchmarks")
"""Folders of this repository: a path that begins so must exist."""

OWN_PATH = re.compile(r"(?<![\w.:])/(?:etc|var/lib|run|usr/lib|lib)/(?:[\w@.-]+/)*?sysvitals[\w@./-]*")
"""Where the program, its settings and what it keeps lie on a host, if a page names it."""

NOT_OURS = ("/etc/prometheus", "/etc/grafana")
USERS_FILES = frozenset({"/etc/sysvitals/web.yml", "/etc/sysvitals/grafana"})
"""What a user puts beside ours, by a name that a page proposes."""

MADE_BY_THE_USER = frozenset(
    {
        "carry.sed",
        "my-rules.yml",
        "my-rules-sysvitals.yml",
        "prometheus/sysvitals",
        "sysvitals/rules/*.yml",
        "sysvitals/templates/*.tmpl",
    }
)
"""Files that a page has the user make, or that are named from another folder than the repository's."""

RUNS_ANOTHER = ("kubectl",)
"""Programs that run the command behind their --."""

Complaints = Iterator[str]


def check_page(page: str, folder: Path) -> list[str]:
    """All that is wrong with a page that lies in this folder; empty where it is right."""
    return [
        *check_blocks(page),
        *check_inline_code(page, folder),
        *check_links(page, folder),
        *check_ports(page),
        *check_own_paths(page),
        *check_variables(page),
    ]


def check_blocks(page: str) -> Complaints:
    for block in read_blocks(page):
        where = f"line {block.line}"
        match block.language or guess_language(block.text):
            case "sh" | "bash" | "console":
                try:
                    commands = list(read_commands(block.text, block.line))
                except ValueError as error:
                    yield f"{where}: no shell reads this: {error}"
                    continue
                yield from check_commands(commands)
            case "yaml" | "json" | "ini" as language:
                try:
                    PARSERS[language](block.text)
                except (yaml.YAMLError, configparser.Error, ValueError) as problem:
                    yield f"{where}: does not parse: {problem}"
            case "sed" | "text" | "promql" | "dockerfile" | "Dockerfile":
                pass
            case other:
                yield f"{where}: a block of an unknown language {other!r}: {block.text.splitlines()[0]!r}"


def guess_language(text: str) -> str:
    """Of an indented block, which has no fence to tell. Where it is nothing known it counts as shell."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    first = lines[0] if lines else ""
    if re.match(r"\[[\w@.]+\]$", first):
        return "ini"
    if re.match(r"(- )?[\w.-]+:( |$)", first):
        return "yaml"
    if re.match(r"(system|sysvitals)_\w+(\{|  *[\d.]+)", first):
        return "promql"
    if all(re.match(r"[A-Z_]+=\S", line) for line in lines):
        return "text"
    return "sh"


def parse_ini(text: str) -> None:
    """A unit's or a program's file: sections with keys, which systemd allows twice."""
    parser = configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=False, delimiters=("=",))
    parser.read_string(text)


PARSERS: dict[str, Callable[[str], object]] = {
    "yaml": lambda text: list(yaml.safe_load_all(text)),
    "json": json.loads,
    "ini": parse_ini,
}


def check_commands(commands: list[Command]) -> Complaints:
    folder = ROOT
    for command in commands:
        program = os.path.basename(command.program)
        if program == "cd" and command.arguments:
            folder = enter(folder, command.arguments[0])
        elif check := PROGRAMS.get(program):
            yield from (f"{command}: {complaint}" for complaint in check(command, folder))
        elif not SHELL.fullmatch(program):
            yield f"{command}: unknown program {program}"
        if program in RUNS_ANOTHER and (inner := tuple(itertools.dropwhile(lambda word: word != "--", command.words))):
            yield from check_commands([Command(inner[1:], command.line)])
        yield from (f"{command}: {complaint}" for complaint in check_paths(command.words, folder))


def enter(folder: Path, name: str) -> Path:
    """Where one is after cd. The checkout's own name is the repository; what is elsewhere counts as it, too."""
    return below if (below := folder / name).is_dir() and name not in ("", "sysvitals") else ROOT


def check_paths(words: tuple[str, ...], folder: Path) -> Complaints:
    for word in words:
        for path in re.split(r"[=:,]", word):
            plain = path.removeprefix("./").rstrip("/")
            if plain in MADE_BY_THE_USER or not plain.startswith(tuple(f"{name}/" for name in OURS)):
                continue
            if not exists(plain, folder):
                yield f"there is no {plain}"


def exists(path: str, folder: Path) -> bool:
    """In the repository, from this folder; * and {a,b} as in a shell."""
    options = [path]
    while any("{" in option for option in options):
        options = [
            re.sub(r"\{[^{}]*\}", choice, option, count=1)
            for option in options
            for choice in (re.search(r"\{([^{}]*)\}", option) or ["", ""])[1].split(",")
        ]
    return all(any(base.glob(option)) for option in options for base in [folder if any(folder.glob(option)) else ROOT])


def check_sysvitals(command: Command, _folder: Path) -> Complaints:
    if command.arguments[:1] == ("--version",):
        return
    problems = io.StringIO()
    parser = build_parser()
    try:
        with contextlib.redirect_stderr(problems), contextlib.redirect_stdout(io.StringIO()):
            _, unknown = parser.parse_known_args(command.arguments)
    except SystemExit as end:
        if end.code:
            yield problems.getvalue().strip().splitlines()[-1]
        return
    except (ValueError, argparse.ArgumentError) as error:
        yield str(error)
        return
    if unknown:
        yield f"unknown: {' '.join(unknown)}"


@cache
def ask_for_help(words: tuple[str, ...]) -> str:
    """What a foreign program says to a command with --help behind it: nothing if each flag is known."""
    # in a folder without rights to harm: with --help it does nothing else
    done = subprocess.run([*words, "--help"], capture_output=True, text=True, timeout=PATIENCE, check=False)
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip().splitlines()[0]


def check_by_help(command: Command, _folder: Path) -> Complaints:
    words = tuple(itertools.takewhile(lambda word: word != "--", command.words))
    if shutil.which(command.program) and (answer := ask_for_help(words)):
        yield answer


def check_pip(command: Command, _folder: Path) -> Complaints:
    if command.arguments[:1] not in (("install",), ("uninstall",), ("list",), ("--version",), ("wheel",)):
        yield "unknown command of pip"
    yield from check_requirements(command.arguments[1:])


def check_pipx(command: Command, _folder: Path) -> Complaints:
    verb = command.arguments[:1]
    if verb not in {(name,) for name in ("install", "uninstall", "upgrade", "ensurepath", "list", "inject")}:
        yield "unknown command of pipx"
    if verb == ("install",):
        yield from check_requirements(command.arguments[1:])


def check_uv(command: Command, _folder: Path) -> Complaints:
    if command.arguments[:1] != ("tool",) or command.arguments[1:2] not in {
        (name,) for name in ("install", "uninstall", "upgrade", "list", "run", "update-shell")
    }:
        yield "unknown command of uv"
    elif command.arguments[1] == "install":
        yield from check_requirements(command.arguments[2:])


def check_requirements(words: tuple[str, ...]) -> Complaints:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    known = {"--force", "--upgrade", "--reinstall", "--editable", "--no-cache-dir", "--no-deps", "--quiet", "-q"}
    for word in words:
        if word.startswith("-"):
            if word not in known:
                yield f"unknown flag {word}"
        elif asked := re.fullmatch(r"(?:\.|sysvitals|sysvitals @ \S+|\S+\.whl)(?:\[(\w+)\])?", word):
            if asked[1] and asked[1] not in extras:
                yield f"there is no extra {asked[1]}"
        elif word not in ("uv", "bcrypt", "sysvitals"):
            yield f"nothing is said to be installed by the name of {word}"


def check_apt(command: Command, _folder: Path) -> Complaints:
    words = [word for word in command.arguments if not word.startswith("-")]
    if not words or words[0] not in ("install", "update", "remove", "purge"):
        yield "unknown command of apt"
    yield from (f"unknown package {word}" for word in words[1:] if not PACKAGES.fullmatch(word))


def check_make(command: Command, _folder: Path) -> Complaints:
    targets = set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for word in command.arguments:
        if "=" not in word and not word.startswith("-") and word not in targets:
            yield f"the Makefile has no target {word}"


def check_systemctl(command: Command, _folder: Path) -> Complaints:
    words = [word for word in command.arguments if not word.startswith("-")]
    verbs = "start stop restart reload enable disable status daemon-reload edit cat show mask unmask is-active"
    if not words or words[0] not in verbs.split():
        yield "unknown command of systemctl"
    for unit in words[1:]:
        own = any((DEPLOY / "systemd").rglob(unit if "." in unit else f"{unit}.service"))
        if not FOREIGN_UNITS.fullmatch(unit.removesuffix(".service")) and not own:
            yield f"there is no unit {unit}"


def read_compose() -> dict[str, dict[str, dict[str, list[str]]]]:
    found: dict[str, dict[str, dict[str, list[str]]]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


COMPOSE_VERBS = re.compile(
    r"build|config|cp|create|down|exec|kill|logs|ls|port|ps|pull|restart|rm|run|start|stop|up|version"
)
DOCKER_VERBS = re.compile(
    r"build|buildx|compose|exec|image|images|inspect|load|login|logs|network|ps|pull|push|rm|rmi|run|save|stop|tag|version|volume"
)
COMPOSE_VALUED = frozenset(("-f", "--file", "--profile", "-p", "--project-name", "--env-file", "--project-directory"))


def check_docker(command: Command, folder: Path) -> Complaints:
    if command.arguments[:1] == ("compose",):
        yield from check_compose(list(command.arguments[1:]), folder)
    elif not command.arguments or not DOCKER_VERBS.fullmatch(command.arguments[0]):
        yield "unknown command of docker"


def check_compose(words: list[str], folder: Path) -> Complaints:
    while words and words[0].startswith("-"):
        flag, _, value = words.pop(0).partition("=")
        if flag not in COMPOSE_VALUED:
            yield f"unknown flag of docker compose: {flag}"
            continue
        value = value or (words.pop(0) if words else "")
        if flag in ("-f", "--file", "--env-file") and not value.startswith("/") and not exists(value, folder):
            yield f"there is no {value}"
        if flag == "--profile" and value not in list_profiles():
            yield f"compose.yaml has no profile {value}"
    if not words or not COMPOSE_VERBS.fullmatch(words[0]):
        yield "unknown command of docker compose"
        return
    if words[0] in ("exec", "run"):
        named = [word for word in words[1:] if not word.startswith("-")][:1]
    else:
        named = [word for word in words[1:] if not word.startswith("-")]
    yield from (f"compose.yaml has no service {word}" for word in named if word not in read_compose()["services"])


def check_kubectl(command: Command, folder: Path) -> Complaints:
    words = command.arguments
    for flag, value in itertools.pairwise(words):
        if flag in ("-k", "--kustomize"):
            yield from check_kustomization(value, folder)
    if words[:1] == ("kustomize",):
        yield from (complaint for word in words[1:2] for complaint in check_kustomization(word, folder))
    yield from check_by_help(command, folder)


def check_kustomization(name: str, folder: Path) -> Complaints:
    if name.startswith(("https://", "../")) or name in MADE_BY_THE_USER:  # beside the checkout is the user's own
        return
    if not any((base / name / "kustomization.yaml").exists() for base in (folder, ROOT)):
        yield f"{name} is no folder with a kustomization.yaml"


def check_git(command: Command, _folder: Path) -> Complaints:
    for word in command.arguments:
        if word.startswith("http") and word.removesuffix(".git") != PROJECT_URL:
            yield f"the project is at {PROJECT_URL}"


def check_python(command: Command, _folder: Path) -> Complaints:
    if command.arguments[:1] == ("-m",) and command.arguments[1] not in ("venv", "pip", "sysvitals", "json.tool"):
        module = ROOT / command.arguments[1].replace(".", "/")
        if not (module / "__main__.py").exists() and not module.with_suffix(".py").exists():
            yield f"there is no module {command.arguments[1]}"


def known(_command: Command, _folder: Path) -> Complaints:
    """A program whose arguments cannot be checked here."""
    return iter(())


PROGRAMS: dict[str, Callable[[Command, Path], Complaints]] = {
    "sysvitals": check_sysvitals,
    "promtool": check_by_help,
    "amtool": check_by_help,
    "prometheus": check_by_help,
    "pip": check_pip,
    "pipx": check_pipx,
    "uv": check_uv,
    "apt": check_apt,
    "apt-get": check_apt,
    "make": check_make,
    "systemctl": check_systemctl,
    "docker": check_docker,
    "kubectl": check_kubectl,
    "git": check_git,
    "python": check_python,
    "python3": check_python,
    "systemd-analyze": known,
    "systemd-sysusers": known,
    "systemd-tmpfiles": known,
    "udevadm": known,
    "helm": known,
    "kind": known,
    "k3s": known,
    "buildah": known,
    "podman": known,
}


def check_inline_code(page: str, folder: Path) -> Complaints:
    for code in read_inline_code(page):
        first = code.split()[0] if code.split() else ""
        if re.fullmatch(r"[\w./{},*-]+", code) and "/" in code:
            yield from (f"`{code}`: {complaint}" for complaint in check_path_in_text(code, folder))
        elif " " in code and (os.path.basename(first) in PROGRAMS or first == "sudo") and "…" not in code:
            try:
                complaints = list(check_commands(list(parse_commands(code, 0))))
                # `sysvitals provision` in a sentence is its name, not a command to type
                yield from (complaint for complaint in complaints if "arguments are required" not in complaint)
            except ValueError as error:
                yield f"`{code}`: no shell reads this: {error}"
        elif "…" in code and first == "sysvitals":
            yield from (f"`{code}`: {complaint}" for complaint in check_flags(code))


def check_flags(code: str) -> Complaints:
    """Of a command that is not written out: its name, and that its flags exist at all."""
    parser = build_parser()
    (commands,) = (action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    words = code.split()
    if words[1] != "…" and words[1] not in commands.choices:
        yield f"there is no command {words[1]}"
        return
    choices = commands.choices.values() if words[1] == "…" else [commands.choices[words[1]]]
    flags = {flag for choice in choices for action in choice._actions for flag in action.option_strings}
    yield from (f"unknown flag {word}" for word in words if word.startswith("--") and word.split("=")[0] not in flags)


def check_path_in_text(path: str, folder: Path) -> Complaints:
    plain = path.removeprefix("./").rstrip("/")
    if plain in MADE_BY_THE_USER or not plain.startswith(tuple(f"{name}/" for name in OURS)):
        return
    if not exists(plain, folder):
        yield f"there is no {plain}"


def check_variables(page: str) -> Complaints:
    """Environment variables that a page sets must be read by something of deploy/, or by the Makefile."""
    read = [path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix not in (".md", ".pyc")]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in [*read, ROOT / "Makefile"]]
    for name, value in set(re.findall(r"\b([A-Z][A-Z_]{3,})=([\w,]*)", page)):
        if name == "COMPOSE_PROFILES":
            yield from (f"compose.yaml has no profile {one}" for one in set(value.split(",")) - list_profiles())
        elif not any(name in text for text in texts):
            yield f"nothing in deploy/ reads {name}"


def list_profiles() -> set[str]:
    return {name for service in read_compose()["services"].values() for name in service.get("profiles", [])}


def check_own_paths(page: str) -> Complaints:
    """Ours in the system: each must be in a unit, a manifest, or another file of deploy/ that makes or reads it."""
    files = [path for path in DEPLOY.rglob("*") if path.is_file() and path.suffix not in (".md", ".py", ".pyc")]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in files]
    installed = {path.name for path in files}
    for path in {found.group().rstrip("./") for found in OWN_PATH.finditer(page)}:
        if path.startswith(NOT_OURS) or any(path == user or path.startswith(f"{user}/") for user in USERS_FILES):
            continue
        if os.path.basename(path) not in installed and not any(path in text for text in texts):
            yield f"nothing in deploy/ makes or reads {path}"


def check_links(page: str, folder: Path) -> Complaints:
    for link in read_links(page):
        path, _, anchor = link.partition("#")
        target = folder / path if path else None
        if target is not None and not target.exists():
            yield f"({link}) leads to no file"
        elif anchor and (target is None or target.suffix == ".md"):
            text = page if target is None else target.read_text(encoding="utf-8")
            if anchor not in read_anchors(text):
                yield f"({link}) leads to no heading"


def check_ports(page: str) -> Complaints:
    for port in re.findall(r"(?<![:\d]{2}):(\d{4,5})\b(?!:)", page):
        if int(port) not in PORTS:
            yield f"port {port} is nobody's: {', '.join(f'{name} {port}' for port, name in PORTS.items())}"
