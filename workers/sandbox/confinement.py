"""What a process does to itself before it opens a file that may be hostile. Nothing of it can be undone."""

from __future__ import annotations

import os
import pwd
import resource
import site
import sys
from collections.abc import Iterable
from pathlib import Path

from workers.parent_death import die_with_parent
from workers.sandbox import seccomp, system_calls
from workers.sandbox.landlock import restrict_files

REPOSITORY = Path(__file__).resolve().parents[2]
CODE = (REPOSITORY / "saliency_core", REPOSITORY / "workers")
"""Of the repository only code is read: `.env`, the state directory and its database are not."""
SYSTEM = tuple(map(Path, ("/usr", "/lib", "/lib64", "/bin", "/proc", "/sys/devices", "/etc/ld.so.cache",
                          "/etc/localtime", "/dev/urandom", "/dev/random", "/dev/zero")))  # fmt: skip
NOBODY = "nobody"
MOST_FILES = 256
MOST_PROCESSES = 128


def confine(*, file: Path, folder: Path, cpu_seconds: int, memory_bytes: int, file_bytes: int) -> list[str]:
    """Lets the process read ``file`` and its own code, write below ``folder``, and use no network.

    Returns what the system granted, in words: "user nobody" or "user namespace", "network namespace",
    "no capabilities", "no new privileges", "landlock 7", "system calls", "dies with its parent"; the limits on
    memory, time, files and processes hold everywhere.
    """
    granted: list[str] = []
    if sys.platform != "linux":
        _limit(cpu_seconds, memory_bytes, file_bytes, processes=0)
        return granted
    own_count_of_processes = False
    if os.geteuid() == 0:
        if system_calls.unshare(system_calls.CLONE_NEWNET | system_calls.CLONE_NEWIPC):
            granted.append("network namespace")
        if _become_nobody([file, folder, *CODE, Path(sys.prefix), Path(sys.executable)]):
            own_count_of_processes = True
            granted.append(f"user {NOBODY}")
    elif system_calls.unshare(
        system_calls.CLONE_NEWUSER | system_calls.CLONE_NEWNET | system_calls.CLONE_NEWIPC
    ):
        own_count_of_processes = True
        granted += ["user namespace", "network namespace"]
    # Only a user of its own, or a namespace, has a count of its own: elsewhere the limit would meet other workers.
    _limit(cpu_seconds, memory_bytes, file_bytes, processes=MOST_PROCESSES if own_count_of_processes else 0)
    if system_calls.drop_capabilities():
        granted.append("no capabilities")
    if system_calls.forbid_new_privileges():
        granted.append("no new privileges")
    if system_calls.make_unreadable_for_others():
        granted.append("unreadable for others")
    die_with_parent()
    version = restrict_files(
        read=[*_libraries(), *CODE, *SYSTEM, file],
        # The import system looks into the folder of the packages; it reads nothing else there.
        list_only=[REPOSITORY],
        write=[folder, Path("/dev/null")],
    )
    if version:
        granted.append(f"landlock {version}")
    if seccomp.forbid_calls():
        granted.append("system calls")
    return granted


def _libraries() -> Iterable[Path]:
    folders = [sys.prefix, sys.base_prefix, *site.getsitepackages()]
    # `.venv` may be a link; rules are for what is really there.
    return [Path(folder).resolve() for folder in folders if folder not in ("/", "")]


def _limit(cpu_seconds: int, memory_bytes: int, file_bytes: int, processes: int) -> None:
    limits = [
        (resource.RLIMIT_CPU, cpu_seconds),
        (resource.RLIMIT_DATA, memory_bytes),
        (resource.RLIMIT_FSIZE, file_bytes),
        (resource.RLIMIT_NOFILE, MOST_FILES),
        (resource.RLIMIT_CORE, 0),
    ]
    if processes:
        limits.append((resource.RLIMIT_NPROC, processes))
    for limit, value in limits:
        _soft, hard = resource.getrlimit(limit)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (value, value))


def _become_nobody(needed: list[Path]) -> bool:
    """Changes from root to the user nobody, unless that one could not reach what is needed."""
    try:
        nobody = pwd.getpwnam(NOBODY)
        os.setgroups([])
        os.setegid(nobody.pw_gid)
        os.seteuid(nobody.pw_uid)
    except (KeyError, OSError):
        os.seteuid(0)
        os.setegid(0)
        return False
    reached = all(os.access(path, os.R_OK, effective_ids=True) for path in needed)
    os.seteuid(0)
    os.setegid(0)
    if reached:
        os.setresgid(nobody.pw_gid, nobody.pw_gid, nobody.pw_gid)
        os.setresuid(nobody.pw_uid, nobody.pw_uid, nobody.pw_uid)
    return reached
