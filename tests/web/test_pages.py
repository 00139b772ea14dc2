"""Every page: who sees it, in both languages, and what forms do with what was typed."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.web import factories
from webapp.accounts.models import User
from webapp.audit.models import AuditEvent
from webapp.benchmarks import transitions
from webapp.benchmarks.figures import complete_figures, refresh_figures
from webapp.benchmarks.models import Benchmark, Shard, ShardResult
from webapp.studio.models import Explanation

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    user = factories.member()
    client.force_login(user)
    return user


@pytest.fixture
def benchmark(member: User) -> Benchmark:
    """Eight of twelve images are done, one of them failed."""
    found = factories.running_benchmark(member, images=12, per_shard=4)
    for shard in found.shards.filter(start__lt=8):
        scalars, curves = factories.columns(
            shard.start, shard.stop, failed=(2,) if shard.start == 0 else ()
        ).pack()
        ShardResult.objects.create(shard=shard, scalars=scalars, curves=curves)
        Shard.objects.filter(pk=shard.pk).update(
            state=Shard.State.DONE, claimed_at=found.started, finished_at=found.started
        )
    with transaction.atomic():
        refresh_figures(found)
    found.refresh_from_db()
    return found


def addresses(benchmark: Benchmark) -> dict[str, str]:
    own = {"pk": benchmark.pk}
    return {
        "benchmarks": reverse("benchmarks:list"),
        "benchmarks in a state": reverse("benchmarks:list") + "?state=running",
        "deleted benchmarks": reverse("benchmarks:deleted"),
        "new benchmark": reverse("benchmarks:new"),
        "expected time": reverse("benchmarks:expected_time") + "?number_of_images=7",
        "benchmark": reverse("benchmarks:detail", kwargs=own),
        "benchmark, sorted": reverse("benchmarks:detail", kwargs=own) + "?sort=-overall&page=1",
        "live parts": reverse("benchmarks:live_parts", kwargs=own),
        "images": reverse("benchmarks:images", kwargs=own),
        "classes": reverse("benchmarks:classes", kwargs=own),
        "csv": reverse("benchmarks:images_csv", kwargs=own),
        "summary": reverse("benchmarks:table", kwargs={**own, "name": "summary"}),
        "latex": reverse("benchmarks:latex", kwargs=own),
        "json": reverse("benchmarks:json", kwargs=own),
        "report": reverse("benchmarks:report", kwargs=own),
        "workers": reverse("benchmarks:workers"),
        "models": reverse("library:classifiers"),
        "model": reverse("library:classifier", args=[benchmark.classifier_id]),
        "import": reverse("library:import_classifier"),
        "architectures": reverse("library:architectures") + "?architecture=resnet",
        "data sets": reverse("library:datasets"),
        "data set": reverse("library:dataset", args=[benchmark.dataset_id]),
        "account": reverse("accounts:account"),
    }


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_every_page_shows(client: Client, benchmark: Benchmark, language: str) -> None:
    factories.node()
    client.cookies["django_language"] = language
    for name, address in addresses(benchmark).items():
        response = client.get(address)
        assert response.status_code == 200, name
        if response["Content-Type"].startswith("text/html") and b"<html" in response.content:
            assert f'<html lang="{language}"'.encode() in response.content, name


def test_anonymous_visitors_are_sent_to_sign_in(client: Client, benchmark: Benchmark) -> None:
    client.logout()
    for name, address in addresses(benchmark).items():
        response = client.get(address)
        assert response.status_code == 302, name
        assert response["Location"].startswith(reverse("accounts:sign_in")), name
    for name in ("home", "sign_in", "sign_up"):
        assert client.get(reverse(f"accounts:{name}")).status_code == 200


def test_the_benchmarks_of_others_are_not_found(client: Client, benchmark: Benchmark) -> None:
    client.force_login(factories.member())
    for name in (
        "detail", "live_parts", "images", "classes", "images_csv", "latex", "json", "archive", "report",
    ):  # fmt: skip
        assert client.get(reverse(f"benchmarks:{name}", args=[benchmark.pk])).status_code == 404, name
    assert client.get(reverse("benchmarks:table", args=[benchmark.pk, "summary"])).status_code == 404
    for name in ("cancel", "resume", "maps"):
        assert client.post(reverse(f"benchmarks:{name}", args=[benchmark.pk])).status_code == 404, name
    benchmark.refresh_from_db()
    assert benchmark.state == Benchmark.State.RUNNING
    page = client.get(reverse("benchmarks:list")).content.decode()
    assert reverse("benchmarks:detail", args=[benchmark.pk]) not in page


def test_models_and_maps_of_others_are_not_found(client: Client, member: User, benchmark: Benchmark) -> None:
    factories.classifier(owner=factories.member())
    foreign = factories.classifier(owner=factories.member())
    for name in ("classifier", "change_classifier", "delete_classifier"):
        assert client.get(reverse(f"library:{name}", args=[foreign.pk])).status_code == 404
    for name in ("prepare_classifier", "look_again", "change_classifier", "delete_classifier"):
        assert client.post(reverse(f"library:{name}", args=[foreign.pk])).status_code == 404
    client.post(reverse("benchmarks:maps", args=[benchmark.pk]), {"image": ["000.jpg"]})
    asked = Explanation.objects.get()
    Explanation.objects.update(state=Explanation.State.READY)
    client.force_login(factories.member())
    assert client.get(reverse("studio:overlay", args=[asked.pk])).status_code == 404


@pytest.mark.parametrize(
    ("name", "section"),
    [
        ("library:change_preprocessing", "Models"),
        ("library:register_folder", "Data sets"),
        ("library:dataset", "Data sets"),
        ("comparisons:compare", "Benchmarks"),
        ("benchmarks:workers", "Workers"),
    ],
)
def test_the_menu_marks_the_section(client: Client, member: User, name: str, section: str) -> None:
    User.objects.update(is_staff=True)
    rows = {
        "library:change_preprocessing": lambda: [factories.classifier(owner=member).pk],
        "library:dataset": lambda: [factories.dataset().pk],
    }
    page = client.get(reverse(name, args=rows.get(name, list)())).content.decode()
    assert re.findall(r'aria-current="page">([^<]+)</a>', page.split("</nav>")[0]) == [section]


def test_a_benchmark_shows_figures_failures_and_sorted_images(client: Client, benchmark: Benchmark) -> None:
    page = client.get(
        reverse("benchmarks:detail", args=[benchmark.pk]) + "?sort=-insertion_auc"
    ).content.decode()
    assert "truncated" in page
    shown = re.findall(r'data-map="(\d+)\.jpg"', page)
    assert shown == ["007", "006", "005", "004", "003", "001", "000"]
    assert 'aria-sort="descending"' in page


def test_rooms_of_charts_say_why_they_are_empty(client: Client, member: User, benchmark: Benchmark) -> None:
    waiting = factories.queued_benchmark(member)
    address = reverse("benchmarks:detail", args=[waiting.pk])
    html = client.get(address).content.decode()
    assert 'data-curve="insertion" data-empty="Drawn as soon as the first images are done."' in html
    assert 'data-spread="insertion_auc" data-empty="Drawn as soon as the first images are done."' in html
    client.post(reverse("benchmarks:cancel", args=[waiting.pk]))
    html = client.get(address).content.decode()
    assert "Drawn as soon" not in html
    assert 'data-curve="insertion" data-empty="No image was measured."' in html
    for plot in ("histogram", "violin"):
        assert (
            'data-distribution data-empty="No image' in client.get(address, {"plot": plot}).content.decode()
        )
    measured = client.get(reverse("benchmarks:detail", args=[benchmark.pk])).content.decode()
    assert "data-empty" not in measured


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("find=006", ["006"]),
        ("find=CLASS+1", ["001", "004", "007"]),
        ("class=class+0", ["000", "003", "006"]),
        ("class=class+0&find=3.jpg&sort=-insertion_auc", ["003"]),
        ("class=class+0&sort=-insertion_auc", ["006", "003", "000"]),
        ("class=class", []),
        ("find=%25", []),
    ],
)
def test_images_are_found_by_file_name_and_class(
    client: Client, benchmark: Benchmark, query: str, expected: list[str]
) -> None:
    for name in ("detail", "images"):
        page = client.get(reverse(f"benchmarks:{name}", args=[benchmark.pk]) + f"?{query}").content.decode()
        assert re.findall(r'data-map="(\d+)\.jpg"', page) == expected
        assert ("No image is like that." in page) == (not expected)
        assert "Show all" in page


def test_classes_have_intervals_and_lead_to_their_images(client: Client, benchmark: Benchmark) -> None:
    address = reverse("benchmarks:detail", args=[benchmark.pk])
    assert "intervals follow when the benchmark has ended" in client.get(address).content.decode()
    benchmark.shards.filter(state=Shard.State.WAITING).delete()
    with transaction.atomic():
        figures, shards = refresh_figures(benchmark)
        transitions.succeed(benchmark, figures=figures, shards=shards)
    benchmark.refresh_from_db()
    while complete_figures(benchmark):
        pass
    page = client.get(address).content.decode()
    assert "with 95 % intervals over the images of the class" in page
    table = page[page.index("classes-table") :]
    row = table[table.index(">class 1</a>") : table.index(">class 2</a>")]
    # Images 1, 4 and 7: 2, 5 and 8 per cent. All three draws are the lowest in one of 27 resamples.
    insertion = r'<td class="n">5.00<span class="interval">\[?2.00[^<]*8.00\]?</span></td>'
    assert re.search(insertion, row), row
    # The only measured image of class 2 has no interval.
    assert "interval" not in table[table.index(">class 2</a>") : table.index("</table>")]
    assert (
        f'<a href="{address}?class=class+1#images-title" title="The images of this class">class 1</a>' in page
    )


def test_maps_are_asked_for_once_and_only_for_images_with_figures(
    client: Client, benchmark: Benchmark
) -> None:
    address = reverse("benchmarks:maps", args=[benchmark.pk])
    for _ in range(2):
        answer = client.post(address, {"image": ["000.jpg", "001.jpg", "002.jpg", "nonsense"]}).json()
        assert [each["image"] for each in answer["maps"]] == ["000.jpg", "001.jpg"]
    assert Explanation.objects.count() == 2


def test_cancel_and_resume(client: Client, benchmark: Benchmark) -> None:
    for name, state in (("cancel", "cancelled"), ("cancel", "cancelled"), ("resume", "queued")):
        response = client.post(reverse(f"benchmarks:{name}", args=[benchmark.pk]), follow=True)
        assert response.status_code == 200
        benchmark.refresh_from_db()
        assert benchmark.state == state


def test_sign_up_shows_the_new_number_and_both_names_sign_in(client: Client) -> None:
    form = {"username": "wei", "password": "maps-and-figures", "password_again": "maps-and-figures"}
    page = client.post(reverse("accounts:sign_up"), form, follow=True).content.decode()
    number = User.objects.get().account_number
    assert f"Your account number is {number}." in page
    for name in ("wei", str(number)):
        client.post(reverse("accounts:sign_out"))
        response = client.post(reverse("accounts:sign_in"), {"username": name, "password": form["password"]})
        assert response["Location"] == reverse("accounts:home")


def test_sign_up_can_be_closed(client: Client, settings: Any) -> None:
    settings.SIGN_UP = "closed"
    form = {"username": "wei", "password": "maps-and-figures", "password_again": "maps-and-figures"}
    for answer, status in ((client.get("/sign-up/"), 200), (client.post("/sign-up/", form), 403)):
        assert answer.status_code == status
        assert "Accounts are made by the administrators of the lab" in answer.content.decode()
        assert 'name="username"' not in answer.content.decode()
    assert not User.objects.exists()
    for address in ("/", "/sign-in/"):
        assert "/sign-up/" not in client.get(address).content.decode()
    settings.SIGN_UP = "open"
    for address in ("/", "/sign-in/"):
        assert "/sign-up/" in client.get(address).content.decode()


def test_an_address_makes_only_so_many_accounts(client: Client, settings: Any) -> None:
    settings.SIGN_UPS_OF_AN_ADDRESS = 2

    def sign_up(name: str, address: str) -> Any:
        form = {"username": name, "password": "maps-and-figures", "password_again": "maps-and-figures"}
        # A header that anybody can write says nothing.
        answer = client.post(
            "/sign-up/", form, REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=f"10.9.9.{len(name)}"
        )
        client.logout()
        return answer

    assert [sign_up(name, "10.0.0.1").status_code for name in ("a1", "b1x", "c1xx")] == [302, 302, 429]
    AuditEvent.objects.filter(kind="signed_up", actor_name="a1").update(
        created=timezone.now() - timedelta(minutes=48, seconds=30)
    )
    page = sign_up("c1", "10.0.0.1").content.decode()
    assert "Too many accounts were made from your address. Try again in 12 minutes, or ask an" in page
    assert 'value="c1"' in page
    assert sign_up("d1", "10.0.0.2").status_code == 302
    AuditEvent.objects.filter(kind="signed_up", actor_name="a1").update(
        created=timezone.now() - timedelta(minutes=61)
    )
    assert sign_up("c1", "10.0.0.1").status_code == 302
    settings.SIGN_UPS_OF_AN_ADDRESS = 0
    assert sign_up("e1", "10.0.0.1").status_code == 302
    assert set(User.objects.values_list("username", flat=True)) == {"a1", "b1x", "c1", "d1", "e1"}


def test_sign_up_keeps_what_was_typed(client: Client) -> None:
    form = {"username": "12345", "password": "maps-and-figures", "password_again": "maps-and-figures"}
    page = client.post(reverse("accounts:sign_up"), form).content.decode()
    assert 'value="12345"' in page
    assert "numbers alone are account numbers" in page
    assert not User.objects.exists()


def test_new_benchmark_keeps_what_was_typed(client: Client, member: User) -> None:
    form = new_benchmark_form() | {"number_of_images": "101", "subset_seed": "5"}
    response = client.post(reverse("benchmarks:new"), form)
    page = response.content.decode()
    assert response.status_code == 422
    assert 'value="101"' in page and 'value="5"' in page
    assert "Choose between 1 and 100 images" in page
    assert not Benchmark.objects.exists()


def test_new_benchmark_offers_the_layers_of_the_model_and_is_queued(client: Client, member: User) -> None:
    form = new_benchmark_form() | {"method-0-parameter_layer": "features.0"}
    page = client.get(reverse("benchmarks:new"), form).content.decode()
    assert '<option value="features.0" selected>' in page
    assert "14 × 14" in page
    response = client.post(reverse("benchmarks:new"), form)
    queued = Benchmark.objects.get()
    assert response["Location"] == reverse("benchmarks:detail", args=[queued.pk])
    assert queued.specification["methods"][0]["parameters"] == {"layer": "features.0"}


def test_new_benchmark_refuses_a_layer_that_does_not_exist(client: Client, member: User) -> None:
    response = client.post(
        reverse("benchmarks:new"), new_benchmark_form() | {"method-0-parameter_layer": "nowhere"}
    )
    assert response.status_code == 422
    assert not Benchmark.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        "classifier=x&dataset=-1",
        "number_of_images=9999999",
        "method=?&experiment=?/?",
        "method-9999-key=rise&method-0-enhance=x&drop=y",
    ],
)
def test_new_benchmark_takes_any_address(client: Client, member: User, query: str) -> None:
    new_benchmark_form()
    for name in ("new", "expected_time"):
        assert client.get(f"{reverse(f'benchmarks:{name}')}?{query}", follow=True).status_code == 200


def test_a_member_without_anything_is_told_what_to_do(client: Client, member: User) -> None:
    assert reverse("benchmarks:new") in client.get(reverse("benchmarks:list")).content.decode()
    assert "register_dataset" in client.get(reverse("library:datasets")).content.decode()
    assert reverse("library:datasets") in client.get(reverse("benchmarks:new")).content.decode()
    assert "python -m workers" in client.get(reverse("benchmarks:workers")).content.decode()


def test_import_keeps_what_was_typed_and_names_the_problem(client: Client, member: User) -> None:
    form = import_form(weights=SimpleUploadedFile("model.onnx", b"x"))
    page = client.post(reverse("library:import_classifier"), form).content.decode()
    assert 'value="Mine"' in page
    assert "model.onnx" in page
    form = import_form(mean="0.5, 0.5")
    assert "three numbers" in client.post(reverse("library:import_classifier"), form).content.decode()


def test_an_import_waits_for_a_worker(client: Client, member: User) -> None:
    form = import_form(class_names=SimpleUploadedFile("names.json", b'["cat", "dog"]'))
    response = client.post(reverse("library:import_classifier"), form)
    assert response.status_code == 302, response.context["form"].errors
    imported = member.classifiers.get()
    assert response["Location"] == reverse("library:classifier", args=[imported.pk])
    assert imported.class_names == ["cat", "dog"]
    assert imported.state == "waiting"


def test_theme_and_language_are_kept_with_the_account(client: Client, member: User) -> None:
    client.post(reverse("accounts:theme"), {"theme": "dark", "next": "/account/"})
    client.post(reverse("accounts:language"), {"language": "zh-hans", "next": "/account/"})
    page = client.get("/account/").content.decode()
    assert '<html lang="zh-hans" data-theme="dark">' in page
    member.refresh_from_db()
    assert (member.theme, member.language) == ("dark", "zh-hans")


def test_only_own_addresses_are_gone_back_to(client: Client) -> None:
    response = client.post(reverse("accounts:theme"), {"theme": "dark", "next": "https://elsewhere.example/"})
    assert response["Location"] == reverse("accounts:home")


def test_pages_for_errors_are_our_own(client: Client, repository: Path) -> None:
    assert "Nothing is here" in client.get("/nowhere/").content.decode()
    from django.template.loader import render_to_string

    assert "Something broke" in render_to_string("500.html")


def test_pages_have_no_script_or_style_within(client: Client, benchmark: Benchmark) -> None:
    """The Content-Security-Policy would not run it."""
    for name, address in addresses(benchmark).items():
        page = client.get(address).content.decode()
        scripts = re.findall(r"<script(?![^>]*(?:\bsrc=|application/json))[^>]*>", page)
        assert not scripts, name
        assert not re.search(r"<[a-z][^>]*\s(?:on[a-z]+|style)=", page), name


def new_benchmark_form() -> dict[str, str]:
    return {
        "classifier": str(factories.classifier().pk),
        "dataset": str(factories.dataset().pk),
        "number_of_images": "10",
        "subset_seed": "0",
        "experiment": "insertion_deletion/thesis@1",
        "method-0-key": "grad_cam",
        "method-0-parameter_layer": "",
    }


def import_form(**fields: object) -> dict[str, object]:
    return {
        "name": "Mine",
        "library": "timm",
        "architecture": "resnet10t",
        "weights": SimpleUploadedFile("model.safetensors", b"x"),
        "mean": "0.5, 0.5, 0.5",
        "std": "0.5 0.5 0.5",
        "size": "224",
        "interpolation": "bicubic",
        "pipeline": "squash",
        "output_activation": "softmax",
    } | fields
