"""What a fresh installation needs before it is of use: built-in classifiers, the sample photographs as a data set."""

from __future__ import annotations

from django.conf import settings

from saliency_core.datasets.sample_photographs import write_sample_photographs
from webapp.library import services
from webapp.library.models import Classifier, Dataset

SAMPLE_DATASET = "Sample photographs"
READY_FROM_THE_START = "efficientnet_lite0"


def main() -> int:
    """Makes what is missing; quick when nothing is."""
    services.register_builtin_classifiers()
    prepare_sample_dataset()
    describe_builtin_classifiers()
    prepare_first_classifier()
    return 0


def prepare_sample_dataset() -> None:
    folder = settings.DATASETS_DIR / "sample-photographs"
    if Dataset.objects.filter(name=SAMPLE_DATASET, path=str(folder)).exists() and folder.is_dir():
        return
    print("Preparing the sample photographs …", flush=True)
    write_sample_photographs(folder)
    # The state directory may have moved since the last start.
    Dataset.objects.filter(name=SAMPLE_DATASET).update(path=str(folder))
    services.register_dataset(name=SAMPLE_DATASET, format="image-folder", path=folder)


def describe_builtin_classifiers() -> None:
    """Layers and map sizes, which are known without weights."""
    undescribed = list(Classifier.objects.filter(key__isnull=False, description={}))
    if not undescribed:
        return
    print("Looking at the architectures …", flush=True)
    from saliency_core.classifiers.describe import describe_architecture

    for row in undescribed:
        services.describe_architecture(row, describe_architecture(row.library, row.architecture))


def prepare_first_classifier() -> None:
    """The one whose weights come with the installation is made ready at once."""
    row = Classifier.objects.get(key=READY_FROM_THE_START)
    if row.state != Classifier.State.NOT_FETCHED:
        return
    print(f"Preparing {row.name} …", flush=True)
    from workers.classifier_preparation import prepare

    prepare(row)
