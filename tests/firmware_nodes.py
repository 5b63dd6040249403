"""The far side of the Raspberry Pi firmware's device nodes, for recorded hosts: what `"ioctl"` in syscalls.json is.

By node, `vcio_gencmd` or `vcio`: `{"errno": "EACCES"}` where it cannot be opened, else each text command with its
answer (a text, a list of lines, or an errno), and under `"tags"` each property tag with its answer: a number, a number
for each id, or an errno. What is not there, the firmware does not know.
"""

import errno
import os
import struct
from typing import Any

GENCMD = 0x00030080
REQUESTS = (0xC0086400, 0xC0046400)  # of 64-bit and of 32-bit programs
_ONES = 0xFFFFFFFF


def answer_ioctl(path: str, node: dict[str, Any], request: int, buffer: bytearray) -> None:
    """Answer as the kernel and the firmware behind it would. Raises OSError as they do."""
    if "errno" in node:
        raise recorded_error(node["errno"], path)
    total = struct.unpack_from("<I", buffer)[0]
    if request not in REQUESTS or total != len(buffer) or total % 4 or total < 12:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    offset = 8
    while offset + 12 <= total and (tag := struct.unpack_from("<I", buffer, offset)[0]):
        if not path.endswith("/vcio") and tag != GENCMD:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        size = struct.unpack_from("<I", buffer, offset + 4)[0]
        if size > total - offset - 12:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if tag == GENCMD:
            _answer_command(node, buffer, offset)
        else:
            _answer_tag(node.get("tags", {}).get(f"0x{tag:08x}"), buffer, offset, size)
        offset += 12 + (size + 3) // 4 * 4
    struct.pack_into("<I", buffer, 4, 0x80000000)


def recorded_error(name: str, path: str | None = None) -> OSError:
    number = getattr(errno, name)
    return OSError(number, os.strerror(number), path) if path else OSError(number, os.strerror(number))


def _answer_command(node: dict[str, Any], buffer: bytearray, offset: int) -> None:
    command = bytes(buffer[offset + 16 : offset + 12 + 4096]).partition(b"\0")[0].decode()
    answer = node.get(command)
    failed = answer is None
    if answer is None:
        answer = 'error=1 error_msg="Command not registered"'
    if isinstance(answer, dict):
        raise recorded_error(answer["errno"])
    text = ("\n".join(answer) if isinstance(answer, list) else answer).encode() + b"\0"
    struct.pack_into("<II", buffer, offset + 8, 0x80000000 | (4 + len(text)), _ONES if failed else 0)
    buffer[offset + 16 : offset + 16 + len(text)] = text


def _answer_tag(answer: Any, buffer: bytearray, offset: int, size: int) -> None:
    if isinstance(answer, dict) and "errno" not in answer:
        answer = answer.get(str(struct.unpack_from("<I", buffer, offset + 12)[0]))
    if isinstance(answer, dict):
        raise recorded_error(answer["errno"])
    if answer is not None:
        struct.pack_into("<I", buffer, offset + 8, 0x80000000 | size)
        struct.pack_into("<I", buffer, offset + 8 + size, answer)
