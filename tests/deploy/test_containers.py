"""The image's steps, the Compose file and what it starts: each path, flag, limit and check."""

import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.healthcheck import find_address, is_well
from sysvitals import __version__
from sysvitals.cli import parse
from sysvitals.provision.kinds import KINDS
from sysvitals.simulation.boards import BOARDS
from sysvitals.simulation.scenario import list_scenarios
from sysvitals.stack.addresses import Address
from sysvitals.stack.layout import Layout, _render_grafana_ini
from sysvitals.stack.parts import KEEP_SIZE, KEEP_TIME
from tests.certificates import make_certificate
from tests.patience import PATIENCE
from tests.stack.running import answers, free_port, run, wait_until
from tests.stack.test_secure import PASSWORD, write_config
from tests.tools import need_tool

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FILES = {"compose.yaml": ["compose.yaml"], "with the firmware": ["compose.yaml", "compose.raspberry-pi.yaml"]}
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
LOOPBACK = "127.0.0.1"
UNIT = DEPLOY / "systemd/etc/systemd/system/sysvitals.service"


def fill(text: str) -> str:
    """With what stands where nobody has set the variable."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


def list_command(name: str) -> list[str]:
    return [fill(word) for word in SERVICES[name].get("command", [])]


def list_binds(service: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each bind mount's source and target."""
    for volume in service.get("volumes", ()):
        if isinstance(volume, dict):
            yield volume["source"], volume["target"]
        elif volume.startswith((".", "/")):
            source, target, *_ = volume.split(":")
            yield source, target


def list_faults(service: Mapping[str, Any]) -> list[str]:
    """What is wrong with a service by the rules that all of them keep."""
    faults = []
    if not re.fullmatch(r"(sysvitals:local|docker\.io/[\w/-]+:v?\d+\.\d+\.\d+)", service.get("image", "")):
        faults.append("its image has no exact version")
    if service.get("privileged") or service.get("pid") or service.get("cap_drop") != ["ALL"]:
        faults.append("it has rights")
    if set(service.get("cap_add", ())) - {"SETUID", "SETGID"}:
        faults.append("it is given rights")
    if "no-new-privileges:true" not in service.get("security_opt", ()) or not service.get("read_only"):
        faults.append("it could gain rights or change itself")
    if service.get("network_mode") != "host" or service.get("ports"):
        faults.append("it is on another network")
    if not {"mem_limit", "cpus", "pids_limit"} <= service.keys() or not 0 < service["cpus"] <= 1:
        faults.append("it is not limited, or to more than a board of one core has")
    if service.get("logging", {}).get("options", {}).keys() != {"max-size", "max-file"}:
        faults.append("its log grows")
    if any("docker.sock" in source for source, _ in list_binds(service)):
        faults.append("it rules the engine")
    addresses = [word for word in map(fill, service.get("command", ())) if "listen-address=" in word]
    if any(word.partition("=")[2] and LOOPBACK not in word for word in addresses):
        faults.append("the network sees it")
    return faults


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_keeps_the_rules(name: str) -> None:
    assert list_faults(SERVICES[name]) == []


@pytest.mark.parametrize("name", ["exporter", "demo-exporter"])
def test_an_exporter_has_the_limits_of_its_unit(name: str) -> None:
    service = SERVICES[name]
    unit = dict(line.split("=", 1) for line in UNIT.read_text(encoding="utf-8").splitlines() if "=" in line)
    assert service["mem_limit"] == unit["MemoryMax"].lower()
    assert service["pids_limit"] == int(unit["TasksMax"])
    assert service["ulimits"] == {"nofile": int(unit["LimitNOFILE"])}


@pytest.mark.parametrize(
    "fault",
    [
        {"image": "docker.io/prom/prometheus:latest"},
        {"image": "docker.io/prom/prometheus"},
        {"privileged": True},
        {"pid": "host"},
        {"cap_drop": []},
        {"cap_add": ["SYS_ADMIN"]},
        {"security_opt": []},
        {"read_only": False},
        {"network_mode": "bridge"},
        {"ports": ["9090:9090"]},
        {"cpus": 2},
        {"mem_limit": None, "cpus": 0},
        {"logging": {"driver": "local"}},
        {"volumes": ["/var/run/docker.sock:/var/run/docker.sock"]},
        {"command": ["--web.listen-address=0.0.0.0:9090"]},
        {"command": ["--web.listen-address=:9090"]},
    ],
    ids=str,
)
def test_a_service_that_breaks_a_rule_is_found(fault: dict[str, Any]) -> None:
    assert list_faults({**SERVICES["prometheus"], **fault})


