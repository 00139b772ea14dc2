"""What must hold before a benchmark starts, judged by rows: no model file and no data set is opened for it."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from saliency_core.errors import DatasetError
from saliency_core.experiments.base import create_experiment, experiment_description
from saliency_core.experiments.base import protocol as find_protocol
from saliency_core.experiments.checks import check_ground_truth
from saliency_core.methods.applicability import obstacle
from saliency_core.methods.registry import method_description
from webapp.library.models import Classifier, Dataset

KINDS = {
    "label": gettext_lazy("a label for every image"),
    "boxes": gettext_lazy("boxes around objects"),
    "masks": gettext_lazy("a mask for every class"),
    "object_mask": gettext_lazy("masks of objects"),
}


@dataclass(frozen=True)
class Hindrance:
    """Why an experiment can't be measured: in a few words, for a list, and as a sentence that says what to do."""

    brief: str
    sentence: str


def why_not_applicable(classifier: Classifier, method: str) -> str | None:
    """Why a method can't explain a classifier, or None if it can."""
    description = method_description(method)
    # One that was prepared before there were facts, or not at all, is judged by its family alone.
    problem = obstacle(description, {**classifier.description, "family": classifier.family})
    return problem and _(problem) % {"method": _(description.title), "model": classifier.name}


def why_not_measurable(
    classifier: Classifier, dataset: Dataset, experiment: str, protocol: str
) -> Hindrance | None:
    """Why a classifier can't be measured under a protocol on a data set, or None if it can."""
    return _lacking_truth(dataset, experiment, protocol) or _unfit_model(classifier, experiment, protocol)


def _lacking_truth(dataset: Dataset, experiment: str, protocol: str) -> Hindrance | None:
    judged = create_experiment(experiment, protocol)
    try:
        check_ground_truth(frozenset(dataset.ground_truth), judged)
    except DatasetError:
        kinds = _(" or ").join(str(KINDS[kind]) for kind in judged.protocol.ground_truth)
        sentence = _(
            "%(experiment)s (%(protocol)s) needs %(kinds)s, which %(dataset)s does not have: choose another data set "
            "or another experiment."
        )
        names = {
            "experiment": _(judged.description.title),
            "protocol": protocol,
            "kinds": kinds,
            "dataset": dataset.name,
        }
        return Hindrance(_("needs %(kinds)s") % {"kinds": kinds}, sentence % names)
    return None


def _unfit_model(classifier: Classifier, experiment: str, protocol: str) -> Hindrance | None:
    rules = find_protocol(experiment, protocol)
    size = classifier.preprocessing.get("size", rules.size)
    activation = classifier.output_activation
    names = {
        "experiment": _(experiment_description(experiment).title),
        "protocol": protocol,
        "model": classifier.name,
        "size": size,
        "defined": rules.size,
        "wanted": rules.activation,
        "activation": activation,
    }
    one_size = classifier.description.get("fixed_size", classifier.family == "vit")
    if one_size and size != rules.size:
        sentence = _(
            "%(experiment)s (%(protocol)s) is defined at %(defined)d pixels, and %(model)s takes images of %(size)d "
            "pixels only: choose another model or another experiment."
        )
        return Hindrance(_("defined at %(defined)d pixels") % names, sentence % names)
    if rules.activation and activation != rules.activation:
        sentence = _(
            "%(experiment)s (%(protocol)s) is defined on %(wanted)s probabilities, and %(model)s has %(activation)s "
            "outputs: choose another model or another experiment."
        )
        return Hindrance(_("defined on %(wanted)s probabilities") % names, sentence % names)
    return None
