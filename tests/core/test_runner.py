from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from saliency_core import create_method
from saliency_core.classifiers.classifier import Classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.datasets.base import Dataset, open_dataset
from saliency_core.errors import Interrupted, ParameterError
from saliency_core.experiments.checks import check_protocol
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.insertion_deletion import InsertionDeletion
from saliency_core.experiments.prefetch import read_ahead
from saliency_core.experiments.runner import run_benchmark
from saliency_core.experiments.uploads import Upload, arrived, uploader
from saliency_core.methods.base import Explanation, Method
from saliency_core.scoring.scorer import Scorer
from tests.core.conftest import TINY_PROTOCOL

Run = Callable[..., Columns]


@pytest.fixture
def dataset(tmp_path: Path, write_image: Callable[..., Path]) -> Dataset:
    """Nine images in the folders a, c and z, one of them truncated and one no image."""
    for number in range(9):
        write_image(tmp_path / "acz"[number % 3] / f"{number}.jpg", seed=number)
    (tmp_path / "a" / "3.jpg").write_bytes((tmp_path / "a" / "3.jpg").read_bytes()[:600])
    (tmp_path / "c" / "4.jpg").write_text("hello")
    return open_dataset("image-folder", tmp_path)


@pytest.fixture
def run(tiny_classifier: Classifier, dataset: Dataset) -> Run:
    def run(
        indices: range | list[int], chunk: int | None = None, **callbacks: Callable[[int], None]
    ) -> Columns:
        scorer = Scorer(tiny_classifier, batch_size=6, on_batch=callbacks.pop("on_batch", None))
        return run_benchmark(
            tiny_classifier,
            dataset,
            indices,
            create_method("grad_cam", tiny_classifier),
            [InsertionDeletion(TINY_PROTOCOL)],
            scorer,
            images_per_chunk=chunk,
            **callbacks,
        )[0]

    return run


def without_time(columns: Columns) -> tuple[bytes, bytes]:
    for name in ("seconds", "map_seconds", "map_megabytes"):
        columns.scalars.pop(name, None)
    return columns.pack()


def test_every_image_has_figures_or_a_reason(run: Run) -> None:
    columns = run(range(9), 4)
    assert columns.images == ["a/0.jpg", "a/6.jpg", "c/1.jpg", "c/7.jpg", "z/2.jpg", "z/5.jpg", "z/8.jpg"]
    assert columns.indices.tolist() == [0, 2, 3, 5, 6, 7, 8]
    assert [(item["index"], item["image"]) for item in columns.failures] == [(1, "a/3.jpg"), (4, "c/4.jpg")]
    assert "truncated" in columns.failures[0]["reason"].lower()
    assert columns.failures[1]["reason"] == "4.jpg is not a JPEG, PNG or WebP image."
    assert columns.scalars["label"].tolist() == [0, 0, 2, 2, -1, -1, -1]  # there is no class z
    assert list(columns.scalars) == [
        "target",
        "target_name",
        "predicted",
        "label",
        "probability",
        "insertion_auc",
        "deletion_auc",
        "overall",
        "degenerate",
        "map_seconds",
        "map_megabytes",
        "seconds",
    ]
    assert columns.curves["insertion"].shape == (7, 12)
    assert [columns.scalars["target_name"][i] == "abcde"[t] for i, t in enumerate(columns.scalars["target"])]
    assert (columns.scalars["seconds"] > 0).all()
    assert len(set(columns.scalars["overall"][~columns.scalars["degenerate"]])) > 1


@pytest.mark.parametrize("chunk", [1, 2, 4])
def test_split_in_shards_equals_unsplit_exactly(chunk: int, run: Run) -> None:
    whole = without_time(run(range(9), chunk))
    for parts in ([range(9)], [range(3), range(3, 9)], [[8], [0, 1], [5, 6, 7], [2, 3, 4]]):
        assert without_time(Columns.merge([run(part, chunk) for part in parts])) == whole


def test_an_unreadable_image_leaves_the_others_figures(run: Run) -> None:
    beside, alone = run([0, 1, 2], 3), run([0, 2], 3)
    assert beside.failures
    beside.failures.clear()
    assert without_time(beside) == without_time(alone)


