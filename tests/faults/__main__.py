"""`python -m tests.faults`: see the package. Exit status 1 if a trial did not come to the undisturbed figures in time.

`--on sqlite|lab` one environment only, `--only TEXT` faults whose title has this text, `--out FILE` the table.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.faults.faults import FAULTS
from tests.faults.laboratory import IMAGES, MILLISECONDS, Laboratory, laboratory
from tests.faults.servers import Missing
from tests.faults.soak import soak
from tests.faults.trials import Trial, run_trial, table

ENVIRONMENTS = ("sqlite", "lab")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--on", choices=ENVIRONMENTS, action="append")
    parser.add_argument("--only", action="append")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--soak", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    parts: list[str] = []
    passed = True
    for environment in arguments.on or ENVIRONMENTS:
        try:
            with (
                tempfile.TemporaryDirectory(prefix="saliscope-faults-", ignore_cleanup_errors=True) as folder,
                laboratory(Path(folder), lab=environment == "lab") as place,
            ):
                place.measure_undisturbed()
                title = f"## {place.title}"
                about = (
                    f"Undisturbed, {IMAGES} images of {MILLISECONDS} ms, one a shard, are done in "
                    f"{place.undisturbed_seconds:.1f} s."
                )
                if arguments.soak:
                    text, well = soak(place, arguments.soak, arguments.seed)
                else:
                    trials = list(_trials(place, environment, arguments.only or [""]))
                    text, well = table(trials), all(trial.passed for trial in trials)
        except Missing as missing:
            print(f"{environment}: left out. {missing}")
            continue
        passed = passed and well
        parts.append(f"{title}\n\n{about}\n\n{text}\n")
        if arguments.out:
            arguments.out.write_text("\n".join(parts), encoding="utf-8")
    print("\n".join(parts))
    return 0 if passed else 1


def _trials(place: Laboratory, environment: str, only: list[str]) -> Iterator[Trial]:
    for fault in FAULTS:
        if fault.only in ("", environment) and any(text in fault.title for text in only):
            begin = time.monotonic()
            trial: Trial = run_trial(place, fault)
            if trial.outcome is not None:
                print(table([trial]).splitlines()[-1], flush=True)
            result = "skipped" if trial.skipped else "passed" if trial.passed else f"FAILED {trial}"
            print(f"{place.title}: {fault.title}: {result} ({time.monotonic() - begin:.0f} s)", flush=True)
            yield trial


if __name__ == "__main__":
    sys.exit(main())
