"""A worker runs the shards of a benchmark of several methods and experiments, with the real library on drawn images."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection

from saliency_core.classifiers.catalogue import builtin_classifier
from saliency_core.classifiers.weights import sha256_of
from saliency_core.datasets.base import open_dataset
from saliency_core.datasets.shapes import write_shapes
from saliency_core.datasets.subset import stratified_subset_indices, subset_indices
from saliency_core.errors import ArchitectureError, DatasetError
from saliency_core.experiments import runner
from saliency_core.experiments.runner import run_benchmark
from saliency_core.lazy import torch
from tests.web import factories
from webapp.benchmarks import transitions
from webapp.benchmarks.models import Benchmark, BenchmarkEvent, Shard, ShardResult, WorkerTrouble
from webapp.benchmarks.selectors import results_of
from webapp.benchmarks.subsets import chosen_images
from webapp.library import services
from webapp.library.models import Classifier, Dataset, ForwardRate
from webapp.library.services import register_dataset
from workers import benchmarking, patience, resources
from workers.benchmarking import run_claim, run_shard
from workers.claiming import Claim, claim_shard, deliver, failed_columns
from workers.node import Node
from workers.planning import plan_queued_benchmarks
from workers.progress import ShardWatch
from workers.troubles import note_trouble

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


@pytest.fixture
def own_folder(tmp_path: Path, settings: Any) -> Path:
    """Image files that a test may take away, decoded by nobody before."""
    settings.PIXEL_CACHE_DIR = tmp_path / "pixels"
    write_shapes(tmp_path / "shapes", images=4, size=64, seed=3, files=True)
    return tmp_path / "shapes" / "images"


def claimed(classifier: Classifier, folder: Path) -> tuple[Node, Claim]:
    """Two shards of two images of its own, and the first of them claimed."""
    dataset = register_dataset(name="Own images", format="image-folder", path=folder)
    factories.running_benchmark(
        images=4, per_shard=2, dataset=dataset, classifier=classifier, experiments=EXPERIMENTS[:1]
    )
    node = Node("benchmark", "cpu")
    node._register()
    claim = claim_shard(node.registered())
    assert claim is not None
    return node, claim


def shard_states() -> list[tuple[str, int]]:
    return list(Shard.objects.order_by("start").values_list("state", "attempt"))


def test_a_machine_without_the_data_set_costs_no_attempt_and_gets_no_other_shard_for_a_while(
    classifier: Classifier, own_folder: Path
) -> None:
    node, claim = claimed(classifier, own_folder)
    shutil.rmtree(own_folder)
    run_claim(node, claim)
    assert shard_states() == [("waiting", 0), ("waiting", 0)]
    trouble = WorkerTrouble.objects.get()
    assert (trouble.failures, trouble.worker.name) == (1, node.name)
    assert "does not exist" in trouble.reason
    assert claim_shard(node.registered()) is None
    # Another machine is offered the same shard at once.
    other = claim_shard(factories.node())
    assert other is not None and other.shard_id == claim.shard_id


def test_a_folder_that_vanishes_meanwhile_is_not_so_many_damaged_images(
    classifier: Classifier, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, claim = claimed(classifier, own_folder)

    def run_without_folder(*arguments: Any, **options: Any) -> Any:
        shutil.rmtree(own_folder)
        return run_benchmark(*arguments, **options)

    monkeypatch.setattr("workers.benchmarking.run_benchmark", run_without_folder)
    run_claim(node, claim)
    assert shard_states() == [("waiting", 0), ("waiting", 0)]
    assert ShardResult.objects.count() == 0
    assert "does not exist" in WorkerTrouble.objects.get().reason


def test_an_image_that_was_damaged_when_the_data_set_was_registered_is_a_failure_of_its_own(
    classifier: Classifier, own_folder: Path
) -> None:
    image = open_dataset("image-folder", own_folder).sample(0).path
    image.write_bytes(image.read_bytes()[:100])
    node, claim = claimed(classifier, own_folder)
    run_claim(node, claim)
    assert shard_states() == [("done", 1), ("waiting", 0)]
    failures = results_of(Benchmark.objects.get()).failures
    assert [failure["index"] for failure in failures] == [0]
    assert not WorkerTrouble.objects.exists()


def broken(*_arguments: Any, **_options: Any) -> Any:
    raise RuntimeError("CUDA error: an illegal memory access was encountered")


def test_what_goes_wrong_on_a_device_that_still_works_counts_against_the_shard(
    classifier: Classifier, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, claim = claimed(classifier, own_folder)
    monkeypatch.setattr("workers.benchmarking.run_benchmark", broken)
    run_claim(node, claim)
    assert shard_states() == [("waiting", 1), ("waiting", 0)]
    assert not WorkerTrouble.objects.exists()


def test_a_device_that_does_not_classify_any_more_ends_its_process_which_then_rests(
    classifier: Classifier, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, claim = claimed(classifier, own_folder)
    ended: list[str] = []
    node._on_drained = lambda: ended.append(node.name)
    monkeypatch.setattr("workers.benchmarking.run_benchmark", broken)
    monkeypatch.setattr("saliency_core.classifiers.classifier.Classifier.logits", broken)
    run_claim(node, claim)
    # It worked until these images came: an image that stops it would stop it for ever if this did not count.
    assert shard_states() == [("waiting", 1), ("waiting", 0)]
    assert claim_shard(node.registered()) is None
    assert ended == [node.name]
    assert "illegal memory access" in WorkerTrouble.objects.get().reason


@pytest.mark.parametrize(
    "problem",
    [
        torch.OutOfMemoryError("CUDA out of memory."),
        MemoryError(),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 GB."),
    ],
)
def test_memory_that_others_have_taken_costs_no_attempt(
    problem: Exception, classifier: Classifier, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(*_arguments: Any, **_options: Any) -> Any:
        raise problem

    node, claim = claimed(classifier, own_folder)
    ended: list[str] = []
    node._on_drained = lambda: ended.append(node.name)
    monkeypatch.setattr("workers.benchmarking.run_benchmark", short)
    run_claim(node, claim)
    assert shard_states() == [("waiting", 0), ("waiting", 0)]
    assert WorkerTrouble.objects.get().failures == 1
    assert ended == []


def test_a_model_that_cannot_be_put_on_the_device_costs_no_attempt(
    classifier: Classifier, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_arguments: Any) -> Any:
        raise ArchitectureError("The network can't be run.") from RuntimeError("CUDA error: unknown error")

    node, claim = claimed(classifier, own_folder)
    ended: list[str] = []
    node._on_drained = lambda: ended.append(node.name)
    monkeypatch.setattr("workers.benchmarking.classifier_of", fails)
    run_claim(node, claim)
    assert shard_states() == [("waiting", 0), ("waiting", 0)]
    assert ended == [node.name]


@pytest.mark.parametrize("number", [errno.EMFILE, errno.EIO])
def test_an_image_that_this_machine_cannot_open_is_no_damaged_image(
    number: int, classifier: Classifier, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: Any, **_options: Any) -> Any:
        raise OSError(number, "refused")

    node, claim = claimed(classifier, own_folder)
    monkeypatch.setattr("saliency_core.datasets.images.Image.open", refuse)
    run_claim(node, claim)
    assert shard_states() == [("waiting", 0), ("waiting", 0)]
    assert "refused" in WorkerTrouble.objects.get().reason


def test_a_folder_that_was_away_for_a_moment_is_no_damage_either(
    classifier: Classifier, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node, claim = claimed(classifier, own_folder)

    def run_without_folder(*arguments: Any, **options: Any) -> Any:
        away = own_folder.rename(own_folder.with_name("away"))
        try:
            return run_benchmark(*arguments, **options)
        finally:
            away.rename(own_folder)

    monkeypatch.setattr("workers.benchmarking.run_benchmark", run_without_folder)
    run_claim(node, claim)
    assert shard_states() == [("waiting", 0), ("waiting", 0)]
    assert "could not be read for a moment" in WorkerTrouble.objects.get().reason


def test_a_delivery_ends_the_trouble(classifier: Classifier, own_folder: Path) -> None:
    node, claim = claimed(classifier, own_folder)
    note_trouble(claim.benchmark_id, node.registered(), "The folder does not exist.")
    run_claim(node, claim)
    assert shard_states() == [("done", 1), ("waiting", 0)]
    assert not WorkerTrouble.objects.exists()


def test_memory_that_runs_out_over_maps_is_remembered_and_told(
    classifier: Classifier, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from saliency_core.methods.grad_cam import GradCam

    asked: list[int] = []
    maps = GradCam._maps

    def short_of_memory(self: Any, images: Any, targets: Any) -> Any:
        asked.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return maps(self, images, targets)

    monkeypatch.setattr(GradCam, "_maps", short_of_memory)
    monkeypatch.setitem(runner.IMAGES_PER_CHUNK, "cpu", 4)
    node, claim = claimed(classifier, own_folder)
    resources._classifiers.clear()
    run_claim(node, claim)
    second = claim_shard(node.registered())
    assert second is not None
    run_claim(node, second)
    assert shard_states() == [("done", 1), ("done", 1)]
    # Chunks of four: found out once, and not tried again by the next shard.
    assert asked == [4, 2, 2]
    events = BenchmarkEvent.objects.filter(kind="batch_halved")
    assert [event.payload for event in events] == [
        {"device": node.device_name, "of": "maps", "from": 8, "to": 2}
    ]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_was_away_while_a_shard_was_computed_does_not_cost_it(
    classifier: Classifier, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)
    node, claim = claimed(classifier, own_folder)
    # So low that what is found is believed at once.
    ForwardRate.objects.create(classifier=classifier, device=node.device_name, images_per_second=0.001)
    called: list[str] = []

    def lost_once(name: str) -> None:
        action = getattr(benchmarking, name)

        def lost(*arguments: Any, **named: Any) -> Any:
            called.append(name)
            if called.count(name) == 1:
                raise OperationalError("server closed the connection unexpectedly")
            return action(*arguments, **named)

        monkeypatch.setattr(benchmarking, name, lost)

    lost_once("_record_smaller_batches")
    lost_once("correct_forward_rate")
    run_claim(node, claim)
    assert shard_states() == [("done", 1), ("waiting", 0)]
    assert called == ["_record_smaller_batches"] * 2 + ["correct_forward_rate"] * 2


@pytest.mark.django_db(transaction=True)
def test_a_folder_is_read_before_others_have_to_wait(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[bool] = []
    row_fields = services.row_fields

    def reading(*arguments: Any) -> Any:
        read.append(connection.in_atomic_block)
        return row_fields(*arguments)

    monkeypatch.setattr(services, "row_fields", reading)
    register_dataset(name="Shapes", format="shapes", path=folder)
    assert register_dataset(name="Shapes", format="shapes", path=folder).number_of_images == 12
    assert read == [False, False]
    # What can't be is said before anything is read.
    with pytest.raises(DatasetError, match="is registered for"):
        register_dataset(name="Shapes", format="shapes", path=tmp_path)
    assert len(read) == 2


@pytest.mark.django_db(transaction=True)
def test_a_name_that_is_taken_while_a_folder_is_read_stays_with_who_has_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row_fields = services.row_fields

    def slow(*arguments: Any) -> Any:
        factories.dataset(name="Shapes", path="/another")
        return row_fields(*arguments)

    monkeypatch.setattr(services, "row_fields", slow)
    with pytest.raises(DatasetError, match="is registered for /another"):
        register_dataset(name="Shapes", format="shapes", path=folder)
    assert Dataset.objects.get().path == "/another"
