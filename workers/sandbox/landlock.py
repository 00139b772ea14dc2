"""Landlock: which files the process may still open. Linux 5.13 and newer; needs no privilege."""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from pathlib import Path

from workers.sandbox import system_calls

_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_VERSION_WANTED, _BENEATH = 1, 1
_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_FOLDER = 1, 2, 4, 8
_TRUNCATE = 1 << 14
_OF_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE
_TCP = 3  # bind and connect
_SCOPES = 3  # abstract sockets and signals stay within
# The rights that each version of the interface knows.
_KNOWN = ((1, (1 << 13) - 1), (2, (1 << 14) - 1), (3, (1 << 15) - 1), (5, (1 << 16) - 1))


def restrict_files(*, read: Iterable[Path], list_only: Iterable[Path], write: Iterable[Path]) -> int:
    """Allows reading of what is below ``read``, listing of ``list_only``, everything but execution below ``write``.

    Missing paths are passed over. Returns the interface's version, 0 where the kernel has none and nothing is
    restricted. The process must have given up new privileges.
    """
    libc = system_calls.libc()
    libc.syscall.restype = ctypes.c_long
    version = int(libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_WANTED))
    if version < 1:
        return 0
    handled = max((rights for since, rights in _KNOWN if since <= version))
    attributes = struct.pack("=QQQ", handled, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = int(libc.syscall(_CREATE, attributes, ctypes.c_size_t(size), 0))
    if rules < 0:
        return 0
    try:
        reading = _READ_FILE | _READ_FOLDER
        for paths, rights in ((read, reading), (list_only, _READ_FOLDER), (write, handled & ~_EXECUTE)):
            for path in paths:
                _allow(rules, path, rights & handled)
        return version if libc.syscall(_RESTRICT, rules, 0) == 0 else 0
    finally:
        os.close(rules)


def _allow(rules: int, path: Path, rights: int) -> None:
    try:
        opened = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(opened).st_mode):
            rights &= _OF_FILES
        rule = struct.pack("=Qi", rights, opened)
        system_calls.libc().syscall(_ADD_RULE, rules, _BENEATH, rule, 0)
    finally:
        os.close(opened)
