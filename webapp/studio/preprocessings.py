"""Which preprocessing a page of the studio or a row is about: the model's own, or that of a benchmark's protocol.

An address names one in a single part, "resize256_crop224-5b1e09ab": the geometry, and a digest of mean, standard
deviation and interpolation, which are those that the model has or had before its owner changed them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.errors import ParameterError
from webapp.benchmarks.specification import activation_part
from webapp.library.models import Classifier
from webapp.studio.models import Asked, Explanation
from webapp.studio.services import explanation_digest
from webapp.studio.sources import Source, source_of

SMALLEST, LARGEST = 32, 1024
_WRITTEN = re.compile(r"(squash|resize\d{1,5}_crop)(\d{1,5})(?:-([0-9a-f]{8}))?", re.ASCII)

Values = dict[str, Any]


def specification_part(classifier: Classifier, source: Source, preprocessing: Values) -> dict[str, Any]:
    """What of a benchmark's specification a digest is made of."""
    return {
        "classifier": {
            "weights_sha256": classifier.weights_sha256,
            "preprocessing": preprocessing,
            **activation_part(classifier),
        },
        "dataset": {"fingerprint": source.fingerprint},
    }


def known_preprocessings(classifier: Classifier) -> list[Values]:
    """The model's own, then those it had before, the latest first."""
    return [classifier.preprocessing, *reversed(classifier.earlier_preprocessings)]


def written(preprocessing: Mapping[str, Any]) -> str:
    """As an address names it."""
    return f"{Preprocessing.from_dict(dict(preprocessing)).name}-{_normalisation(preprocessing)}"


def read(classifier: Classifier, text: str) -> Values:
    """What an address names; without a digest the model's own mean, deviation and interpolation are meant.

    Raises ParameterError with a sentence for the reader.
    """
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ParameterError(
            _("“%(text)s” names no preprocessing: write it like squash224 or resize256_crop224.")
            % {"text": text[:80]}
        )
    pipeline, size = ("squash" if found[1] == "squash" else "resize_crop"), int(found[2])
    if not SMALLEST <= size <= LARGEST:
        raise ParameterError(
            _("Images of %(size)d pixels are not made: from %(least)d to %(most)d.")
            % {"size": size, "least": SMALLEST, "most": LARGEST}
        )
    if classifier.description.get("fixed_size") and size != classifier.preprocessing["size"]:
        raise ParameterError(
            _("%(model)s takes images of %(size)d pixels only.")
            % {"model": classifier.name, "size": classifier.preprocessing["size"]}
        )
    for known in known_preprocessings(classifier):
        if found[3] in (None, _normalisation(known)):
            return {**known, "pipeline": pipeline, "size": size}
    raise ParameterError(
        _("%(model)s never had the mean, deviation and interpolation that this address names.")
        % {"model": classifier.name}
    )


def preprocessing_of(row: Asked) -> Values:
    """The one that a row was asked for under. Its geometry is in the row; mean, deviation and interpolation are those
    of which, with the rest, its digest was made. Raises ParameterError where the model has changed too much since.
    """
    geometry = {"pipeline": row.pipeline, "size": row.size}
    candidates = [{**known, **geometry} for known in known_preprocessings(row.classifier)]
    if len(candidates) == 1:
        return candidates[0]
    method, target = (
        ({"key": "prediction"}, 0) if not isinstance(row, Explanation) else (row.specified_method, row.target)
    )
    source = source_of(row)
    for each in candidates:
        part = specification_part(row.classifier, source, each)
        # Maps of members' data sets were once named by the fingerprint alone, like those of the lab's.
        earlier = part | {"dataset": {"fingerprint": row.dataset.fingerprint}} if row.dataset else part
        digests = [explanation_digest(known, method, source.identifier, target) for known in (part, earlier)]
        if row.digest in digests:
            return each
    raise ParameterError(
        _("The model or the data set was changed after this was asked for: ask for it again.")
    )


def _normalisation(preprocessing: Mapping[str, Any]) -> str:
    parts = [[float(each) for each in preprocessing[name]] for name in ("mean", "std")]
    text = json.dumps([*parts, preprocessing["interpolation"]])
    return hashlib.sha256(text.encode()).hexdigest()[:8]
