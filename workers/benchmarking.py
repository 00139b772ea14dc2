"""What a benchmark worker does when it is woken: measure, plan, claim one shard, run it, deliver it."""

from __future__ import annotations

import time
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from saliency_core.errors import Interrupted
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.checks import uses_class_labels
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.runner import run_benchmark
from saliency_core.provenance import versions
from saliency_core.scoring.batch_size import batch_size_of, map_batch_size_of, remember_batch_size
from saliency_core.scoring.runtime_network import score_in_bulk
from saliency_core.scoring.scorer import Scorer
from webapp.benchmarks.estimates import forwards_per_image
from webapp.benchmarks.events import record_event
from webapp.benchmarks.models import Benchmark
from webapp.common import hints
from webapp.common.database import AWAY
from webapp.library.models import Classifier
from webapp.library.services import correct_batch_size, correct_forward_rate
from workers import stopping
from workers.blame import machine_at_fault, machine_or_shard_at_fault, reason_of, require_images
from workers.claiming import Claim, ClaimLost, claim_shard, deliver, fail_attempt, give_back, work_waits
from workers.fetching import CannotFetch
from workers.forward_rates import measure_missing_rates
from workers.node import Node
from workers.patience import patiently
from workers.planning import plan_queued_benchmarks
from workers.progress import ShardWatch
from workers.resources import class_mapping_of, classifier_of, dataset_of, images_of, method_of
from workers.troubles import MachineFault, note_trouble
from workers.waking import somebody_could_work

log = structlog.get_logger(__name__)
LEAST_SECONDS_TO_JUDGE_BY = 3.0
# Long enough for the other worker to be the one that waits for the next hint.
PASSING_ON_SECONDS = 0.5
REST_SECONDS = 30.0


def work_once(node: Node) -> None:
    """What a hint is answered with: one turn. A turn wakes another as long as there is work, so that turns stay short
    and the queue short too; while the broker takes no hints, this worker goes on without them.
    """
    while _turn(node):
        log.warning("goes_on_without_hints")


def _turn(node: Node) -> bool:
    """Measures, plans, and runs one shard. Whether there is more to do and nobody could be told."""
    if not node.takes_work():
        pass_hint_on(node)
        return False
    measure_missing_rates(node)
    plan_queued_benchmarks(node.device_name, node.label)
    if stopping.requested():
        return False
    claim = claim_shard(node.registered())
    if claim is None:
        pass_hint_on(node)
        return False
    wake_idle_worker(node)
    with structlog.contextvars.bound_contextvars(benchmark=claim.benchmark_id, shard=claim.shard_id):
        run_claim(node, claim)
    if stopping.requested() or not work_waits():
        return False
    return not hints.try_to_wake_benchmark_workers()


def wake_idle_worker(node: Node) -> None:
    """While this worker computes, others wait for hints: so all of them are at work within moments."""
    if somebody_could_work(but=node.registered(), plan=False):
        hints.wake_benchmark_workers()


def pass_hint_on(node: Node) -> None:
    """A worker that takes no work, or none of what waits, has got a hint that another one may wait for."""
    if somebody_could_work(but=node.registered()):
        time.sleep(PASSING_ON_SECONDS)
        hints.wake_benchmark_workers()


def run_claim(node: Node, claim: Claim) -> None:
    """Runs a shard and delivers it; gives it back when interrupted, or when this machine is at fault; counts the
    attempt when it goes wrong.
    """
    started = time.monotonic()
    try:
        watch = ShardWatch(claim, stop_requested=stopping.requested)
        node.watch(watch.tick, f"benchmark #{claim.benchmark_id}, images {claim.start + 1}–{claim.stop}")
        columns, batch_size = run_shard(node, claim, watch)
        environment = {
            "device": node.device_name,
            "worker": node.name,
            "versions": versions(),
            "batch_size": batch_size,
        }
        patiently(lambda: deliver(claim, columns, environment))
        log.info("shard_done", seconds=round(time.monotonic() - started, 2))
    except (Interrupted, ClaimLost):
        patiently(lambda: give_back(claim))
    except CannotFetch as problem:
        # Another machine may have the files, or this one when the web application is back.
        log.warning("files_not_fetched", problem=str(problem))
        _leave_to_others(node, claim, str(problem), pause_seconds=REST_SECONDS)
    except MachineFault as fault:
        log.warning("machine_fault", problem=str(fault), exc_info=True)
        try:
            _leave_to_others(node, claim, str(fault), counts=fault.had_begun)
        finally:
            if fault.ends_process:
                node.end_process("device_failed")
    except AWAY:
        # It is no fault of the shard's, so the attempt does not count.
        log.warning("database_away", exc_info=True)
        patiently(lambda: give_back(claim))
    except Exception as problem:
        log.exception("shard_failed")
        fail_attempt(claim.shard_id, claim.fence, reason_of(problem))
    finally:
        node.watch(None)


