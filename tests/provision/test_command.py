"""`sysvitals provision`, from the files that are shipped to what it says."""

import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from sysvitals.cli import main
from sysvitals.provision import kinds, receivers, shipped
from sysvitals.provision.kinds import KINDS
from sysvitals.provision.shipped import shipped_folder
from tests.patience import PATIENCE
from tests.tools import need_tool

ROOT = Path(__file__).parents[2]
PROGRAM = "/srv/sysvitals/bin/sysvitals"


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own program lies at home, from where no service may run it."""
    monkeypatch.setattr(kinds, "find_program", lambda _folder: PROGRAM)


def listed(folder: Path) -> set[str]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".sysvitals-"))
    return {path.relative_to(folder).as_posix() for path in files}


@pytest.mark.parametrize("kind", KINDS)
def test_a_folder_is_written_then_left_alone(kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provision", kind, "--to", str(tmp_path)]) == 0
    files = listed(tmp_path)
    first = capsys.readouterr().out
    assert f"\n{len(files)} new\n" in first
    assert first.splitlines()[-1].startswith("then: ")
    assert main(["provision", kind, "--to", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path}:\n{len(files)} same\n"


def test_prometheus_and_alertmanager_are_laid_out_as_their_programs_expect(tmp_path: Path) -> None:
    assert main(["provision", "prometheus", "--to", str(tmp_path / "prometheus")]) == 0
    assert main(["provision", "alertmanager", "--to", str(tmp_path / "alertmanager")]) == 0
    checks = (
        [need_tool("promtool"), "check", "config", f"{tmp_path}/prometheus/prometheus.yml"],
        [need_tool("amtool"), "check-config", f"{tmp_path}/alertmanager/alertmanager.yml"],
    )
    for command in checks:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
    config = yaml.safe_load((tmp_path / "prometheus/prometheus.yml").read_bytes())
    patterns = [pattern for job in config["scrape_configs"] for sd in job["file_sd_configs"] for pattern in sd["files"]]
    assert len(patterns) >= 2
    for pattern in [*config["rule_files"], *patterns]:
        assert list((tmp_path / "prometheus").glob(pattern)), f"{pattern} finds nothing"


def test_both_fit_into_one_folder_as_debian_has_it(tmp_path: Path) -> None:
    assert main(["provision", "prometheus", "--to", str(tmp_path)]) == 0
    assert main(["provision", "alertmanager", "--to", str(tmp_path)]) == 0
    assert {"prometheus.yml", "alertmanager.yml", "rules/power.yml"} <= listed(tmp_path)


@pytest.mark.parametrize("name", ["plain", "with space: and #", "da$h"])
def test_grafana_finds_the_dashboards_wherever_they_are(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    assert main(["provision", "grafana", "--to", str(folder)]) == 0
    providers = [
        provider
        for file in folder.glob("provisioning/dashboards/*.yml")
        for provider in yaml.safe_load(file.read_bytes())["providers"]
    ]
    paths = [provider["options"]["path"].replace("$$", "$") for provider in providers]
    assert paths == [str(folder / "dashboards")]
    assert list(Path(paths[0]).glob("*.json"))


def test_an_update_leaves_boards_and_receivers_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["provision", "prometheus", "--to", str(tmp_path)]) == 0
    assert main(["provision", "alertmanager", "--to", str(tmp_path)]) == 0
    boards = '- targets: ["pi:9877"]\n'
    (tmp_path / "targets/sysvitals/boards.yml").write_text(boards)
    (tmp_path / "targets/sysvitals/local.yml").write_text("[]\n")
    (tmp_path / "alertmanager.yml").write_text("receivers: mine\n")
    (tmp_path / "rules/power.yml").unlink()
    old = tmp_path / "rules/heat.yml"
    capsys.readouterr()
    assert main(["provision", "prometheus", "--to", str(tmp_path)]) == 0
    assert main(["provision", "alertmanager", "--to", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert (tmp_path / "targets/sysvitals/boards.yml").read_text() == boards
    assert (tmp_path / "targets/sysvitals/local.yml").read_text() == "[]\n"
    assert (tmp_path / "alertmanager.yml").read_text() == "receivers: mine\n"
    assert old.exists()
    assert "boards.yml" not in told.replace("boards.yml.example", "")
    assert "-receivers: mine" in told
    assert "--overwrite" in told


def test_overwriting_is_said_and_done(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["provision", "alertmanager", "--to", str(tmp_path)])
    (tmp_path / "alertmanager.yml").write_text("mine\n")
    assert main(["provision", "alertmanager", "--to", str(tmp_path), "--overwrite", "--dry-run"]) == 0
    assert "nothing was done" in capsys.readouterr().out
    assert (tmp_path / "alertmanager.yml").read_text() == "mine\n"
    assert main(["provision", "alertmanager", "--to", str(tmp_path), "--overwrite"]) == 0
    assert "(yours is alertmanager.yml.old now)" in capsys.readouterr().out
    assert (tmp_path / "alertmanager.yml.old").read_text() == "mine\n"


SECRETS = """\
receivers:
  - name: people
    telegram_configs:
      - bot_token: 123:HUSH
        chat_id: 5
    #  - bot_token: 123:HUSH-before
    pushover_configs: [{user_key: HUSH, token: HUSH}]
    discord_configs:
      - webhook_url: https://discord.com/api/webhooks/1/HUSH
      - webhook_url: >-
          https://HUSH.example
    webhook_configs:
      - url: http://127.0.0.1:8080/
        http_config: {basic_auth: {username: me, password: HUSH}, proxy_url: "http://me:HUSH@proxy:3128"}
      - url: https://me:HUSH@ntfy.sh
        http_config:
          authorization:
            credentials: |
              HUSH

              HUSH
    slack_configs:
      - api_url_file: /etc/prometheus/secrets/slack-url
