"""The few calls to the kernel that Python has no function for. Each says whether it was granted."""

from __future__ import annotations

import ctypes
import struct

_LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
CLONE_NEWIPC = 0x08000000
_PR_SET_NO_NEW_PRIVS, _PR_SET_SECCOMP = 38, 22
_PR_CAPBSET_DROP, _PR_SET_DUMPABLE, _LAST_CAPABILITY = 24, 4, 63
_CAPABILITIES_VERSION = 0x20080522


def libc() -> ctypes.CDLL:
    return _LIBC


def unshare(flags: int) -> bool:
    """Moves the process into namespaces of its own."""
    return bool(_LIBC.unshare(flags) == 0)


def forbid_new_privileges() -> bool:
    """No program that this process starts gets more rights than it has (set-user-ID files stay without effect)."""
    return bool(_LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)


def make_unreadable_for_others() -> bool:
    """No other process of the user reads this one's memory, and no core file is written."""
    return bool(_LIBC.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) == 0)


def drop_capabilities() -> bool:
    """Gives every capability away, also those that another program could get back."""
    for capability in range(_LAST_CAPABILITY + 1):
        _LIBC.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = ctypes.create_string_buffer(struct.pack("=Ii", _CAPABILITIES_VERSION, 0))
    none = ctypes.create_string_buffer(struct.pack("=6I", *(0,) * 6))
    return bool(_LIBC.capset(header, none) == 0)


def set_filter(program: bytes) -> bool:
    """Installs a seccomp program: instructions of eight bytes each."""
    code = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p))

    filtering = Program(len(program) // 8, ctypes.addressof(code))
    return bool(_LIBC.prctl(_PR_SET_SECCOMP, 2, ctypes.byref(filtering), 0, 0) == 0)
