"""Making classifiers ready, with real files opened in the real sandbox process."""

from __future__ import annotations

import pickle
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import InterfaceError, OperationalError
from django.utils import timezone

from saliency_core.classifiers.architectures import Architecture, build
from saliency_core.classifiers.catalogue import builtin_classifier
from saliency_core.classifiers.weights import sha256_of
from saliency_core.errors import Interrupted, WeightsError
from saliency_core.lazy import torch
from tests.core.classifiers.onnx_networks import SIZE, export, small_cnn
from tests.web import factories
from webapp.library import compatibility, services
from webapp.library.models import Classifier
from webapp.live.topics import message_for
from workers import classifier_preparation, model_file_sandbox, preparation_watching, resources
from workers.resources import classifier_of, specification_of

pytestmark = pytest.mark.django_db

TINY = Architecture("timm", "test_resnet")  # a few hundred kilobytes, with random weights here
PREPROCESSING = {
    "pipeline": "squash",
    "size": 160,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.5, 0.5, 0.5],
    "interpolation": "bicubic",
}


@pytest.fixture
def folders(tmp_path: Path, settings: Any) -> Path:
    for name in ("weights", "uploads"):
        (tmp_path / name).mkdir()
    settings.WEIGHTS_DIR = tmp_path / "weights"
    settings.UPLOADS_DIR = tmp_path / "uploads"
    settings.WEIGHTS_FOLDERS = (settings.WEIGHTS_DIR,)
    return tmp_path


def saved(architecture: Architecture, path: Path, classes: int = 7) -> bytes:
    torch.manual_seed(0)
    torch.save(build(architecture, classes).state_dict(), path)
    return path.read_bytes()


def imported(content: bytes, name: str = "weights.pth", architecture: str = TINY.name) -> Classifier:
    return services.import_classifier(
        owner=factories.member(),
        name="My model",
        library="timm",
        architecture=architecture,
        weights=SimpleUploadedFile(name, content),
        preprocessing=PREPROCESSING,
    )


def prepared(classifier: Classifier) -> Classifier:
    claimed = services.claim_preparation()
    assert claimed == classifier
    classifier_preparation.prepare(claimed)
    classifier.refresh_from_db()
    return classifier


def test_state_dict_becomes_safetensors_under_its_sha256(folders: Path) -> None:
    classifier = prepared(imported(saved(TINY, folders / "mine.pth")))
    assert (classifier.state, classifier.problem) == (Classifier.State.READY, "")
    stored = folders / "weights" / f"{classifier.weights_sha256}.safetensors"
    assert sha256_of(stored) == classifier.weights_sha256
    assert list((folders / "uploads").iterdir()) == []
    assert classifier.description["class_names"] == [f"class {number}" for number in range(7)]
    assert classifier.family == "cnn"
    assert classifier.default_layer in [layer["name"] for layer in classifier.layers]


def test_same_tensors_are_stored_once_whatever_the_container(folders: Path) -> None:
    from safetensors.torch import save_file

    saved(TINY, folders / "mine.pth")
    save_file(torch.load(folders / "mine.pth", weights_only=True), folders / "mine.safetensors")
    first = prepared(imported((folders / "mine.pth").read_bytes()))
    second = prepared(imported((folders / "mine.safetensors").read_bytes(), "weights.safetensors"))
    assert first.weights_sha256 == second.weights_sha256
    assert len(list((folders / "weights").iterdir())) == 1


def test_weights_of_another_architecture_are_told_by_their_tensors(folders: Path) -> None:
    other = Architecture("timm", "test_efficientnet")
    classifier = prepared(imported(saved(other, folders / "mine.pth")))
    assert classifier.state == Classifier.State.FAILED
    assert "do not fit" in classifier.problem
    assert "conv1.0.weight [16, 3, 3, 3] is missing" in classifier.problem
    assert list((folders / "weights").iterdir()) == []
    assert list((folders / "uploads").iterdir()) == []


class Malicious:
    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> Any:
        return Path.touch, (self.proof,)


def test_pickle_with_code_is_refused_and_nothing_runs(folders: Path) -> None:
    proof = folders / "executed"
    classifier = prepared(imported(pickle.dumps({"conv.weight": Malicious(proof)})))
    assert not proof.exists()
    assert classifier.state == Classifier.State.FAILED
    assert classifier.problem.startswith("weights.pth is refused")
    assert "torch.save(model.state_dict()" in classifier.problem
    assert list((folders / "uploads").iterdir()) == []


