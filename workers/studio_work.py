"""Whether the studio's worker is wanted: for maps, predictions and curves, models, their reports, or data sets."""

from __future__ import annotations

from webapp.common import leases
from webapp.library.compatibility import report_waits
from webapp.library.models import Classifier, Dataset
from webapp.studio import services


def studio_work_waits() -> bool:
    return (
        services.work_waits()
        or leases.due(Classifier.objects.filter(state=Classifier.State.WAITING)).exists()
        or report_waits()
        or leases.due(Dataset.objects.filter(state=Dataset.State.WAITING)).exists()
    )
