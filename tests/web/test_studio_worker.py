"""The studio's worker really classifies images, draws maps and measures them, with the classifiers that come along."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError
from django.db.models.functions import Now
from django.http import QueryDict
from PIL import Image

from saliency_core.classifiers.catalogue import builtin_classifier
from saliency_core.classifiers.loading import load_classifier
from saliency_core.classifiers.preprocessing import Preprocessing
from saliency_core.classifiers.weights import sha256_of
from saliency_core.datasets.shapes import write_shapes
from saliency_core.datasets.shapes_forms import KINDS
from saliency_core.experiments.base import Explained, Measurement
from saliency_core.experiments.insertion_deletion import InsertionDeletion
from saliency_core.methods.registry import create_method
from saliency_core.scoring.batch_size import USUAL_BATCH_SIZES
from saliency_core.statistics.area import trapezoid_area
from tests.web import factories
from webapp.benchmarks.methods import specified_method
from webapp.benchmarks.specification import preprocessing_under
from webapp.benchmarks.studio_links import studio_address
from webapp.library.classifier_changes import change_preprocessing
from webapp.library.models import Classifier, Dataset
from webapp.library.services import register_dataset
from webapp.studio import asking, kept, pictures, services
from webapp.studio.choices import read_choice
from webapp.studio.models import Explanation, Prediction, State
from webapp.studio.permalinks import permalink
from webapp.studio.preprocessings import written
from webapp.studio.sources import Source, opened
from webapp.studio.tiles import tiles_for
from workers import studio, studio_maps, studio_watching
from workers.benchmarking import run_shard
from workers.claiming import claim_shard
from workers.progress import ShardWatch

pytestmark = pytest.mark.django_db
WEIGHTS = Path("saliency_core/classifiers/shapes_weights")


class Processor:
    """What the studio needs of a worker."""

    name = "worker"
    device_name = "Test processor"
    torch_device = "cpu"

    def watch(self, tick: Any, activity: str = "") -> None: ...

    def takes_work(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> None:
    for name in ("WEIGHTS_DIR", "UPLOADS_DIR", "EXPLANATIONS_DIR"):
        folder = tmp_path / name
        folder.mkdir()
        setattr(settings, name, folder)


@pytest.fixture
def shapes(tmp_path: Path) -> Dataset:
    write_shapes(tmp_path / "shapes", images=4, size=224, seed=0)
    return register_dataset(name="Shapes", format="shapes", path=tmp_path / "shapes")


@pytest.fixture
def make(repository: Path, settings: Any) -> Any:
    def classifier(key: str) -> Classifier:
        builtin, source = builtin_classifier(key), repository / WEIGHTS / f"{key}.safetensors"
        sha256 = sha256_of(source)
        shutil.copy(source, settings.WEIGHTS_DIR / f"{sha256}.safetensors")
        description = {
            "default_layer": builtin.default_layer,
            "layers": [factories.LAYERS[0] | {"name": builtin.default_layer}],
            "family": builtin.family,
            "class_names": KINDS,
        }
        return factories.classifier(
            name=builtin.title,
            library="saliscope",
            architecture=key,
            family=builtin.family,
            preprocessing=builtin.preprocessing.to_dict(),
            weights_sha256=sha256,
            description=description,
        )

    return classifier


def image(shapes: Dataset, index: int = 0) -> Source:
    return Source(shapes, opened(shapes).sample(index).identifier)


def work() -> None:
    """Until there is nothing to do."""
    for _ in range(20):
        if not services.work_waits():
            return
        studio.work_once(Processor())  # type: ignore[arg-type]
    raise AssertionError("There is no end to it.")


@pytest.mark.parametrize(
    ("key", "methods"),
    [
        ("shapes_cnn", [("grad_cam", None), ("gradient", None), ("grad_cam", {"window": 128, "stride": 96})]),
        ("shapes_vit", [("transformer_attribution", None)]),
    ],
)
def test_classes_maps_and_curves(
    make: Any, shapes: Dataset, repository: Path, key: str, methods: list[tuple[str, Any]]
) -> None:
    owner, row, source = factories.member(), make(key), image(shapes)
    label = opened(shapes).sample(0).label
    prediction = asking.ask_for_prediction(owner=owner, classifier=row, source=source)
    specified = [specified_method(name, {}, enhancement) for name, enhancement in methods]
    target = KINDS.index(label)
    asked = asking.ask_for_maps(owner=owner, classifier=row, source=source, target=target, methods=specified)
    work()
    prediction.refresh_from_db()
    assert prediction.state == State.READY
    probabilities = [probability for _index, probability in prediction.classes]
    assert len(probabilities) == 5 and probabilities == sorted(probabilities, reverse=True)
    classifier = load_classifier(
        f"saliscope:{key}",
        weights=repository / WEIGHTS / f"{key}.safetensors",
        preprocessing=builtin_classifier(key).preprocessing,
    )
    seen = classifier.preprocessing.prepare(source.pixels())[None]
    classes, values = classifier.top_classes(seen, 5)
    assert [index for index, _probability in prediction.classes] == classes[0].tolist()
    assert probabilities == pytest.approx(values[0].tolist(), abs=1e-6)
    clean = dict(prediction.classes).get(target)
    for explanation in asked:
        explanation.refresh_from_db()
        assert (explanation.state, explanation.problem, explanation.degenerate) == (State.READY, "", False)
        drawn = np.load(services.explanation_folder(explanation) / "map.npy")
        assert (drawn.shape, drawn.dtype) == ((224, 224), np.float32)
        curves = explanation.curves
        assert (explanation.curves_state, explanation.curves_problem) == (State.READY, "")
        assert len(curves["insertion"]) == len(curves["deletion"]) == 113
        assert curves["deletion"][0] == pytest.approx(curves["insertion"][-1], abs=1e-5)
        if clean is not None:
            assert curves["probability"] == pytest.approx(clean, abs=1e-5)
        for name in ("insertion", "deletion"):
            area = trapezoid_area(np.array(curves[name]))
            assert curves[f"{name}_auc"] == pytest.approx(float(area), abs=1e-4)
        assert curves["overall"] == pytest.approx(curves["insertion_auc"] - curves["deletion_auc"])
    plain = create_method(methods[0][0], classifier)
    import torch

    expected = plain.explain(seen, torch.tensor([target])).maps[0].numpy()
    np.testing.assert_allclose(
        np.load(services.explanation_folder(asked[0]) / "map.npy"),
        expected,
        atol=1e-5 * np.abs(expected).max(),
    )
    if len(asked) == 3:
        assert "coverage_correlation" in asked[2].extras


def test_a_benchmarks_map_is_drawn_as_each_of_its_protocols_shows_the_image(
    make: Any, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pixel for pixel what was scored, from the benchmark's page and from the studio that it leads to."""
    scored: dict[str, Any] = {}
    measure = InsertionDeletion.measure

    def measured(experiment: InsertionDeletion, explained: Explained) -> Measurement:
        scored[experiment.protocol.name] = explained.maps[0].numpy()
        return measure(experiment, explained)

    monkeypatch.setattr(InsertionDeletion, "measure", measured)
    protocols = ["thesis@1", "group-cam@1"]
    benchmark = factories.running_benchmark(
        images=1,
        dataset=shapes,
        classifier=make("shapes_cnn"),
        experiments=[{"key": "insertion_deletion", "protocol": name} for name in protocols],
    )
    claim = claim_shard(factories.node())
    columns, _batch_size = run_shard(Processor(), claim, ShardWatch(claim, stop_requested=lambda: False))  # type: ignore[arg-type]
    assert not np.array_equal(scored["thesis@1"], scored["group-cam@1"])

    def check() -> None:
        for place, name in enumerate(protocols):
            image, target = columns[place].images[0], int(columns[place].scalars["target"][0])
            ask = {"owner": benchmark.owner, "benchmark": benchmark, "images": [(image, target)]}
            row = services.explain_benchmark_images(**ask, experiment_index=place)[image]
            work()
            drawn = np.load(services.explanation_folder(row) / "map.npy")
            np.testing.assert_array_equal(drawn, scored[name])
            applied = written(preprocessing_under(benchmark.specification, place))
            link = studio_address(benchmark, [0], image, target, applied).partition("?")[2]
            choice = read_choice(benchmark.owner, QueryDict(link))
            (tile,) = tiles_for(benchmark.owner, choice)
            assert (choice.problems, tile.row) == ([], row)
            row.refresh_from_db()
            shown = read_choice(benchmark.owner, QueryDict(permalink(row)))
            assert shown.preprocessing == choice.preprocessing

    check()
    # The owner of the model shows it images differently now: the benchmark's maps are what they were.
    changed = Preprocessing(mean=(0.4, 0.4, 0.4), interpolation="bicubic").to_dict()
    assert change_preprocessing(benchmark.classifier, changed)
    kept.delete_maps(Explanation.objects.all())
    benchmark.refresh_from_db()
    check()


