"""The service's files agree with each other, with the program and with what it must be able to read."""

import os
import re
import resource
import shutil
import subprocess
from pathlib import Path

import pytest

from sysvitals.cli import main
from sysvitals.judgement.links import PROJECT_URL
from sysvitals.pipeline.crew import LIMIT
from sysvitals.provision.kinds import KINDS
from sysvitals.sources.pi.vcio import GENCMD_NODE, NODE
from sysvitals.web.http.budget import fit_budget
from sysvitals.web.routes import SCRAPES
from tests.patience import PATIENCE
from tests.tools import need_tool

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "deploy/SYSTEMD.md"
FILES = ROOT / "deploy/systemd"
UNIT = FILES / "etc/systemd/system/sysvitals.service"
CONFIG = "/etc/sysvitals/sysvitals.yml"
STATE = "/var/lib/sysvitals"
PROGRAM = "/opt/sysvitals/bin/sysvitals"

BLINDING = {
    "ProcSubset": "pid hides /proc/stat and all else that is no process",
    "ProtectProc": "hides process 1, whose mounts and network devices are the host's",
    "ProtectClock": "forbids adjtimex, which asks how well the clock is kept",
    "ProtectHostname": "a host that is renamed would be reported by its old name",
    "PrivateDevices": "hides the firmware's device nodes",
    "PrivateUsers": "takes the group video away",
    "PrivateTmp": "hides what is mounted below /tmp",
    "PrivateNetwork": "cuts the exporter off from those who scrape it",
    "IPAddressDeny": "needs the addresses of those who scrape",
    "MountFlags": "a disk that is plugged in later would not be seen",
    "InaccessiblePaths": "hides filesystems",
    "TemporaryFileSystem": "hides filesystems",
    "RootDirectory": "hides filesystems",
}
"""What would make the service tighter, and its readings wrong."""


def read_unit() -> dict[str, list[tuple[str, str]]]:
    """The assignments of each section, in their order; a key may stand there more than once."""
    sections: dict[str, list[tuple[str, str]]] = {}
    section = ""
    for line in UNIT.read_text().splitlines():
        if line.startswith("["):
            section = line.strip("[]")
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            sections.setdefault(section, []).append((key, value))
    return sections


def values(key: str, section: str = "Service") -> list[str]:
    return [value for name, value in read_unit()[section] if name == key]


def value(key: str, section: str = "Service") -> str:
    (only,) = values(key, section)
    return only


def read_lines(name: str) -> list[list[str]]:
    lines = (FILES / name).read_text().splitlines()
    return [line.split() for line in lines if line and not line.startswith("#")]


def make_root(folder: Path) -> Path:
    """A system with this service, and a program in the place of each that it names."""
    shutil.copytree(FILES / "etc", folder / "etc")
    for path in (PROGRAM, "/bin/kill"):
        program = folder / path.lstrip("/")
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    return folder


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [need_tool("systemd-analyze"), *arguments]
    environment = os.environ | {"LC_ALL": "C", "SYSTEMD_PAGER": ""}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False)


def test_systemd_finds_no_fault_with_the_unit(tmp_path: Path) -> None:
    units = tmp_path / "units"
    root = make_root(tmp_path / "root")
    units.mkdir()
    text = UNIT.read_text().replace(PROGRAM, f"{root}{PROGRAM}")
    (units / UNIT.name).write_text(text)
    done = analyze("verify", "--man=no", str(units / UNIT.name))
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    (units / UNIT.name).write_text(text.replace("WatchdogSec=", "WatchDogSec="))
    done = analyze("verify", "--man=no", str(units / UNIT.name))
    assert "WatchDogSec" in done.stderr, "a key that systemd does not know would be told"


def score_of(unit: Path) -> str:
    done = analyze("security", "--offline=yes", "--no-pager", str(unit))
    found = re.search(r"Overall exposure level for sysvitals\.service: (?P<score>[\d.]+) ", done.stdout)
    assert found is not None, done.stdout + done.stderr
    return found["score"]


