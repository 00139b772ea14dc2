from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from saliency_core.cli.main import main
from saliency_core.datasets.base import Annotations, Box, Dataset, Sample
from saliency_core.errors import DatasetError, ImageError
from saliency_core.experiments.base import create_experiment
from saliency_core.experiments.centre_point import centre_point, centre_points, published_baseline
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.pointing_game import PointingGame


class Annotated(Dataset):
    """Annotations without pixels; None is a broken one."""

    def __init__(self, annotations: Sequence[Annotations | None], kinds: Sequence[str] = ("boxes",)) -> None:
        self._annotations = annotations
        self.ground_truth = frozenset(kinds)

    def __len__(self) -> int:
        return len(self._annotations)

    def sample(self, index: int) -> Sample:
        return Sample(f"{index}.jpg", Path(f"{index}.jpg"))

    def image(self, index: int) -> Image.Image:
        raise AssertionError("no pixels are needed")

    def annotations(self, index: int) -> Annotations:
        found = self._annotations[index]
        if found is None:
            raise ImageError("Its annotation is broken.")
        return found

    def fingerprint(self) -> str:
        return ""

    def problems(self) -> list[dict[str, str]]:
        return []


def game(name: str) -> PointingGame:
    experiment = create_experiment("pointing_game", name)
    assert isinstance(experiment, PointingGame)
    return experiment


def accuracy(columns: Columns) -> float:
    return game("torchray@1").figures()[0].value(columns)


def test_the_centre_hits_within_15_pixels() -> None:
    # The centre is (50, 40) in a 100 × 80 image: pixel 64 in its row is 14 away, pixel 65 is 15.
    near, far = Box("near", 64, 40, 70, 41), Box("far", 65, 40, 70, 41)
    columns = centre_point(Annotated([Annotations(100, 80, (near, far))]), game("torchray@1"))
    assert dict(zip(columns.scalars["annotated_class"], columns.scalars["hits"], strict=True)) == {
        "near": 1,
        "far": 0,
    }
    # An odd side has its centre between two pixel indices: 50.5 and 65 are 14.5 apart, 66 is 15.5.
    odd = centre_point(
        Annotated([Annotations(101, 80, (far, Box("farther", 66, 40, 70, 41)))]), game("torchray@1")
    )
    assert odd.scalars["hits"].tolist() == [1, 0]


def test_a_whole_data_set_without_pixels() -> None:
    inside, outside = Box("dog", 40, 40, 60, 60), Box("dog", 0, 0, 9, 9)
    hard = Box("cat", 40, 40, 60, 60, difficult=True)
    dataset = Annotated(
        [
            Annotations(100, 100, (inside, hard)),  # all cats are difficult: no pair
            Annotations(100, 100, (outside,)),
            None,
            Annotations(100, 100, (outside, Box("cow", 10, 10, 90, 90))),
            Annotations(100, 100),
        ]
    )
    done: list[int] = []
    columns = centre_point(dataset, game("torchray@1"), on_image=done.append)
    assert done == [1, 2, 3, 4, 5]
    assert columns.images == ["0.jpg", "1.jpg", "3.jpg", "3.jpg"]
    assert columns.scalars["hits"].tolist() == [1, 0, 0, 1]
    assert columns.failures == [{"index": 2, "image": "2.jpg", "reason": "Its annotation is broken."}]
    assert accuracy(columns) == pytest.approx((1 / 3 + 1) / 2)
    parts = [centre_point(dataset, game("torchray@1"), indices) for indices in ([4, 1], [0, 2, 3])]
    assert accuracy(Columns.merge(parts)) == accuracy(columns)
    with pytest.raises(DatasetError, match="a mask for every class"):
        centre_point(dataset, game("torchray-masks@1"))


def test_the_points_nearest_to_the_centre() -> None:
    assert centre_points(30, 41, 1).tolist() == [[15.0, 20.5]]
    assert sorted(map(tuple, centre_points(4, 4, 4).tolist())) == [(1, 1), (1, 2), (2, 1), (2, 2)]
    hundred = centre_points(224, 224, 100) + 0.5 - 112
    distances = np.hypot(*np.mgrid[-111.5:112, -111.5:112]).ravel()
    np.testing.assert_allclose(np.sort(np.hypot(*hundred.T)), np.sort(distances)[:100])


def test_thesis_counts_the_hundred_points_at_the_centre() -> None:
    # The left half of a 448 × 112 image is columns 0 … 111 of the map: 50 of the points by symmetry, give or take
    # ties at the rim that go by raster index.
    points = centre_points(224, 224, 100)
    left = int((points[:, 1] < 112).sum())
    columns = centre_point(
        Annotated([Annotations(448, 112, (Box("dog", 0, 0, 224, 112),))]), game("thesis@1")
    )
    assert (columns.scalars["hits"].tolist(), columns.scalars["misses"].tolist()) == ([left], [100 - left])
    assert 46 <= left <= 54


def test_published_figures_are_quoted_for_their_own_data_sets_only() -> None:
    voc, coco = published_baseline("torchray@1", 4952), published_baseline("torchray-masks@1", 40504)
    assert voc is not None and (voc.accuracy, voc.difficult) == (0.696, 0.424)
    assert coco is not None and (coco.accuracy, coco.difficult) == (0.278, 0.195)
    assert published_baseline("torchray@1", 40504) is None
    assert published_baseline("thesis@1", 4952) is None


def test_the_command(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(shared_data / "kangaroo-voc" / "VOC2007")
    assert main(["centre-point", "--dataset", path, "--format", "voc", "--per-class"]) == 0
    report = capsys.readouterr().out
    assert "pointing-game/torchray@1" in report
    assert "56 images, 1 class, 56 pairs of image and class" in report
    assert "Pointing accuracy: 83.9 %" in report
    assert "kangaroo: 83.9 % of 56" in report
    assert "Published" not in report
    assert main(["centre-point", "--dataset", path, "--format", "voc", "--protocol", "torchray-masks@1"]) == 1
    assert "a mask for every class" in capsys.readouterr().err
