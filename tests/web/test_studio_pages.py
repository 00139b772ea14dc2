"""The studio's pages: the address says what is chosen, what is asked for is queued, what is another's is not found."""

from __future__ import annotations

import io
import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asgiref.sync import async_to_sync, sync_to_async
from asgiref.testing import ApplicationCommunicator
from channels.routing import URLRouter
from django.contrib.auth.models import AnonymousUser
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from PIL import Image

from saliency_core.datasets.shapes import write_shapes
from tests.web import factories
from webapp.accounts.models import User
from webapp.library.models import Classifier, Dataset
from webapp.library.services import register_dataset
from webapp.routing import websocket_urlpatterns
from webapp.studio import asking, pictures, services
from webapp.studio.events import announce, announce_progress
from webapp.studio.models import Explanation, Picture, Prediction, State
from webapp.studio.sources import Source

pytestmark = pytest.mark.django_db
KINDS = ["arrow", "circle", "crescent", "cross", "diamond", "heart", "ring", "square", "star", "triangle"]
GRAD_CAM = {"key": "grad_cam", "parameters": {"layer": None}, "enhancement": None}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    write_shapes(folder, images=30, size=64, seed=3)
    return folder


@pytest.fixture(autouse=True)
def own_files(settings: Any, tmp_path: Path) -> None:
    settings.UPLOADS_DIR, settings.EXPLANATIONS_DIR = tmp_path / "uploads", tmp_path / "maps"


@pytest.fixture
def shapes(folder: Path) -> Dataset:
    return register_dataset(name="Shapes", format="shapes", path=folder)


@pytest.fixture
def classifier() -> Classifier:
    description = {
        "layers": factories.LAYERS,
        "default_layer": "features.29",
        "family": "cnn",
        "activation": "softmax",
        "class_names": KINDS,
    }
    return factories.classifier(description=description)


@pytest.fixture
def owner() -> User:
    return factories.member()


@pytest.fixture
def own(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def image_of(shapes: Dataset, index: int = 0) -> Source:
    from webapp.studio.sources import opened

    return Source(shapes, opened(shapes).sample(index).identifier)


def address(classifier: Classifier, source: Source, **more: Any) -> dict[str, Any]:
    return {"model": classifier.pk, **source.address(), "class": 1, "method": "grad_cam", **more}


def png(side: int = 20, **options: Any) -> bytes:
    content = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), 120, np.uint8)).save(content, format="PNG", **options)
    return content.getvalue()


def uploaded(content: bytes, name: str = "cat.png") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


# --- choosing ------------------------------------------------------------------------------------------------


def test_the_page_offers_models_images_and_methods(
    own: Client, classifier: Classifier, shapes: Dataset
) -> None:
    text = own.get(reverse("studio:maps")).content.decode()
    assert f'<option value="{classifier.pk}" selected>' in text
    assert text.count("thumbnail.webp") == 24
    assert "1 / 2" in text
    assert 'name="method" value="grad_cam" aria-label="Grad-CAM" checked' in text


def test_a_method_that_does_not_apply_is_disabled_with_the_reason(
    own: Client, classifier: Classifier, shapes: Dataset
) -> None:
    text = own.get(reverse("studio:maps")).content.decode()
    assert 'value="transformer_attribution"' not in text
    assert '<input type="checkbox" disabled> Transformer Attribution' in text
    assert f"needs the attention of a vision transformer, and {classifier.name} is a" in text


def test_without_a_model_the_page_says_where_to_get_one(own: Client) -> None:
    assert "No model is ready yet." in own.get(reverse("studio:maps")).content.decode()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"model": 999999}, "There is no such model for you"),
        ({"dataset": 999999, "image": "a.png"}, "There is no such data set for you"),
        ({"picture": 999999}, "There is no such picture for you"),
        ({"method": "no_such"}, "There is no method “no_such”."),
        ({"class": 10}, "The model has no class 10."),
        ({"method": "raw_attention"}, "needs the attention of a vision transformer"),
    ],
)
def test_what_of_an_address_is_wrong_is_said(
    own: Client, classifier: Classifier, shapes: Dataset, query: dict[str, Any], sentence: str
) -> None:
    answer = own.get(reverse("studio:maps"), query)
    assert answer.status_code == 200
    assert sentence in answer.content.decode()


