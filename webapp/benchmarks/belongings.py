"""Whether what a benchmark was begun with is there for its owner: weights and images that its specification names."""

from __future__ import annotations

from django.utils.translation import gettext as _

from webapp.benchmarks.models import Benchmark
from webapp.library.models import Classifier, Dataset


def why_not_resumed(benchmark: Benchmark) -> str | None:
    """Why its workers may not be given the weights or the images that its specification names; None if they may.

    A specification that was restored from a backup may name whatever its file did, so only what its model and its data
    set are, or what its owner sees otherwise, is opened for it.
    """
    specification, owner = benchmark.specification, benchmark.owner
    sha256 = specification["classifier"]["weights_sha256"]
    others = Classifier.objects.visible_to(owner).filter(weights_sha256=sha256, state=Classifier.State.READY)
    if sha256 and sha256 != benchmark.classifier.weights_sha256 and not others.exists():
        return _("The weights that it was begun with are not those of its model: queue a new benchmark.")
    fingerprint = specification["dataset"]["fingerprint"]
    sets = Dataset.objects.visible_to(owner).filter(fingerprint=fingerprint, state=Dataset.State.READY)
    if fingerprint != benchmark.dataset.fingerprint and not sets.exists():
        return _("The images that it was begun with are not those of its data set: queue a new benchmark.")
    return None