@pytest.mark.parametrize("files", FILES.values(), ids=FILES)
@pytest.mark.parametrize("profile", ["exporter", "stack", "demo"])
def test_compose_takes_the_file(files: list[str], profile: str) -> None:
    assert compose(files, profile).returncode == 0


def test_compose_refuses_a_file_with_a_key_that_it_does_not_know(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("services: {exporter: {memory_limit: 1m}}")
    told = compose(["compose.yaml", str(wrong)], "exporter")
    assert told.returncode != 0
    assert "memory_limit" in told.stderr


def compose(files: list[str], profile: str) -> subprocess.CompletedProcess[str]:
    command = [need_tool("docker-compose"), *(f"--file={file}" for file in files), f"--profile={profile}"]
    command += ["config", "--quiet"]
    return subprocess.run(command, cwd=DEPLOY, capture_output=True, text=True, check=False, timeout=PATIENCE)


def test_profiles_hold_what_their_names_say_and_all_that_it_depends_on() -> None:
    parts = {profile: {n for n, s in SERVICES.items() if profile in s["profiles"]} for profile in profiles()}
    servers = {"setup", "prometheus", "alertmanager", "grafana"}
    assert parts == {
        "exporter": {"exporter"},
        "stack": {"exporter", *servers},
        "demo": {"demo-board", "demo-exporter", *servers},
    }
    for names in parts.values():
        for name in names:
            assert SERVICES[name].get("depends_on", {}).keys() <= names


def profiles() -> set[str]:
    return {profile for service in SERVICES.values() for profile in service["profiles"]}


def test_only_what_goes_on_is_started_again_and_watched() -> None:
    for name, service in SERVICES.items():
        assert service["restart"] == ("no" if name == "setup" else "unless-stopped")
        watched = not service.get("healthcheck", {}).get("disable") and (
            "healthcheck" in service or service["image"] == "sysvitals:local"
        )
        assert watched == (name != "setup")


def test_what_is_mounted_exists_and_each_volume_is_declared() -> None:
    for service in SERVICES.values():
        for source, _ in list_binds(service):
            path = DEPLOY / source if source.startswith(".") else Path(source)
            assert path.exists(), source
            # a folder that git did not make, the engine would make as root's
            if path.is_dir() and path.is_relative_to(DEPLOY) and path != DEPLOY / "config":
                assert (path / ".gitkeep").is_file()
        named = {v.split(":")[0] for v in service.get("volumes", ()) if isinstance(v, str) and v[0] not in "./"}
        assert named <= COMPOSE["volumes"].keys()


def test_the_host_and_the_configuration_are_mounted_read_only() -> None:
    for name, service in SERVICES.items():
        for volume in service.get("volumes", ()):
            if isinstance(volume, dict):
                assert volume["read_only"] is True
            elif volume.startswith(".") and name != "setup":
                assert volume.endswith(":ro")


def test_git_keeps_the_folders_and_leaves_what_is_the_users(tmp_path: Path) -> None:
    ignored = (DEPLOY / ".gitignore").read_text(encoding="utf-8")
    git = [need_tool("git"), "-c", "init.defaultBranch=main"]
    subprocess.run([*git, "init", "--quiet", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text(ignored)
    yours = ["config/secrets/alertmanager/telegram-token", "config/prometheus/targets/sysvitals/boards.yml", ".env"]
    ours = ["config/secrets/alertmanager/.gitkeep", "config/prometheus/.gitkeep", "compose.yaml"]
    told = subprocess.run(
        [*git, "-C", tmp_path, "check-ignore", *yours, *ours], capture_output=True, text=True, check=False
    )
    assert told.stdout.split() == yours


@pytest.mark.parametrize("name", ["exporter", "demo-exporter", "demo-board"])
def test_our_own_programs_take_these_flags(name: str) -> None:
    options = parse(list_command(name))
    mounts = [target for _, target in list_binds(SERVICES[name])] + [
        volume.split(":")[1] for volume in SERVICES[name]["volumes"] if isinstance(volume, str)
    ]
    paths = [value for key, value in options.items() if "path." in key or key.endswith(".path") or key == "folder"]
    assert len(paths) == {"exporter": 4, "demo-exporter": 5, "demo-board": 1}[name]
    for path in paths:
        assert any(Path(path).is_relative_to(mount) for mount in mounts), path


def test_a_flag_that_is_not_ours_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse([*list_command("exporter"), "--path.hostfs=/host"])
    assert "--path.hostfs" in capsys.readouterr().err


def test_the_demo_plays_what_there_is() -> None:
    options = parse(list_command("demo-board"))
    assert options["board"] in BOARDS
    assert options["scenario"] in list_scenarios()


def test_every_setting_of_the_example_is_read_and_every_setting_is_in_the_example() -> None:
    example = (DEPLOY / "compose.env.example").read_text(encoding="utf-8")
    texts = [(DEPLOY / name).read_text(encoding="utf-8") for name in FILES["with the firmware"]]
    read = {name for text in texts for name in re.findall(r"\$\{(\w+)", text)}
    told = set(re.findall(r"(?m)^#?([A-Z_]+)=", example))
    assert told - {"COMPOSE_PROFILES", "COMPOSE_FILE", "COMPOSE_PROJECT_NAME"} == read
    defaults = dict(re.findall(r"\$\{(\w+):-([^}]*)\}", "".join(texts)))
    shown = dict(re.findall(r"(?m)^#(DEMO_\w+|VIDEO_GID|EXPORTER_ADDRESS|GRAFANA_ADDRESS)=(.*)$", example))
    assert shown == {name: defaults[name] for name in shown}
    assert len(shown) == 5


def lay_out(folder: Path, *arguments: str) -> None:
    """What the service `setup` does, by its own script."""
    folder.mkdir(exist_ok=True)
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    command = ["sh", str(DEPLOY / "setup.sh"), str(folder), *arguments]
    subprocess.run(command, env=environment, umask=0o077, check=True, capture_output=True, timeout=PATIENCE)


def test_what_the_user_changed_stays_and_the_password_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    lay_out(folder)
    password = folder / "secrets/grafana/admin-password"
    first = password.read_text()
    assert len(first) == 20
    edited = folder / "alertmanager/alertmanager.yml"
    assert edited.stat().st_mode & 0o777 == 0o644
    edited.write_text("# mine\n")
    boards = folder / "prometheus/targets/sysvitals/boards.yml"
    boards.write_text("[]\n")
    token = folder / "secrets/alertmanager/telegram-token"
    token.write_text("secret")
    token.chmod(0o600)
    lay_out(folder)
    assert password.read_text() == first
    assert edited.read_text() == "# mine\n"
    assert boards.read_text() == "[]\n"
    # a server with a user of its own reads it; others on the host do not come so far
    assert token.stat().st_mode & 0o777 == 0o644
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    lay_out(folder, "alertmanager", "--overwrite")
    assert edited.read_bytes() == (ROOT / "prometheus/alertmanager.yml").read_bytes()
    assert edited.with_name("alertmanager.yml.old").read_text() == "# mine\n"
    assert boards.read_text() == "[]\n"


def test_the_real_servers_start_with_these_flags_and_this_configuration(tmp_path: Path) -> None:
    lay_out(tmp_path / "config")
    for name, program in (("prometheus", "prometheus"), ("alertmanager", "prometheus-alertmanager")):
        port = free_port()
        mounts = dict(volume.split(":")[1::-1] for volume in SERVICES[name]["volumes"])
        (tmp_path / name).mkdir()
        command = [need_tool(program)]
        for word in list_command(name):
            flag, _, value = word.partition("=")
            if value.startswith("/"):
                mount = next(mount for mount in mounts if Path(value).is_relative_to(mount))
                source = tmp_path / mounts[mount].removeprefix("./")
                value = str(source / Path(value).relative_to(mount))
            command.append(f"{flag}={re.sub(f'^{LOOPBACK}:[0-9]+$', f'{LOOPBACK}:{port}', value)}")
        health = SERVICES[name]["healthcheck"]["test"][-1]
        assert f":{urlport(health)}" in " ".join(list_command(name))
        with run(command, tmp_path, f"{name}-server") as log:
            url = health.replace(f":{urlport(health)}/", f":{port}/")
            wait_until(lambda url=url: answers(url), f"{name} is healthy: {log}")  # type: ignore[misc]


def urlport(url: str) -> str:
    (port,) = re.findall(rf"http://{re.escape(LOOPBACK)}:(\d+)/", url)
    return str(port)


def test_prometheus_keeps_as_much_as_the_stack_does() -> None:
    assert f"--storage.tsdb.retention.time={KEEP_TIME}" in list_command("prometheus")
    assert f"--storage.tsdb.retention.size={KEEP_SIZE}" in list_command("prometheus")


def test_secrets_are_mounted_where_the_configuration_looks_for_them() -> None:
    config = (ROOT / "prometheus/alertmanager.yml").read_text(encoding="utf-8")
    folders = set(re.findall(r"(?m)_file: (\S+)/[\w-]+", config))
    assert folders <= {target for _, target in list_binds(SERVICES["alertmanager"])}
    assert folders


def test_grafana_is_set_as_the_stack_sets_it(tmp_path: Path) -> None:
    ini = _render_grafana_ini(Layout(folder=tmp_path, kept=tmp_path), Address(host=LOOPBACK, port=3000))
    known, section = {}, ""
    for line in ini.splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif " = " in line:
            key, _, value = line.partition(" = ")
            known[f"GF_{section}_{key}".upper().replace(".", "_")] = value
    known["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"] = "fleet.json"
    environment = {name: fill(value) for name, value in SERVICES["grafana"]["environment"].items()}
    password = environment.pop("GF_SECURITY_ADMIN_PASSWORD__FILE")
    assert environment.keys() <= known.keys()
    for name, value in environment.items():
        if "PATH" not in name:
            assert value == known[name], name
    # what Grafana is told to read is what is written and mounted
    files = KINDS["grafana"].files(Path("/config/grafana"))
    assert f"dashboards/{Path(environment['GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH']).name}" in files
    assert b'"/config/grafana/dashboards"' in files["provisioning/dashboards/sysvitals.yml"]
    targets = dict((target, source) for source, target in list_binds(SERVICES["grafana"]))  # noqa: C402
    assert targets["/config/grafana"] == "./config/grafana"
    assert targets[str(Path(password).parent)] == "./config/secrets/grafana"


def list_instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, comments left out and lines joined."""
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1].strip()) for line in text.splitlines() if line.strip()]


def is_sent(path: str) -> bool:
    """Whether .dockerignore lets this path into the build."""
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    sent = False
    for pattern in patterns[1:]:
        if pattern.startswith("!"):
            sent = sent or Path(path).is_relative_to(pattern[1:])
        else:
            assert re.fullmatch(r"\*\*/\w+", pattern), f"not understood: {pattern}"
            sent = sent and pattern[3:] not in Path(path).parts
    return sent


def test_the_build_is_sent_all_that_the_wheel_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    needed = project["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    needed += ["pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]]
    for path in needed:
        assert (ROOT / path).exists()
        assert is_sent(path), path
    copied = [words.split()[:-1] for name, words in list_instructions() if name == "COPY"]
    for path in (path for words in copied for path in words if not path.startswith(("--", "/")) and path != "."):
        assert is_sent(path), path
        assert (ROOT / path).exists()


@pytest.mark.parametrize(
    "path",
    [
        ".git/config",
        ".venv/bin/python",
        "data/history/current",
        "deploy/.env",
        "deploy/config/secrets/grafana/admin-password",
        "exporter/sysvitals/__pycache__/cli.cpython-313.pyc",
        "tests/hosts",
    ],
)
def test_the_build_is_sent_nothing_of_the_users(path: str) -> None:
    assert not is_sent(path)


def test_the_image_runs_as_nobody_and_holds_no_tools() -> None:
    instructions = list_instructions()
    last = instructions[max(i for i, (name, _) in enumerate(instructions) if name == "FROM") :]
    values = dict(last)
    user, _, group = values["USER"].partition(":")
    assert user.isdigit()
    assert int(user) > 0
    assert group == user
    assert not any(re.search(r"\b(pip|apt|curl|git)\b", words) for name, words in last if name == "RUN")
    owner = next(words for name, words in last if name == "RUN" and "/var/lib/sysvitals" in words)
    assert f"--owner={user} --group={group}" in owner
    assert COMPOSE["volumes"]["board"]["driver_opts"]["o"].split(",")[1:3] == [f"uid={user}", f"gid={group}"]
    assert json.loads(values["ENTRYPOINT"]) == ["sysvitals"]
    assert parse(json.loads(values["CMD"]))["command"] == "serve"
    assert values["STOPSIGNAL"] == "SIGTERM"


def test_the_base_is_pinned_once_and_no_version_of_ours_is_repeated() -> None:
    (base,) = re.findall(r"(?m)^ARG PYTHON=(.*)$", DOCKERFILE)
    assert re.fullmatch(r"docker\.io/library/python:3\.\d+\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?", base)
    assert {words.split()[0] for name, words in list_instructions() if name == "FROM"} == {"${PYTHON}"}
    assert __version__ not in DOCKERFILE + (DEPLOY / "compose.yaml").read_text(encoding="utf-8")


def check_health(address: str) -> int:
    """The image's own check, by its own words, at this address."""
    (words,) = [words for name, words in list_instructions() if name == "HEALTHCHECK"]
    program, *arguments = json.loads(words[words.index("[") :])
    copied = next(words for name, words in list_instructions() if name == "COPY" and "healthcheck" in words).split()
    assert arguments[-1] == copied[1]
    assert program.endswith("/bin/python3")
    command = [sys.executable, *arguments[:-1], str(ROOT / copied[0])]
    environment = {"SYSVITALS_HEALTH_ADDRESS": address}
    return subprocess.run(command, env=environment, capture_output=True, check=False, timeout=PATIENCE).returncode


def test_an_exporter_that_answers_is_healthy_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    address = f"{LOOPBACK}:{free_port()}"
    flags = [f"--web.listen-address={address}", "--no-history"]
    with run([sys.executable, "-m", "sysvitals", "serve", *flags], tmp_path, "serve"):
        wait_until(lambda: answers(f"http://{address}/-/ready"), "it is ready")
        assert check_health(address) == 0
    assert check_health(address) == 1


def test_an_exporter_behind_tls_and_a_password_is_healthy(tmp_path: Path) -> None:
    make_certificate(tmp_path, "board")
    address = f"{LOOPBACK}:{free_port()}"
    flags = [f"--web.listen-address={address}", f"--web.config-file={write_config(tmp_path, PASSWORD)}", "--no-history"]
    with run([sys.executable, "-m", "sysvitals", "serve", *flags], tmp_path, "serve"):
        wait_until(lambda: check_health(address) == 0, "it is healthy")
    assert check_health(address) == 1


def test_a_server_that_is_in_trouble_is_not_healthy() -> None:
    assert is_well(b"HTTP/1.1 200 OK\r\n")
    assert is_well(b"HTTP/1.1 401 Unauthorized\r\n")
    assert not is_well(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert not is_well(b"HTTP/1.1 2000\r\n"[:11])
    assert not is_well(b"SSH-2.0-OpenSSH\r\n")
    assert not is_well(b"")


@pytest.mark.parametrize(
    ("words", "environment", "address"),
    [
        (["sysvitals", "serve"], {}, (LOOPBACK, 9877)),
        (["sysvitals", "serve", "--web.listen-address=:9000", ""], {}, (LOOPBACK, 9000)),
        (["sysvitals", "serve", "--web.listen-address", "0.0.0.0:9000"], {}, (LOOPBACK, 9000)),
        (["sysvitals", "serve", "--web.listen-address=[::]:9000"], {}, ("::1", 9000)),
        (["sysvitals", "--web.listen-address=192.0.2.1:9000"], {}, ("192.0.2.1", 9000)),
        (["x", "--web.listen-address=:1"], {"SYSVITALS_HEALTH_ADDRESS": "[fd00::1]:2"}, ("fd00::1", 2)),
    ],
)
def test_health_is_asked_where_the_exporter_listens(
    words: list[str], environment: dict[str, str], address: tuple[str, int]
) -> None:
    assert find_address(words, environment) == address


def test_an_address_without_a_port_is_refused() -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        find_address(["x", "--web.listen-address=board"], {})
