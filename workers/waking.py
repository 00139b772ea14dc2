"""Whether a hint is worth sending: somebody idle could do some of what waits."""

from __future__ import annotations

from webapp.benchmarks.models import WorkerNode, WorkerTrouble
from webapp.benchmarks.selectors import idle_workers
from workers.claiming import work_waits, work_waits_for
from workers.planning import planning_waits

# Of more than this, some will be able.
MOST_LOOKED_AT = 8


def somebody_could_work(*, but: WorkerNode | None = None, plan: bool = True) -> bool:
    """Whether an idle worker (other than `but`) could claim a shard, or, with `plan`, start a queued benchmark: not of
    those from which it rests, or two that rest would wake each other for ever.
    """
    idle = list(idle_workers(but=but))
    labels = {worker.label for worker in idle}
    if not labels or not (work_waits(labels) or (plan and planning_waits(labels))):
        return False
    if len(idle) > MOST_LOOKED_AT or not WorkerTrouble.objects.exists():
        return True
    return any(work_waits_for(worker) or (plan and planning_waits([worker.label], worker)) for worker in idle)