def _leave_to_others(
    node: Node, claim: Claim, reason: str, *, pause_seconds: float | None = None, counts: bool = False
) -> None:
    if counts:
        patiently(lambda: fail_attempt(claim.shard_id, claim.fence, reason))
    else:
        patiently(lambda: give_back(claim))
    patiently(
        lambda: note_trouble(claim.benchmark_id, node.registered(), reason, pause_seconds=pause_seconds)
    )


def run_shard(node: Node, claim: Claim, watch: ShardWatch) -> tuple[list[Columns], int]:
    """The columns of the claimed images, one per experiment, and the batch size with which they were scored. Raises
    Interrupted within one batch of being asked to stop, and MachineFault where another machine may fare better.
    """
    specification = claim.specification
    row = Classifier.objects.get(pk=specification["classifier"]["id"])
    precision = specification["precision"]
    rate = row.rates.filter(device=node.device_name, precision=precision).first()
    with machine_at_fault():
        classifier = classifier_of(specification["classifier"], row.class_names, node.torch_device)
        dataset = dataset_of(specification["dataset"])
    unread: set[int] = set()
    with machine_or_shard_at_fault(classifier):
        subset = images_of(specification, dataset)
        mapping = class_mapping_of(specification, classifier, dataset)
        experiments = [
            create_experiment(each["key"], each["protocol"]) for each in specification["experiments"]
        ]
        if any(uses_class_labels(experiment.protocol) for experiment in experiments):
            mapping.require_all()
        if rate is not None and rate.batch_size:
            # What was found once holds for all shards, so that their figures do not depend on who computes them when.
            remember_batch_size(classifier, precision, rate.batch_size)
        forwards = forwards_per_image(specification, claim.method_index)
        score_in_bulk(classifier, round(forwards * len(subset)))
        scorer = Scorer(classifier, precision=precision, on_batch=watch.on_batch)
        method = method_of(specification["methods"][claim.method_index], classifier)
        before = _batch_sizes(classifier, precision, method)
        started = time.monotonic()
        watch.begin(forwards * before["maps"] / rate.images_per_second if rate else 0.0)
        columns = run_benchmark(
            classifier,
            dataset,
            subset[claim.start : claim.stop],
            method,
            experiments,
            scorer,
            mapping=mapping,
            on_image=watch.on_image,
            on_unread=unread.add,
            pixel_folder=settings.PIXEL_CACHE_DIR,
        )
    watch.end()
    require_images(specification["dataset"], dataset, unread)
    after = _batch_sizes(classifier, precision, method)
    # Twice does no harm, and what was computed is worth waiting for a database that is away.
    patiently(lambda: _record_smaller_batches(node, claim, row, before, after))
    seconds = time.monotonic() - started
    measured = max(len(set(part.images)) for part in columns)
    found = forwards * measured / seconds
    # A rate that is believed to be far too low makes shards that are done before they can be judged by.
    is_faster = rate is not None and found > rate.images_per_second
    if measured and (seconds >= LEAST_SECONDS_TO_JUDGE_BY or is_faster):
        patiently(
            lambda: correct_forward_rate(
                row, device=node.device_name, precision=precision, images_per_second=found
            )
        )
    return columns, scorer.batch_size


def _batch_sizes(classifier: Any, precision: str, method: Any) -> dict[str, int]:
    """Pictures at once, by what they are for."""
    return {"scores": batch_size_of(classifier, precision), "maps": map_batch_size_of(classifier, method)}


def _record_smaller_batches(
    node: Node, claim: Claim, row: Classifier, before: dict[str, int], after: dict[str, int]
) -> None:
    """Memory ran out, and the shard went on in smaller batches: they are kept, and told of in the log."""
    if after["scores"] < before["scores"]:
        precision = claim.specification["precision"]
        correct_batch_size(row, device=node.device_name, precision=precision, batch_size=after["scores"])
    for purpose in ("scores", "maps"):
        if after[purpose] < before[purpose]:
            with transaction.atomic():
                record_event(
                    Benchmark.objects.get(pk=claim.benchmark_id),
                    "batch_halved",
                    {
                        "device": node.device_name,
                        "of": purpose,
                        "from": before[purpose],
                        "to": after[purpose],
                    },
                )
