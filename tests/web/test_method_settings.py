"""A member's own settings of methods: what is kept, what is refused, and where they are applied."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.test import Client

from saliency_core.datasets.shapes import write_shapes
from tests.web import factories
from tests.web.api_calls import script_of
from webapp.accounts.models import User
from webapp.benchmarks.forms import BenchmarkForm
from webapp.benchmarks.models import Benchmark
from webapp.library.models import Classifier, Dataset, ForwardRate, MethodSettings
from webapp.library.services import register_dataset
from webapp.method_settings import services
from webapp.method_settings.page import first_image
from webapp.method_settings.selectors import own_settings
from webapp.studio.choices import read_choice
from webapp.studio.models import Explanation, Prediction

pytestmark = pytest.mark.django_db
OTHER_LAYERS = [{"name": "stage.3", "kind": "ReLU", "channels": 64, "height": 7, "width": 7}]


@pytest.fixture
def owner() -> User:
    return factories.member()


@pytest.fixture
def classifier() -> Classifier:
    return factories.classifier()


def other_classifier(**fields: Any) -> Classifier:
    description = {"layers": OTHER_LAYERS, "default_layer": "stage.3", "family": "cnn"}
    return factories.classifier(description=description, **fields)


def save(owner: User, classifier: Classifier, method: str, **parameters: Any) -> dict[str, Any]:
    return services.save_settings(owner=owner, classifier=classifier, method=method, parameters=parameters)


def stored(owner: User) -> dict[str, Any]:
    return dict(MethodSettings.objects.filter(owner=owner).values_list("method", "parameters"))


# --- keeping -------------------------------------------------------------------------------------------------


def test_only_what_differs_from_the_defaults_is_kept(owner: User, classifier: Classifier) -> None:
    assert save(owner, classifier, "msg_cam", groups="16", theta=70, layer="features.29") == {"groups": 16}
    assert stored(owner) == {"msg_cam": {"groups": 16}}
    own = own_settings(owner, classifier)
    assert own.changed == ["msg_cam"]
    assert own.parameters("msg_cam")["groups"] == 16
    assert own.parameters("msg_cam")["theta"] == 70
    assert own.parameters("rise")["masks"] == 4000
    # Saved again as they are by default, nothing of one's own is left.
    assert save(owner, classifier, "msg_cam", groups=32) == {}
    assert stored(owner) == {}


def test_the_enhancement_has_its_own_key(owner: User, classifier: Classifier) -> None:
    assert save(owner, classifier, "enhancement", stride=64, low_pass=True) == {"stride": 64}
    assert own_settings(owner, classifier).parameters("enhancement")["stride"] == 64


@pytest.mark.parametrize(
    ("method", "parameters", "place", "sentence"),
    [
        ("rise", {"masks": 0}, "masks", "masks must be at least 1; got 0."),
        ("rise", {"mask": 5}, "mask", "There is no setting of this name any more."),
        ("grad_cam", {"layer": "nowhere"}, "layer", "has no explainable layer “nowhere”."),
        ("no_such", {}, None, "no_such"),
        ("raw_attention", {}, None, "needs the attention of a vision transformer"),
    ],
)
def test_what_cannot_be_used_is_refused(
    owner: User, classifier: Classifier, method: str, parameters: Any, place: str | None, sentence: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        save(owner, classifier, method, **parameters)
    if place:
        assert list(refused.value.error_dict) == [place]
    assert sentence in " ".join(refused.value.messages)
    assert stored(owner) == {}


def test_what_became_invalid_is_told_and_left_out(owner: User, classifier: Classifier) -> None:
    save(owner, classifier, "msg_cam", groups=16, layer="features.0")
    classifier.description |= {"layers": OTHER_LAYERS, "default_layer": "stage.3"}
    classifier.save()
    MethodSettings.objects.create(
        owner=owner, classifier=classifier, method="gone_method", parameters={"a": 1}
    )
    own = own_settings(owner, classifier)
    assert own.differences("msg_cam") == {"groups": 16}
    assert list(own.problems("msg_cam")) == ["layer"]
    assert own.differences("gone_method") == {} and "gone_method" in own.problems("gone_method")[""][0]


def test_effective_parameters_of_all_methods_take_one_query(
    owner: User, classifier: Classifier, django_assert_num_queries: Any
) -> None:
    save(owner, classifier, "rise", masks=100)
    save(owner, classifier, "grad_cam", layer="features.0")
    with django_assert_num_queries(1):
        own = own_settings(owner, classifier)
        assert own.parameters("rise")["masks"] == 100
        assert own.parameters("grad_cam") == {"layer": "features.0"}
        assert own.parameters("msg_cam")["groups"] == 32


def test_copying_takes_what_fits(owner: User, classifier: Classifier) -> None:
    save(owner, classifier, "msg_cam", groups=16, layer="features.0")
    save(owner, classifier, "grad_cam", layer="features.0")
    target = other_classifier()
    save(owner, target, "rise", masks=100)
    copied = services.copy_settings(owner=owner, source=classifier, target=target)
    assert copied.methods == ["MSG-CAM"]
    assert copied.left_out == [
        f"{target.name} has no explainable layer “features.0”. Choose one of the list."
    ]
    own = own_settings(owner, target)
    assert {key: own.differences(key) for key in own.changed} == {
        "msg_cam": {"groups": 16},
        "rise": {"masks": 100},
    }
    with pytest.raises(ValidationError, match="no settings of your own"):
        services.copy_settings(owner=factories.member(), source=classifier, target=target)


# --- in the studio -------------------------------------------------------------------------------------------


def layer_of(owner: User, address: str, lenient: bool = True) -> str:
    return read_choice(owner, QueryDict(address), lenient=lenient).methods[0].form["layer"].value()


def test_the_studio_begins_with_own_settings(owner: User, classifier: Classifier) -> None:
    save(owner, classifier, "grad_cam", layer="features.0")
    assert layer_of(owner, f"model={classifier.pk}") == "features.0"
    # Others have theirs.
    assert layer_of(factories.member(), f"model={classifier.pk}") == ""


def test_an_address_means_what_it_says(owner: User, classifier: Classifier) -> None:
    save(owner, classifier, "grad_cam", layer="features.0")
    assert layer_of(owner, f"model={classifier.pk}&method=grad_cam") == ""
    begun = read_choice(owner, QueryDict(f"model={classifier.pk}"))
    assert "grad_cam-layer=features.0" in begun.address()
    # The permalink gives a colleague the same.
    assert layer_of(factories.member(), begun.address()) == "features.0"


def test_a_method_that_is_ticked_begins_with_own_settings(owner: User, classifier: Classifier) -> None:
    save(owner, classifier, "grad_cam", layer="features.0")
    ticked = f"model={classifier.pk}&method=grad_cam"
    assert layer_of(owner, f"{ticked}&begin=grad_cam", lenient=False) == "features.0"
    assert layer_of(owner, f"{ticked}&begin=not-shown", lenient=False) == "features.0"
    assert layer_of(owner, f"{ticked}&begin=not-shown&shown=grad_cam", lenient=False) == ""


def test_the_studio_says_whose_settings_they_are(own: Client, owner: User, classifier: Classifier) -> None:
    save(owner, classifier, "grad_cam", layer="features.0")
    text = own.get("/studio/", {"model": classifier.pk}).content.decode()
    note = text.partition('class="own-note')[2].partition("</p>")[0]
    assert 'data-state="own"' in note and "your settings" in note
    defaults, mine = re.findall(r'href="/studio/\?([^"]*)"', note)
    assert "grad_cam-layer" not in defaults and "grad_cam-layer=features.0" in mine
    assert f'href="{address(classifier, "grad_cam/")}"' in note
    changed = own.get("/studio/", {"model": classifier.pk, "method": "grad_cam"}).content.decode()
    assert 'data-state="other"' in changed


def test_maps_asked_for_without_scripts_have_own_settings(
    own: Client, owner: User, named: Classifier, shapes: Dataset
) -> None:
    save(owner, named, "grad_cam", layer="features.0")
    source = first_image(shapes)
    sent = {"model": named.pk, **source.address(), "class": "1", "method": ["grad_cam"], "begin": "not-shown"}
    answer = own.post("/studio/generate/", sent)
    assert "grad_cam-layer=features.0" in answer.url
    assert Explanation.objects.get().parameters == {"layer": "features.0"}


def test_the_studios_enhancement_begins_with_own_settings(owner: User, classifier: Classifier) -> None:
    save(owner, classifier, "enhancement", stride=64)
    ticked = f"model={classifier.pk}&enhanced=grad_cam"

    def stride_of(member: User, address: str) -> int:
        return read_choice(member, QueryDict(address)).enhancement.values()["stride"]

    assert stride_of(owner, ticked) == 32  # The address says the default.
    assert stride_of(owner, f"{ticked}&begin=enhancement") == 64
    assert stride_of(owner, f"{ticked}&begin=not-shown&shown=grad_cam") == 64
    assert stride_of(owner, f"{ticked}&begin=not-shown&shown=enhancement") == 32
    assert stride_of(factories.member(), f"{ticked}&begin=enhancement") == 32
    begun = read_choice(owner, QueryDict(f"{ticked}&begin=enhancement")).address()
    assert stride_of(factories.member(), begun) == 64
    # Another model has its own, as for methods.
    other = other_classifier()
    assert stride_of(owner, f"model={other.pk}&settings_of={classifier.pk}&{begun.partition('&')[2]}") == 32


def test_the_studio_says_whose_settings_the_enhancement_has_and_keeps_them(
    own: Client, owner: User, named: Classifier, shapes: Dataset
) -> None:
    def note(address_: dict[str, Any]) -> str:
        text = own.get("/studio/", {"model": named.pk, "enhanced": "grad_cam", **address_}).content.decode()
        part = text.partition("Settings of the enhancement")[2]
        return part.partition('class="own-note')[2].partition("</p>")[0]

    kept = f'href="{address(named, "enhancement/")}" data-carries="enhancement"'
    assert kept in note({}) and "Keep settings of your own" in note({})
    save(owner, named, "enhancement", stride=64)
    assert 'data-state="own"' in note({"begin": "enhancement"}) and "your settings" in note(
        {"begin": "enhancement"}
    )
    assert 'data-state="other"' in note({}) and "enhancement-stride=64" in note({})
    assert kept in note({}) and "Change your settings" in note({})
    source = first_image(shapes)
    sent = {
        "model": named.pk,
        **source.address(),
        "class": "1",
        "enhanced": ["grad_cam"],
        "begin": "not-shown",
    }
    assert "enhancement-stride=64" in own.post("/studio/generate/", sent).url
    assert Explanation.objects.get().enhancement["stride"] == 64


def test_another_model_has_its_own_settings(owner: User, classifier: Classifier) -> None:
    other = other_classifier()
    save(owner, classifier, "msg_cam", groups=16)
    save(owner, other, "rise", masks=100)
    before = f"settings_of={classifier.pk}&method=msg_cam&method=rise&msg_cam-groups=16&msg_cam-theta=60&rise-masks=7"
    choice = read_choice(owner, QueryDict(f"model={other.pk}&{before}"))
    values = {method.description.key: method.form.values() for method in choice.methods}
    assert values["rise"]["masks"] == 100
    # What was the member's own for the model before is not the other's; what was typed stays.
    assert values["msg_cam"]["groups"] == 32
    assert values["msg_cam"]["theta"] == 60


# --- in the form of a benchmark --------------------------------------------------------------------------------


def benchmark_form(owner: User, address: str) -> BenchmarkForm:
    return BenchmarkForm(None, owner=owner, chosen=QueryDict(address))


def test_a_method_that_is_added_begins_with_own_settings(owner: User, classifier: Classifier) -> None:
    factories.dataset()
    save(owner, classifier, "grad_cam", layer="features.0")
    save(owner, classifier, "enhancement", stride=64)
    form = benchmark_form(owner, f"classifier={classifier.pk}")
    assert form.specified_methods[0]["parameters"] == {"layer": "features.0"}
    added = benchmark_form(owner, f"classifier={classifier.pk}&sent=1&do=add&add=grad_cam")
    assert added.specified_methods[0]["parameters"] == {"layer": "features.0"}
    written = benchmark_form(owner, added.address())
    assert written.specified_methods[0]["parameters"] == {"layer": "features.0"}
    defaults = benchmark_form(owner, f"{added.address()}&do=defaults-0")
    assert defaults.specified_methods[0]["parameters"] == {}
    again = benchmark_form(owner, f"{defaults.address()}&do=own-0")
    assert again.specified_methods[0]["parameters"] == {"layer": "features.0"}
    enhanced = benchmark_form(
        owner, f"classifier={classifier.pk}&sent=1&method-0-key=grad_cam&method-0-enhance=on"
    )
    assert enhanced.specified_methods[0]["enhancement"]["stride"] == 64


def test_the_form_of_a_benchmark_says_whose_settings_the_enhancement_has(
    own: Client, owner: User, classifier: Classifier
) -> None:
    factories.dataset()
    save(owner, classifier, "enhancement", stride=64)
    chosen = {"classifier": classifier.pk, "sent": "1", "method-0-key": "grad_cam"}
    assert "your settings" not in own.get("/benchmarks/new/", chosen).content.decode()
    enhanced = {**chosen, "method-0-enhance": "on"}
    text = own.get("/benchmarks/new/", enhanced).content.decode()
    assert '<span class="tag">your settings</span>' in text and 'value="defaults-0"' in text
    text = own.get("/benchmarks/new/", {**enhanced, "do": "defaults-0"}, follow=True).content.decode()
    assert '<span class="tag">your settings</span>' not in text and 'value="own-0"' in text


def test_the_form_of_a_benchmark_offers_both(own: Client, owner: User, classifier: Classifier) -> None:
    factories.dataset()
    save(owner, classifier, "grad_cam", layer="features.0")
    text = own.get("/benchmarks/new/", {"classifier": classifier.pk}).content.decode()
    assert '<span class="tag">your settings</span>' in text and 'value="defaults-0"' in text
    answer = own.get(
        "/benchmarks/new/", {"classifier": classifier.pk, "method-0-key": "grad_cam", "do": "own-0"}
    )
    assert "method-0-parameter_layer=features.0" in answer["Location"]


def test_the_form_of_a_benchmark_follows_the_model(owner: User, classifier: Classifier) -> None:
    factories.dataset()
    other = other_classifier()
    save(owner, classifier, "rise", masks=100)
    save(owner, other, "rise", masks=200)
    fields = "sent=1&method-0-key=rise&method-0-shown=own/&method-0-parameter_masks=100"
    form = benchmark_form(owner, f"classifier={other.pk}&settings_of={classifier.pk}&{fields}")
    assert form.specified_methods[0]["parameters"]["masks"] == 200


# --- the API ---------------------------------------------------------------------------------------------------


def test_the_api_keeps_and_resets(owner: User, classifier: Classifier) -> None:
    script, path = script_of(owner), f"classifiers/{classifier.pk}/settings"
    answer = script.put(f"{path}/rise", {"parameters": {"masks": 100}}).json()
    assert (answer["own"], answer["parameters"]["masks"]) == ({"masks": 100}, 100)
    listed = {each["method"]: each for each in script.get(path).json()}
    assert listed["rise"]["own"] == {"masks": 100} and listed["grad_cam"]["own"] == {}
    assert "vision transformer" in listed["raw_attention"]["not_applicable"]
    assert listed["enhancement"]["parameters"]["window"] == 96
    refused = script.put(f"{path}/rise", {"parameters": {"masks": 0}})
    assert refused.status_code == 400
    assert refused.json() == {"parameters.masks": ["masks must be at least 1; got 0."]}
    assert script.get(f"{path}/no_such").status_code == 404
    assert script.delete(f"{path}/rise").status_code == 204
    assert stored(owner) == {}


def test_settings_of_a_shared_model_are_each_members_own(owner: User) -> None:
    shared = factories.classifier(owner=factories.member(), shared_with_lab=True)
    path = f"classifiers/{shared.pk}/settings/rise"
    script = script_of(owner)
    assert script.put(path, {"parameters": {"masks": 100}}).status_code == 200
    assert script_of(shared.owner).get(path).json()["own"] == {}
    # When it is not shared any more, it is not found.
    Classifier.objects.filter(pk=shared.pk).update(shared_with_lab=False)
    assert script.get(path).status_code == 404


def test_a_benchmark_takes_own_settings_where_it_is_asked_to(owner: User, classifier: Classifier) -> None:
    save(owner, classifier, "rise", masks=100, cells=8)
    save(owner, classifier, "enhancement", stride=64)
    wanted = {
        "classifier": classifier.pk,
        "dataset": factories.dataset().pk,
        "experiments": [{"experiment": "insertion_deletion"}],
        "number_of_images": 5,
        "methods": [
            {"key": "rise"},
            {"key": "rise", "settings": "own", "parameters": {"cells": 9}},
            {"key": "rise", "settings": "own", "enhancement": {}},
        ],
    }
    answer = script_of(owner).post("benchmarks", wanted)
    assert answer.status_code == 201, answer.json()
    plain, own, enhanced = Benchmark.objects.get().specification["methods"]
    assert plain["parameters"]["masks"] == 4000
    assert (own["parameters"]["masks"], own["parameters"]["cells"], own["enhancement"]) == (100, 9, None)
    assert (enhanced["parameters"]["cells"], enhanced["enhancement"]["stride"]) == (8, 64)
    assert "settings" not in own


# --- pages -----------------------------------------------------------------------------------------------------


@pytest.fixture
def own(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


def address(classifier: Classifier, rest: str = "") -> str:
    return f"/models/{classifier.pk}/settings/{rest}"


def test_the_list_tells_what_is_set_and_what_does_not_apply(
    own: Client, owner: User, classifier: Classifier
) -> None:
    save(owner, classifier, "rise", masks=123)
    text = own.get(address(classifier)).content.decode()
    assert "123" in text and "Reset RISE" in text and "Reset Grad-CAM" not in text
    assert "needs the attention of a vision transformer" in text


def test_a_form_is_saved_refused_and_reset(own: Client, owner: User, classifier: Classifier) -> None:
    fields = {
        "edited": "1",
        "shown": "rise",
        "rise-masks": "77",
        "rise-cells": "7",
        "rise-probability": "0.5",
    }
    refused = own.post(address(classifier, "rise/"), fields | {"rise-masks": "0"})
    assert refused.status_code == 422
    assert 'name="rise-masks" value="0"' in refused.content.decode()
    saved = own.post(address(classifier, "rise/"), fields)
    assert saved.status_code == 302
    assert stored(owner)["rise"]["masks"] == 77
    assert 'name="rise-masks" value="77"' in own.get(address(classifier, "rise/")).content.decode()
    edited = own.get(address(classifier, "rise/"), {"edited": "1", "rise-masks": "78"}).content.decode()
    assert 'name="rise-masks" value="78"' in edited and "Not saved yet." in edited
    assert own.post(address(classifier, "rise/reset/")).status_code == 302
    assert stored(owner) == {}


def test_every_method_has_a_page(own: Client, classifier: Classifier) -> None:
    from saliency_core.methods.registry import method_descriptions

    for key in [*(method.key for method in method_descriptions()), "enhancement"]:
        assert own.get(address(classifier, f"{key}/")).status_code == 200, key


def test_what_is_stored_and_invalid_is_said_and_no_fault(
    own: Client, owner: User, classifier: Classifier
) -> None:
    parameters = {"layer": "gone", "no_such": 1}
    MethodSettings.objects.create(
        owner=owner, classifier=classifier, method="grad_cam", parameters=parameters
    )
    text = own.get(address(classifier, "grad_cam/")).content.decode()
    assert "has no explainable layer “gone”" in text
    assert "Not used:" in own.get(address(classifier)).content.decode()
    assert own.get("/studio/").status_code == 200


def test_the_number_of_queries_is_bounded(
    own: Client, owner: User, classifier: Classifier, django_assert_max_num_queries: Any
) -> None:
    for method in ("rise", "msg_cam", "grad_cam"):
        MethodSettings.objects.create(
            owner=owner, classifier=classifier, method=method, parameters={"layer": "features.0"}
        )
    with django_assert_max_num_queries(12):
        own.get(address(classifier))
    with django_assert_max_num_queries(20):
        own.get(address(classifier, "grad_cam/"))


@pytest.mark.parametrize("rest", ["", "grad_cam/", "enhancement/", "grad_cam/preview/"])
def test_pages_are_for_those_who_see_the_model(owner: User, rest: str) -> None:
    hidden = factories.classifier(owner=owner)
    stranger = Client()
    stranger.force_login(factories.member())
    assert stranger.get(address(hidden, rest)).status_code == 404
    assert Client().get(address(hidden, rest)).status_code == 302
    Classifier.objects.filter(pk=hidden.pk).update(shared_with_lab=True)
    assert stranger.get(address(hidden, rest)).status_code in (200, 302)


@pytest.mark.parametrize("rest", ["reset/", "copy/", "grad_cam/reset/", "grad_cam/preview/", "grad_cam/"])
def test_changes_are_for_those_who_see_the_model(owner: User, rest: str) -> None:
    hidden = factories.classifier(owner=owner)
    save(owner, hidden, "grad_cam", layer="features.0")
    stranger = Client()
    stranger.force_login(factories.member())
    assert stranger.post(address(hidden, rest)).status_code == 404
    assert Client().post(address(hidden, rest))["Location"].startswith("/sign-in/")
    Classifier.objects.filter(pk=hidden.pk).update(shared_with_lab=True)
    stranger.post(address(hidden, rest))
    assert stored(owner) == {"grad_cam": {"layer": "features.0"}}


def test_an_unknown_method_is_not_found(own: Client, classifier: Classifier) -> None:
    for rest in ("no_such/", "no_such/preview/"):
        assert own.get(address(classifier, rest)).status_code == 404
    assert own.post(address(classifier, "no_such/reset/")).status_code == 404


def test_the_switch_leads_to_the_same_method_of_another_model(own: Client, classifier: Classifier) -> None:
    other = other_classifier()
    answer = own.get(address(classifier, "rise/"), {"model": other.pk})
    assert answer["Location"] == address(other, "rise/")


# --- the preview -----------------------------------------------------------------------------------------------


@pytest.fixture
def shapes(tmp_path: Path) -> Dataset:
    write_shapes(tmp_path / "shapes", images=3, size=64, seed=3)
    return register_dataset(name="Shapes", format="shapes", path=tmp_path / "shapes")


@pytest.fixture
def named(classifier: Classifier) -> Classifier:
    classifier.description |= {"class_names": ["arrow", "circle", "ring"], "activation": "softmax"}
    classifier.save()
    return classifier


def in_json(client: Client, path: str, method: str = "get", **fields: str) -> dict[str, Any]:
    return getattr(client, method)(path, fields, headers={"Accept": "application/json"}).json()


def test_a_preview_asks_for_the_class_and_then_for_two_maps(
    own: Client, owner: User, named: Classifier, shapes: Dataset
) -> None:
    path = address(named, "grad_cam/preview/")
    edited = {"edited": "1", "shown": "grad_cam", "grad_cam-layer": "features.0"}
    found = in_json(own, path, **edited)
    assert (found["asked"], found["cheap"], found["socket"]) == (False, True, "")
    assert found["differences"] == ["layer"]
    assert not Prediction.objects.exists()

    found = in_json(own, path, "post", **edited)
    prediction = Prediction.objects.get(owner=owner)
    assert found["waits_for_class"] and found["socket"] == f"/ws/studio/?prediction={prediction.pk}"
    assert not Explanation.objects.exists()

    Prediction.objects.update(state="ready", classes=[[1, 0.9], [0, 0.1]])
    found = in_json(own, path, "post", **edited)
    rows = {row.parameters["layer"]: row for row in Explanation.objects.filter(owner=owner)}
    assert set(rows) == {None, "features.0"}
    assert {row.target for row in rows.values()} == {1}
    assert {row.curves_state for row in rows.values()} == {""}
    assert found["asked"] and "Waiting for the worker" in found["panel"] and "circle" in found["panel"]

    rows["features.0"].state, rows["features.0"].problem = "failed", "layer is of no use here."
    rows["features.0"].save()
    found = in_json(own, path, **edited)
    assert found["errors"] == {"grad_cam-layer": ["layer is of no use here."]}
    # Another member has none of it.
    stranger = Client()
    stranger.force_login(factories.member())
    assert in_json(stranger, path, **edited)["asked"] is False


def test_the_default_layer_by_its_name_is_the_default(
    own: Client, named: Classifier, shapes: Dataset
) -> None:
    fields = {"edited": "1", "grad_cam-layer": "features.29"}
    found = in_json(own, address(named, "grad_cam/preview/"), **fields)
    assert found["differences"] == []


def test_a_preview_without_scripts_leads_back_to_the_page(
    own: Client, named: Classifier, shapes: Dataset
) -> None:
    sent = {"edited": "1", "shown": "rise", "rise-masks": "9", "rise-cells": "7", "rise-probability": "0.5"}
    answer = own.post(address(named, "rise/preview/"), sent)
    assert answer.status_code == 302 and "rise-masks=9" in answer.url and answer.url.endswith("#preview")
    text = own.get(answer.url).content.decode()
    assert "The model looks at the image" in text and 'value="9"' in text
    refused = own.post(address(named, "rise/preview/"), sent | {"rise-masks": "-1"})
    assert refused.status_code == 422
    assert "greater than or equal to 1" in refused.content.decode()


def test_the_enhancement_is_tried_on_a_method(own: Client, named: Classifier, shapes: Dataset) -> None:
    own.post(address(named, "enhancement/preview/"), {"edited": "1", "shown": "enhancement"})
    Prediction.objects.update(state="ready", classes=[[0, 1.0]])
    fields = {"edited": "1", "enhancement-stride": "64"}
    own.post(address(named, "enhancement/preview/"), fields)
    rows = Explanation.objects.order_by("pk")
    assert [(row.method, row.enhancement["stride"]) for row in rows] == [("grad_cam", 64)]


def test_expensive_defaults_are_drawn_only_when_asked_for(
    own: Client, named: Classifier, shapes: Dataset
) -> None:
    ForwardRate.objects.create(classifier=named, device="Test processor", images_per_second=50)
    path, fields = address(named, "rise/preview/"), {"edited": "1", "rise-masks": "100"}
    in_json(own, path, "post", **fields)
    Prediction.objects.update(state="ready", classes=[[0, 1.0]])
    found = in_json(own, path, "post", **fields)
    assert found["asked"] and "Draw it too" in found["panel"]
    assert [row.parameters["masks"] for row in Explanation.objects.all()] == [100]
    found = in_json(own, path, "post", with_defaults="1", **fields)
    assert "Draw it too" not in found["panel"]
    assert [row.parameters["masks"] for row in Explanation.objects.order_by("pk")] == [100, 4000]


def test_cost_follows_the_parameters(own: Client, named: Classifier, shapes: Dataset) -> None:
    ForwardRate.objects.create(classifier=named, device="Test processor", images_per_second=50)
    path = address(named, "rise/preview/")
    cheap = in_json(own, path, **{"edited": "1", "rise-masks": "100"})
    assert cheap["cheap"] and "2.0 s" in cheap["panel"] and "Test processor" in cheap["panel"]
    dear = in_json(own, path, **{"edited": "1", "rise-masks": "4000"})
    assert not dear["cheap"] and "80 s" in dear["panel"]
