"""The form of a benchmark: presets, the enhancement, and what is kept from one look of the page to the next."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.test import Client
from django.urls import reverse

from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.methods.registry import method_description, method_descriptions
from tests.web import factories
from webapp.accounts.models import User
from webapp.benchmarks.forms import BenchmarkForm
from webapp.benchmarks.method_form import MethodForm
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.presets import preset_with, presets_of
from webapp.library.models import Classifier

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    user = factories.member()
    factories.classifier()
    factories.dataset()
    client.force_login(user)
    return user


def form_at(member: User, **address: str | list[str]) -> BenchmarkForm:
    return BenchmarkForm(None, owner=member, chosen=query(address))


def method_at(member: User, key: str, **fields: str) -> MethodForm:
    """The only method at an address with these fields of it."""
    (method,) = form_at(member, **of_method(0, key=key, **fields)).methods
    return method


def of_method(number: int, **fields: str) -> dict[str, str]:
    return {f"method-{number}-{name}": value for name, value in fields.items()}


def query(address: dict[str, str | list[str]]) -> QueryDict:
    found = QueryDict(mutable=True)
    for name, value in address.items():
        found.setlist(name, value if isinstance(value, list) else [value])
    return found


class SentFields(HTMLParser):
    """What a browser without scripts would send from a page's form: every field but the buttons, as name and value."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self.buttons: list[tuple[str, str]] = []
        self._inside = False
        self._select: str | None = None
        self._options: list[tuple[str, bool]] = []
        self._textarea: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = found.get("id") == "benchmark-form"
        if not self._inside:
            return
        name, value = found.get("name"), found.get("value", "")
        if tag == "select":
            self._select, self._options = name, []
        elif tag == "option":
            self._options.append((value, "selected" in found))
        elif tag == "textarea":
            self._textarea = name
            self._keep(name, "")
        elif tag == "button" and name:
            self.buttons.append((name, value))
        elif tag == "input" and name and "disabled" not in found and found.get("type") != "file":
            kind = found.get("type")
            if kind not in ("checkbox", "radio") or "checked" in found:
                self._keep(name, value or "on" if kind == "checkbox" else value)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False
        elif tag == "select" and self._select:
            chosen = [value for value, selected in self._options if selected]
            self._keep(self._select, (chosen or [value for value, _selected in self._options])[0])
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea:
            self.fields[self._textarea] = [self.fields[self._textarea][0] + data]

    def _keep(self, name: str | None, value: str) -> None:
        if name and name != "csrfmiddlewaretoken":
            self.fields.setdefault(name, []).append(value)


def sent_fields(client: Client, **address: str | list[str]) -> dict[str, str | list[str]]:
    """What a browser would send from the page at that address."""
    page = client.get(f"{reverse('benchmarks:new')}?{query(address).urlencode()}")
    assert page.status_code == 200
    return dict(SentFields(page.content.decode()).fields)


def test_presets_are_the_defaults_those_of_the_method_and_the_quick_one() -> None:
    assert list(presets_of(method_description("msg_cam"))) == ["standard", "cameras8", "thesis_text", "quick"]
    assert list(presets_of(method_description("rise"))) == ["default", "benchmark", "quick"]
    assert presets_of(method_description("grad_cam")) == {"default": {}}
    assert presets_of(method_description("msg_cam"))["quick"]["groups"] == 8


@pytest.mark.parametrize("method", method_descriptions(), ids=lambda method: method.key)
def test_every_preset_is_recognised_by_its_values(method) -> None:
    for name, values in presets_of(method).items():
        assert preset_with(method, values) == name


def test_a_preset_fills_in_the_parameters(member: User) -> None:
    method = method_at(member, "msg_cam", preset="cameras8", parameter_theta="50", shown="own/")
    assert method["parameter_resolutions"].value() == "224,324,424,524,624,724,824,924"
    assert method["parameter_theta"].value() == 70
    assert method["preset"].value() == "cameras8"
    assert method["shown"].value() == "cameras8/"


def test_what_is_changed_after_a_preset_stays_and_is_no_preset(member: User) -> None:
    fields = {"preset": "cameras8", "shown": "cameras8/"}
    method = method_at(
        member, "msg_cam", **fields, parameter_resolutions="224,924", parameter_layer="features.0"
    )
    assert method["parameter_resolutions"].value() == "224,924"
    assert method["preset"].value() == "own"
    assert method.preset_title == "own values"
    assert "own" in dict(method.fields["preset"].choices)
    assert "own" not in dict(method_at(member, "msg_cam").fields["preset"].choices)