"""


def test_a_difference_shows_no_secret_of_the_users_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["provision", "alertmanager", "--to", str(tmp_path)])
    with (tmp_path / "alertmanager.yml").open("a") as file:
        file.write(SECRETS)
    capsys.readouterr()
    assert main(["provision", "alertmanager", "--to", str(tmp_path)]) == 0
    said = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in said if "HUSH" in line] == []
    for line in (
        "-      - bot_token: <secret>",
        "-        chat_id: 5",
        "-      - webhook_url: https://discord.com/<secret>",
        "-      - url: http://127.0.0.1:8080/",
        "-      - url: https://<secret>@ntfy.sh",
        "-      - api_url_file: /etc/prometheus/secrets/slack-url",
    ):
        assert line in said


def test_a_difference_shows_what_is_shipped_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["provision", "alertmanager", "--to", str(tmp_path), "--alertmanager.version=0.25"])
    file = tmp_path / "alertmanager.yml"
    file.write_text(file.read_text().replace("    #    chat_id: 123456789", "    #    chat_id: 5"))
    capsys.readouterr()
    assert main(["provision", "alertmanager", "--to", str(tmp_path), "--alertmanager.version=0.25"]) == 0
    said = capsys.readouterr().out
    assert "#  - bot_token: TOKEN # secret." in said
    assert "<secret>" not in said


@pytest.mark.parametrize("mode", [0o644, 0o640])
def test_a_file_with_secrets_that_everyone_can_read_is_named_with_what_mends_it(
    mode: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "alertmanager.yml"
    file.write_text(SECRETS)
    file.chmod(mode)
    assert main(["provision", "alertmanager", "--to", str(tmp_path)]) == 0
    warning = f"alertmanager.yml holds secrets, and everyone on this host can read it: sudo chgrp prometheus {file} "
    assert (warning in capsys.readouterr().out) == (mode == 0o644)
    assert main(["provision", "alertmanager", "--to", str(tmp_path), "--overwrite"]) == 0
    assert ("alertmanager.yml.old holds secrets" in capsys.readouterr().out) == (mode == 0o644)


def test_a_long_difference_is_cut_short(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["provision", "alertmanager", "--to", str(tmp_path)])
    (tmp_path / "alertmanager.yml").write_text("".join(f"line: {number}\n" for number in range(1000)))
    capsys.readouterr()
    assert main(["provision", "alertmanager", "--to", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert re.search(r"… \d+ more lines differ", told)
    assert len(told.splitlines()) < 120


def test_what_cannot_be_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert main(["provision", "prometheus", "--to", str(tmp_path / "file")]) == 1
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert err == f"sysvitals: {tmp_path}/file: Not a directory\n"


@pytest.mark.parametrize("arguments", [["nginx", "--to", "x"], ["prometheus"], []])
def test_what_is_asked_wrongly_is_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ending:
        main(["provision", *arguments])
    assert ending.value.code == 2


def test_in_a_checkout_its_own_folders_are_the_shipped_ones() -> None:
    folders = {folder for kind in KINDS.values() for folder in kind.sources}
    assert [shipped_folder(folder) for folder in folders] == [ROOT / folder for folder in folders]


def test_an_installation_without_the_files_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shipped, "_PACKAGE", tmp_path / "lib/sysvitals")
    assert main(["provision", "prometheus", "--to", str(tmp_path / "to")]) == 1
    assert "install sysvitals again" in capsys.readouterr().err
    assert not (tmp_path / "to").exists()


def test_each_pattern_finds_files() -> None:
    wanted = [
        (folder, pattern) for kind in KINDS.values() for folder in kind.sources for pattern in kind.sources[folder]
    ]
    assert [(folder, pattern) for folder, pattern in wanted if not any(shipped_folder(folder).glob(pattern))] == []


@pytest.fixture
def etc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with an alertmanager.yml that everyone can read, as a package leaves it; no group `prometheus`."""
    monkeypatch.setattr(receivers, "_find_group", lambda: None)
    (tmp_path / "alertmanager.yml").write_text("# the package's\n")
    (tmp_path / "alertmanager.yml").chmod(0o644)
    return tmp_path


