"""A worker runs the shards of a benchmark of several methods and experiments, with the real library on drawn images."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from saliency_core.classifiers.catalogue import builtin_classifier
from saliency_core.classifiers.weights import sha256_of
from saliency_core.datasets.base import open_dataset
from saliency_core.datasets.shapes import write_shapes
from saliency_core.datasets.subset import stratified_subset_indices, subset_indices
from saliency_core.errors import DatasetError
from tests.web import factories
from webapp.benchmarks import transitions
from webapp.benchmarks.models import Benchmark, Shard, ShardResult
from webapp.benchmarks.selectors import results_of
from webapp.benchmarks.subsets import chosen_images
from webapp.library.models import Classifier, Dataset, ForwardRate
from webapp.library.services import register_dataset
from workers.benchmarking import run_shard
from workers.claiming import claim_shard, deliver, failed_columns
from workers.planning import plan_queued_benchmarks
from workers.progress import ShardWatch

pytestmark = pytest.mark.django_db

METHODS = [{"key": "grad_cam"}, {"key": "gradient"}]
EXPERIMENTS = [
    {"key": "sparsity", "protocol": "gini@1"},
    {"key": "pointing_game", "protocol": "thesis@1"},
    {"key": "segmentation", "protocol": "chefer@1"},
]
IMAGES = 5
WEIGHTS = Path("saliency_core/classifiers/shapes_weights/shapes_cnn.safetensors")


class Processor:
    """What a shard needs of a worker."""

    name = "worker"
    device_name = "Test processor"
    torch_device = "cpu"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, images=12, size=64, seed=3)
    return folder


@pytest.fixture
def shapes(folder: Path) -> Dataset:
    return register_dataset(name="Shapes", format="shapes", path=folder)


@pytest.fixture
def classifier(repository: Path, tmp_path: Path, settings) -> Classifier:
    builtin = builtin_classifier("shapes_cnn")
    settings.WEIGHTS_DIR = tmp_path
    sha256 = sha256_of(repository / WEIGHTS)
    shutil.copy(repository / WEIGHTS, tmp_path / f"{sha256}.safetensors")
    row = factories.classifier(
        name="Shapes CNN",
        library="saliscope",
        architecture="shapes_cnn",
        preprocessing=builtin.preprocessing.to_dict(),
        weights_sha256=sha256,
        description={"layers": [], "default_layer": builtin.default_layer, "family": "cnn"},
    )
    ForwardRate.objects.create(classifier=row, device=Processor.device_name, images_per_second=100.0)
    return row


def run_all(benchmark: Benchmark) -> None:
    """Runs the waiting shards as a worker does."""
    node = factories.node(device=Processor.device_name)
    while claim := claim_shard(node):
        watch = ShardWatch(claim, stop_requested=lambda: False)
        columns, _batch_size = run_shard(Processor(), claim, watch)
        deliver(claim, columns, {"device": Processor.device_name})


@pytest.fixture
def measured(shapes: Dataset, classifier: Classifier, settings) -> Benchmark:
    """Two methods × three experiments on five of twelve images, in shards of three and two."""
    settings.SHARD_SECONDS = 0.2  # At 100 forwards a second; Grad-CAM and Gradient take 7 an image.
    benchmark = factories.queued_benchmark(
        images=IMAGES,
        dataset=shapes,
        classifier=classifier,
        methods=METHODS,
        experiments=EXPERIMENTS,
        stratified=True,
        subset_seed=4,
    )
    plan_queued_benchmarks(Processor.device_name)
    run_all(benchmark)
    benchmark.refresh_from_db()
    return benchmark


def test_every_range_of_a_method_delivers_the_columns_of_all_experiments(
    measured: Benchmark, folder: Path
) -> None:
    ranges = measured.shards.values_list("method_index", "start", "stop", "state")
    assert list(ranges) == [
        (method, start, stop, Shard.State.DONE) for method in (0, 1) for start, stop in ((0, 3), (3, 5))
    ]
    of_first_range = ShardResult.objects.filter(shard__benchmark=measured, shard__start=0)
    places = of_first_range.values_list("shard__method_index", "experiment_index")
    assert sorted(places) == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]
    dataset = open_dataset("shapes", folder)
    labels = [dataset.sample(index).label for index in range(12)]
    chosen = stratified_subset_indices(labels, IMAGES, 4)
    units = [(index, label) for index in chosen for label in dataset.annotations(index).labels]
    for method in (0, 1):
        sparsity, pointing, segmentation = (
            results_of(measured, method_index=method, experiment_index=number) for number in range(3)
        )
        assert sparsity.indices.tolist() == segmentation.indices.tolist() == chosen
        assert {"gini", "entropy"} <= sparsity.scalars.keys()
        # The pointing game has a row for every class in an image.
        rows = zip(pointing.indices.tolist(), pointing.scalars["target_name"].tolist(), strict=True)
        assert list(rows) == units
        assert not sparsity.failures + pointing.failures + segmentation.failures
    gini = [results_of(measured, method_index=method).scalars["gini"].tolist() for method in (0, 1)]
    assert gini[0] != gini[1]
    # What is set aside is counted in the same choice of images.
    assert chosen_images(measured.specification, dataset) == chosen
    failures = failed_columns(measured.shards.get(method_index=1, start=3), "out of memory").failures
    assert [(failure["index"], failure["image"]) for failure in failures] == [
        (index, dataset.sample(index).identifier) for index in chosen[3:5]
    ]


def test_a_class_mapping_decides_what_is_explained(shapes: Dataset, classifier: Classifier) -> None:
    """Circles called stars: their pointing game is played for the class "star"."""
    only = {label: [] for label in shapes.classes} | {"circle": ["star"]}
    benchmark = factories.queued_benchmark(
        images=12,
        dataset=shapes,
        classifier=classifier,
        experiments=[{"key": "pointing_game", "protocol": "thesis@1"}],
        class_mapping=only,
    )
    plan_queued_benchmarks(Processor.device_name)
    run_all(benchmark)
    columns = results_of(benchmark)
    assert len(columns) == shapes.classes["circle"]
    assert set(columns.scalars["target_name"].tolist()) == {"star"}


def test_a_specification_from_before_there_were_several_still_runs(
    shapes: Dataset, classifier: Classifier, folder: Path
) -> None:
    benchmark = factories.queued_benchmark(
        images=2, dataset=shapes, classifier=classifier, experiments=EXPERIMENTS[:1], subset_seed=9
    )
    older = benchmark.specification
    del older["methods"][0]["enhancement"]
    assert set(older) == {"classifier", "dataset", "subset", "methods", "experiments", "precision"}
    Benchmark.objects.filter(pk=benchmark.pk).update(specification=older)
    Shard.objects.create(benchmark=benchmark, method_index=0, start=0, stop=2)
    transitions.start(benchmark)
    run_all(benchmark)
    assert results_of(benchmark).indices.tolist() == subset_indices(12, 2, 9)


def test_classes_without_an_output_are_told_by_the_worker_where_nobody_could_know_before(
    shapes: Dataset, classifier: Classifier
) -> None:
    benchmark = factories.running_benchmark(
        images=2,
        dataset=shapes,
        classifier=classifier,
        experiments=[{"key": "pointing_game", "protocol": "thesis@1"}],
        class_mapping={"circle": ["unicorn"]},
    )
    claim = claim_shard(factories.node())
    with pytest.raises(DatasetError, match="These classes have no output in this model: circle"):
        run_shard(Processor(), claim, ShardWatch(claim, stop_requested=lambda: False))
    assert not ShardResult.objects.filter(shard__benchmark=benchmark).exists()


def test_registering_counts_classes_that_only_boxes_name(shapes: Dataset, folder: Path) -> None:
    dataset = open_dataset("shapes", folder)
    present = [set(dataset.annotations(index).labels) for index in range(12)]
    assert shapes.classes == {
        label: sum(label in labels for labels in present) for label in sorted(set().union(*present))
    }