def test_a_preset_leaves_the_layer_alone(member: User) -> None:
    method = method_at(member, "msg_cam", preset="thesis_text", parameter_layer="features.0")
    assert method["parameter_layer"].value() == "features.0"
    assert method["preset"].value() == "thesis_text"


def test_a_box_that_was_unticked_stays_unticked(member: User) -> None:
    fields = {"enhance": "on"}
    assert method_at(member, "grad_cam", **fields)["enhancement_low_pass"].value() is True
    assert method_at(member, "grad_cam", **fields, shown="default/")["enhancement_low_pass"].value() is True
    shown = method_at(member, "grad_cam", **fields, shown="default/enhanced", enhancement_window="64")
    assert shown["enhancement_low_pass"].value() is False
    assert shown["enhancement_window"].value() == 64


def test_fields_of_the_enhancement_are_there_once_it_is_on(client: Client, member: User) -> None:
    address = reverse("benchmarks:new")
    off = client.get(address, of_method(0, key="rise")).content.decode()
    on = client.get(address, of_method(0, key="rise", enhance="both")).content.decode()
    names = [f'name="method-0-enhancement_{parameter.name}"' for parameter in SLIDING_WINDOW.parameters]
    assert not any(name in off for name in names)
    assert all(name in on for name in names)


def test_methods_are_numbered_anew_and_keep_their_order_and_their_fields(member: User) -> None:
    address = {
        **of_method(7, key="rise", parameter_masks="9", shown="own/"),
        **of_method(2, key="group_cam", parameter_groups="5"),
        **of_method(11, key="no_such_method"),
        "method": ["score_cam", "cam"],
    }
    methods = form_at(member, **address).methods
    assert [(method.prefix, method.description.key) for method in methods] == [
        ("method-0", "group_cam"),
        ("method-1", "rise"),
        ("method-2", "score_cam"),
        ("method-3", "cam"),
    ]
    assert methods[0]["parameter_groups"].value() == 5
    assert methods[1]["parameter_masks"].value() == 9
    assert methods[2].variants() == [
        {"key": "score_cam", "parameters": {"variant": "official"}, "enhancement": None}
    ]


def test_the_address_of_a_form_shows_the_same_form(member: User) -> None:
    first = form_at(
        member,
        number_of_images="7",
        subset_seed="3",
        experiment=["sparsity/gini@1", "insertion_deletion/group-cam@1"],
        **of_method(
            0, key="group_cam", enhance="both", shown="default/enhanced", open="1", enhancement_window="64"
        ),
        **of_method(1, key="msg_cam", parameter_resolutions="224,424", shown="own/"),
    )
    second = BenchmarkForm(None, owner=member, chosen=QueryDict(first.address()))
    assert second.address() == first.address()
    assert second.specified_methods == first.specified_methods
    assert second.specified_experiments == first.specified_experiments
    assert (second.images, second["subset_seed"].value()) == (7, 3)
    assert [method.is_open for method in second.methods] == [True, False]
    # All that is the default is left out.
    assert "parameter_theta" not in first.address()
    window = second.specified_methods[1]["enhancement"]
    assert (window["window"], window["stride"], window["low_pass"]) == (64, 32, False)


def test_comparing_with_and_without_enhancement_is_one_choice(client: Client, member: User) -> None:
    form = sent_fields(client, **of_method(0, key="grad_cam")) | {"method-0-enhance": "both"}
    response = client.post(reverse("benchmarks:new"), form)
    assert response.status_code == 302, response.context["form"].errors
    assert Benchmark.objects.get().specification["methods"] == [
        {"key": "grad_cam", "parameters": {"layer": "features.29"}, "enhancement": None},
        {
            "key": "grad_cam",
            "parameters": {"layer": "features.29"},
            "enhancement": SLIDING_WINDOW.validate({}),
        },
    ]


