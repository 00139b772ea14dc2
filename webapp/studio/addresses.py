"""The address of the studio's page that shows a map again, with the settings it was drawn with."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse

from webapp.benchmarks.methods import shown_enhancement, shown_parameters
from webapp.studio.models import Explanation
from webapp.studio.permalinks import preprocessing_part
from webapp.studio.sources import source_of


def address_of(explanation: Explanation) -> str:
    """As `Choice.address` writes it. Reads the map's `dataset` and `picture`: select them with it."""
    method = explanation.specified_method
    enhanced = bool(method["enhancement"])
    parts = {
        "model": str(explanation.classifier_id),
        **source_of(explanation).address(),
        **preprocessing_part(explanation),
        "class": str(explanation.target),
        "enhanced" if enhanced else "method": explanation.method,
    }
    for key, shown in (
        (explanation.method, shown_parameters(method)),
        ("enhancement", shown_enhancement(method)),
    ):
        for parameter, text in shown:
            usual = parameter.text(parameter.default)
            if parameter.kind == "boolean":
                text, usual = text.lower(), usual.lower()
            if text != usual:
                parts[f"{key}-{parameter.name}"] = text
    return f"{reverse('studio:maps')}?{urlencode(parts)}"
