"""Every command, path, flag and file that a page of deploy/ names exists."""

import os
from pathlib import Path

import pytest

from tests.deploy import checks
from tests.deploy.checks import DEPLOY, check_page
from tests.deploy.pages import parse_commands, read_anchors, read_blocks, read_commands, read_inline_code
from tests.tools import need_tool

PAGES = sorted(DEPLOY.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DEPLOY)))
def test_what_a_page_names_exists(page: Path) -> None:
    assert check_page(page.read_text(encoding="utf-8"), page.parent) == []


def test_the_short_page_and_those_behind_it_are_there() -> None:
    names = {str(page.relative_to(DEPLOY)) for page in PAGES}
    assert {"README.md", "PYTHON.md", "NODE_EXPORTER.md", "SYSTEMD.md", "CONTAINERS.md", "KUBERNETES.md"} <= names


def test_the_short_page_leads_to_each_of_the_others() -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert [page.name for page in PAGES if page.name != "README.md" and f"({page.name}" not in text] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "README.md"], ids=lambda page: page.name)
def test_a_page_says_what_was_tried_and_what_was_not(page: Path) -> None:
    assert "what-was-tried-and-what-was-not" in read_anchors(page.read_text(encoding="utf-8"))


FAULTS = {
    "    sysvitals serve --web.listen-adress=:9877\n": "--web.listen-adress",
    "    sysvitals serv\n": "invalid choice",
    "    sysvitals provision promtheus --to /etc/prometheus\n": "invalid choice",
    "    sysvitals provision prometheus\n": "required",
    '    sudo "$(command -v sysvitals)" provision prometheus --too /etc/prometheus\n': "--too",
    "    sudo -u sysvitals /opt/sysvitals/bin/sysvitals onze\n": "invalid choice",
    "    git pull && sysvitals wach\n": "invalid choice",
    "    curl -s http://board:9877/metrics | sysvitals wach\n": "invalid choice",
    "    echo $(sysvitals wach)\n": "invalid choice",
    "    sysvitals once \\\n        --jsn\n": "--jsn",
    "```sh\nsysvitals once --jsn\n```\n": "--jsn",
    "1. Look:\n\n       sysvitals once --jsn\n": "--jsn",
    "Give `sysvitals serve --histori`.\n": "--histori",
    "Give `sysvitals provission …` again.\n": "no command provission",
    "Give `sysvitals provision … --too` again.\n": "--too",
    "    promtol check config prometheus.yml\n": "unknown program promtol",
    "    sudo cp deploy/systemd/sysvital.service /etc/systemd/system/\n": "there is no deploy/systemd/sysvital.service",
    "    cp grafana/dashboards/*.jsn /tmp\n": "there is no grafana/dashboards/*.jsn",
    "See `prometheus/rules/powr.yml`.\n": "there is no prometheus/rules/powr.yml",
    "    pip install '.[auht]'\n": "no extra auht",
    "    sudo /opt/sysvitals/bin/pip install '.[auht]'\n": "no extra auht",
    "    pip instal .\n": "unknown command of pip",
    "    pipx install --forse .\n": "--forse",
    "    uv tool instal .\n": "unknown command of uv",
    "    uv install .\n": "unknown command of uv",
    "    sudo apt install python3-vnev\n": "unknown package python3-vnev",
    "    make runn\n": "no target runn",
    "    sudo systemctl enable --now sysvital\n": "no unit sysvital",
    "    sudo systemctl restrat prometheus\n": "unknown command of systemctl",
    "    docker compose --profile ful up -d\n": "no profile ful",
    "    COMPOSE_PROFILES=ful docker compose up -d\n": "no profile ful",
    "Set `EXPORTR_ADDRESS=:9877`.\n": "nothing in deploy/ reads EXPORTR_ADDRESS",
    "    docker compose up -d exportr\n": "no service exportr",
    "    docker compose -f deploy/compos.yaml up -d\n": "no deploy/compos.yaml",
    "    docker compose upp\n": "unknown command of docker compose",
    "    kubectl apply -k deploy/kubernets\n": "no folder with a kustomization.yaml",
    "    kubectl --namespace x exec daemonset/y -- sysvitals onze\n": "invalid choice",
    "    git clone https://github.com/sysvital/sysvitals\n": "the project is at",
    "    python3 -m grafana.bilder\n": "no module grafana.bilder",
    "    curl http://board:9878/metrics\n": "port 9878",
    "[more](../prometheus/REDME.md)\n": "leads to no file",
    "[more](../prometheus/README.md#you-have-no-prometheus)\n": "leads to no heading",
    "[more](#nowhere)\n": "leads to no heading",
    "```yaml\na: [\n```\n": "does not parse",
    "```json\n{\n```\n": "does not parse",
    "```ini\n[Unit\n```\n": "does not parse",
    "```yml\na: 1\n```\n": "unknown language",
    "    echo 'open\n": "no shell reads this",
    "The settings are in `/etc/sysvitals/sysvital.yaml`.\n": "nothing in deploy/ makes or reads",
}