def test_an_enhanced_benchmark_is_queued(client: Client, member: User) -> None:
    form = sent_fields(client, **of_method(0, key="grad_cam", enhance="on"))
    form["method-0-enhancement_base_term"] = "once"
    del form["method-0-enhancement_low_pass"]
    response = client.post(reverse("benchmarks:new"), form)
    assert response.status_code == 302, response.context["form"].errors
    assert Benchmark.objects.get().specification["methods"] == [
        {
            "key": "grad_cam",
            "parameters": {"layer": "features.29"},
            "enhancement": {
                "window": 96,
                "stride": 32,
                "cutoff": 35.0,
                "base_term": "once",
                "coverage_normalise": False,
                "antialias": False,
                "low_pass": False,
            },
        }
    ]
    assert "Grad-CAM + enhancement" in client.get(reverse("benchmarks:list")).content.decode()


def test_a_wrong_value_is_refused_beside_its_field(client: Client, member: User) -> None:
    form = sent_fields(client, **of_method(0, key="cam"), **of_method(1, key="rise", enhance="on"))
    form |= {"method-1-enhancement_window": "1", "method-1-parameter_masks": "none"}
    response = client.post(reverse("benchmarks:new"), form)
    assert response.status_code == 422
    first, second = response.context["form"].methods
    assert not first.errors
    assert list(second.errors) == ["parameter_masks", "enhancement_window"]
    assert second.is_open
    assert 'name="method-1-parameter_masks" value="none"' in response.content.decode()


def test_what_the_service_refuses_is_shown_beside_what_it_concerns(client: Client, member: User) -> None:
    form = sent_fields(client, **of_method(0, key="cam", enhance="both"), **of_method(1, key="raw_attention"))
    form["experiment"] = ["sparsity/gini@1", "pointing_game/thesis@1"]
    response = client.post(reverse("benchmarks:new"), form)
    assert response.status_code == 422
    shown = response.context["form"]
    assert not shown.methods[0].errors
    assert "needs the attention of a vision transformer" in shown.methods[1].non_field_errors()[0]
    assert list(shown.experiment_errors) == ["pointing_game/thesis@1"]
    page = response.content.decode()
    assert "Pointing game (thesis@1) needs boxes around objects, which" in page
    # What is ticked and impossible stays in hand.
    assert re.search(r'value="pointing_game/thesis@1"[^>]* checked(?![^>]*disabled)', page)
    assert not Benchmark.objects.exists()


def test_what_is_impossible_is_disabled_with_the_reason(client: Client, member: User) -> None:
    page = client.get(reverse("benchmarks:new")).content.decode()
    assert re.search(r'value="segmentation/class-masks@1"[^>]* disabled', page)
    assert not re.search(r'value="sparsity/gini@1"[^>]* disabled', page)
    assert "needs a mask for every class" in page
    assert re.search(r'<option value="raw_attention" disabled>Raw attention · not for this model', page)


def test_methods_are_added_and_removed_without_scripts(client: Client, member: User) -> None:
    address = reverse("benchmarks:new")
    fields = sent_fields(client)
    assert fields["method-0-key"] == ["grad_cam"]
    for add in ("rise", "cam"):
        response = client.post(address, fields | {"do": "add", "add": add})
        assert response.status_code == 302
        fields = dict(SentFields(client.get(response["Location"]).content.decode()).fields)
    assert [fields[f"method-{number}-key"] for number in range(3)] == [["grad_cam"], ["rise"], ["cam"]]
    # Boxes that no page has shown yet are as the method describes them.
    assert fields["method-2-parameter_rectify"] == ["on"]
    fields |= {"method-1-parameter_masks": "40", "number_of_images": "12", "experiment": ["road/road@1"]}
    response = client.post(address, fields | {"drop": "0"})
    assert response.status_code == 302
    assert "drop" not in response["Location"] and "csrf" not in response["Location"]
    fields = dict(SentFields(client.get(response["Location"]).content.decode()).fields)
    assert fields["method-0-key"] == ["rise"]
    assert fields["method-0-parameter_masks"] == ["40"]
    assert fields["method-1-key"] == ["cam"]
    assert "method-2-key" not in fields
    assert (fields["number_of_images"], fields["experiment"]) == (["12"], ["road/road@1"])
    assert client.post(address, fields).status_code == 302
    queued = Benchmark.objects.get()
    assert [method["key"] for method in queued.specification["methods"]] == ["rise", "cam"]
    assert queued.specification["methods"][0]["parameters"]["masks"] == 40
    assert queued.specification["experiments"] == [{"key": "road", "protocol": "road@1"}]
    assert queued.number_of_images == 12