def test_any_address_is_answered(own: Client, classifier: Classifier, shapes: Dataset) -> None:
    odd = {
        "model": "²",
        "class": "-1",
        "page": "99999999999999",
        "from": "x",
        "opacity": "'><script>",
        "q": "%",
    }
    for name in ("maps", "cut_outs", "classes", "method_settings", "predicted"):
        assert own.get(reverse(f"studio:{name}"), odd).status_code == 200


def test_classes_are_found_by_name_and_number(own: Client, classifier: Classifier, shapes: Dataset) -> None:
    def found(text: str) -> str:
        return own.get(reverse("studio:classes"), {"model": classifier.pk, "q": text}).content.decode()

    assert "crescent" in found("resc") and "circle" not in found("resc")
    assert "star" in found("8")
    assert "The model has no such class." in found("dog")


def test_settings_come_from_the_descriptions(own: Client, classifier: Classifier) -> None:
    query = {"model": classifier.pk, "method": ["rise"], "enhanced": ["rise"], "rise-masks": "77"}
    text = own.get(reverse("studio:method_settings"), query).content.decode()
    assert 'name="rise-masks" value="77"' in text
    assert 'name="enhancement-stride" value="32"' in text


# --- asking --------------------------------------------------------------------------------------------------


def test_generate_queues_the_maps_and_leads_to_their_address(
    own: Client, owner: User, classifier: Classifier, shapes: Dataset
) -> None:
    source = image_of(shapes)
    sent = address(
        classifier,
        source,
        method=["grad_cam", "rise"],
        enhanced=["grad_cam"],
        shown=["rise", "enhancement"],
        opacity="70",
        **{"rise-masks": "500", "enhancement-low_pass": "on", "enhancement-stride": "64"},
    )
    answer = own.post(reverse("studio:generate"), sent)
    assert answer.status_code == 302
    assert "rise-masks=500" in answer.url and "enhancement-stride=64" in answer.url
    assert "opacity=70" in answer.url and "low_pass" not in answer.url
    rows = {(row.method, bool(row.enhancement)): row for row in Explanation.objects.filter(owner=owner)}
    assert set(rows) == {("grad_cam", False), ("grad_cam", True), ("rise", False)}
    assert rows["rise", False].parameters["masks"] == 500
    assert rows["grad_cam", True].enhancement["stride"] == 64
    assert {row.curves_state for row in rows.values()} == {"waiting"}
    text = own.get(answer.url).content.decode()
    assert [f'id="tile-{row.pk}"' in text for row in rows.values()] == [True] * 3
    assert (
        "features.29</dd>"
        in own.get(reverse("studio:tile", args=[ready(rows["grad_cam", False])])).content.decode()
    )
    socket = text.partition('data-socket="')[2].partition('"')[0].replace("&amp;", "&")
    assert set(socket.partition("?")[2].split("&")) == {f"explanation={row.pk}" for row in rows.values()}
    own.post(reverse("studio:generate"), sent)
    assert Explanation.objects.count() == 3


def ready(row: Explanation) -> int:
    Explanation.objects.filter(pk=row.pk).update(state=State.READY, seconds=1.0)
    return row.pk


def test_the_permalink_of_others_maps_shows_what_is_to_be_drawn(
    owner: User, classifier: Classifier, shapes: Dataset
) -> None:
    source = image_of(shapes)
    row = ask(owner, classifier, source)
    stranger = Client()
    stranger.force_login(factories.member())
    text = stranger.get(reverse("studio:maps"), address(classifier, source)).content.decode()
    assert "Not drawn yet: press Generate." in text
    assert f"tile-{row.pk}" not in text