def test_a_members_own_picture(make: Any) -> None:
    owner, row = factories.member(), make("shapes_cnn")
    content = io.BytesIO()
    Image.effect_noise((90, 60), 80).convert("RGB").save(content, format="PNG")
    upload = SimpleUploadedFile("noise.png", content.getvalue())
    source = Source(None, "", pictures.keep_picture(owner=owner, upload=upload))
    (asked,) = asking.ask_for_maps(
        owner=owner,
        classifier=row,
        source=source,
        target=3,
        methods=[specified_method("grad_cam", {}, None)],
    )
    Explanation.objects.update(curves_state="")
    work()
    asked.refresh_from_db()
    assert (asked.state, asked.problem) == (State.READY, "")
    with Image.open(services.explanation_folder(asked) / "overlay.webp") as overlay:
        assert overlay.size == (224, 224)


def test_what_cannot_be_done_is_told_by_the_row(make: Any, shapes: Dataset, settings: Any) -> None:
    owner, row = factories.member(), make("shapes_cnn")
    methods = [
        specified_method("grad_cam", {"layer": "no_such"}, None),
        specified_method("gradient", {}, None),
    ]
    ask = {"owner": owner, "classifier": row, "source": image(shapes)}
    wrong, right = asking.ask_for_maps(**ask, target=1, methods=methods)
    Explanation.objects.update(curves_state="")
    work()
    wrong.refresh_from_db()
    right.refresh_from_db()
    assert (wrong.state, right.state) == (State.FAILED, State.READY)
    assert "has no layer 'no_such'" in wrong.problem
    Explanation.objects.filter(pk=right.pk).update(curves_state=State.WAITING)
    (services.explanation_folder(right) / "map.npy").unlink()
    Dataset.objects.update(fingerprint="ab" * 32)
    prediction = asking.ask_for_prediction(
        owner=owner, classifier=row, source=Source(Dataset.objects.get(), image(shapes).image)
    )
    work()
    right.refresh_from_db()
    prediction.refresh_from_db()
    assert (right.curves_state, prediction.state) == (State.FAILED, State.FAILED)
    assert "are not those that were registered" in prediction.problem


