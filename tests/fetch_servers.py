"""Unpacks newer servers than this machine's: `python tests/fetch_servers.py FOLDER`, where there is apt.

They are those of Debian's next release, or of its unstable suite while the next release lacks one. apt gets lists and
sources in a folder that is removed afterwards, so nothing is installed. The programs are in `FOLDER/usr/bin`; the tests
look for them in `SYSVITALS_NEWER_SERVERS`.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

SUITES = ("forky", "sid")
PACKAGES = ("prometheus", "promtool", "prometheus-alertmanager", "victoria-metrics")
PROGRAMS = ("prometheus", "promtool", "prometheus-alertmanager", "amtool", "victoria-metrics", "vmalert", "vmagent")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

# the user _apt, which apt downloads as, may not enter a temporary folder of another user
CONFIGURATION = """\
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State "{apt}/state";
Dir::State::status "{apt}/status";
Dir::Cache "{apt}/cache";
APT::Default-Release "{preferred}";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
"""


def fetch(folder: Path) -> list[str]:
    """Unpack the packages into a folder and return their file names.

    Raise CalledProcessError where apt does not get one of them.
    """
    with TemporaryDirectory() as temporary:
        apt = Path(temporary)
        packages = apt / "packages"
        for needed in (apt / "state/lists/partial", apt / "cache/archives/partial", packages, folder):
            needed.mkdir(parents=True, exist_ok=True)
        (apt / "status").touch()
        sources = [f"deb [signed-by={KEYRING}] http://deb.debian.org/debian {suite} main\n" for suite in SUITES]
        (apt / "sources.list").write_text("".join(sources), encoding="utf-8")
        (apt / "apt.conf").write_text(CONFIGURATION.format(apt=apt, preferred=SUITES[0]), encoding="utf-8")
        environment = {**os.environ, "APT_CONFIG": str(apt / "apt.conf")}
        for command in (["update"], ["download", *PACKAGES]):
            subprocess.run(["apt-get", "--quiet=2", *command], env=environment, cwd=packages, check=True)
        archives = sorted(packages.glob("*.deb"))
        for archive in archives:
            subprocess.run(["dpkg-deb", "--extract", archive, folder], check=True)
        return [archive.name for archive in archives]


def check(programs: Path) -> None:
    """Raise CalledProcessError for a program that does not start here, such as one that needs a newer C library."""
    for name in PROGRAMS:
        # those of VictoriaMetrics take one dash, those of Prometheus two
        flag = "-version" if name.startswith(("victoria", "vm")) else "--version"
        subprocess.run([programs / name, flag], capture_output=True, check=True)


if __name__ == "__main__":
    target = Path(sys.argv[1]).resolve()
    sys.stdout.writelines(f"{name}\n" for name in fetch(target))
    check(target / "usr/bin")
