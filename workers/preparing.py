"""What a fresh installation needs before it is of use: built-in classifiers, and two data sets: sample photographs, and
Shapes, on which every experiment runs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from django.conf import settings

from saliency_core.datasets.sample_photographs import write_sample_photographs
from saliency_core.datasets.shapes import write_shapes
from webapp.library import services
from webapp.library.models import Classifier, Dataset
from workers.lease_keeping import kept_meanwhile

SAMPLE_DATASET = "Sample photographs"
SHAPES_DATASET = "Shapes"
NUMBER_OF_SHAPES = 1000
READY_FROM_THE_START = ("efficientnet_lite0", "shapes_cnn", "shapes_vit")


def main() -> int:
    """Makes what is missing; quick when nothing is."""
    services.register_builtin_classifiers()
    prepare_dataset(SAMPLE_DATASET, "image-folder", "sample-photographs", write_sample_photographs)
    prepare_dataset(SHAPES_DATASET, "shapes", "shapes", write_sample_shapes)
    describe_builtin_classifiers()
    prepare_first_classifiers()
    return 0


def write_sample_shapes(folder: Path) -> None:
    write_shapes(folder, images=NUMBER_OF_SHAPES, size=224, seed=0)


def prepare_dataset(name: str, format: str, folder_name: str, write: Callable[[Path], object]) -> None:
    """Writes and registers a data set that comes with Saliscope, unless it is there."""
    folder = settings.DATASETS_DIR / folder_name
    if Dataset.objects.filter(name=name, owner=None, path=str(folder)).exists() and folder.is_dir():
        return
    print(f"Preparing the data set {name} …", flush=True)
    write(folder)
    # The state directory may have moved since the last start.
    Dataset.objects.filter(name=name, owner=None).update(path=str(folder))
    services.register_dataset(name=name, format=format, path=folder)


def describe_builtin_classifiers() -> None:
    """Layers and map sizes, which are known without weights."""
    undescribed = list(Classifier.objects.filter(key__isnull=False, description={}))
    if not undescribed:
        return
    print("Looking at the architectures …", flush=True)
    from saliency_core.classifiers.describe import describe_architecture

    for row in undescribed:
        services.describe_architecture(row, describe_architecture(row.library, row.architecture))


def prepare_first_classifiers() -> None:
    """Those whose weights come with the installation are made ready at once."""
    for row in Classifier.objects.filter(key__in=READY_FROM_THE_START, state=Classifier.State.NOT_FETCHED):
        claimed = services.claim_first_preparation(row)
        if claimed is None:
            continue
        print(f"Preparing {row.name} …", flush=True)
        from workers.classifier_preparation import prepare

        with kept_meanwhile(partial(services.keep_preparation, claimed)):
            # So that the first start does not wait for what nobody may look at today.
            prepare(claimed, report_later=True)