def test_scripts_get_the_address_of_what_they_show(client: Client, member: User) -> None:
    fields = sent_fields(client) | {"do": "add", "add": "rise"}
    response = client.get(reverse("benchmarks:new"), fields, headers={"HX-Request": "true"})
    pushed = response["HX-Push-Url"]
    assert "method-1-key=rise" in pushed and "do=add" not in pushed
    again = SentFields(client.get(pushed).content.decode()).fields
    assert again == SentFields(response.content.decode()).fields


def test_the_enter_key_queues(client: Client, member: User) -> None:
    """Browsers press a form's first button, which must not be one that changes the form."""
    page = client.get(reverse("benchmarks:new")).content.decode()
    form = page[page.index('id="benchmark-form"') :]
    assert 'name="' not in form[form.index("<button") : form.index("</button>")]


def test_what_was_removed_or_unticked_does_not_come_back(client: Client, member: User) -> None:
    form = form_at(member, sent="1", number_of_images="3")
    assert (form.methods, form.chosen_experiments) == ([], [])
    fields = {name: value for name, value in sent_fields(client).items() if not name.startswith("method-")}
    del fields["experiment"]
    response = client.post(reverse("benchmarks:new"), fields)
    assert response.status_code == 422
    assert "Choose at least one experiment." in response.content.decode()
    response = client.post(reverse("benchmarks:new"), fields | {"experiment": "sparsity/gini@1"})
    assert response.status_code == 422
    assert "Add at least one method." in response.content.decode()


def test_without_scripts_what_is_sent_at_once_counts(client: Client, member: User) -> None:
    """The box and the preset are chosen, and the form is sent before the server has shown their fields."""
    form = sent_fields(client, **of_method(0, key="msg_cam"))
    form |= {"method-0-preset": "cameras8", "method-0-enhance": "on"}
    response = client.post(reverse("benchmarks:new"), form)
    assert response.status_code == 302, response.context["form"].errors
    method = Benchmark.objects.get().specification["methods"][0]
    assert method["parameters"]["resolutions"] == [224, 324, 424, 524, 624, 724, 824, 924]
    assert method["enhancement"] == SLIDING_WINDOW.validate({})


def test_the_expected_time_follows_the_enhancement_and_says_whose_values_these_are(
    client: Client, member: User
) -> None:
    address = reverse("benchmarks:expected_time")
    plain, enhanced = (
        client.get(address, of_method(0, key="grad_cam") | extra).context["estimate"].forwards_per_image
        for extra in ({}, of_method(0, enhance="on"))
    )
    # Grad-CAM of the image and 25 windows (3 forward equivalents each), and a score for every window.
    assert enhanced - plain == 25 * 3 + 25
    fields = of_method(0, key="rise", shown="default/", preset="default", parameter_masks="7")
    page = client.get(address, fields).content.decode()
    assert re.search(r'<select name="method-0-preset".*?<option value="own" selected>', page, re.DOTALL)
    assert 'value="own/"' in page


def test_every_method_has_its_part_of_the_expected_time_and_expensive_ones_a_warning(
    client: Client, member: User
) -> None:
    methods = {**of_method(0, key="grad_cam"), **of_method(1, key="score_cam", enhance="on")}
    page = client.get(reverse("benchmarks:expected_time"), methods).content.decode()
    assert re.search(r'<th scope="row">Grad-CAM</th><td class="n">228</td>', page)
    assert re.search(r'<th scope="row">Score-CAM \+ enhancement</th><td class="n">13,588</td>', page)
    assert "Score-CAM + enhancement: 26 × 513 forwards an image" in page
    assert "Grad-CAM:" not in page


def labelled_pets() -> dict[str, str]:
    """An address where the names of classes count: labels "cat" and "dog", a model that knows dogs only."""
    dataset = factories.dataset(name="Pets", ground_truth=["label"], classes={"cat": 60, "dog": 40})
    classifier = factories.classifier(name="Three", class_names=["tabby cat", "tiger cat", "dog"])
    asked = {"classifier": str(classifier.pk), "dataset": str(dataset.pk)}
    return asked | {"experiment": "perturbation/chefer@1", "number_of_images": "5"}


