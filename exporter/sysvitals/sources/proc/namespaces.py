"""Files of `/proc` that show a process's own namespaces: PID 1's are the host's.

Mounts and network devices are seen through the namespaces of the process that asks. In a container, `/host/proc/net`
leads to `/host/proc/self/net` and so to the container's own network, even though `/host/proc` is the host's.
`/host/proc/1/net` is the host's.
"""

import errno

from sysvitals.host.host import Host


def read_first_process(host: Host, name: str) -> bytes | None:
    """A file of PID 1, or None where this user may not see it (hidepid, a security module) or it is not there.

    Raises OSError for any other failure.
    """
    try:
        # a host with thousands of mounts has a table of megabytes
        return host.read_bytes(f"{host.procfs}/1/{name}", limit=16 << 20)
    except OSError as error:
        if error.errno in _HIDDEN:
            return None
        raise


_HIDDEN = frozenset({errno.ENOENT, errno.EACCES, errno.EPERM, errno.ESRCH})
