"""`tools/audit-dependencies.sh`: says when it could not look, and fails when it found something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from webapp.environment import REPOSITORY

NOBODY_LISTENS = "http://127.0.0.1:9"
REACHED = "#!/bin/sh\nexit 0\n"
BROKEN = "#!/bin/sh\nexit 127\n"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A repository of its own, whose auditor is there already."""
    (tmp_path / "tools").mkdir()
    shutil.copy(REPOSITORY / "tools" / "audit-dependencies.sh", tmp_path / "tools")
    (tmp_path / "requirements.txt").write_text("Django==5.2\n")
    return tmp_path


def program(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(0o755)
    return path


def auditor(copy: Path, *, status: int) -> None:
    said = "Found 1 known vulnerability" if status else "No known vulnerabilities found"
    program(
        copy / ".venv-audit" / "bin" / "pip-audit",
        f'#!/bin/sh\n[ "$1" = --version ] && echo "pip-audit 2.10.1" && exit 0\necho "{said}"\nexit {status}\n',
    )


def audit(copy: Path, python: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(copy / "tools" / "audit-dependencies.sh"), str(python)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_network_it_says_not_run_and_stops_nobody(copy: Path) -> None:
    auditor(copy, status=1)
    done = audit(copy, sys.executable, https_proxy=NOBODY_LISTENS, HTTPS_PROXY=NOBODY_LISTENS)
    assert (done.returncode, done.stdout) == (
        0,
        "Dependencies: NOT RUN, as the advisories at pypi.org cannot be reached.\n",
    )
    told_apart = audit(
        copy, sys.executable, https_proxy=NOBODY_LISTENS, HTTPS_PROXY=NOBODY_LISTENS, NOT_RUN_STATUS="77"
    )
    assert told_apart.returncode == 77


def test_a_known_weakness_fails(copy: Path) -> None:
    auditor(copy, status=1)
    done = audit(copy, program(copy / "python", REACHED))
    assert (done.returncode, done.stdout) == (1, "Found 1 known vulnerability\n")


def test_none_found_is_good(copy: Path) -> None:
    auditor(copy, status=0)
    done = audit(copy, program(copy / "python", REACHED))
    assert (done.returncode, done.stdout) == (0, "No known vulnerabilities found\n")


def test_a_check_that_is_broken_is_not_taken_for_a_missing_network(copy: Path) -> None:
    auditor(copy, status=0)
    done = audit(copy, program(copy / "python", BROKEN))
    assert (done.returncode, done.stdout) == (1, "")
    assert "ended with 127" in done.stderr
    (copy / "requirements.txt").write_text("")
    assert audit(copy, sys.executable).returncode == 1
