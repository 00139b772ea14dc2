"""Telling those who watch a classifier, or a benchmark that waits for it, what happens to it."""

from __future__ import annotations

from webapp.benchmarks.events import announce_progress
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.payloads import classifier_payload
from webapp.library.events import announce
from webapp.library.models import Classifier


def announce_classifier(classifier: Classifier) -> None:
    """Sends how far it is, or the problem, to the classifier's pages and those of queued benchmarks.

    The row is read anew and not refreshed: a worker's keeps the fence of its claim.
    """
    announce(classifier.pk)
    waiting = Benchmark.objects.filter(classifier=classifier.pk, state=Benchmark.State.QUEUED)
    numbers = list(waiting.values_list("pk", flat=True))
    if not numbers:
        return
    payload = classifier_payload(Classifier.objects.get(pk=classifier.pk))
    for number in numbers:
        announce_progress(number, {"classifier": payload})
