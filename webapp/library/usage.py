"""What uses a classifier: told before it is deleted or taken back from the lab."""

from __future__ import annotations

from dataclasses import dataclass

from webapp.benchmarks.models import Benchmark
from webapp.library.models import Classifier

BENCHMARKS_NAMED = 10


@dataclass(frozen=True)
class Usage:
    """Counts over all members; `named` are the owner's own newest benchmarks, `deleted` those that can still be
    brought back, which hold the model as well.
    """

    benchmarks: int
    of_others: int
    deleted: int
    maps: int
    predictions: int
    settings: int
    members: int
    named: list[Benchmark]

    @property
    def protects(self) -> bool:
        """Whether the classifier can't be deleted."""
        return self.benchmarks > 0

    @property
    def more(self) -> int:
        """The owner's benchmarks that are not named."""
        return self.benchmarks - self.of_others - self.deleted - len(self.named)


def usage_of(classifier: Classifier) -> Usage:
    benchmarks = classifier.benchmarks
    own = benchmarks.filter(owner=classifier.owner)
    users = {
        *benchmarks.values_list("owner_id", flat=True),
        *classifier.explanations.values_list("owner_id", flat=True).distinct(),
        *classifier.method_settings.values_list("owner_id", flat=True),
    } - {classifier.owner_id}
    return Usage(
        benchmarks=benchmarks.count(),
        of_others=benchmarks.exclude(owner=classifier.owner).count(),
        deleted=own.filter(deleted__isnull=False).count(),
        maps=classifier.explanations.count(),
        predictions=classifier.predictions.count(),
        settings=classifier.method_settings.count(),
        members=len(users),
        named=list(own.filter(deleted__isnull=True).order_by("-pk")[:BENCHMARKS_NAMED]),
    )
