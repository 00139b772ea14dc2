"""Pages of models: list with filters, import, report, renaming, sharing, deleting."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from saliency_core.classifiers.preprocessing import Preprocessing
from tests.web import factories
from tests.web.test_pages import import_form
from webapp.accounts.models import User
from webapp.benchmarks.specification import build_specification, specification_sha256
from webapp.library import compatibility
from webapp.library.classifier_changes import change_preprocessing
from webapp.library.models import Classifier, ForwardRate, MethodSettings

pytestmark = pytest.mark.django_db

REPORT: dict[str, Any] = {
    "state": "ready",
    "version": 1,
    "parameters": 1_234_567,
    "methods": [],
    "relus": {"modules": 1, "functional": 2, "in_place": 3, "reused": 4},
    "normalisation": {"batch_norm_folded": 2, "batch_norm_other": 1, "layer_norm": 0, "group_norm": 0},
    "tokens": None,
    "relevance": [
        {
            "method": "lrp",
            "image": "coffee.png",
            "target": 1,
            "expected": 8.25,
            "error": -0.125,
            "problem": None,
        }
    ],
    "predictions": [{"image": "coffee.png", "classes": [1, 0], "probabilities": [0.875, 0.125]}],
    "batch_difference": 2.5e-6,
}


@pytest.fixture
def member(client: Client) -> User:
    user = factories.member()
    client.force_login(user)
    return user


def described(**fields: Any) -> dict[str, Any]:
    facts = {
        "feature_layers": 2, "differentiable": True, "head": "linear", "head_relu": False, "relu_modules": 1,
        "functional_relus": 2, "inplace_relus": 3, "reused_relus": 4, "activations": ["ReLU"], "attention": None,
        "weighted_layers": 3,
    }  # fmt: skip
    return {
        "layers": factories.LAYERS, "default_layer": "features.29", "family": "cnn", "facts": facts,
        "class_names": ["cat", "dog"], "parameters": 1_234_567, **fields,
    }  # fmt: skip


def page(client: Client, name: str, *arguments: Any, query: str = "") -> str:
    response = client.get(reverse(f"library:{name}", args=arguments) + query)
    assert response.status_code == 200
    return response.content.decode()


def names(html: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="/models/\d+/">([^<]+)</a>', html)


def test_list_shows_built_in_own_and_shared_ones_and_can_be_narrowed(client: Client, member: User) -> None:
    other = factories.member(username="linnea")
    factories.classifier(name="Built", key="built")
    factories.classifier(name="Mine", owner=member, family="vit", architecture="deit_tiny")
    factories.classifier(name="Theirs", owner=other, shared_with_lab=True)
    factories.classifier(name="Secret", owner=other)
    factories.classifier(name="Broken", owner=member, state=Classifier.State.FAILED)
    for query, expected in {
        "": ["Built", "Mine", "Theirs", "Broken"],
        "?origin=builtin": ["Built"],
        "?origin=own": ["Mine", "Broken"],
        "?origin=shared": ["Theirs"],
        "?family=vit": ["Mine"],
        "?state=failed": ["Broken"],
        "?q=deit+MINE": ["Mine"],
        "?q=linnea": ["Theirs"],
        "?q=nothing": [],
        "?origin=what&family=&q=": ["Built", "Mine", "Theirs", "Broken"],
    }.items():
        assert set(names(page(client, "classifiers", query=query))) == set(expected), query
    assert 'value="deit MINE"' in page(client, "classifiers", query="?q=deit+MINE")
    assert "No model fits these filters." in page(client, "classifiers", query="?q=nothing")
    assert "Secret" not in page(client, "classifiers")


def test_long_lists_come_in_pages_that_keep_what_they_are_narrowed_to(client: Client, member: User) -> None:
    for number in range(53):
        factories.classifier(name=f"Net {number:02}", owner=member)
    factories.classifier(name="Other", owner=member)
    first = page(client, "classifiers", query="?q=net")
    assert names(first) == [f"Net {number:02}" for number in range(50)]
    assert "53 of 54 models" in first and 'href="?q=net&amp;page=2"' in first
    second = page(client, "classifiers", query="?q=net&page=2")
    assert names(second) == ["Net 50", "Net 51", "Net 52"]
    assert "54 models" in page(client, "classifiers", query="?page=2")
    assert names(page(client, "classifiers", query="?page=nonsense"))[0] == "Net 00"


def test_list_takes_the_same_queries_for_any_number(
    client: Client, member: User, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        factories.classifier(name=f"Shared {number}", owner=factories.member(), shared_with_lab=True)
    with django_assert_max_num_queries(8):
        page(client, "classifiers", query="?q=shared")


def test_report_is_shown(client: Client, member: User) -> None:
    row = factories.classifier(name="Mine", owner=member, description=described(), compatibility=REPORT)
    html = page(client, "classifier", row.pk)
    for text in (
        "1,234,567",
        "1 as modules, 2 as functions; 3 in place, 4 used more than once",
        "averaged maps, then one linear layer",
        "2 BatchNorms after convolutions or linear layers",
        "1 BatchNorm elsewhere",
        "coffee.png, “dog”: logit 8.25, conservation error ΣR − S = −0.12",
        "change a score by at most 2.5·10⁻⁶",
        "87.5&nbsp;%",
        "Raw attention needs the attention of a vision transformer, and Mine is a convolutional model.",
        "512",
    ):
        assert text in html, text


def test_what_stops_lrp_and_tokens_are_shown(client: Client, member: User) -> None:
    attention = {
        "blocks": 12, "heads": 3, "grid": [14, 14], "class_token": True, "class_token_decides": True,
        "distilled": False, "register_tokens": 4, "readable": True,
    }  # fmt: skip
    description = described(facts={**described()["facts"], "attention": attention})
    relevance = [{**REPORT["relevance"][0], "error": None, "expected": None, "problem": "No rule for fft."}]
    row = factories.classifier(
        description=description, family="vit", compatibility={**REPORT, "relevance": relevance}
    )
    html = page(client, "classifier", row.pk)
    for text in ("14 × 14 patches; 12 blocks of 3 heads", "4 register tokens.", "No rule for fft."):
        assert text in html, text


def test_one_without_a_report_gets_one_on_request(client: Client, member: User) -> None:
    row = factories.classifier(description=described())
    assert "have a worker look at it" in page(client, "classifier", row.pk)
    client.post(reverse("library:look_again", args=[row.pk]))
    row.refresh_from_db()
    assert (row.state, row.compatibility) == ("ready", {"state": "waiting"})
    html = page(client, "classifier", row.pk)
    assert "A worker is looking at the model" in html
    assert f'data-live="classifier={row.pk}"' in html


def test_a_report_that_failed_says_why(client: Client, member: User) -> None:
    row = factories.classifier(compatibility=compatibility.failed_report("The weights are gone."))
    assert "The weights are gone." in page(client, "classifier", row.pk)


@pytest.mark.parametrize(
    ("fields", "field", "expected"),
    [
        (
            {"architecture": "resnt50"},
            "architecture",
            "timm has no architecture “resnt50”. Did you mean resnet50",
        ),
        ({"architecture": "googlenet"}, "architecture", "but torchvision has: choose it."),
        ({"architecture": ""}, "architecture", "Name the architecture that the weights belong to"),
        ({"library": "onnx"}, "weights", "Upload the network as one .onnx file"),
        ({"weights": "mine.onnx"}, "weights", "choose ONNX as the library"),
        ({"weights": "mine.zip"}, "weights", "Upload a .safetensors file"),
        ({"mean": "nan nan nan"}, "mean", "Give three numbers"),
        ({"std": "1 inf 1"}, "std", "Give three numbers"),
        ({"name": "a\0b"}, "name", "Null characters are not allowed."),
        ({"class_names": b"cat\0\ndog"}, "class_names", "characters that can't be kept"),
        ({"class_names": b'["\\u0000"]'}, "class_names", "characters that can't be kept"),
        ({"class_names": b'["\\ud800"]'}, "class_names", "characters that can't be kept"),
        ({"class_names": b"[" * 100_000}, "class_names", "not a list of names"),
        ({"class_names": b"\xff"}, "class_names", "UTF-8"),
    ],
)
def test_import_says_what_to_change(
    client: Client, member: User, fields: dict[str, Any], field: str, expected: str
) -> None:
    if "weights" in fields:
        fields = {**fields, "weights": SimpleUploadedFile(fields["weights"], b"x")}
    if "class_names" in fields:
        fields = {**fields, "class_names": SimpleUploadedFile("names.txt", fields["class_names"])}
    response = client.post(reverse("library:import_classifier"), import_form(**fields))
    assert response.status_code == 422
    assert expected in " ".join(response.context["form"].errors[field])
    if field != "name":
        assert 'value="Mine"' in response.content.decode()
    assert not Classifier.objects.exists()


def test_import_keeps_outputs_and_preprocessing(client: Client, member: User) -> None:
    form = import_form(
        library="onnx", architecture="ignored", weights=SimpleUploadedFile("net.onnx", b"x"),
        output_activation="sigmoid", pipeline="resize_crop",
    )  # fmt: skip
    answer = client.post(
        reverse("library:import_classifier"), form, headers={"X-Requested-With": "XMLHttpRequest"}
    )
    row = member.classifiers.get()
    assert (answer.status_code, answer["Location"]) == (201, f"/models/{row.pk}/")
    assert (row.library, row.architecture, row.output_activation) == ("onnx", "", "sigmoid")
    assert row.preprocessing["pipeline"] == "resize_crop"


@pytest.mark.parametrize(
    ("library", "architecture", "given", "expected"),
    [
        ("timm", "vit_base_patch16_224", {}, ("resize_crop", 224, 0.5, "bicubic")),
        ("torchvision", "inception_v3", {}, ("resize_crop", 299, 0.485, "bilinear")),
        (
            "torchvision",
            "inception_v3",
            {"size": "224", "pipeline": "squash"},
            ("squash", 224, 0.485, "bilinear"),
        ),
        ("onnx", "", {}, ("squash", 224, 0.485, "bilinear")),
    ],
)
def test_what_an_import_leaves_empty_is_usual_for_the_architecture(
    client: Client,
    member: User,
    library: str,
    architecture: str,
    given: dict[str, str],
    expected: tuple[str, int, float, str],
) -> None:
    empty = dict.fromkeys(("mean", "std", "size", "interpolation", "pipeline"), "")
    weights = SimpleUploadedFile("net.onnx" if library == "onnx" else "net.safetensors", b"x")
    form = import_form(library=library, architecture=architecture, weights=weights, **(empty | given))
    assert client.post(reverse("library:import_classifier"), form).status_code == 302
    found = member.classifiers.get().preprocessing
    assert (found["pipeline"], found["size"], found["mean"][0], found["interpolation"]) == expected


def test_a_search_brings_what_is_usual_for_an_architecture(client: Client, member: User) -> None:
    html = page(client, "architectures", query="?architecture=inception_v3&library=torchvision")
    usual = json.loads(unescape(re.search(r'role="status" data-usual="([^"]+)"', html)[1]))
    assert usual == {
        "mean": "0.485, 0.456, 0.406",
        "std": "0.229, 0.224, 0.225",
        "size": "299",
        "pipeline": "resize_crop",
        "interpolation": "bilinear",
    }
    assert html.count("data-usual") == 2  # The one that is meant, and the match.
    part = page(client, "architectures", query="?architecture=inception&library=torchvision")
    assert 'role="status" data-usual' not in part


OTHER_VALUES = {"mean": "0.5 0.5 0.5", "std": "0.25 0.25 0.25", "size": "256", "pipeline": "resize_crop"}


def test_the_owner_changes_the_preprocessing_and_benchmarks_keep_theirs(client: Client, member: User) -> None:
    row = factories.classifier(name="Mine", owner=member, compatibility=REPORT)
    before = row.preprocessing
    ForwardRate.objects.create(classifier=row, device="Test processor", images_per_second=10.0)
    benchmark = factories.queued_benchmark(member, classifier=row)
    address = reverse("library:change_preprocessing", args=[row.pk])
    html = client.get(address).content.decode()
    assert "1 benchmark, queued, running or done, keeps the preprocessing" in html
    assert address in page(client, "classifier", row.pk)
    assert client.post(address, {**OTHER_VALUES, "interpolation": "bicubic"}).status_code == 302
    row.refresh_from_db()
    assert row.preprocessing == {
        "pipeline": "resize_crop",
        "size": 256,
        "mean": [0.5, 0.5, 0.5],
        "std": [0.25, 0.25, 0.25],
        "interpolation": "bicubic",
    }
    assert (row.earlier_preprocessings, row.compatibility) == ([before], {"state": "waiting"})
    assert not row.rates.exists()
    benchmark.refresh_from_db()
    assert benchmark.specification["classifier"]["preprocessing"] == before
    assert "earlier benchmarks and maps keep what they were made with" in page(client, "classifier", row.pk)
    # Empty fields are what is usual; nothing is kept twice.
    client.post(address, {})
    row.refresh_from_db()
    assert (row.preprocessing["pipeline"], row.preprocessing["size"]) == ("resize_crop", 224)
    assert [each["size"] for each in row.earlier_preprocessings] == [224, 256]


def test_a_report_on_the_preprocessing_before_is_not_kept(member: User) -> None:
    row = factories.classifier(name="Mine", owner=member)
    compatibility.request_report(row)
    looking = compatibility.claim_report()
    changed = Preprocessing(mean=(0.5, 0.5, 0.5)).to_dict()
    assert change_preprocessing(row, changed)
    compatibility.finish_report(looking, REPORT, described())
    row.refresh_from_db()
    assert row.compatibility == {"state": "waiting"}
    again = compatibility.claim_report()
    compatibility.finish_report(again, REPORT, described())
    row.refresh_from_db()
    assert row.compatibility == REPORT
    assert not change_preprocessing(row, changed)


def test_what_cannot_be_changed_of_a_preprocessing_is_said(client: Client, member: User) -> None:
    row = factories.classifier(name="Mine", owner=member, description=described(fixed_size=True))
    address = reverse("library:change_preprocessing", args=[row.pk])
    assert "images of this size only" in client.get(address).content.decode()
    client.post(address, OTHER_VALUES)
    row.refresh_from_db()
    assert (row.preprocessing["size"], row.preprocessing["pipeline"]) == (224, "resize_crop")
    refused = client.post(address, {"mean": "0.5", "std": "0 0 0"})
    assert refused.status_code == 422
    assert refused.context["form"].errors.keys() == {"mean", "std"}
    Classifier.objects.update(state=Classifier.State.PREPARING)
    answer = client.post(address, {"mean": "0.1 0.1 0.1"})
    assert answer.status_code == 422
    assert "can be changed when a worker has prepared it" in answer.content.decode()


def test_a_form_that_is_saved_as_it_was_opened_changes_nothing(client: Client, member: User) -> None:
    clip = {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]}
    row = factories.classifier(name="Mine", owner=member)
    row.preprocessing |= clip
    row.save()
    address = reverse("library:change_preprocessing", args=[row.pk])
    form = client.get(address).context["form"]
    client.post(address, {name: form[name].value() for name in form.fields})
    row.refresh_from_db()
    assert (row.preprocessing["mean"], row.preprocessing["std"]) == (clip["mean"], clip["std"])
    assert row.earlier_preprocessings == []
    refused = client.post(address, {"mean": "nan nan nan", "std": "inf 1 1"})
    assert refused.context["form"].errors.keys() == {"mean", "std"}


def test_architectures_are_searched(client: Client, member: User) -> None:
    html = page(client, "architectures", query="?architecture=deit+tiny&library=timm")
    assert 'data-architecture="deit_tiny_patch16_224" data-library="timm"' in html
    assert "torchvision" not in html
    assert "No name holds this" in page(client, "architectures", query="?architecture=qqqqqqqq")
    assert "type further parts" in page(client, "architectures", query="?architecture=resnet&library=timm")


def test_owner_renames_and_shares_and_others_then_use_it(client: Client, member: User) -> None:
    row, other = factories.classifier(name="Mine", owner=member), factories.member()
    stranger = Client()
    stranger.force_login(other)
    address = reverse("library:classifier", args=[row.pk])
    assert stranger.get(address).status_code == 404
    change = reverse("library:change_classifier", args=[row.pk])
    assert client.get(change).status_code == 200
    assert client.post(change, {"name": "Ours", "shared_with_lab": "on"}).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.shared_with_lab) == ("Ours", True)
    html = stranger.get(address).content.decode()
    assert "Rename or share" not in html
    assert member.username in html
    for name in ("change_classifier", "delete_classifier"):
        assert stranger.get(reverse(f"library:{name}", args=[row.pk])).status_code == 404
        assert stranger.post(reverse(f"library:{name}", args=[row.pk]), {"name": "x"}).status_code == 404
    factories.queued_benchmark(other, classifier=row)
    assert "1 other member uses it" in client.get(change).content.decode()
    client.post(change, {"name": "Ours"})
    assert stranger.get(address).status_code == 404


def test_a_name_that_is_taken_is_refused_and_kept(client: Client, member: User) -> None:
    factories.classifier(name="Taken", owner=member)
    row = factories.classifier(name="Mine", owner=member)
    answer = client.post(reverse("library:change_classifier", args=[row.pk]), {"name": " Taken "})
    assert answer.status_code == 422
    assert "You have a model of this name" in answer.content.decode()
    row.refresh_from_db()
    assert row.name == "Mine"


def test_what_uses_a_model_is_told_before_it_goes(client: Client, member: User) -> None:
    row = factories.classifier(name="Mine", owner=member)
    MethodSettings.objects.create(owner=member, classifier=row, method="grad_cam")
    benchmark = factories.queued_benchmark(member, classifier=row)
    address = reverse("library:delete_classifier", args=[row.pk])
    html = client.get(address).content.decode()
    assert f'<a href="/benchmarks/{benchmark.pk}/">' in html
    assert "A model that benchmarks use stays" in html
    assert client.post(address)["Location"] == address
    assert Classifier.objects.filter(pk=row.pk).exists()
    benchmark.delete()
    assert "go for good" in client.get(address).content.decode()
    assert client.post(address)["Location"] == reverse("library:classifiers")
    assert not Classifier.objects.filter(pk=row.pk).exists()
    assert not MethodSettings.objects.exists()


def test_specification_names_the_activation_only_where_it_is_no_softmax() -> None:
    dataset = factories.dataset()
    common = {
        "dataset": dataset, "number_of_images": 5, "subset_seed": 0, "methods": [{"key": "rise"}],
        "experiments": [{"key": "sparsity", "protocol": "gini@1"}],
    }  # fmt: skip
    usual = factories.classifier()
    specification = build_specification(classifier=usual, **common)
    assert "activation" not in specification["classifier"]
    usual.output_activation = "sigmoid"
    other = build_specification(classifier=usual, **common)
    assert other["classifier"]["activation"] == "sigmoid"
    assert specification_sha256(specification) != specification_sha256(other)