def fake_amtool(folder: Path, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = folder / "bin" / "amtool"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho '{says}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))


@pytest.mark.parametrize(
    ("says", "inline"),
    [
        ("amtool, version 0.25.0 (branch: debian/sid)", True),
        ("amtool, version 0.28.1+ds (branch: debian/sid)", False),
        ("what is this", True),
    ],
)
def test_receivers_are_written_with_the_keys_that_the_installed_alertmanager_knows(
    etc: Path, says: str, inline: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_amtool(etc, says, monkeypatch)
    assert main(["provision", "alertmanager", "--to", str(etc), "--overwrite"]) == 0
    said = capsys.readouterr().out
    file = etc / "alertmanager.yml"
    assert ("bot_token: TOKEN # secret." in file.read_text()) == inline
    assert ("  - bot_token_file: " in file.read_text()) != inline
    assert stat.S_IMODE(file.stat().st_mode) == (0o640 if inline else 0o644)
    assert ("may read it (mode 0640)" in said) == inline
    assert ("No amtool is here to say" in said) == ("what" in says)


def test_the_version_may_be_given_for_an_alertmanager_elsewhere(etc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_amtool(etc, "amtool, version 0.25.0", monkeypatch)
    assert main(["provision", "alertmanager", "--to", str(etc), "--overwrite", "--alertmanager.version=0.27.1"]) == 0
    text = (etc / "alertmanager.yml").read_text()
    assert "bot_token_file: " in text
    assert "webhook_url: https://discord.com/" in text


def test_a_file_that_only_its_owner_may_read_is_said_to_be_so(etc: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (etc / "alertmanager.yml").chmod(0o600)
    assert main(["provision", "alertmanager", "--to", str(etc), "--overwrite", "--alertmanager.version=0.25"]) == 0
    said = capsys.readouterr().out
    assert stat.S_IMODE((etc / "alertmanager.yml").stat().st_mode) == 0o600
    assert "so only its owner may read it (mode 0600).\n" in said
    assert "0640" not in said


@pytest.mark.parametrize(
    ("kind", "version", "words"),
    [("alertmanager", "new", "'new' is not valid: expected a version such as 0.27"), ("grafana", "0.27", "leave it")],
)
def test_a_version_that_means_nothing_is_refused(
    tmp_path: Path, kind: str, version: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["provision", kind, "--to", str(tmp_path), f"--alertmanager.version={version}"]) == 2
    assert words in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_what_holds_secrets_goes_to_the_group_of_the_server(
    etc: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    group = max(os.getgroups(), default=os.getgid())
    monkeypatch.setattr(receivers, "_find_group", lambda: group)
    assert main(["provision", "alertmanager", "--to", str(etc), "--overwrite", "--alertmanager.version=0.25"]) == 0
    assert (etc / "alertmanager.yml").stat().st_gid == group
    assert (etc / "alertmanager.yml.old").read_text() == "# the package's\n"
    assert "only its owner and the group prometheus may read it" in capsys.readouterr().out
