"""An earlier release with rows and unfinished work, stopped, and started again with today's code.

    python -m tests.deployment.upgrade 83362bf^            (DATABASE_URL and REDIS_URL as for `make test-lab`)

Needs an environment that has what the earlier release required. Exit status 0 if all is as it should be.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.application import Application, installation
from tests.conftest import REPOSITORY

SECONDS = 900
ASK = """
import json, sys
from django.test import Client
from webapp.accounts.models import User
client = Client(HTTP_HOST="localhost")
client.force_login(User.objects.get(username="ada"))
answer = client.{method}("/api/v1/{path}", {body!r}, content_type="application/json")
assert answer.status_code < 300, answer.content
print(answer.content.decode() if {raw} else json.dumps(answer.json()))
"""
SIGN_UP = (
    "from webapp.accounts.services import sign_up; sign_up(username='ada', password='a long pass phrase')"
)


def ask(application: Application, path: str, body: dict[str, Any] | None = None) -> Any:
    """What the API answers, in the application's own code and database; POST where there is a body."""
    method, content = ("get", "") if body is None else ("post", json.dumps(body))
    raw = path.endswith(".txt")
    code = ASK.format(method=method, path=path, body=content or None, raw=raw)
    said = application.shell(code)
    return said if raw else json.loads(said.splitlines()[-1])


def find(application: Application, path: str, name: str) -> int:
    return next(row["id"] for row in ask(application, path)["results"] if row["name"] == name)


def queue(application: Application, images: int) -> int:
    asked = {
        "classifier": find(application, "classifiers", "Shapes CNN"),
        "dataset": find(application, "datasets", "Shapes"),
        "methods": [{"key": "grad_cam"}, {"key": "gradient"}],
        "experiments": [{"experiment": "insertion_deletion"}],
        "number_of_images": images,
    }
    return int(ask(application, "benchmarks", asked)["id"])


def wait_for(application: Application, benchmark: int, *states: str) -> dict[str, Any]:
    end = time.monotonic() + SECONDS
    while (found := ask(application, f"benchmarks/{benchmark}"))["state"] not in states:
        assert time.monotonic() < end, found
        time.sleep(1)
    return dict(found)


def values(found: dict[str, Any]) -> list[Any]:
    """Figures by method and experiment, whatever else an answer tells of them."""
    return [
        {
            key: [figure.get(name) for name in ("value", "low", "high", "n")]
            for key, figure in entry["figures"].items()
        }
        for entry in found["figures"]["entries"]
    ]


def try_upgrade(commit: str, folder: Path) -> None:
    old = folder / "old"
    subprocess.run(["git", "clone", "--quiet", "--no-checkout", f"file://{REPOSITORY}", old], check=True)
    wanted = subprocess.run(
        ["git", "rev-parse", commit], cwd=REPOSITORY, check=True, capture_output=True, text=True
    ).stdout.strip()
    subprocess.run(["git", "checkout", "--quiet", wanted], cwd=old, check=True)
    (folder / "state").mkdir()
    with installation(folder / "state") as application:
        application.code = old
        application.start()
        application.shell(SIGN_UP)
        done = queue(application, 4)
        before = wait_for(application, done, "succeeded")
        unfinished = queue(application, 24)
        wait_for(application, unfinished, "running")
        print("earlier release: one benchmark done, one running;", end=" ", flush=True)
        assert application.stop() == 0
        application.code = REPOSITORY
        application.start()
        print("today's code is well;", end=" ", flush=True)
        after = wait_for(application, done, "succeeded")
        assert values(after) == values(before), (before, after)
        assert values(before)
        ended = wait_for(application, unfinished, "succeeded", "failed")
        assert ended["state"] == "succeeded", ended
        print("figures are the same, and what was running has succeeded")
        assert application.stop() == 0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("commit", help="the earlier release")
    with tempfile.TemporaryDirectory() as folder:
        try_upgrade(parser.parse_args().commit, Path(folder))


if __name__ == "__main__":
    main()
