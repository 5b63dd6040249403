"""Packs recorded hosts for the simulation: `python exporter/pack_boards.py`. A test proves that it was done.

The same tree gives the same bytes: names in order, no times, no owners. What stands for a read that failed, for system
calls and for the expected exposition is left out: none of it can be a file of a tree that is really there.
"""

import gzip
import io
import os
import tarfile
from pathlib import Path

from sysvitals.simulation.boards import BOARDS, Board

HERE = Path(__file__).parent
HOSTS = HERE.parent / "tests" / "hosts"
ARCHIVES = HERE / "sysvitals" / "simulation" / "boards"
_TOP = ("etc", "proc", "sys", "usr")


def pack_board(board: Board) -> bytes:
    """The board's archive, not yet compressed: what zlib makes of it differs between its versions."""
    root = HOSTS / board.recorded
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path in sorted(_walk(root)):
            name = path.relative_to(root).as_posix()
            member = tarfile.TarInfo(name)
            member.mode = 0o644
            if path.is_symlink():
                member.type, member.linkname = tarfile.SYMTYPE, _relative(str(path.readlink()), name)
                tar.addfile(member)
            else:
                content = path.read_bytes()
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _walk(root: Path) -> list[Path]:
    paths = []
    for top in _TOP:
        for folder, folders, files in os.walk(root / top):
            links = [name for name in folders if (Path(folder) / name).is_symlink()]
            paths += [Path(folder) / name for name in (*files, *links) if ".ERRNO-" not in name]
    return paths


def _relative(target: str, name: str) -> str:
    """An absolute link would lead out of the tree, to this machine's own files."""
    return os.path.relpath(target[1:], os.path.dirname(name)) if target.startswith("/") else target


if __name__ == "__main__":
    for board in BOARDS.values():
        archive = gzip.compress(pack_board(board), compresslevel=9, mtime=0)
        (ARCHIVES / f"{board.name}.tar.gz").write_bytes(archive)