def test_a_box_that_is_not_ticked_is_off(own: Client, classifier: Classifier, shapes: Dataset) -> None:
    sent = address(classifier, image_of(shapes), enhanced="grad_cam", method=[], shown=["enhancement"])
    answer = own.post(reverse("studio:generate"), sent)
    assert Explanation.objects.get().enhancement["low_pass"] is False
    assert "enhancement-low_pass=false" in answer.url
    text = own.get(answer.url).content.decode()
    (box,) = re.findall('<input type="checkbox" name="enhancement-low_pass"[^>]*>', text)
    assert "checked" not in box


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"image": "", "dataset": ""}, "Choose an image first."),
        ({"class": ""}, "Choose a class of the model first."),
        ({"method": []}, "Choose at least one method."),
        ({"rise-masks": "0", "method": "rise"}, "Some settings can&#x27;t be used: see below."),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_kept(
    own: Client, classifier: Classifier, shapes: Dataset, changes: dict[str, Any], sentence: str
) -> None:
    sent = address(classifier, image_of(shapes)) | changes
    answer = own.post(reverse("studio:generate"), sent)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Explanation.objects.exists()


def test_nobody_fills_the_queue(
    own: Client, owner: User, classifier: Classifier, shapes: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MOST_WAITING", 1)
    ask(owner, classifier, image_of(shapes))
    answer = own.post(reverse("studio:generate"), address(classifier, image_of(shapes, 1)))
    assert answer.status_code == 422
    assert "1 of your maps are still waiting" in answer.content.decode()


def test_a_failed_map_is_tried_again(
    own: Client, owner: User, classifier: Classifier, shapes: Dataset
) -> None:
    row = ask(owner, classifier, image_of(shapes))
    assert services.fail(services.claim_explanations()[0], "No such layer.")
    sent = address(classifier, image_of(shapes))
    assert "No such layer." in own.get(reverse("studio:maps"), sent).content.decode()
    own.post(reverse("studio:generate"), sent)
    row.refresh_from_db()
    assert (row.state, row.attempt, row.problem) == ("waiting", 0, "")


def test_classes_are_asked_for_and_the_most_probable_one_is_explained(
    own: Client, owner: User, classifier: Classifier, shapes: Dataset
) -> None:
    source = image_of(shapes)
    sent = {"model": classifier.pk, **source.address()}
    own.post(reverse("studio:predict"), sent)
    answer = own.post(reverse("studio:predict"), sent, headers={"Accept": "application/json"})
    (prediction,) = services.claim_predictions()
    assert answer.json() == {"type": "prediction", "id": prediction.pk, "state": "waiting", "problem": ""}
    assert services.finish_prediction(prediction, [(4, 0.75), (2, 0.125)])
    text = own.get(reverse("studio:maps"), sent).content.decode()
    assert "75.0 %" in text and "12.5 %" in text
    assert '<input type="hidden" name="class" value="4" form="studio-form">' in text


@pytest.mark.parametrize(
    ("preprocessing", "activation", "rules"),
    [
        ("squash224", "softmax", "thesis@1"),
        ("resize256_crop224", "softmax", "group-cam@1"),
        ("squash299", "softmax", "after thesis@1 at 299 × 299 pixels with softmax outputs"),
        ("squash224", "sigmoid", "after thesis@1 at 224 × 224 pixels with sigmoid outputs"),
    ],
)
def test_the_page_says_by_which_rules_curves_are_measured(
    own: Client, shapes: Dataset, preprocessing: str, activation: str, rules: str
) -> None:
    row = factories.classifier(
        description={"class_names": KINDS, "family": "cnn", "layers": factories.LAYERS},
        output_activation=activation,
    )
    sent = address(row, image_of(shapes), preprocessing=preprocessing)
    own.post(reverse("studio:generate"), sent)
    (map_row,) = Explanation.objects.all()
    assert map_row.curves_state == "waiting"
    assert (
        f"{map_row.pipeline} {map_row.size}"
        == {
            "squash224": "squash 224",
            "resize256_crop224": "resize_crop 224",
            "squash299": "squash 299",
        }[preprocessing]
    )
    (drawn,) = services.claim_explanations()
    services.finish_explanation(drawn, degenerate=False, seconds=1.0)
    measured = services.claim_curves()
    figures = {"insertion": [0.1, 0.9], "deletion": [0.9, 0.1], "insertion_auc": 0.5, "deletion_auc": 0.5}
    services.finish_curves(measured, figures | {"overall": 0.0})
    page = own.get(reverse("studio:maps"), sent).content.decode()
    assert f"Areas in %, {rules}, this image alone" in page


# --- one method several times ------------------------------------------------------------------------------


def test_a_method_is_compared_with_itself(
    own: Client, owner: User, classifier: Classifier, shapes: Dataset
) -> None:
    twice = {"method": ["grad_cam", "grad_cam.2"], "grad_cam.2-layer": "features.0"}
    answer = own.post(reverse("studio:generate"), address(classifier, image_of(shapes)) | twice)
    assert "method=grad_cam&method=grad_cam.2&grad_cam.2-layer=features.0" in answer.url
    layers = [row.parameters["layer"] for row in Explanation.objects.order_by("pk")]
    assert layers == [None, "features.0"]
    page = own.get(answer.url).content.decode()
    titles = re.findall(r'<article class="tile"[^>]* data-name="([^"]+)"[^>]* aria-label="([^"]+)"', page)
    assert titles == [
        ("grad_cam", "Grad-CAM (layer features.29)"),
        ("grad_cam.2", "Grad-CAM (layer features.0)"),
    ]
    assert '<option value="grad_cam.2">Grad-CAM (layer features.0)</option>' in page
    # What the socket has renewed looks the same.
    for tile, title in zip(re.findall(r'data-tile="([^"]+)"', page), titles, strict=True):
        alone = own.get(tile.replace("&amp;", "&")).content.decode()
        assert f'data-name="{title[0]}"' in alone and f'aria-label="{title[1]}"' in alone
    assert 'value="grad_cam.2" aria-label="Grad-CAM (2)" checked' in page
    assert "Settings of Grad-CAM (2)" in page
    # And once more: the link leads to a page that has the settings open, without scripts too.
    link = re.search(r'href="[^"?]*\?([^"#]+)#methods-title" data-adds="grad_cam.3"', page)[1]
    again = own.get(f"{reverse('studio:maps')}?{unescape(link)}").content.decode()
    assert re.search(r'<details class="family" open><summary class="small">Settings of Grad-CAM \(3\)', again)
    # Until it is set otherwise it is the first one's map: there is no second tile of that.
    assert again.count('<article class="tile"') == 2


@pytest.mark.parametrize("key", ["grad_cam.1", "grad_cam.9", "grad_cam.x", "grad_cam.²"])
def test_a_method_is_there_eight_times_at_most(own: Client, classifier: Classifier, key: str) -> None:
    page = own.get(reverse("studio:maps"), {"model": classifier.pk, "method": key}).content.decode()
    assert f"There is no method “{key}”." in page


# --- preprocessing -------------------------------------------------------------------------------------------


def test_the_address_carries_a_preprocessing_that_is_not_the_models_own(
    own: Client, classifier: Classifier, shapes: Dataset
) -> None:
    sent = address(classifier, image_of(shapes), preprocessing="resize256_crop224")
    page = own.get(reverse("studio:maps"), sent).content.decode()
    assert "shorter side resized to 256, centre 224 × 224 cut out" in page
    assert "Not the model&#x27;s own preprocessing" in page or "Not the model's own preprocessing" in page
    # Completed by what mean, deviation and interpolation are, in every form and link of the page.
    (full,) = set(re.findall(r"preprocessing=(resize256_crop224-[0-9a-f]{8})", page))
    assert f'<input type="hidden" name="preprocessing" value="{full}">' in page
    answer = own.post(reverse("studio:generate"), sent)
    assert f"preprocessing={full}" in answer.url
    framed = re.search(r'data-frame="([^"]+)"', page)[1].replace("&amp;", "&")
    cropped = Image.open(io.BytesIO(own.get(framed).content))
    whole = Image.open(io.BytesIO(own.get(framed.replace(full, "squash224")).content))
    assert cropped.size == whole.size == (224, 224)
    assert cropped.tobytes() != whole.tobytes()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("crop224", "names no preprocessing"),
        ("squash4096", "Images of 4096 pixels are not made"),
        ("squash299", "takes images of 224 pixels only"),
        ("squash224-00000000", "never had the mean, deviation and interpolation"),
    ],
)
def test_a_preprocessing_that_cannot_be_had_is_named(
    own: Client, shapes: Dataset, text: str, sentence: str
) -> None:
    row = factories.classifier(description={"class_names": KINDS, "family": "cnn", "fixed_size": True})
    page = own.get(reverse("studio:maps"), address(row, image_of(shapes), preprocessing=text))
    assert sentence in page.content.decode()


