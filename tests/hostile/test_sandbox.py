"""What a process can still do once workers.sandbox has shut it in: tried out in such a process."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from saliency_core.errors import WeightsError
from tests.hostile.test_model_files import HARMLESS
from workers import model_file_sandbox
from workers.model_file_sandbox import PREFIX, REPOSITORY, convert_in_sandbox
from workers.sandbox import gaps

PROBE = """
import json, os, resource, socket, sys
from pathlib import Path
from workers.sandbox import confine
file, folder, port, secret = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
granted = confine(file=file, folder=folder, cpu_seconds=20, memory_bytes=2**31, file_bytes=2**20)

def fails(action):
    try:
        action()
    except (OSError, MemoryError) as problem:
        return type(problem).__name__
    return ""

def grow():
    (folder / "big").write_bytes(bytes(2**21))

def forked():
    child = os.fork()
    if not child:
        try:
            os.execv(sys.executable, [sys.executable, "-c", ""])
        finally:
            os._exit(77)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise OSError

print(json.dumps({
    "granted": granted,
    "reads its file": fails(file.read_bytes),
    "writes its folder": fails(lambda: (folder / "out.txt").write_text("x")),
    "connects": fails(lambda: socket.create_connection(("127.0.0.1", port), timeout=2)),
    "reads elsewhere": fails(lambda: open(secret).read()),
    "writes elsewhere": fails(lambda: open(secret + ".new", "w")),
    "reads its parent's environment": fails(lambda: open(f"/proc/{os.getppid()}/environ").read()),
    "starts a program": fails(forked),
    "takes memory": fails(lambda: bytearray(2**32)),
    "opens many files": fails(lambda: [open(file) for _ in range(1000)]),
    "becomes root": fails(lambda: os.setresuid(0, 0, 0)) if os.getuid() else "is root",
    "opens a raw device": fails(lambda: os.mknod(folder / "device", 0o60600, os.makedev(8, 0))),
    "core": resource.getrlimit(resource.RLIMIT_CORE)[0],
    "file": resource.getrlimit(resource.RLIMIT_FSIZE)[0],
}))
"""
MAY = ("reads its file", "writes its folder")
MAY_NOT_BY_LIMITS = ("takes memory", "opens many files")
MAY_NOT_BY_LANDLOCK = ("reads elsewhere", "writes elsewhere", "reads its parent's environment")
MAY_NOT_BY_FILTER = ("connects", "starts a program")


@pytest.fixture
def answer(tmp_path: Path) -> dict[str, object]:
    file, folder, secret = tmp_path / "file", tmp_path / "room", tmp_path / "secret"
    file.write_text("content")
    secret.write_text("secret")
    folder.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        # The listener is there: without the sandbox a connection works.
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(file), str(folder), str(port), str(secret)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_confined_process_reads_one_file_and_writes_one_folder(answer: dict[str, object]) -> None:
    granted = answer["granted"]
    assert {name: answer[name] for name in MAY} == dict.fromkeys(MAY, "")
    assert all(answer[name] for name in MAY_NOT_BY_LIMITS), answer
    assert (answer["core"], answer["file"]) == (0, 2**20)
    if sys.platform == "linux":
        assert "no new privileges" in granted
        assert answer["opens a raw device"] == "PermissionError"
    if any(word.startswith("landlock") for word in granted):
        assert {answer[name] for name in MAY_NOT_BY_LANDLOCK} == {"PermissionError"}
    else:
        print("Landlock is not to be had on this machine: reading elsewhere was not tried.")


def test_a_confined_process_reaches_no_network(answer: dict[str, object]) -> None:
    granted = answer["granted"]
    if not {"network namespace", "system calls"} & set(granted):
        pytest.skip("neither network namespaces nor filters of system calls are to be had on this machine")
    assert answer["connects"] in ("PermissionError", "OSError", "ConnectionRefusedError")
    if "system calls" in granted:
        assert all(answer[name] for name in MAY_NOT_BY_FILTER), answer


def test_what_the_system_does_not_grant_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gaps, "_told", set())
    whole = ["user namespace", "network namespace", "no new privileges", "landlock 7", "system calls"]
    container = ["no new privileges", "landlock 3", "system calls"]  # no namespaces there
    with capture_logs() as told:
        assert gaps.tell_of_gaps(whole) == gaps.tell_of_gaps(container) == []
        assert gaps.tell_of_gaps(["no new privileges", "system calls"]) == ["files"]
        assert gaps.tell_of_gaps([]) == ["files", "network", "programs", "privileges"]
        assert gaps.tell_of_gaps([]) == ["files", "network", "programs", "privileges"]
    assert [line["missing"] for line in told] == [["files"], ["network", "programs", "privileges"]]
    assert {(line["event"], line["log_level"]) for line in told} == {("sandbox_incomplete", "warning")}
    assert "it can read other files of its user" in told[0]["reason"]


def test_what_this_machine_grants_is_what_a_confined_process_says(answer: dict[str, object]) -> None:
    assert gaps.sandbox_of_this_machine() == (" ".join(gaps.gaps(answer["granted"])) or "complete")


def test_a_conversion_tells_what_it_was_not_granted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[str]] = []
    monkeypatch.setattr(gaps, "tell_of_gaps", lambda granted: said.append(list(granted)))
    file = tmp_path / "weights.pt"
    file.write_bytes(HARMLESS)
    convert_in_sandbox(file, tmp_path / "kept")
    file.write_bytes(b"no weights")
    with pytest.raises(WeightsError):
        convert_in_sandbox(file, tmp_path / "kept")
    assert len(said) == 2
    if sys.platform == "linux":
        assert "no new privileges" in said[0]
        assert said[1] == said[0]


def test_a_killed_process_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed while it works, as its time is over."""
    monkeypatch.setattr(model_file_sandbox, "WALL_SECONDS", 0.4)
    file = tmp_path / "weights.pt"
    file.write_bytes(HARMLESS)
    with pytest.raises(WeightsError, match="took too much time"):
        convert_in_sandbox(file, tmp_path / "kept")
    assert list((tmp_path / "kept").iterdir()) == []
    assert file.read_bytes() == HARMLESS


def test_what_a_killed_worker_left_is_removed_by_the_next(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    old, young = kept / f"{PREFIX}old", kept / f"{PREFIX}young"
    for room in (old, young):
        (room / "out").mkdir(parents=True)
    os.utime(old, (time.time() - 7200,) * 2)
    file = tmp_path / "weights.pt"
    file.write_bytes(HARMLESS)
    path, _sha256 = convert_in_sandbox(file, kept)
    assert sorted(kept.iterdir()) == sorted([young, path])


@pytest.mark.parametrize("name", ["../../evil.safetensors", "evil.py", f"{'0' * 64}.safetensors"])
def test_a_result_that_is_not_what_it_says_is_not_taken(tmp_path: Path, name: str) -> None:
    """As if the file had taken the process over and made it write something else."""
    out = tmp_path / "out"
    out.mkdir()
    (out / name.replace("/", "_")).write_text("evil")
    with pytest.raises(WeightsError, match="ended in a way"):
        model_file_sandbox._taken(out, "weights.pt")


def test_a_link_as_the_result_is_not_taken(tmp_path: Path) -> None:
    out, secret = tmp_path / "out", tmp_path / "secret"
    out.mkdir()
    secret.write_text("secret")
    digest = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
    (out / f"{digest}.safetensors").symlink_to(secret)
    with pytest.raises(WeightsError, match="ended in a way"):
        model_file_sandbox._taken(out, "weights.pt")
