"""`python -m workers.healthy web|reconciler|worker`: for health checks of containers. Exit status 0 if all is well.

What is asked is whether this one process does its work; whether the installation as a whole is well is said by
`/healthz`, which answers 503 also where merely no worker runs yet.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import tempfile
import time
import urllib.error
import urllib.request
from datetime import timedelta
from pathlib import Path

SILENT_SECONDS = 30.0
SIGN_OF_LIFE = Path(tempfile.gettempdir()) / f"saliscope-reconciler-{os.getuid()}"
"""The reconciler touches it after every round, in its own machine's or container's temporary folder."""
PARTS = ("database", "broker", "channel_layer")


def say_alive() -> None:
    SIGN_OF_LIFE.touch()


def web_is_well() -> bool:
    """The server answers, and reaches database and broker; workers may be elsewhere or not there yet."""
    port = os.environ.get("PORT") or "8000"
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/healthz", timeout=8) as answer:
            report = json.load(answer)
    except urllib.error.HTTPError as answer:
        report = json.load(answer)
    return all(report[part]["ok"] for part in PARTS)


def reconciler_is_well() -> bool:
    return time.time() - SIGN_OF_LIFE.stat().st_mtime < SILENT_SECONDS


def workers_are_well() -> bool:
    """Every worker of this machine that has not stopped was heard of lately, and there is one."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    import django

    django.setup()
    from django.utils import timezone

    from webapp.benchmarks.models import WorkerNode

    here = WorkerNode.objects.filter(name__endswith=f"@{socket.gethostname()}", stopped_at__isnull=True)
    since = timezone.now() - timedelta(seconds=SILENT_SECONDS)
    return here.exists() and not here.filter(heartbeat_at__lt=since).exists()


def main(part: str) -> int:
    checks = {"web": web_is_well, "reconciler": reconciler_is_well, "worker": workers_are_well}
    try:
        well = checks[part]()
    except (OSError, ValueError, KeyError) as problem:
        print(f"{part}: {type(problem).__name__}: {problem}")
        return 1
    print(f"{part}: {'well' if well else 'not well'}")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
