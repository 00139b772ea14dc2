"""`python -m workers`: this machine's worker processes. `serve`, `prepare`, `reconcile` and `jobs` are other parts."""

from __future__ import annotations

import argparse
import os
import sys

from webapp.device_labels import LONGEST, is_label


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
    devices = parser.add_mutually_exclusive_group()
    devices.add_argument(
        "--gpus",
        type=_names,
        metavar="0,2",
        help="only these GPUs: places in the list of nvidia-smi -L from 0, or identifiers",
    )
    devices.add_argument("--cpu", action="store_true", help="no GPU: one worker for the CPU")
    parser.add_argument(
        "--label",
        type=_label,
        help="of this machine's benchmark workers, for benchmarks that want it; gpu or cpu unless given",
    )
    parser.add_argument(
        "--no-studio",
        action="store_true",
        help="no worker for the studio, whose files must lie where the web server reads them",
    )
    asked = parser.parse_args(arguments)
    part = asked.part
    given = [name for name in ("gpus", "cpu", "label", "no_studio") if getattr(asked, name)]
    if given and part not in ("work", "serve"):
        parser.error(f"--{given[0].replace('_', '-')} is an option of work and serve")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")
    from webapp.environment import EnvironmentProblem

    try:
        _run(part, asked)
    except EnvironmentProblem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def _run(part: str, asked: argparse.Namespace) -> None:
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
        from workers.supervisor import plan, serving

        options = plan.WorkerOptions(
            gpus=asked.gpus, cpu=asked.cpu, label=asked.label or "", studio=not asked.no_studio
        )
        serving.serve(options) if part == "serve" else serving.work(options)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(","))
    if not all(names):
        raise argparse.ArgumentTypeError("give places or identifiers with commas between them, as 0,2")
    return names


def _label(text: str) -> str:
    if not is_label(text):
        raise argparse.ArgumentTypeError(
            f"small letters, digits, dots, hyphens and underscores, at most {LONGEST}"
        )
    return text


if __name__ == "__main__":
    sys.exit(main())
