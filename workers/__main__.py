"""`python -m workers`: this machine's worker processes. `serve`, `prepare`, `reconcile` and `jobs` are other parts."""

from __future__ import annotations

import argparse
import os
import sys


def main(arguments: list[str] | None = None) -> int:
    """Runs the part that was asked for. Returns the exit status: 1 with one sentence where a start is not possible."""
    parser = argparse.ArgumentParser(
        prog="python -m workers", description="Saliscope's processes on this machine."
    )
    parser.add_argument(
        "part",
        nargs="?",
        default="work",
        choices=["work", "serve", "prepare", "reconcile", "jobs"],
        help="work: one worker per GPU (or one for the CPU) and the studio's, the default; "
        "serve: these with web server, reconciler and broker; "
        "prepare: bring database, static files and samples up to date; "
        "reconcile: expire leases, retry and send hints again; "
        "jobs: do the comparisons and backups that wait, then end",
    )
    part = parser.parse_args(arguments).part
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    from webapp.environment import EnvironmentProblem

    try:
        _run(part)
    except EnvironmentProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(part: str) -> None:
    # Each part loads only what it needs: the supervisor stays small and starts at once.
    if part == "prepare":
        from workers.installation import bring_up_to_date

        bring_up_to_date()
    elif part == "reconcile":
        from workers import reconciler

        reconciler.main()
    elif part == "jobs":
        from workers import jobs

        jobs.main()
    else:
        from workers.supervisor import serving

        serving.serve() if part == "serve" else serving.work()


if __name__ == "__main__":
    sys.exit(main())
