"""Telling those who watch a classifier, or a benchmark that waits for it, what happens to it."""

from __future__ import annotations

from webapp.benchmarks.events import announce_progress
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.payloads import classifier_payload
from webapp.library.events import announce
from webapp.library.models import Classifier


def announce_classifier(classifier: Classifier) -> None:
    """Sends weights fetched so far, or the problem, to the classifier's pages and those of queued benchmarks."""
    announce(classifier.pk)
    classifier.refresh_from_db()
    waiting = Benchmark.objects.filter(classifier=classifier, state=Benchmark.State.QUEUED)
    for benchmark_id in waiting.values_list("pk", flat=True):
        announce_progress(benchmark_id, {"classifier": classifier_payload(classifier)})
