"""A trial: one fault in the middle of one benchmark, and what became of it."""

from __future__ import annotations

import sys
import traceback
from dataclasses import dataclass

from tests.faults.faults import Fault
from tests.faults.laboratory import IMAGES, MILLISECONDS, Laboratory
from tests.faults.servers import Missing
from tests.faults.watching import Outcome, compare, look, queue

FINAL_WITHIN_SECONDS = 60.0
PATIENCE_SECONDS = 240.0


@dataclass(frozen=True)
class Trial:
    """`next_shard`, `final`: seconds from the end of the fault to the next delivered shard and to the final state."""

    fault: str
    environment: str
    next_shard: float | None = None
    final: float | None = None
    outcome: Outcome | None = None
    skipped: str = ""
    problem: str = ""

    @property
    def passed(self) -> bool:
        if self.skipped:
            return True
        outcome = self.outcome
        return (
            not self.problem
            and outcome is not None
            and outcome.state == "succeeded"
            and (outcome.lost, outcome.twice, outcome.difference, outcome.gaps) == (0, 0, 0.0, False)
            and self.final is not None
            and self.final <= FINAL_WITHIN_SECONDS
        )


def run_trial(laboratory: Laboratory, fault: Fault) -> Trial:
    """Never raises: what goes wrong is the trial's result, and the next one begins."""
    try:
        # What the fault before has broken may still be coming back.
        laboratory.application.wait_until_well()
        with fault.around(laboratory):
            return _run(laboratory, fault)
    except Missing as missing:
        return Trial(fault.title, laboratory.title, skipped=str(missing))
    except Exception as problem:
        traceback.print_exc()
        print(laboratory.application.output[-3000:], file=sys.stderr)
        return Trial(fault.title, laboratory.title, problem=f"{type(problem).__name__}: {str(problem)[:300]}")


def _run(laboratory: Laboratory, fault: Fault) -> Trial:
    benchmark = queue(laboratory.application, IMAGES, MILLISECONDS)
    watched = laboratory.observer
    assert watched.wait(benchmark, done=IMAGES // 4, seconds=PATIENCE_SECONDS) is not None, (
        "it does not begin"
    )
    fault.harm(laboratory, benchmark)
    found = watched.progress(benchmark)
    done = found[1] if found else IMAGES // 4
    next_shard = watched.wait(benchmark, done=done + 1, seconds=PATIENCE_SECONDS)
    rest = watched.wait(benchmark, final=True, seconds=PATIENCE_SECONDS)
    final = None if next_shard is None or rest is None else next_shard + rest
    outcome = compare(look(laboratory.application, benchmark), laboratory.undisturbed)
    return Trial(fault.title, laboratory.title, next_shard, final, outcome)


def table(trials: list[Trial]) -> str:
    """Markdown."""
    lines = [
        "| fault | next shard after, s | final state after, s | retries | images lost | images twice "
        "| figure difference | |",
        "| --- | --: | --: | --: | --: | --: | --: | --- |",
    ]
    for trial in trials:
        outcome = trial.outcome
        if outcome is None:
            lines.append(f"| {trial.fault} | | | | | | | {trial.skipped or trial.problem} |")
            continue
        remark = "" if trial.passed else f"**{outcome.state}** {outcome.detail}"
        lines.append(
            f"| {trial.fault} | {_seconds(trial.next_shard)} | {_seconds(trial.final)} | {outcome.retries} "
            f"| {outcome.lost} | {outcome.twice} | {outcome.difference:g} | {remark} |"
        )
    return "\n".join(lines)


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f}"