# --- pictures ------------------------------------------------------------------------------------------------


def test_an_uploaded_picture_is_written_anew(own: Client, owner: User, classifier: Classifier) -> None:
    content = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "a secret description"
    Image.new("RGB", (30, 20), (10, 200, 30)).save(content, format="JPEG", exif=exif)
    answer = own.post(reverse("studio:upload"), {"file": uploaded(content.getvalue(), "../../tree.jpg")})
    picture = Picture.objects.get()
    assert answer.status_code == 302 and f"picture={picture.pk}" in answer.url
    assert (picture.owner, picture.name, picture.width, picture.height) == (owner, "tree.jpg", 30, 20)
    kept = picture.path.read_bytes()
    assert kept.startswith(b"\x89PNG") and b"secret" not in kept
    own.post(reverse("studio:upload"), {"file": uploaded(content.getvalue())})
    assert Picture.objects.count() == 1
    seen = own.get(reverse("studio:framed"), {"model": classifier.pk, "picture": picture.pk})
    assert Image.open(io.BytesIO(seen.content)).size == (224, 224)


def animated() -> bytes:
    content = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), (shade, 0, 0)) for shade in (0, 255)]
    frames[0].save(content, format="WEBP", save_all=True, append_images=frames[1:])
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"GIF89a\x01\x00", "is not a JPEG, PNG or WebP image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a JPEG, PNG or WebP image"),
        (png(200)[:-30], "cannot be decoded"),
        (animated(), "is an animation of 2 pictures"),
    ],
)
def test_bad_uploads_are_refused_with_the_reason(
    own: Client, classifier: Classifier, content: bytes, reason: str
) -> None:
    answer = own.post(reverse("studio:upload"), {"file": uploaded(content)})
    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert not Picture.objects.exists()


