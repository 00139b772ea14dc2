"""A filter of system calls: no sockets, no other programs, no looking into other processes. Needs no privilege.

It holds where namespaces are forbidden, as they are in most containers.
"""

from __future__ import annotations

import errno
import platform
import struct

from workers.sandbox import system_calls

FORBIDDEN = ("socket", "execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "mount", "unshare",
             "setns", "bpf", "keyctl", "add_key", "request_key", "io_uring_setup", "pidfd_getfd", "userfaultfd",
             "perf_event_open")  # fmt: skip
"""io_uring_setup, as a ring would open sockets without asking the filter."""
_NUMBERS = {
    "x86_64": (
        0xC000003E,
        (41, 59, 322, 101, 310, 311, 165, 272, 308, 321, 250, 248, 249, 425, 438, 323, 298),
    ),
    "aarch64": (
        0xC00000B7,
        (198, 221, 281, 117, 270, 271, 40, 97, 268, 280, 219, 217, 218, 425, 438, 282, 241),
    ),
}
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_ALLOW, _ERROR, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_X32 = 0x40000000  # numbers of x86's third set of calls, which would go round the filter


def forbid_calls() -> bool:
    """Every forbidden call fails with EPERM from now on. False where the machine's numbers are not known."""
    known = _NUMBERS.get(platform.machine())
    return known is not None and system_calls.set_filter(_program(*known))


def _program(architecture: int, numbers: tuple[int, ...]) -> bytes:
    refuse = _ERROR | errno.EPERM
    lines = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, 0),
        (_AT_LEAST, len(numbers) + 1, 0, _X32),
    ]
    for place, number in enumerate(numbers):
        lines.append((_EQUAL, len(numbers) - place, 0, number))
    lines += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, refuse)]
    return b"".join(struct.pack("=HBBI", *line) for line in lines)
