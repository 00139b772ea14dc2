"""The REST API: what is listed, described, refused; how often one may ask; that nothing loads torch."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from drf_spectacular.drainage import GENERATOR_STATS
from drf_spectacular.validation import validate_schema

from saliency_core.descriptions import Parameter
from saliency_core.experiments.base import experiment_descriptions
from saliency_core.methods.registry import method_description, method_descriptions
from tests.web import factories
from tests.web.api_calls import ROOT, Script, script_of
from webapp.accounts.models import User
from webapp.api.descriptions import parameter_schema
from webapp.api.errors import sentences
from webapp.api.swagger_files import FILES
from webapp.api.views.documentation import openapi
from webapp.library.models import Classifier

pytestmark = pytest.mark.django_db


@pytest.fixture
def member() -> User:
    return factories.member()


@pytest.fixture
def script(member: User) -> Script:
    return script_of(member)


def test_methods_are_those_of_the_library_with_all_their_parameters(script: Script) -> None:
    listed = {method["key"]: method for method in script.get("methods").json()}
    assert set(listed) == {method.key for method in method_descriptions()}
    method = listed["msg_cam"]
    assert method == script.get("methods/msg_cam").json()
    assert [each["name"] for each in method["parameters"]] == [
        parameter.name for parameter in method_description("msg_cam").parameters
    ]
    groups = next(each for each in method["parameters"] if each["name"] == "groups")
    assert (groups["kind"], groups["default"], groups["minimum"]) == ("integer", 32, 1)
    assert groups["help"]
    assert method["paper"].startswith(method_description("msg_cam").paper)
    assert method["presets"]["quick"]["groups"] == 8
    assert method["cost"]["forward_equivalents"] > 1
    assert listed["grad_cam"]["cost"] == {"forwards": 1, "backwards": 1, "forward_equivalents": 3}


def test_texts_follow_the_language_asked_for(member: User) -> None:
    client = Client()
    client.force_login(member)
    english = client.get(ROOT + "methods/grad_cam").json()["summary"]
    assert english == method_description("grad_cam").summary


def test_experiments_come_with_their_protocols_in_full(script: Script) -> None:
    listed = {each["key"]: each for each in script.get("experiments").json()}
    assert set(listed) == {each.key for each in experiment_descriptions()}
    found = listed["insertion_deletion"]
    assert found["default_protocol"] == "thesis@1"
    thesis = found["protocols"][0]
    assert (thesis["full_name"], thesis["pipeline"], thesis["size"]) == (
        "insertion-deletion/thesis@1",
        "squash",
        224,
    )
    assert thesis["step_pixels"] == 448
    assert {"key", "title", "unit", "better", "summary"} == set(found["figures"][0])
    assert script.get("experiments/insertion_deletion").json() == found


def test_the_enhancement_is_described_too(script: Script) -> None:
    names = [each["name"] for each in script.get("enhancement").json()["parameters"]]
    assert {"window", "stride", "cutoff"} <= set(names)


@pytest.mark.parametrize("path", ["methods/none", "experiments/none", "classifiers/99999999999999999999999"])
def test_what_there_is_not_is_not_found(script: Script, path: str) -> None:
    assert script.get(path).status_code == 404
    assert list(script.get(path).json()) == ["detail"]


def test_a_model_tells_its_layers_and_the_methods_that_refuse_it(script: Script) -> None:
    transformer = factories.classifier(family="vit", name="ViT of mine", owner=None)
    found = script.get(f"classifiers/{transformer.pk}").json()
    assert found["layers"] == factories.LAYERS
    assert found["default_layer"] == "features.29"
    reasons = {each["method"]: each["reason"] for each in found["refusals"]}
    assert "ViT of mine" in reasons["grad_cam"]
    assert "transformer" in reasons["grad_cam"]
    assert "saliency" not in reasons


def upload(script: Script, **fields: object) -> object:
    weights = SimpleUploadedFile("own.safetensors", b"tensors")
    return script.upload(
        "classifiers", {"name": "Own", "architecture": "resnet50", "weights": weights, **fields}
    )


def test_weights_are_uploaded_with_the_usual_preprocessing(
    script: Script, member: User, settings, tmp_path: Path
) -> None:
    settings.UPLOADS_DIR = tmp_path
    names = SimpleUploadedFile("names.txt", b"cat\ndog\n")
    response = upload(script, class_names=names, size="256")
    assert response.status_code == 201, response.content
    answer = response.json()
    assert (answer["state"], answer["is_own"], answer["class_names"]) == ("waiting", True, ["cat", "dog"])
    assert answer["preprocessing"]["size"] == 256
    assert answer["preprocessing"]["mean"] == [0.485, 0.456, 0.406]
    row = Classifier.objects.get(owner=member)
    assert (tmp_path / row.upload).read_bytes() == b"tensors"


def test_an_upload_is_refused_by_field(script: Script, settings, tmp_path: Path) -> None:
    settings.UPLOADS_DIR = tmp_path
    pickled = SimpleUploadedFile("own.pickle", b"tensors")
    refused = upload(script, weights=pickled)
    assert refused.status_code == 400
    assert list(refused.json()) == ["weights"]
    assert ".safetensors" in refused.json()["weights"][0]
    assert set(upload(script, name="", mean="1, 2").json()) == {"name", "mean"}
    missing = script.upload("classifiers", {"name": "Own", "architecture": "resnet50"})
    assert list(missing.json()) == ["weights"]
    assert not list(tmp_path.iterdir())


def test_a_model_is_deleted_unless_benchmarks_use_it(script: Script, member: User) -> None:
    used = factories.queued_benchmark(member, classifier=factories.classifier(owner=member)).classifier
    refused = script.delete(f"classifiers/{used.pk}")
    assert refused.status_code == 409
    assert "1 benchmarks use it" in refused.json()["detail"][0]
    unused = factories.classifier(owner=member)
    assert script.delete(f"classifiers/{unused.pk}").status_code == 204
    assert not Classifier.objects.filter(pk=unused.pk).exists()


def test_nobody_deletes_a_built_in_model(script: Script) -> None:
    assert script.delete(f"classifiers/{factories.classifier(owner=None).pk}").status_code == 404


def test_a_data_set_tells_its_classes_and_problems(script: Script) -> None:
    dataset = factories.dataset(
        classes={"cat": 3, "dog": 4}, problems=[{"file": "a.jpg", "problem": "truncated"}]
    )
    listed = script.get("datasets").json()["results"][0]
    assert (listed["number_of_classes"], listed["number_of_problems"]) == (2, 1)
    assert "classes" not in listed
    found = script.get(f"datasets/{dataset.pk}").json()
    assert found["classes"] == {"cat": 3, "dog": 4}
    assert found["problems"] == [{"file": "a.jpg", "problem": "truncated"}]


def test_workers_that_live_are_listed(script: Script) -> None:
    factories.node(name="worker of today", activity="benchmark #1")
    assert [(each["name"], each["activity"]) for each in script.get("workers").json()] == [
        ("worker of today", "benchmark #1")
    ]


def test_lists_come_in_pages_of_bounded_length(script: Script, member: User) -> None:
    for _ in range(3):
        factories.classifier(owner=member)
    page = script.get("classifiers", {"page_size": 2, "page": 2}).json()
    assert (page["count"], len(page["results"]), page["next"]) == (3, 1, None)
    assert page["previous"].endswith("?page_size=2")
    assert script.get("classifiers", {"page": 9}).status_code == 404
    factories.Classifier.objects.bulk_create(
        Classifier(name=f"Many {number}", owner=member, library="timm", architecture="vgg16")
        for number in range(110)
    )
    assert len(script.get("classifiers", {"page_size": 100_000}).json()["results"]) == 100


def test_queries_do_not_grow_with_the_list(
    script: Script, member: User, django_assert_max_num_queries
) -> None:
    for _ in range(20):
        factories.classifier(owner=member)
        factories.dataset()
    script.get("me")  # The first use of a token is noted.
    # The token, the count, the rows, their rates.
    with django_assert_max_num_queries(4):
        script.get("classifiers")
    with django_assert_max_num_queries(3):
        script.get("datasets")
    with django_assert_max_num_queries(1):
        script.get("methods")
    with django_assert_max_num_queries(3):  # The token, the workers, the code that they should run.
        script.get("workers")


@pytest.mark.parametrize(
    ("body", "kind", "status", "part"),
    [
        (b"{", "application/json", 400, "JSON"),
        (b'{"number_of_images": NaN}', "application/json", 400, "JSON"),
        (b"[1, 2]", "application/json", 400, "dictionary"),
        (b'{"number_of_images": 1' + b"0" * 400 + b"}", "application/json", 400, "too big a number"),
        (b'{"class_mapping": {"a\\u0000": []}}', "application/json", 400, "can't be kept"),
        (b'{"classifier": "\\ud83d"}', "application/json", 400, "can't be kept"),
        (b'"' + b"x" * 1_100_000 + b'"', "application/json", 413, "1024 KiB"),
        (b"[" * 500_000, "application/json", 400, "nested"),
        (b"classifier=1", "application/x-www-form-urlencoded", 415, "media type"),
    ],
    ids=[
        "broken",
        "NaN",
        "no object",
        "too big",
        "NUL",
        "half a character",
        "too long",
        "too deep",
        "a form",
    ],
)
def test_odd_bodies_are_refused_in_words(
    script: Script, body: bytes, kind: str, status: int, part: str
) -> None:
    refused = script.client.post(ROOT + "benchmarks", body, content_type=kind)
    assert refused.status_code == status
    assert part in refused.json()["detail"][0]


def test_escaped_characters_are_as_good_as_others(script: Script) -> None:
    refused = script.client.post(
        ROOT + "benchmarks", rb'{"methods": [{"key": "\u663e\ud83d\ude00"}]}', content_type="application/json"
    )
    assert set(refused.json()) == {"classifier", "dataset", "experiments"}


def test_what_is_not_offered_is_refused(script: Script) -> None:
    refused = script.client.put(ROOT + "benchmarks", {}, content_type="application/json")
    assert refused.status_code == 405
    assert refused.json() == {"detail": ['Method "PUT" not allowed.']}


def test_errors_are_one_level_deep() -> None:
    nested = {
        "methods": [{}, {"parameters": {"layer": ["No."]}}],
        "name": ["A.", "B."],
        "non_field_errors": ["C."],
        "detail": "D.",
    }
    assert sentences(nested) == {
        "methods.1.parameters.layer": ["No."],
        "name": ["A.", "B."],
        "detail": ["C.", "D."],
    }
    assert sentences(["E."]) == {"detail": ["E."]}


def test_a_member_who_asks_too_often_is_told_when_to_come_back(member: User, settings) -> None:
    settings.API_THROTTLE_RATES = {**settings.API_THROTTLE_RATES, "member": "2/minute"}
    script, another = script_of(member), script_of(factories.member())
    assert [script.get("me").status_code for _ in range(3)] == [200, 200, 429]
    refused = script.get("methods")
    assert 0 < int(refused["Retry-After"]) <= 60
    assert "throttled" in refused.json()["detail"][0]
    # All of one's tokens and browsers count together; another member counts apart.
    browser = Client()
    browser.force_login(member)
    assert browser.get(ROOT + "me").status_code == 429
    assert another.get("me").status_code == 200


@pytest.mark.parametrize("token", [None, "sali_wrong"])
def test_asking_without_a_valid_token_is_counted_by_address(settings, token: str | None) -> None:
    settings.API_THROTTLE_RATES = {**settings.API_THROTTLE_RATES, "anonymous": "2/minute"}
    script = Script(token)
    assert [script.get("me").status_code for _ in range(3)] == [401, 401, 429]
    # Who writes another address into a header is counted all the same.
    disguised = script.client.get(ROOT + "me", HTTP_X_FORWARDED_FOR="10.9.9.9")
    assert disguised.status_code == 429
    elsewhere = script.client.get(ROOT + "me", REMOTE_ADDR="10.1.2.3")
    assert elsewhere.status_code == 401
    assert script_of(factories.member()).get("me").status_code == 200


def test_what_makes_work_is_counted_apart(script: Script, settings, tmp_path: Path) -> None:
    settings.UPLOADS_DIR = tmp_path
    settings.API_THROTTLE_RATES = {**settings.API_THROTTLE_RATES, "create": "1/hour", "upload": "1/hour"}
    assert [script.post("benchmarks").status_code for _ in range(2)] == [400, 429]
    assert [upload(script).status_code for _ in range(2)] == [201, 429]
    assert script.get("benchmarks").status_code == 200
    assert script.get("classifiers").status_code == 200


def test_the_description_is_valid_and_complete(script: Script, repository: Path) -> None:
    openapi.cache_clear()
    GENERATOR_STATS.reset()
    found = script.get("schema").json()
    assert not GENERATOR_STATS._warn_cache and not GENERATOR_STATS._error_cache
    validate_schema(found)
    assert found["openapi"].startswith("3.0")
    assert found["components"]["securitySchemes"]["token"]["scheme"].lower() == "bearer"
    create = found["paths"]["/api/v1/benchmarks"]["post"]
    assert {"token": []} in create["security"]
    reference = create["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    methods = found["components"]["schemas"][reference.rpartition("/")[2]]["properties"]["methods"]
    shape = found["components"]["schemas"][methods["items"]["$ref"].rpartition("/")[2]]
    mapping = shape["discriminator"]["mapping"]
    assert set(mapping) == {method.key for method in method_descriptions()}
    parameters = found["components"]["schemas"][mapping["msg_cam"].rpartition("/")[2]]["properties"][
        "parameters"
    ]
    assert parameters["additionalProperties"] is False
    described = method_description("msg_cam").parameter("groups")
    assert parameters["properties"]["groups"]["maximum"] == described.maximum
    assert described.help in parameters["properties"]["groups"]["description"]
    assert found["info"]["description"].startswith("Everything a script would want: models, data sets, ")
    script.client.cookies["django_language"] = "zh-hans"
    assert script.get("schema").json()["info"]["description"].startswith("脚本所需的一切：模型、数据集、")


@pytest.mark.parametrize(
    ("parameter", "schema"),
    [
        (
            Parameter("n", "integer", 3, "N", "How many.", 1, 9, unit="px"),
            {
                "type": "integer",
                "minimum": 1,
                "maximum": 9,
                "default": 3,
                "description": "How many. Unit: px.",
            },
        ),
        (Parameter("x", "number", 0.5, "X", ""), {"type": "number", "default": 0.5, "description": ""}),
        (
            Parameter("s", "integers", (1, 2), "S", "", 1, 9),
            {
                "type": "array",
                "items": {"type": "integer", "minimum": 1, "maximum": 9},
                "minItems": 1,
                "maxItems": 64,
                "default": [1, 2],
                "description": "",
            },
        ),
        (
            Parameter("c", "choice", "a", "C", "", choices=("a", "b")),
            {"type": "string", "enum": ["a", "b"], "default": "a", "description": ""},
        ),
        (
            Parameter("l", "layer", None, "L", ""),
            {"type": "string", "nullable": True, "default": None, "description": ""},
        ),
        (Parameter("b", "boolean", True, "B", ""), {"type": "boolean", "default": True, "description": ""}),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)
def test_a_parameters_schema_says_what_its_description_says(parameter: Parameter, schema: dict) -> None:
    assert parameter_schema(parameter) == {**schema, "title": parameter.title}


def test_the_page_of_the_description_runs_under_the_policy(client: Client) -> None:
    client.force_login(factories.member())
    page = client.get(ROOT + "docs")
    text = page.content.decode()
    assert "script-src 'self';" in page["Content-Security-Policy"]
    scripts = [part.partition(">") for part in text.split("<script")[1:]]
    assert all("src=" in head for head, _, _ in scripts)
    assert all(body.startswith("</script>") for _, _, body in scripts)
    assert "//cdn" not in text
    assert 'src="/static/swagger-ui/swagger-ui-bundle.js"' in text
    assert 'data-schema="/api/v1/schema"' in text


def test_static_files_are_swaggers_script_and_style_and_not_the_rest_of_it() -> None:
    from django.contrib.staticfiles.finders import find, get_finders

    for name in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert Path(find(f"swagger-ui/{name}")).stat().st_size > 100_000
    assert find("swagger-ui/swagger-ui.js") is None
    assert find("rest_framework/js/default.js") is None
    assert find("admin/css/base.css") is not None
    listed = [path for finder in get_finders() for path, _ in finder.list([])]
    assert sum(path.startswith("swagger-ui") for path in listed) == 3
    assert not any(path.startswith("rest_framework") for path in listed)


def test_static_files_can_be_collected_with_fingerprints(settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STATICFILES_FINDERS = ["webapp.api.swagger_files.SwaggerFinder"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"},
    }
    call_command("collectstatic", interactive=False, verbosity=0)
    known = json.loads((tmp_path / "staticfiles.json").read_text())["paths"]
    assert set(known) == {f"swagger-ui/{name}" for name in FILES}


def test_no_address_loads_torch(repository: Path) -> None:
    program = """
import json, os, sys
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
import django
django.setup()
assert "rest_framework.views" not in sys.modules, "workers load the framework for nothing"
from django.test import RequestFactory
from webapp.accounts.models import User
from webapp.api.views import benchmarks, descriptions, documentation, library, studio
from rest_framework.test import force_authenticate
for view in (descriptions.Methods, descriptions.Experiments, documentation.Schema):
    request = RequestFactory().get("/")
    force_authenticate(request, User(pk=1))
    assert view.as_view()(request).status_code == 200
print(json.dumps(sorted({"torch", "torchvision", "timm", "kornia", "matplotlib"} & set(sys.modules))))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=repository, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