def test_pictures_have_limits(own: Client, classifier: Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    def refusal() -> str:
        return own.post(reverse("studio:upload"), {"file": uploaded(png())}).content.decode()

    monkeypatch.setattr(pictures, "MOST_PIXELS", 399)
    assert "too many pixels (20 × 20)" in refusal()
    monkeypatch.setattr(pictures, "MOST_PIXELS", 400)
    monkeypatch.setattr(pictures, "MOST_PICTURES", 0)
    assert "which is the most there can be" in refusal()
    monkeypatch.setattr(pictures, "MOST_BYTES", 10)
    assert "This file is too big" in refusal()
    assert "Choose a file first." in own.post(reverse("studio:upload")).content.decode()


def test_a_deleted_picture_takes_its_maps_along(
    own: Client, owner: User, classifier: Classifier, django_capture_on_commit_callbacks: Any
) -> None:
    picture = pictures.keep_picture(owner=owner, upload=uploaded(png()))
    row = ask(owner, classifier, Source(None, "", picture))
    folder = services.explanation_folder(row)
    folder.mkdir(parents=True)
    with django_capture_on_commit_callbacks(execute=True):
        own.post(reverse("studio:delete_picture", args=[picture.pk]))
    assert not Picture.objects.exists() and not Explanation.objects.exists()
    assert not picture.path.exists() and not folder.exists()


# --- files and masks -----------------------------------------------------------------------------------------


def test_thumbnails_and_masks_of_a_data_set(own: Client, classifier: Classifier, shapes: Dataset) -> None:
    from webapp.studio.sources import opened

    answer = own.get(reverse("studio:thumbnail", args=[shapes.pk, 29]))
    assert Image.open(io.BytesIO(answer.content)).size == (64, 64)
    assert own.get(reverse("studio:thumbnail", args=[shapes.pk, 30])).status_code == 404
    source = image_of(shapes, 2)
    label, mask = next(iter(opened(shapes).annotations(2).masks.items()))
    query = {"model": classifier.pk, **source.address(), "class": KINDS.index(label)}
    found = np.asarray(Image.open(io.BytesIO(own.get(reverse("studio:mask"), query).content)))
    assert found.shape == (224, 224)
    assert abs(found.astype(bool).mean() - mask.mean()) < 0.01
    assert f"the mask of “{label}”" in own.get(reverse("studio:cut_outs"), query).content.decode()


def test_a_data_set_without_masks_has_none(own: Client, classifier: Classifier, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.png").write_bytes(png())
    plain = register_dataset(name="Plain", format="image-folder", path=tmp_path / "plain")
    query = {"model": classifier.pk, "dataset": plain.pk, "image": "a.png", "class": 1}
    assert own.get(reverse("studio:mask"), query).status_code == 404
    assert own.get(reverse("studio:framed"), query).status_code == 200


# --- whose is what -------------------------------------------------------------------------------------------


def ask(owner: User, classifier: Classifier, source: Source) -> Explanation:
    (row,) = asking.ask_for_maps(
        owner=owner, classifier=classifier, source=source, target=1, methods=[GRAD_CAM]
    )
    return row


@pytest.fixture
def everything(owner: User, classifier: Classifier) -> dict[str, tuple[str, str]]:
    """Every address of something that a member owns: its method and path."""
    picture = pictures.keep_picture(owner=owner, upload=uploaded(png()))
    row = ask(owner, classifier, Source(None, "", picture))
    folder = services.explanation_folder(row)
    folder.mkdir(parents=True)
    for name in ("map.npy", "overlay.webp"):
        (folder / name).write_bytes(b"content")
    Explanation.objects.update(state=State.READY)
    about = f"?model={classifier.pk}&picture={picture.pk}"
    return {
        "tile": ("get", reverse("studio:tile", args=[row.pk])),
        "overlay": ("get", reverse("studio:overlay", args=[row.pk])),
        "values": ("get", reverse("studio:values", args=[row.pk])),
        "thumbnail": ("get", reverse("studio:picture_thumbnail", args=[picture.pk])),
        "framed": ("get", reverse("studio:framed") + about),
        "delete": ("post", reverse("studio:delete_picture", args=[picture.pk])),
    }


def test_owner_finds_everything(own: Client, everything: dict[str, tuple[str, str]]) -> None:
    statuses = {name: getattr(own, method)(path).status_code for name, (method, path) in everything.items()}
    assert statuses == dict.fromkeys(everything, 200) | {"delete": 302}


@pytest.mark.parametrize("staff", [False, True], ids=["member", "administrator"])
def test_others_find_nothing(everything: dict[str, tuple[str, str]], staff: bool) -> None:
    stranger = Client()
    user = factories.member()
    User.objects.filter(pk=user.pk).update(is_staff=staff, is_superuser=staff)
    stranger.force_login(user)
    statuses = {
        name: getattr(stranger, method)(path).status_code for name, (method, path) in everything.items()
    }
    assert statuses == dict.fromkeys(everything, 404)
    assert Picture.objects.count() == 1


def test_a_picture_of_anothers_cannot_be_explained(
    everything: dict[str, tuple[str, str]], classifier: Classifier
) -> None:
    stranger = Client()
    stranger.force_login(factories.member())
    about = {"model": classifier.pk, "picture": Picture.objects.get().pk, "class": 1, "method": "grad_cam"}
    assert stranger.post(reverse("studio:generate"), about).status_code == 422
    assert stranger.post(reverse("studio:predict"), about).status_code == 422
    assert Explanation.objects.count() == 1 and not Prediction.objects.exists()


def test_nobody_is_asked_to_sign_in(client: Client, everything: dict[str, tuple[str, str]]) -> None:
    names = ("maps", "cut_outs", "classes", "predicted", "method_settings", "framed", "mask")
    paths = [("get", reverse(f"studio:{name}")) for name in names]
    paths += [("post", reverse(f"studio:{name}")) for name in ("generate", "predict", "upload")]
    for method, path in [*paths, *everything.values()]:
        answer = getattr(client, method)(path)
        assert (answer.status_code, answer.url.partition("?")[0]) == (302, reverse("accounts:sign_in")), path


def test_a_model_of_anothers_is_not_there(own: Client, classifier: Classifier, shapes: Dataset) -> None:
    private = factories.classifier(owner=factories.member())
    text = own.get(reverse("studio:maps"), {"model": private.pk}).content.decode()
    assert "There is no such model for you" in text and private.name not in text


# --- as quick with many --------------------------------------------------------------------------------------


def test_the_page_asks_the_database_a_fixed_number_of_questions(
    own: Client,
    owner: User,
    classifier: Classifier,
    shapes: Dataset,
    django_assert_max_num_queries: Any,
) -> None:
    source = image_of(shapes)
    methods = ["grad_cam", "gradient", "rise", "layer_cam", "occlusion"]
    sent = address(classifier, source, method=methods, enhanced=methods)
    own.post(reverse("studio:predict"), sent)
    own.post(reverse("studio:generate"), sent)
    for number in range(5):
        factories.dataset(name=f"More {number}")
        factories.classifier()
    assert Explanation.objects.count() == 10
    for name in ("maps", "cut_outs"):
        with django_assert_max_num_queries(10):
            answer = own.get(reverse(f"studio:{name}"), sent)
        assert len(answer.content) < 150_000


# --- the socket ----------------------------------------------------------------------------------------------


async def connected(user: Any, query: str) -> ApplicationCommunicator:
    scope = {"type": "websocket", "path": "/ws/studio/", "query_string": query.encode(), "user": user}
    communicator = ApplicationCommunicator(URLRouter(websocket_urlpatterns), scope)
    await communicator.send_input({"type": "websocket.connect"})
    assert (await communicator.receive_output(timeout=5))["type"] == "websocket.accept"
    return communicator


@pytest.mark.django_db(transaction=True)
def test_the_socket_sends_a_snapshot_and_then_every_change(
    owner: User, classifier: Classifier, shapes: Dataset
) -> None:
    row = ask(owner, classifier, image_of(shapes))
    other = ask(owner, classifier, image_of(shapes, 1))

    def happen() -> None:
        announce(other)
        announce_progress(other, "map", 0.5)
        announce_progress(row, "map", 0.25)
        (claimed, _other) = services.claim_explanations()
        services.finish_explanation(claimed, degenerate=False, seconds=1.0)
        announce(claimed)

    async def run() -> list[dict[str, Any]]:
        communicator = await connected(owner, f"explanation={row.pk}&explanation=x")
        received = [json.loads((await communicator.receive_output(timeout=5))["text"])]
        await sync_to_async(happen)()
        for _message in range(2):
            received.append(json.loads((await communicator.receive_output(timeout=5))["text"]))
        await communicator.send_input({"type": "websocket.disconnect", "code": 1000})
        await communicator.wait(timeout=5)
        return received

    snapshot, progress, change = async_to_sync(run)()
    state = {"type": "explanation", "id": row.pk, "curves": "waiting", "problem": ""}
    assert snapshot == {"type": "snapshot", "rows": [state | {"state": "waiting"}]}
    assert progress == {"type": "progress", "id": row.pk, "part": "map", "share": 0.25}
    assert change == state | {"state": "ready"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("who", ["stranger", "anonymous", "owner of nothing named"])
def test_the_socket_tells_nobody_else(owner: User, classifier: Classifier, shapes: Dataset, who: str) -> None:
    row = ask(owner, classifier, image_of(shapes))
    user = {"stranger": factories.member(), "anonymous": AnonymousUser()}.get(who, owner)
    query = "" if user is owner else f"explanation={row.pk}"

    async def run() -> dict[str, Any]:
        communicator = await connected(user, query)
        closing = await communicator.receive_output(timeout=5)
        # Ended as a browser does: what is left running is cancelled with the loop, which may then wait for it forever.
        await communicator.send_input({"type": "websocket.disconnect", "code": 4404})
        await communicator.wait(timeout=5)
        return closing

    closing = async_to_sync(run)()
    assert (closing["type"], closing["code"]) == ("websocket.close", 4404)