def test_curves_step_back_when_somebody_waits_for_a_map(
    make: Any, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, row = factories.member(), make("shapes_cnn")
    ask = {
        "owner": owner,
        "classifier": row,
        "target": 1,
        "methods": [specified_method("gradient", {}, None)],
    }
    (first,) = asking.ask_for_maps(**ask, source=image(shapes))
    studio.draw(Processor(), services.claim_explanations())  # type: ignore[arg-type]
    asking.ask_for_maps(**ask, source=image(shapes, 1))
    monkeypatch.setattr(studio_watching, "LOOK_EVERY_SECONDS", 0.0)
    studio.measure(Processor(), services.claim_curves())  # type: ignore[arg-type]
    first.refresh_from_db()
    assert (first.curves_state, first.attempt, first.curves) == (State.WAITING, 0, {})


@pytest.mark.parametrize("what", ["prediction", "curves"])
def test_what_a_lost_worker_had_waits_again(make: Any, shapes: Dataset, what: str) -> None:
    ask = {"owner": factories.member(), "classifier": make("shapes_cnn"), "source": image(shapes)}
    if what == "prediction":
        asking.ask_for_prediction(**ask)
        model, claim, state = Prediction, lambda: services.claim_predictions()[0], "state"
    else:
        asking.ask_for_maps(**ask, target=1, methods=[specified_method("gradient", {}, None)])
        Explanation.objects.update(state=State.READY)
        model, claim, state = Explanation, services.claim_curves, "curves_state"
    late = claim()
    for attempt in range(3):
        assert services.reclaim_lost_work() == 0
        model.objects.update(lease_expires=Now() - timedelta(seconds=1))
        assert services.reclaim_lost_work() == (1 if attempt < 2 else 0)
        model.objects.update(not_before=None)
        if attempt == 0:
            assert services.work_waits()
            finished = (
                services.finish_prediction(late, [])
                if what == "prediction"
                else services.finish_curves(late, {})
            )
            assert not finished
        if attempt < 2:
            claim()
    assert getattr(model.objects.get(), state) == State.FAILED


def test_a_cancelled_map_is_given_up_within_a_batch(
    make: Any, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = {"owner": factories.member(), "classifier": make("shapes_cnn"), "source": image(shapes)}
    (asked,) = asking.ask_for_maps(**ask, target=1, methods=[specified_method("rise", {"masks": 320}, None)])
    monkeypatch.setattr(studio_watching, "LOOK_EVERY_SECONDS", 0.0)
    told: list[tuple[str, float]] = []

    def tell(_row: Explanation, part: str, share: float) -> None:
        told.append((part, share))
        kept.cancel(Explanation.objects.all())

    monkeypatch.setattr(studio_watching, "announce_progress", tell)
    studio.draw(Processor(), services.claim_explanations())  # type: ignore[arg-type]
    # One batch of its 320 masks.
    assert told == [("map", pytest.approx(USUAL_BATCH_SIZES["cpu"] / 320))]
    assert not Explanation.objects.exists()
    assert not services.explanation_folder(asked).exists()


def test_a_map_that_is_deleted_while_it_is_written_leaves_no_files(
    make: Any, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = {"owner": factories.member(), "classifier": make("shapes_cnn"), "source": image(shapes)}
    (asked,) = asking.ask_for_maps(**ask, target=1, methods=[specified_method("gradient", {}, None)])
    store, written = studio_maps._store, []

    def store_and_delete(*given: Any) -> None:
        store(*given)
        written.append(services.explanation_folder(asked).exists())
        Explanation.objects.all().delete()

    monkeypatch.setattr(studio_maps, "_store", store_and_delete)
    studio.draw(Processor(), services.claim_explanations())  # type: ignore[arg-type]
    assert written == [True]
    assert not services.explanation_folder(asked).exists()


def test_the_probability_of_a_cut_out_on_black(make: Any, shapes: Dataset, repository: Path) -> None:
    source, target = image(shapes), 4
    ask = {"owner": factories.member(), "classifier": make("shapes_cnn"), "source": source}
    (asked,) = asking.ask_for_maps(**ask, target=target, methods=[specified_method("gradient", {}, None)])
    work()
    asked.refresh_from_db()
    found = dict(zip(asked.curves["cut_outs"]["shares"], asked.curves["cut_outs"]["black"], strict=True))
    assert list(found) == list(range(5, 100, 5))
    classifier = load_classifier(
        "saliscope:shapes_cnn",
        weights=repository / WEIGHTS / "shapes_cnn.safetensors",
        preprocessing=builtin_classifier("shapes_cnn").preprocessing,
    )
    values = np.load(services.explanation_folder(asked) / "map.npy").ravel()
    kept_pixels = np.argsort(-values, kind="stable")[: round(0.2 * 224 * 224)]
    pixels = np.zeros((224 * 224, 3), np.uint8)
    seen = np.asarray(classifier.preprocessing.framed(source.pixels())).reshape(-1, 3)
    pixels[kept_pixels] = seen[kept_pixels]
    cut_out = Image.fromarray(pixels.reshape(224, 224, 3))
    _classes, probabilities = classifier.top_classes(classifier.preprocessing.prepare(cut_out)[None], 10)
    by_class = dict(zip(_classes[0].tolist(), probabilities[0].tolist(), strict=True))
    assert found[20] == pytest.approx(by_class[target], abs=1e-4)


def test_a_lease_is_not_kept_on_when_a_turn_ends_with_an_error(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else no other worker ever took what the database interrupted."""
    make("shapes_cnn")
    Classifier.objects.update(state=Classifier.State.WAITING)
    watched: list[str] = []

    class Watched(Processor):
        def watch(self, tick: Any, activity: str = "") -> None:
            watched.append("nothing" if tick is None else activity)

    def away(*_: object) -> None:
        raise OperationalError("server closed the connection")

    monkeypatch.setattr(studio, "prepare", away)
    with pytest.raises(OperationalError):
        studio.work_once(Watched())  # type: ignore[arg-type]
    assert watched == ["preparing a model", "nothing"]


def test_a_turn_that_has_taken_half_an_hour_begins_with_nothing_else(
    make: Any, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = {"owner": factories.member(), "classifier": make("shapes_cnn"), "source": image(shapes)}
    (asked,) = asking.ask_for_maps(**ask, target=1, methods=[specified_method("gradient", {}, None)])
    make("shapes_vit")
    Classifier.objects.filter(architecture="shapes_vit").update(state=Classifier.State.WAITING)
    clock, done = [0.0], []

    def draw(_node: Any, explanations: list[Explanation]) -> None:
        done.append("maps")
        services.give_back(explanations[0]) if len(done) == 1 else services.fail(explanations[0], "enough")
        clock[0] += 1800.0 if len(done) == 1 else 1799.0

    monkeypatch.setattr(studio, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(studio, "draw", draw)
    monkeypatch.setattr(studio, "prepare", lambda *_: done.append("model"))
    monkeypatch.setattr(studio.hints, "wake_studio", lambda: done.append("hint"))
    studio.work_once(Processor())  # type: ignore[arg-type]
    assert done == ["maps", "hint"]
    studio.work_once(Processor())  # type: ignore[arg-type]
    assert done == ["maps", "hint", "maps", "model", "hint"]
    asked.refresh_from_db()
    assert asked.state == State.FAILED


def test_legitimate_work_of_hours_is_not_interrupted(repository: Path) -> None:
    """In a process of its own: to import the tasks is to become a worker."""
    code = "from workers.tasks import work_in_studio as t; print(t.soft_time_limit, t.time_limit)"
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=repository, capture_output=True, text=True, timeout=120
    )
    assert (ran.stdout.strip(), ran.returncode) == ("None 86400", 0), ran.stderr