def test_the_pages_score_is_the_one_that_systemd_gives() -> None:
    (said,) = re.findall(r"Overall exposure level for sysvitals\.service: ([\d.]+)", PAGE.read_text())
    assert said == score_of(UNIT)


def test_the_scores_of_what_may_be_tightened_are_those_that_systemd_gives(tmp_path: Path) -> None:
    _, _, section = PAGE.read_text().partition("### Tighter, where you can\n")
    rows = [line.split("|")[2:4] for line in section.splitlines() if re.search(r"\| \d\.\d \|$", line)]
    keys = [re.findall(r"`(.+?)`", what) for what, _ in rows]
    assert keys.pop() == [], "the last row is all of them"
    keys.append([key for row in keys for key in row])
    unit = tmp_path / UNIT.name
    for (_, said), chosen in zip(rows, keys, strict=True):
        unit.write_text(UNIT.read_text().replace("[Install]", "\n".join([*chosen, "[Install]"])))
        assert said.strip() == score_of(unit), chosen


@pytest.mark.parametrize("key", BLINDING)
def test_nothing_blinds_the_exporter(key: str) -> None:
    assert values(key) == [], BLINDING[key]
    assert f"`{key}" in PAGE.read_text(), "the page says why it is left out"


def test_home_is_not_hidden() -> None:
    assert value("ProtectHome") == "read-only", "yes and tmpfs put another filesystem in its place"


def test_the_clock_may_be_asked_though_privileged_calls_are_forbidden() -> None:
    # the order counts: what is allowed last is allowed
    filters = values("SystemCallFilter")
    forbidden = filters.index("~@privileged @resources")
    assert forbidden < filters.index("adjtimex clock_adjtime clock_adjtime64")
    assert values("CapabilityBoundingSet") == values("AmbientCapabilities") == [""], "and so not be set"


def test_background_work_may_lower_its_priority() -> None:
    filters = values("SystemCallFilter")
    assert filters.index("~@privileged @resources") < filters.index("setpriority")


def test_the_service_goes_on_where_memory_ran_out_for_the_process_that_reads_the_history() -> None:
    assert value("OOMPolicy") == "continue"


def test_what_it_can_write_to_it_cannot_start() -> None:
    writable = {f"/var/lib/{value('StateDirectory')}", f"/run/{value('RuntimeDirectory')}"}
    assert set(value("NoExecPaths").split()) == writable


def test_there_are_tasks_for_all_threads_that_the_program_can_have() -> None:
    others = 12  # the main thread, the scheduler, the history, the log, a reload, pages, passwords
    assert int(value("TasksMax")) >= LIMIT + SCRAPES + others + 16, "and for programs that are started"


def test_descriptors_are_enough_for_all_connections_for_files_with_notices_and_for_reading(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = int(value("LimitNOFILE"))
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY,) * 2)
    most = fit_budget().connections
    monkeypatch.setattr(resource, "getrlimit", lambda _: (limit, limit))
    assert fit_budget().connections == most, "the limit takes none of them"
    assert limit - most - limit // 4 >= 8 * LIMIT, "each thread that reads may have a few files open"


def test_the_firmwares_nodes_are_the_only_devices() -> None:
    assert value("DevicePolicy") == "closed"
    assert set(values("DeviceAllow")) == {f"/dev/{node} r" for node in (GENCMD_NODE, NODE)}
    assert value("SupplementaryGroups") == "video"
    (rule,) = (
        line
        for line in (FILES / "etc/udev/rules.d/60-sysvitals.rules").read_text().splitlines()
        if line and not line.startswith("#")
    )
    assert re.fullmatch(r'(?:[A-Z]+(?:==|=)"[^"]*"(?:, |$))+', rule)
    parts = {key: (sign, text) for key, sign, text in re.findall(r'([A-Z]+)(==|=)"([^"]*)"', rule)}
    assert set(parts["KERNEL"][1].split("|")) == {NODE, GENCMD_NODE}
    assert parts == {"KERNEL": ("==", parts["KERNEL"][1]), "GROUP": ("=", "video"), "MODE": ("=", "0660")}


