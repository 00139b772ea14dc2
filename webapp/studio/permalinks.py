"""The address of the page that shows a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from saliency_core.descriptions import Parameter
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import ParameterError
from saliency_core.methods.registry import method_description
from webapp.method_settings.values import written
from webapp.studio.models import Explanation
from webapp.studio.preprocessings import preprocessing_of
from webapp.studio.preprocessings import written as written_preprocessing
from webapp.studio.sources import source_of

ENHANCEMENT = "enhancement"
PREPROCESSING = "preprocessing"


def differing(key: str, parameters: Sequence[Parameter], values: Mapping[str, Any]) -> dict[str, str]:
    """The settings that are not the defaults, "KEY-PARAMETER" → text."""
    kept = {}
    for parameter in parameters:
        value = values.get(parameter.name)
        text = written(parameter, value)
        if text != written(parameter, parameter.default):
            kept[f"{key}-{parameter.name}"] = text
    return kept


def preprocessing_part(row: Explanation) -> dict[str, str]:
    """The preprocessing of a map that was not drawn with the one that the model has now."""
    try:
        applied = preprocessing_of(row)
    except ParameterError:
        return {}
    return {} if applied == row.classifier.preprocessing else {PREPROCESSING: written_preprocessing(applied)}


def permalink(row: Explanation) -> str:
    """The query string that brings a map back: model, image, class, method and all settings that differ."""
    enhanced = bool(row.enhancement)
    parts: dict[str, Any] = {
        "model": row.classifier_id,
        **source_of(row).address(),
        **preprocessing_part(row),
        "class": row.target,
        "enhanced" if enhanced else "method": row.method,
        **differing(row.method, method_description(row.method).parameters, row.parameters),
    }
    if enhanced:
        parts |= differing(ENHANCEMENT, SLIDING_WINDOW.parameters, row.enhancement)
    return urlencode(parts)