def test_classes_are_asked_about_only_where_they_count(client: Client, member: User) -> None:
    address = labelled_pets()
    page = client.get(reverse("benchmarks:new"), address).content.decode()
    assert "These classes of Pets have no output in Three: cat." in page
    assert 'name="class_mapping"' in page
    page = client.get(reverse("benchmarks:new"), address | {"experiment": "sparsity/gini@1"}).content.decode()
    assert 'name="class_mapping"' not in page
    response = client.post(reverse("benchmarks:new"), sent_fields(client, **address))
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["class_mapping"]


def test_a_list_of_classes_is_pasted(client: Client, member: User) -> None:
    chosen = {"class_mapping": "own", "class_list": "label,class\ncat,0\ncat,tiger cat\n"}
    address = labelled_pets() | chosen
    page = client.get(reverse("benchmarks:new"), address).content.decode()
    assert "2 of 2 classes have an output in the model." in page
    fields = sent_fields(client, **address)
    assert client.post(reverse("benchmarks:new"), fields | {"class_list": "cat"}).status_code == 422
    assert client.post(reverse("benchmarks:new"), fields | {"class_list": " "}).status_code == 422
    assert client.post(reverse("benchmarks:new"), fields).status_code == 302
    assert Benchmark.objects.get().specification["class_mapping"] == {"cat": ["0", "tiger cat"]}


def test_a_list_of_classes_is_uploaded(client: Client, member: User) -> None:
    upload = SimpleUploadedFile("pets.csv", "\ufefflabel,class\ncat,\n".encode())
    response = client.post(
        reverse("benchmarks:new"), sent_fields(client, **labelled_pets()) | {"class_file": upload}
    )
    assert response.status_code == 302, response.context["form"].errors
    assert Benchmark.objects.get().specification["class_mapping"] == {"cat": []}


def test_the_built_in_list_that_fits_is_chosen(client: Client, member: User) -> None:
    dataset = factories.dataset(ground_truth=["boxes"], classes={"aeroplane": 2, "person": 1})
    classifier = factories.classifier(class_names=["airliner", "warplane"])
    classifier.description["class_ids"] = ["n02690373", "n04552348"]
    classifier.save()
    address = {
        "classifier": str(classifier.pk),
        "dataset": str(dataset.pk),
        "experiment": "pointing_game/thesis@1",
    }
    page = client.get(reverse("benchmarks:new"), address).content.decode()
    assert "1 of 2 classes have an output in the model. Left out: person" in page
    fields = sent_fields(client, **address)
    assert fields["class_mapping"] == ["voc-to-imagenet"]
    assert client.post(reverse("benchmarks:new"), fields).status_code == 302
    mapping = {"aeroplane": ["n02690373", "n04552348"], "person": []}
    assert Benchmark.objects.get().specification["class_mapping"] == mapping


def test_shares_of_classes_are_offered_where_there_are_labels(client: Client, member: User) -> None:
    assert "stratified" not in sent_fields(client)
    assert 'name="stratified"' not in client.get(reverse("benchmarks:new")).content.decode()
    fields = sent_fields(client, **labelled_pets() | {"experiment": "sparsity/gini@1", "stratified": "on"})
    assert fields["stratified"] == ["on"]
    assert client.post(reverse("benchmarks:new"), fields).status_code == 302
    assert Benchmark.objects.get().specification["subset"] == {"count": 5, "seed": 0, "stratified": True}


def test_queries_do_not_grow_with_the_methods(
    client: Client, member: User, django_assert_max_num_queries
) -> None:
    address = reverse("benchmarks:new")
    for methods in (["grad_cam"], ["grad_cam", "cam", "rise", "lrp", "group_cam", "msg_cam", "gradient"]):
        with django_assert_max_num_queries(13):
            client.get(address, {"method": methods})


def several_models(member: User) -> tuple[Classifier, Classifier, dict[str, str | list[str]]]:
    """A convolutional model and a transformer, and an address that asks for both."""
    cnn = factories.classifier(name="Convolutional")
    vit = factories.classifier(
        name="Transformer",
        family="vit",
        description={
            "layers": [{"name": "norm", "kind": "LayerNorm", "channels": 8, "height": 14, "width": 14}],
            "default_layer": "norm",
            "family": "vit",
        },
    )
    asked = {"classifier": str(cnn.pk), "also": [str(vit.pk)], "number_of_images": "5"}
    return cnn, vit, asked | {"experiment": "sparsity/gini@1"}