def test_what_it_starts_is_a_command_that_the_program_has(capsys: pytest.CaptureFixture[str]) -> None:
    program, command, *flags = value("ExecStart").split()
    assert (program, command, flags) == (PROGRAM, "serve", [f"--config.file={CONFIG}"])
    with pytest.raises(SystemExit) as ending:
        main(["serve", "--help"])
    assert ending.value.code == 0
    assert "--config.file" in capsys.readouterr().out


def test_a_reload_looks_before_it_leaps() -> None:
    assert values("ExecReload") == [f"{PROGRAM} check-config {CONFIG}", "/bin/kill -HUP $MAINPID"]


def test_the_configuration_that_is_shipped_is_fine_and_listens_to_nobody_else() -> None:
    file = FILES / CONFIG.lstrip("/")
    assert main(["check-config", str(file)]) == 0
    text = file.read_text()
    assert f"path: {STATE} " in text
    assert 'listen_address: ["127.0.0.1:9877"]' in text


def test_what_the_configuration_proposes_is_fine_too(tmp_path: Path) -> None:
    text = (FILES / CONFIG.lstrip("/")).read_text()
    # what is commented out, without the sentences
    proposed = re.sub(r"(?m)^( *)# (?=(?:listen_address|history|  keep_|collector|  wifi))", r"\1", text)
    proposed = proposed.replace('  listen_address: ["127.0.0.1:9877"]\n', "")
    assert proposed.count("#") < text.count("#") - 4
    (tmp_path / "proposed.yml").write_text(proposed)
    assert main(["check-config", str(tmp_path / "proposed.yml")]) == 0


def test_all_files_mean_the_same_user_and_the_same_folders() -> None:
    assert (value("User"), value("Group")) == ("sysvitals", "sysvitals")
    assert f"/var/lib/{value('StateDirectory')}" == value("WorkingDirectory") == STATE
    users = read_lines("etc/sysusers.d/sysvitals.conf")
    assert ["m", "sysvitals", "video"] in users
    assert [(line[1], line[-1]) for line in users if line[0] == "u"] == [("sysvitals", STATE)]
    rows = {line[1]: (line[0], line[2], line[3:5]) for line in read_lines("etc/tmpfiles.d/sysvitals.conf")}
    assert rows[STATE] == ("d", value("StateDirectoryMode"), ["sysvitals", "sysvitals"])
    assert rows["/etc/sysvitals"] == ("d", "0755", ["root", "root"])
    assert {kind for kind, *_ in rows.values()} <= {"d", "z"}, "nothing is emptied, and nothing removed"
    assert all(line[5] == "-" for line in read_lines("etc/tmpfiles.d/sysvitals.conf")), "and nothing has an age"


def test_a_board_without_attendance_is_never_given_up() -> None:
    assert value("Restart") == "always"
    assert value("StartLimitIntervalSec", "Unit") == "0"
    assert (value("Type"), value("NotifyAccess")) == ("notify", "main")
    assert int(value("WatchdogSec")) >= 2 * 30, "the exporter reports twice in that time, and every 30 s at most"
    assert value("WantedBy", "Install") == "multi-user.target"


def test_the_unit_leads_to_the_project() -> None:
    assert value("Documentation", "Unit") == PROJECT_URL


def test_the_users_are_understood_by_systemds_own_program(tmp_path: Path) -> None:
    root = make_root(tmp_path / "root")
    file = str(FILES / "etc/sysusers.d/sysvitals.conf")
    command = [need_tool("systemd-sysusers"), f"--root={root}", "--dry-run", file]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, "ignoring" in done.stderr) == (0, False), done.stderr
    assert "sysvitals" in done.stderr + done.stdout


def test_every_file_of_the_folder_is_provisioned() -> None:
    matched = {path for pattern in KINDS["systemd"].sources["deploy/systemd"] for path in FILES.glob(pattern)}
    assert matched == {path for path in FILES.rglob("*") if path.is_file()}


def test_no_key_is_given_twice_by_mistake() -> None:
    several = {"ExecReload", "DeviceAllow", "SystemCallFilter"}
    for section, pairs in read_unit().items():
        names = [name for name, _ in pairs if name not in several]
        assert len(names) == len(set(names)), section