def test_whole_model_is_refused_with_the_way_out(folders: Path) -> None:
    torch.save(build(TINY), folders / "mine.pth")
    classifier = prepared(imported((folders / "mine.pth").read_bytes()))
    assert classifier.state == Classifier.State.FAILED
    assert "torch.save(model.state_dict()" in classifier.problem


@pytest.mark.parametrize("name", ["model.onnx.zip", "model.exe", "weights"])
def test_other_files_are_refused_at_once(folders: Path, name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        imported(b"", name)
    assert "safetensors" in refused.value.message_dict["weights"][0]
    assert not Classifier.objects.exists()


def test_unknown_architecture_names_similar_ones(folders: Path) -> None:
    classifier = prepared(imported(saved(TINY, folders / "mine.pth"), architecture="test_resnt"))
    assert classifier.state == Classifier.State.FAILED
    assert "test_resnet" in classifier.problem


def builtin_row(key: str) -> Classifier:
    services.register_builtin_classifiers()
    row = Classifier.objects.get(key=key)
    services.request_preparation(row)
    return row


@pytest.mark.parametrize(("key", "layers"), [("shapes_cnn", 15), ("shapes_vit", 3)])
def test_our_own_classifiers_need_no_network(folders: Path, settings: Any, key: str, layers: int) -> None:
    settings.ALLOW_WEIGHTS_DOWNLOAD = False
    row = prepared(builtin_row(key))
    assert (row.state, row.problem) == (Classifier.State.READY, "")
    assert row.description["class_names"][:3] == ["circle", "square", "triangle"]
    assert row.description["class_ids"] == []
    assert len(row.layers) == layers
    assert row.default_layer in [layer["name"] for layer in row.layers]
    assert row.description["facts"]["differentiable"]


def test_missing_weights_without_network_name_the_file_and_the_folder(folders: Path, settings: Any) -> None:
    settings.ALLOW_WEIGHTS_DOWNLOAD = False
    row = prepared(builtin_row("vgg19"))
    assert row.state == Classifier.State.FAILED
    assert "vgg19-dcbb9e9d.pth" in row.problem
    assert str(folders / "weights") in row.problem


def test_damaged_file_in_the_weights_folder_is_told(folders: Path) -> None:
    saved(Architecture("torchvision", "resnet18"), folders / "weights" / "resnet18-f37072fd.pth", 1000)
    row = prepared(builtin_row("resnet18"))
    assert row.state == Classifier.State.FAILED
    assert "damaged" in row.problem


def imported_onnx(content: bytes, **fields: Any) -> Classifier:
    given = {"preprocessing": {**PREPROCESSING, "size": SIZE}, **fields}
    return services.import_classifier(
        owner=factories.member(),
        name="My network",
        library="onnx",
        architecture="",
        weights=SimpleUploadedFile("mine.onnx", content),
        **given,
    )


def test_onnx_is_kept_under_its_sha256_and_explained(folders: Path) -> None:
    content = export(small_cnn(), folders / "mine.onnx").read_bytes()
    row = prepared(imported_onnx(content, class_names=["a", "b", "c", "d"], output_activation="sigmoid"))
    assert (row.state, row.problem) == (Classifier.State.READY, "")
    assert (folders / "weights" / f"{row.weights_sha256}.onnx").read_bytes() == content
    assert sorted(path.name for path in (folders / "weights").iterdir()) == [
        f"{row.weights_sha256}.network-1.safetensors",
        f"{row.weights_sha256}.onnx",
    ]
    assert (row.architecture, row.family, row.description["activation"]) == ("", "cnn", "sigmoid")
    assert row.description["class_names"] == ["a", "b", "c", "d"]
    assert [layer["channels"] for layer in row.layers] == [8, 8, 16, 16]
    loaded = classifier_of(specification_of(row), row.class_names, "cpu")
    assert (loaded.activation, loaded.weights_sha256) == ("sigmoid", row.weights_sha256)
    assert list((folders / "uploads").iterdir()) == []


def test_an_onnx_file_from_elsewhere_is_parsed_in_the_sandbox_alone(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those of an earlier release, of a backup, or fetched from another machine: the file alone is there."""
    import onnx

    def parsed(*_: Any, **__: Any) -> None:
        raise AssertionError("parsed outside the sandbox")

    monkeypatch.setattr(onnx, "load", parsed)
    row = prepared(imported_onnx(export(small_cnn(), folders / "mine.onnx").read_bytes()))
    assert (row.state, row.problem) == (Classifier.State.READY, "")
    plain = folders / "weights" / f"{row.weights_sha256}.network-1.safetensors"
    content = plain.read_bytes()
    plain.unlink()
    resources._classifiers.clear()
    loaded = classifier_of(specification_of(row), row.class_names, "cpu")
    assert (loaded.weights_sha256, plain.read_bytes()) == (row.weights_sha256, content)
    # The plain form of another network under this one's name is not taken for it.
    other = prepared(imported_onnx(export(small_cnn(), folders / "more.onnx", "dynamo").read_bytes()))
    shutil.copy(folders / "weights" / f"{other.weights_sha256}.network-1.safetensors", plain)
    resources._classifiers.clear()
    with pytest.raises(WeightsError, match="is the plain form of another network"):
        classifier_of(specification_of(row), row.class_names, "cpu")
    plain.unlink()
    (folders / "weights" / f"{row.weights_sha256}.onnx").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="has another SHA-256 than its name"):
        classifier_of(specification_of(row), row.class_names, "cpu")


@pytest.mark.parametrize(
    ("content", "size", "expected"),
    [
        (
            b"no network",
            SIZE,
            "mine.onnx is no ONNX file, or a damaged one. Export it with torch.onnx.export(",
        ),
        (None, 64, "give 32 as the input size instead of 64"),
    ],
)
def test_onnx_that_cannot_be_used_says_what_to_do(
    folders: Path, content: bytes | None, size: int, expected: str
) -> None:
    content = content or export(small_cnn(), folders / "mine.onnx").read_bytes()
    row = prepared(imported_onnx(content, preprocessing={**PREPROCESSING, "size": size}))
    assert row.state == Classifier.State.FAILED
    assert expected in row.problem
    assert list((folders / "weights").iterdir()) == []
    assert list((folders / "uploads").iterdir()) == []


def test_wrong_number_of_class_names_is_told(folders: Path) -> None:
    content = export(small_cnn(), folders / "mine.onnx").read_bytes()
    row = prepared(imported_onnx(content, class_names=["a", "b"]))
    assert "has 4 classes, but 2 names: give one name for each class" in row.problem


@pytest.mark.parametrize(
    ("library", "name", "expected"),
    [
        ("onnx", "mine.pth", "Upload the network as one .onnx file"),
        ("timm", "mine.onnx", "choose ONNX as the library"),
    ],
)
def test_file_and_library_must_agree(folders: Path, library: str, name: str, expected: str) -> None:
    assert expected in (services.why_not_accepted(library, name) or "")


def test_report_is_written_with_the_preparation(folders: Path) -> None:
    row = prepared(builtin_row("shapes_cnn"))
    report = row.compatibility
    assert (report["state"], report["version"], report["parameters"]) == ("ready", 1, 139962)
    assert [each["image"] for each in report["predictions"]][:2] == ["astronaut.png", "camera.png"]
    assert report["relevance"][0]["method"] == "lrp"


def test_one_without_a_report_is_looked_at_again_and_stays_ready(folders: Path) -> None:
    row = prepared(builtin_row("shapes_vit"))
    Classifier.objects.update(compatibility={}, description={})
    compatibility.request_report(row)
    assert row.compatibility == {"state": "waiting"}
    assert compatibility.report_waits()
    claimed = compatibility.claim_report()
    assert (claimed.pk, claimed.is_ready, claimed.compatibility) == (row.pk, True, {"state": "running"})
    assert compatibility.claim_report() is None
    compatibility.request_report(row)  # under way
    classifier_preparation.look_again(claimed, "cpu")
    row.refresh_from_db()
    assert (row.state, row.compatibility["state"]) == (Classifier.State.READY, "ready")
    assert row.compatibility["tokens"]["blocks"] == 3
    assert row.default_layer == "blocks.2.attn"


def test_the_first_start_leaves_reports_for_later(folders: Path) -> None:
    row = builtin_row("shapes_cnn")
    classifier_preparation.prepare(services.claim_preparation(), report_later=True)
    row.refresh_from_db()
    assert (row.state, row.compatibility) == (Classifier.State.READY, {"state": "waiting"})


def test_an_upload_stays_until_its_model_is_ready(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = imported(saved(TINY, folders / "mine.pth"))

    def stopped(*_: Any) -> None:
        raise Interrupted

    with monkeypatch.context() as patched:
        patched.setattr(classifier_preparation, "report_of", stopped)
        classifier_preparation.prepare(services.claim_preparation())
    row.refresh_from_db()
    assert (row.state, (folders / "uploads" / row.upload).is_file()) == (Classifier.State.WAITING, True)
    assert prepared(row).state == Classifier.State.READY
    assert list((folders / "uploads").iterdir()) == []


@pytest.mark.parametrize("away", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_no_fault_of_the_upload(
    folders: Path, monkeypatch: pytest.MonkeyPatch, away: type[Exception]
) -> None:
    row = imported(saved(TINY, folders / "mine.pth"))

    def lost(*_: Any, **__: Any) -> None:
        raise away("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(services, "finish_preparation", lost)
        with pytest.raises(away):
            classifier_preparation.prepare(services.claim_preparation())
    row.refresh_from_db()
    assert (row.state, row.problem) == ("preparing", "")
    assert (folders / "uploads" / row.upload).is_file()
    Classifier.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    assert services.reclaim_lost_preparations() == 1
    Classifier.objects.update(not_before=None)
    assert prepared(row).state == "ready"


def test_a_database_that_is_away_fails_no_report(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Other tests find no model open that this one has loaded.
    monkeypatch.setattr(resources, "_classifiers", OrderedDict())
    row = prepared(builtin_row("shapes_cnn"))
    compatibility.request_report(row)
    written: list[dict[str, Any]] = []

    def lost_once(_row: Classifier, report: dict[str, Any], *_: Any) -> None:
        written.append(report)
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(classifier_preparation, "finish_report", lost_once)
    with pytest.raises(OperationalError):
        classifier_preparation.look_again(compatibility.claim_report(), "cpu")
    assert [report["state"] for report in written] == ["ready"]


def test_a_report_that_fails_says_why(folders: Path) -> None:
    row = prepared(builtin_row("shapes_cnn"))
    (folders / "weights" / f"{row.weights_sha256}.safetensors").unlink()
    compatibility.request_report(row)
    classifier_preparation.look_again(compatibility.claim_report(), "cpu")
    row.refresh_from_db()
    assert (row.state, row.compatibility["state"]) == (Classifier.State.READY, "failed")
    assert "are not in" in row.compatibility["problem"]


def test_a_lost_report_waits_again(folders: Path) -> None:
    row = factories.classifier(compatibility={"state": "waiting"})
    compatibility.claim_report()
    assert services.reclaim_lost_preparations() == 0
    Classifier.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    assert services.reclaim_lost_preparations() == 1
    row.refresh_from_db()
    assert row.compatibility == {"state": "waiting"}


def test_weights_go_with_the_last_classifier_that_has_them(folders: Path) -> None:
    stored = folders / "weights" / ("ab" * 32 + ".safetensors")
    stored.write_bytes(b"weights")
    first, second = factories.classifier(), factories.classifier()
    services.discard_weights(first.weights_sha256)
    first.delete()
    services.discard_weights(second.weights_sha256)
    assert stored.exists()
    second.delete()
    services.discard_weights("ab" * 32)
    assert not stored.exists()


def test_weights_that_another_model_has_just_stored_stay(folders: Path) -> None:
    """It is being prepared, and its row does not name them yet, when a model of the same weights is refused."""
    content = export(small_cnn(), folders / "mine.onnx").read_bytes()
    refused = imported_onnx(content, class_names=["a", "b"])
    good = imported_onnx(content)
    first, second = services.claim_preparation(), services.claim_preparation()
    assert (first, second) == (refused, good)
    begin = services.begin_preparation_step

    def refuse_the_other(row: Classifier, step: str) -> bool:
        if row == good and step == Classifier.Step.LOADING and first.state == Classifier.State.PREPARING:
            classifier_preparation.prepare(first)
            first.refresh_from_db()
        return begin(row, step)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(services, "begin_preparation_step", refuse_the_other)
        classifier_preparation.prepare(second)
    good.refresh_from_db()
    assert (first.state, good.state) == ("failed", "ready")
    assert (folders / "weights" / f"{good.weights_sha256}.onnx").exists()


def lose_worker() -> None:
    """Nothing has been heard of it for longer than its lease, and the pause that follows is over."""
    Classifier.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    services.reclaim_lost_preparations()
    Classifier.objects.update(not_before=None)


def test_a_worker_that_was_thought_dead_changes_nothing(folders: Path) -> None:
    row = imported(saved(TINY, folders / "mine.pth"))
    late = services.claim_preparation()
    lose_worker()
    current = services.claim_preparation()
    assert (late.fence, current.fence, current.attempt) == (1, 3, 2)
    assert not services.fail_preparation(late, "too late")
    classifier_preparation.prepare(late)
    row.refresh_from_db()
    assert (row.state, row.problem, row.weights_sha256) == (Classifier.State.PREPARING, "", "")
    assert (folders / "uploads" / row.upload).is_file()
    classifier_preparation.prepare(current)
    row.refresh_from_db()
    assert (row.state, row.attempt, row.step, row.upload) == (Classifier.State.READY, 0, "", "")
    assert list((folders / "uploads").iterdir()) == []


def test_what_kills_its_worker_is_set_aside_after_three_attempts_and_can_be_tried_again(
    folders: Path,
) -> None:
    row = imported(saved(TINY, folders / "mine.pth"))
    pauses = []
    for _ in range(2):
        assert services.claim_preparation() is not None
        assert services.reclaim_lost_preparations() == 0
        now = timezone.now()
        Classifier.objects.update(lease_expires=now - timedelta(seconds=1))
        assert services.reclaim_lost_preparations() == 1
        row.refresh_from_db()
        pauses.append(round((row.not_before - now).total_seconds()))
        assert services.claim_preparation() is None
        Classifier.objects.update(not_before=None)
    assert pauses == [2, 10]
    assert services.claim_preparation() is not None
    lose_worker()
    row.refresh_from_db()
    assert row.state == Classifier.State.FAILED
    assert row.problem.startswith("3 times the worker ended without a word while it prepared this model")
    assert row.can_be_tried_again
    services.request_preparation(row)
    assert prepared(row).state == Classifier.State.READY


def test_a_cancelled_preparation_ends_the_sandbox_and_can_be_asked_for_again(
    folders: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = imported(saved(TINY, folders / "mine.pth"))
    claimed = services.claim_preparation()
    watch = preparation_watching.PreparationWatch(lambda: services.keep_preparation(claimed))
    convert = classifier_preparation.convert_in_sandbox

    def cancelled_meanwhile(*args: Any, check: Any, **more: Any) -> Any:
        def cancel_and_check() -> None:
            services.cancel_preparation(row)
            watch._keep_or_lose()  # as the heartbeat does every few seconds
            check()

        return convert(*args, check=cancel_and_check, **more)

    monkeypatch.setattr(model_file_sandbox, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(classifier_preparation, "convert_in_sandbox", cancelled_meanwhile)
    classifier_preparation.prepare(claimed, watch)
    row.refresh_from_db()
    assert (row.state, row.step, row.problem) == (Classifier.State.CANCELLED, "", "")
    assert list((folders / "weights").iterdir()) == []
    assert (folders / "uploads" / row.upload).is_file()
    assert not services.cancel_preparation(row)
    assert services.claim_preparation() is None
    monkeypatch.undo()
    services.request_preparation(row)
    assert prepared(row).state == Classifier.State.READY


def test_the_end_is_told_to_whom_it_concerns(folders: Path) -> None:
    row = imported(saved(TINY, folders / "mine.pth"))
    stranger = factories.member()
    assert message_for(row.owner, "prepared_model", row.pk) is None
    prepared(row)
    assert message_for(row.owner, "prepared_model", row.pk) == {
        "type": "prepared_model", "name": "My model", "state": "ready", "url": f"/models/{row.pk}/", "fence": 1,
    }  # fmt: skip
    assert message_for(stranger, "prepared_model", row.pk) is None


def test_what_was_refused_is_not_prepared_again(folders: Path) -> None:
    """Its file is gone."""
    row = prepared(imported(b"no tensors"))
    assert (row.state, row.can_be_tried_again) == (Classifier.State.FAILED, False)
    services.request_preparation(row)
    row.refresh_from_db()
    assert row.state == Classifier.State.FAILED


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def weights_server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    folder = tmp_path / "served"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_weights_are_fetched_at_first_use_with_progress(
    folders: Path, weights_server: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, address = weights_server
    saved(Architecture("torchvision", "resnet18"), folder / "new.pth", 1000)
    name = f"resnet18-{sha256_of(folder / 'new.pth')[:8]}.pth"
    (folder / "new.pth").rename(folder / name)
    builtin = replace(builtin_classifier("resnet18"), weights_file=name, weights_source=f"{address}/{name}")
    monkeypatch.setattr(classifier_preparation, "builtin_classifier", lambda key: builtin)
    monkeypatch.setattr(preparation_watching, "TOLD_EVERY_SECONDS", 0.0)
    reported = []
    report = services.report_preparation_progress
    monkeypatch.setattr(
        services,
        "report_preparation_progress",
        lambda *values: (reported.append(values[1:]), report(*values))[1],
    )
    row = prepared(builtin_row("resnet18"))
    size = (folder / name).stat().st_size
    assert (row.state, row.problem) == (Classifier.State.READY, "")
    assert reported[-1] == (size, size)
    assert 0 < reported[0][0] < size
    assert (row.bytes_done, row.bytes_total) == (size, size)
    assert row.default_layer == "layer4"
    assert {"name": "layer4", "channels": 512, "height": 7, "width": 7}.items() <= next(
        layer for layer in row.layers if layer["name"] == "layer4"
    ).items()