def test_progress_and_stopping(run: Run) -> None:
    done: list[int] = []
    run(range(9), 2, on_image=done.append)
    assert done == [2, 4, 6, 8, 9]

    forwards: list[int] = []

    def stop(count: int) -> None:
        forwards.append(count)
        raise Interrupted

    with pytest.raises(Interrupted):
        run(range(9), 2, on_batch=stop)
    assert forwards == [6]
    with pytest.raises(Interrupted):
        run(range(9), 2, on_image=stop)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]


def test_only_unreadable_images_and_none_at_all(run: Run) -> None:
    assert [item["index"] for item in run([1, 4]).failures] == [1, 4]
    assert len(run([])) == 0


def test_protocols_refuse_classifiers_they_are_not_defined_for(tiny_classifier: Classifier) -> None:
    tiny_classifier.activation = "sigmoid"
    with pytest.raises(ParameterError, match=r"softmax probabilities; tiny has sigmoid outputs"):
        check_protocol(tiny_classifier, TINY_PROTOCOL)
    tiny_classifier.family, tiny_classifier.preprocessing = "vit", Preprocessing(size=384)
    with pytest.raises(
        ParameterError, match=r"images of 384 pixels only; insertion-deletion/tiny@1 .* at 32"
    ):
        check_protocol(tiny_classifier, TINY_PROTOCOL)


def test_the_geometry_comes_from_the_protocol(tiny_classifier: Classifier, run: Run) -> None:
    before = run([0])
    tiny_classifier.preprocessing = Preprocessing(pipeline="resize_crop", size=64)
    assert without_time(run([0])) == without_time(before)
    tiny_classifier.preprocessing = Preprocessing(size=32, mean=(0.0, 0.0, 0.0))
    assert not np.array_equal(run([0]).curves["insertion"], before.curves["insertion"])


def test_images_go_to_a_gpu_ahead_and_nowhere_else() -> None:
    images = torch.arange(12.0).view(3, 4)
    assert uploader(torch.device("cpu")) is None
    assert arrived(images) is images
    upload = uploader(torch.device("cuda"))
    if not torch.cuda.is_available():
        assert upload is None
        return
    assert upload is not None
    under_way = [upload(images + number) for number in range(50)]
    assert all(isinstance(each, Upload) and each.source.is_pinned() for each in under_way)
    placed = torch.stack([arrived(each) for each in under_way])
    assert placed.device.type == "cuda"
    assert placed.cpu()[:, 0, 0].tolist() == list(range(50))


def test_read_ahead_keeps_the_order_and_the_distance() -> None:
    asked: list[int] = []
    reader = read_ahead(lambda item: (asked.append(item), item * 10)[1], range(20), ahead=3, threads=1)
    assert next(reader) == 0
    assert len(asked) <= 4
    assert list(reader) == [10 * item for item in range(1, 20)]
    with pytest.raises(ZeroDivisionError):
        list(read_ahead(lambda item: 1 // item, [1, 0, 2], ahead=2))


def test_a_map_that_scores_many_copies_can_be_interrupted(
    tiny_classifier: Classifier, dataset: Dataset
) -> None:
    class NeverReached(InsertionDeletion):
        def measure(self, *_: object) -> None:
            raise AssertionError("the map should have been interrupted")

    def stop(forwards: int) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        run_benchmark(
            tiny_classifier,
            dataset,
            [0],
            create_method("occlusion", tiny_classifier),
            [NeverReached(TINY_PROTOCOL)],
            Scorer(tiny_classifier, batch_size=6, on_batch=stop),
        )


def test_maps_are_made_in_smaller_batches_where_memory_runs_out(
    run: Run, tiny_classifier: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = without_time(run(range(9), 4))
    explain, sizes = Method.explain, []

    def short_of_memory(self: Method, images: torch.Tensor, targets: torch.Tensor) -> Explanation:
        sizes.append(len(images))
        if len(images) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return explain(self, images, targets)

    monkeypatch.setattr(Method, "explain", short_of_memory)
    assert without_time(run(range(9), 4)) == expected
    # Three, three and one of the chunks' images can be read; batches are padded, and four are not tried twice.
    assert sizes == [4, 2, 2, 2, 2, 2]


def test_figures_are_the_same_however_they_are_gathered(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = without_time(run(range(9), 1))
    monkeypatch.setattr("saliency_core.experiments.runner.PARTS_AT_ONCE", 3)
    assert without_time(run(range(9), 1)) == expected
