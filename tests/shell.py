"""A Python process with the application's models in it, which runs what it is sent: `manage.py shell` started once.

Reads one JSON text a line, runs it as code and answers with one line: `{"printed": …}` or `{"problem": …}`.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
import traceback
from pathlib import Path


class Shell:
    """The process as seen from the tests."""

    def __init__(self, code: Path, environment: dict[str, str]) -> None:
        self.code = code
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).resolve())],
            cwd=code,
            env=environment | {"PYTHONPATH": str(code)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def run(self, code: str) -> str:
        """What the code printed. Raises RuntimeError with the traceback if it failed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(code) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline() or '{"problem": "The shell has ended."}')
        if "problem" in answer:
            raise RuntimeError(answer["problem"])
        return answer["printed"]

    def close(self) -> None:
        self._process.communicate()


def serve() -> None:
    import django

    django.setup()
    from django.db import connections

    answers = sys.stdout
    for line in sys.stdin:
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(json.loads(line), {"__name__": "shell"})  # noqa: S102 - the tests' own code
            answer = {"printed": printed.getvalue()}
        except Exception:
            answer = {"problem": traceback.format_exc()}
        # Servers are stopped and started between two calls.
        connections.close_all()
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    serve()