@pytest.mark.parametrize("page", FAULTS)
def test_a_fault_on_a_page_is_seen(page: str) -> None:
    complaints = check_page(f"# Page\n\n{page}", DEPLOY)
    assert any(FAULTS[page] in complaint for complaint in complaints), complaints


SOUND = (
    "    sysvitals serve --web.listen-address=:9877 --storage.path ~/.local/state/sysvitals\n",
    '    sudo "$(command -v sysvitals)" provision prometheus --to /etc/prometheus\n',
    "    sudo apt install git pipx && pipx ensurepath     # then log in anew\n",
    "    git clone https://github.com/sysvitals/sysvitals && cd sysvitals\n",
    "    cd deploy\n    ls README.md\n",
    "    make stack ARGS='--simulate pi4:brownout'\n",
    "```sh\nsudo tee /etc/x <<'E'\nnot a command\nE\n```\n",
    "    for board in a b; do ssh $board true; done\n",
    "Look at `prometheus/rules/*.yml` and `sysvitals provision`.\n",
    "[more](../prometheus/README.md#you-have-a-prometheus)\n",
)


@pytest.mark.parametrize("page", SOUND)
def test_what_is_right_is_not_complained_about(page: str) -> None:
    assert check_page(f"# Page\n\n{page}", DEPLOY) == []


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("promtool check config --lint-typo prometheus.yml", "--lint-typo"),
        ("promtool chek config prometheus.yml", "chek"),
        ("amtool config routes test --config.fiel=x", "--config.fiel"),
        ("prometheus --storage.tsdb.retention.tyme=1d", "--storage.tsdb.retention.tyme"),
    ],
)
def test_a_foreign_program_is_asked_whether_it_knows_the_flags(command: str, word: str) -> None:
    need_tool(command.partition(" ")[0])
    (complaint, *_) = check_page(f"# Page\n\n    {command}\n", DEPLOY)
    assert complaint.startswith("line 3:")
    assert "unknown" in complaint or word in complaint


def test_a_foreign_program_knows_the_flags_that_it_has() -> None:
    for command in (
        "promtool check config /etc/prometheus/prometheus.yml",
        "amtool check-config /etc/prometheus/alertmanager.yml",
        "amtool silence add instance=pi-attic --duration=2h --comment='new supply'",
    ):
        need_tool(command.partition(" ")[0])
        assert check_page(f"# Page\n\n    {command}\n", DEPLOY) == []


def test_kubectl_is_asked_too() -> None:
    if not any(os.access(f"{folder}/kubectl", os.X_OK) for folder in os.environ["PATH"].split(":")):
        pytest.skip("kubectl is not installed (Debian: kubernetes-client): flags on pages were not asked of it")
    (complaint,) = check_page("# Page\n\n    kubectl get pods --namespaze x\n", DEPLOY)
    assert "--namespaze" in complaint


def test_each_word_of_a_line_of_shell_is_given_to_its_program() -> None:
    line = "sudo -u pi FOO=1 a -x 'b c' | b > out && c 2>&1; if d; then e; fi  # f"
    assert [command.words for command in parse_commands(line, 1)] == [
        ("a", "-x", "b c"),
        ("b",),
        ("c",),
        ("d",),
        ("e",),
    ]


def test_blocks_are_found_in_lists_and_over_empty_lines_and_not_in_wrapped_text() -> None:
    page = "# A\n\n    one\n\n    two\n\ntext\n    wrapped\n\n1. x:\n\n       three\n\n```sh\nfour\n```\n"
    assert [(block.line, block.language, block.text) for block in read_blocks(page)] == [
        (3, "", "one\n\ntwo"),
        (12, "", "three"),
        (15, "sh", "four"),
    ]
    assert read_inline_code("a `b\nc` d\n\n    `e`\n\n```sh\n`f`\n```\n") == ["b c"]


def test_the_body_of_a_here_document_is_no_command() -> None:
    text = "sudo tee x <<'END' >/dev/null\nnothing\nEND\nafter"
    assert [(command.line, command.program) for command in read_commands(text, 1)] == [(1, "tee"), (4, "after")]


def test_headings_have_the_anchors_that_github_gives_them() -> None:
    page = "# A: b, `c`\n\n## What is [x](y)?\n\n## A b c\n\n```sh\n# no heading\n```\n\n## A b c\n"
    assert read_anchors(page) == {"a-b-c", "what-is-x", "a-b-c-1", "a-b-c-2"}


def test_each_program_that_is_known_has_its_check() -> None:
    assert [name for name in checks.PROGRAMS if checks.SHELL.fullmatch(name)] == ["git", "python3"]
