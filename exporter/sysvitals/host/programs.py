"""Running a program: the last resort, for what no file and no system call tells."""

import contextlib
import errno
import subprocess
from collections.abc import Sequence

_DYING_SECONDS = 0.5


def run_program(command: Sequence[str], seconds: float) -> tuple[int, bytes]:
    """Exit status and all output of a program given by its path: no shell, no input, nothing of our environment.

    Raises OSError where it cannot be started; ETIMEDOUT after that many seconds, and the program is killed.
    """
    process = subprocess.Popen(  # noqa: S603  # a path and words of our own, and no shell
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        cwd="/",
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        # one that hangs in the kernel does not even die: it is left behind, and reaped when a later one is started
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_DYING_SECONDS)
        raise TimeoutError(errno.ETIMEDOUT, f"not done after {seconds:g} s", command[0]) from None
    finally:
        if process.stdout is not None:
            process.stdout.close()
    return process.returncode, output
