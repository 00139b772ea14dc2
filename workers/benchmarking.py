"""What a benchmark worker does when it is woken: measure, plan, claim one shard, run it, deliver it."""

from __future__ import annotations

import time

import structlog
from django.conf import settings
from django.db import transaction

from saliency_core.errors import Interrupted, SaliscopeError
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.checks import uses_class_labels
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.runner import run_benchmark
from saliency_core.provenance import versions
from saliency_core.scoring.batch_size import batch_size_of, remember_batch_size
from saliency_core.scoring.scorer import Scorer
from webapp.benchmarks.estimates import forwards_per_image
from webapp.benchmarks.events import record_event
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.selectors import idle_labels
from webapp.benchmarks.subsets import chosen_images
from webapp.common import hints
from webapp.library.models import Classifier
from webapp.library.services import correct_batch_size, correct_forward_rate
from workers import stopping
from workers.claiming import Claim, ClaimLost, claim_shard, deliver, fail_attempt, give_back, work_waits
from workers.fetching import CannotFetch
from workers.forward_rates import measure_missing_rates
from workers.node import Node
from workers.patience import AWAY, patiently
from workers.planning import plan_queued_benchmarks, planning_waits
from workers.progress import ShardWatch
from workers.resources import class_mapping_of, classifier_of, dataset_of, method_of

log = structlog.get_logger(__name__)
LEAST_SECONDS_TO_JUDGE_BY = 3.0
# Long enough for the other worker to be the one that waits for the next hint.
PASSING_ON_SECONDS = 0.5
REST_SECONDS = 30.0
CANNOT_FETCH = "files can't be fetched"


def work_once(node: Node) -> None:
    """One turn. Wakes another as long as there is work, so that turns stay short and the queue short too."""
    if not node.takes_work():
        pass_hint_on(node)
        return
    measure_missing_rates(node)
    plan_queued_benchmarks(node.device_name, node.label)
    if stopping.requested():
        return
    claim = claim_shard(node.registered())
    if claim is None:
        pass_hint_on(node)
    else:
        wake_idle_worker(node)
        with structlog.contextvars.bound_contextvars(benchmark=claim.benchmark_id, shard=claim.shard_id):
            run_claim(node, claim)
        if work_waits() and not stopping.requested():
            hints.wake_benchmark_workers()


def wake_idle_worker(node: Node) -> None:
    """While this worker computes, others wait for hints: so all of them are at work within moments."""
    others = idle_labels(but=node.registered())
    if others and work_waits(others):
        hints.wake_benchmark_workers()


def pass_hint_on(node: Node) -> None:
    """A worker that takes no work, or none of what waits, has got a hint that another one may wait for."""
    others = idle_labels(but=node.registered())
    if others and (work_waits(others) or planning_waits(others)):
        time.sleep(PASSING_ON_SECONDS)
        hints.wake_benchmark_workers()


def run_claim(node: Node, claim: Claim) -> None:
    """Runs a shard and delivers it; gives it back when interrupted; counts the attempt when it goes wrong."""
    watch = ShardWatch(claim, stop_requested=stopping.requested)
    node.watch(watch.tick, f"benchmark #{claim.benchmark_id}, images {claim.start + 1}–{claim.stop}")
    started = time.monotonic()
    rests = False
    try:
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
        patiently(lambda: give_back(claim))
        rests = True
    except AWAY:
        # It is no fault of the shard's, so the attempt does not count.
        log.warning("database_away", exc_info=True)
        patiently(lambda: give_back(claim))
    except Exception as problem:
        log.exception("shard_failed")
        reason = (
            str(problem) if isinstance(problem, SaliscopeError) else f"{type(problem).__name__}: {problem}"
        )
        fail_attempt(claim.shard_id, claim.fence, reason)
    finally:
        node.watch(None)
    if rests:
        node.rest(REST_SECONDS, CANNOT_FETCH)


def run_shard(node: Node, claim: Claim, watch: ShardWatch) -> tuple[list[Columns], int]:
    """The columns of the claimed images, one per experiment, and the batch size with which they were scored. Raises
    Interrupted within one batch of being asked to stop.
    """
    specification = claim.specification
    row = Classifier.objects.get(pk=specification["classifier"]["id"])
    classifier = classifier_of(specification["classifier"], row.class_names, node.torch_device)
    dataset = dataset_of(specification["dataset"])
    subset = chosen_images(specification, dataset)
    method = specification["methods"][claim.method_index]
    experiments = [create_experiment(each["key"], each["protocol"]) for each in specification["experiments"]]
    mapping = class_mapping_of(specification, classifier, dataset)
    if any(uses_class_labels(experiment.protocol) for experiment in experiments):
        mapping.require_all()
    precision = specification["precision"]
    rate = row.rates.filter(device=node.device_name, precision=precision).first()
    if rate is not None and rate.batch_size:
        # What was found once holds for all shards, so that their figures do not depend on who computes them when.
        remember_batch_size(classifier, precision, rate.batch_size)
    usual = batch_size_of(classifier, precision)
    scorer = Scorer(classifier, precision=precision, on_batch=watch.on_batch)
    started = time.monotonic()
    columns = run_benchmark(
        classifier,
        dataset,
        subset[claim.start : claim.stop],
        method_of(method, classifier),
        experiments,
        scorer,
        mapping=mapping,
        on_image=watch.on_image,
        pixel_folder=settings.PIXEL_CACHE_DIR,
    )
    if batch_size_of(classifier, precision) < usual:
        smaller = batch_size_of(classifier, precision)
        correct_batch_size(row, device=node.device_name, precision=precision, batch_size=smaller)
        with transaction.atomic():
            record_event(
                Benchmark.objects.get(pk=claim.benchmark_id),
                "batch_halved",
                {"device": node.device_name, "from": usual, "to": smaller},
            )
    seconds = time.monotonic() - started
    measured = max(len(set(part.images)) for part in columns)
    if measured and seconds >= LEAST_SECONDS_TO_JUDGE_BY:
        forwards = forwards_per_image(specification, claim.method_index) * measured
        correct_forward_rate(
            row,
            device=node.device_name,
            precision=precision,
            images_per_second=forwards / seconds,
        )
    return columns, scorer.batch_size