def test_several_models_are_queued_together_each_with_its_own_methods(client: Client, member: User) -> None:
    cnn, vit, asked = several_models(member)
    methods = {
        **of_method(0, key="gradient"),
        **of_method(1, key="grad_cam", parameter_layer="features.0"),
        **of_method(2, key="raw_attention"),
    }
    page = client.get(f"{reverse('benchmarks:new')}?{query(asked | methods).urlencode()}").content.decode()
    assert "Left out for Convolutional:" in page and "Queue 2 benchmarks" in page
    fields = sent_fields(client, **asked, **methods)
    assert fields["also"] == [str(vit.pk)]
    fields |= {"name": "Both", "tags": "families, paper"}
    response = client.post(reverse("benchmarks:new"), fields)
    assert response.status_code == 302, response.context["form"].errors
    first, second = Benchmark.objects.order_by("pk")
    assert (first.classifier, second.classifier) == (cnn, vit)
    assert first.submission == second.submission is not None
    assert [each["key"] for each in first.specification["methods"]] == ["gradient", "grad_cam"]
    assert first.specification["methods"][1]["parameters"] == {"layer": "features.0"}
    assert [each["key"] for each in second.specification["methods"]] == ["gradient", "raw_attention"]
    for benchmark in (first, second):
        assert benchmark.name == "Both"
        assert [tag.name for tag in benchmark.tags.all()] == ["families", "paper"]
    assert (
        "Queued together with" in client.get(reverse("benchmarks:detail", args=[first.pk])).content.decode()
    )


def test_a_layer_that_a_further_model_lacks_becomes_its_usual_one(client: Client, member: User) -> None:
    first = factories.classifier()
    layers = [{"name": "stage.4", "kind": "ReLU", "channels": 8, "height": 7, "width": 7}]
    second = factories.classifier(description={"layers": layers, "default_layer": "stage.4", "family": "cnn"})
    asked = {"classifier": str(first.pk), "also": [str(second.pk)], "experiment": "sparsity/gini@1"}
    fields = sent_fields(client, **asked, **of_method(0, key="grad_cam", parameter_layer="features.0"))
    assert client.post(reverse("benchmarks:new"), fields).status_code == 302
    assert [
        benchmark.specification["methods"][0]["parameters"] for benchmark in Benchmark.objects.order_by("pk")
    ] == [{"layer": "features.0"}, {"layer": "stage.4"}]


def test_of_several_models_all_are_queued_or_none(client: Client, member: User) -> None:
    _cnn, _vit, asked = several_models(member)
    fields = sent_fields(client, **asked, **of_method(0, key="raw_attention"))
    response = client.post(reverse("benchmarks:new"), fields | {"name": "Kept", "tags": "kept"})
    page = response.content.decode()
    assert response.status_code == 422
    assert "None of the methods can explain Convolutional" in page
    assert 'value="Kept"' in page and 'value="kept"' in page
    assert not Benchmark.objects.exists()


def test_the_time_of_several_models_is_told_for_each_and_in_total(client: Client, member: User) -> None:
    cnn, vit, asked = several_models(member)
    factories.node(device="Test processor")
    for classifier, rate in ((cnn, 10.0), (vit, 5.0)):
        classifier.rates.create(device="Test processor", images_per_second=rate)
    asked |= {"experiment": "insertion_deletion/thesis@1", **of_method(0, key="gradient")}
    context = client.get(f"{reverse('benchmarks:expected_time')}?{query(asked).urlencode()}").context
    # 228 forward equivalents an image, as of Grad-CAM.
    assert [plan.estimate.seconds for plan in context["plans"]] == [5 * 228 / 10, 5 * 228 / 5]
    assert context["total_seconds"] == 5 * 228 / 10 + 5 * 228 / 5


def test_a_name_that_is_too_long_is_refused_beside_its_field(client: Client, member: User) -> None:
    response = client.post(
        reverse("benchmarks:new"), sent_fields(client) | {"name": "x" * 121, "tags": "y" * 41}
    )
    assert response.status_code == 422
    assert list(response.context["form"].errors) == ["name"]
    response = client.post(reverse("benchmarks:new"), sent_fields(client) | {"tags": "y" * 41})
    assert list(response.context["form"].errors) == ["tags"]
    assert not Benchmark.objects.exists()
