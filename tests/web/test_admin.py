"""Django's admin: everything can be looked at with few queries, nothing that services do is done by hand."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection
from django.db.models import Model
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from tests.web import factories
from tests.web.api_calls import administrator, finished_benchmark
from tests.web.test_start_page import map_of
from webapp.accounts.models import User
from webapp.accounts.tokens import create_token
from webapp.benchmarks.models import Benchmark, BenchmarkPin, ExpectedCode, SavedView, Turn
from webapp.jobs.models import Job, JobTurn
from webapp.library.models import Classifier, ForwardRate, MethodSettings
from webapp.studio.models import Picture, Prediction, StudioTurn

pytestmark = pytest.mark.django_db
OURS = [
    model
    for app in ("accounts", "library", "studio", "benchmarks", "jobs")
    for model in apps.get_app_config(app).get_models()
]


@pytest.fixture
def staff(client: Client) -> User:
    user = administrator()
    client.force_login(user)
    return user


def rows() -> None:
    """At least one more row of every model, with owners and models of their own."""
    owner = factories.member()
    classifier = factories.classifier(owner=owner)
    benchmark = finished_benchmark(owner, classifier=classifier)
    benchmark.shards.update(worker=factories.node())
    benchmark.troubles.create(worker=factories.node(), not_before=timezone.now(), reason="It can't be read.")
    benchmark.shares.create(user=factories.member())
    benchmark.tags.create(name="first")
    BenchmarkPin.objects.create(benchmark=benchmark, user=owner)
    SavedView.objects.create(owner=owner, name="mine")
    ExpectedCode.objects.create(version="ab" * 32, since=timezone.now())
    for turns in (Turn, StudioTurn, JobTurn):
        turns.objects.create(owner=owner, served_at=timezone.now())
    create_token(owner=owner, name="nightly")
    Job.objects.create(owner=owner, kind=Job.Kind.BACKUP)
    ForwardRate.objects.create(classifier=classifier, device=f"CPU {classifier.pk}", images_per_second=5)
    MethodSettings.objects.create(owner=owner, classifier=classifier, method="grad_cam")
    benchmark.summaries.get_or_create(
        method_index=0, experiment_index=0, defaults={"results": 1, "newest": 1}
    )
    benchmark.comparisons.get_or_create(experiment_index=0, defaults={"results": 1, "newest": 1})
    picture = Picture.objects.create(owner=owner, name="cat", digest="a" * 64, width=5, height=5)
    drawn = map_of(owner, classifier=classifier)
    Prediction.objects.create(
        owner=owner,
        classifier=classifier,
        picture=picture,
        image="a" * 64,
        pipeline="squash",
        digest=drawn.digest,
    )


def list_of(model: type[Model]) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Model) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])


def test_every_model_is_there() -> None:
    assert [model.__name__ for model in OURS if not admin.site.is_registered(model)] == []


def test_models_are_called_in_both_languages(client: Client, staff: User) -> None:
    rows()

    def names() -> dict[str, str]:
        opened = client.get(reverse("admin:index"))
        return {
            model["object_name"]: model["name"]
            for app in opened.context["app_list"]
            for model in app["models"]
        }

    english = names()
    assert (english["MethodSettings"], english["ResultSummary"]) == (
        "Members' settings of methods", "Figures of results",
    )  # fmt: skip
    client.cookies["django_language"] = "zh-hans"
    chinese = names()
    assert (chinese["Classifier"], chinese["ExpectedCode"], chinese["WorkerNode"]) == (
        "模型", "应运行的代码", "工作进程",
    )  # fmt: skip
    assert [model.__name__ for model in OURS if chinese[model.__name__].isascii()] == []
    assert "Saliscope 管理" in client.get(reverse("admin:index")).content.decode()
    assert "选择模型查看" in client.get(list_of(Classifier)).content.decode()


def test_lists_need_the_same_few_queries_however_many_rows(client: Client, staff: User) -> None:
    def queries(model: type[Model]) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            answer = client.get(list_of(model))
        assert answer.status_code == 200, model
        return [query["sql"] for query in captured]

    rows()
    first = {model: queries(model) for model in OURS}
    for _time in range(3):
        rows()
    again = {model: queries(model) for model in OURS}
    counts = {model.__name__: (len(first[model]), len(again[model])) for model in OURS}
    assert all(before == after <= 9 for before, after in counts.values()), counts
    for column in ("figures", "specification", "scalars", "curves", "class_names", "compatibility"):
        for model in OURS:
            assert not any(f'"{column}"' in sql for sql in again[model]), (model, column)


def test_rows_open_and_only_accounts_can_be_changed(client: Client, staff: User) -> None:
    rows()
    changeable = []
    for model in OURS:
        row = model.objects.first()
        page = client.get(page_of(row))
        assert page.status_code == 200, model
        if (
            'name="_save"' in page.content.decode()
            or client.post(page_of(row), {"state": "succeeded"}).status_code != 403
        ):
            changeable.append(model.__name__)
    assert changeable == ["User"]


def test_searches_and_filters_work(client: Client, staff: User) -> None:
    rows()
    for model in OURS:
        for words in ("1", "a name", "9" * 30):
            assert client.get(list_of(model), {"q": words}).status_code == 200, (model, words)
    for query in ({"state__exact": "succeeded"}, {"deleted__isempty": "1"}):
        page = client.get(list_of(Benchmark), query).content.decode()
        assert "1 Benchmark" in page or "1 benchmark" in page


def act(client: Client, model: type[Model], action: str, *chosen: Model) -> str:
    form = {"action": action, "_selected_action": [row.pk for row in chosen]}
    return client.post(list_of(model), form, follow=True).content.decode()


def test_states_change_through_the_transitions(client: Client, staff: User) -> None:
    running, finished = factories.running_benchmark(), finished_benchmark(factories.member())
    page = act(client, Benchmark, "cancel", running, finished)
    assert "1 row done." in page
    assert f"Benchmark #{finished.pk} is Succeeded: that is not possible now." in page
    running.refresh_from_db()
    assert running.state == "cancelled"
    assert running.events.last().kind == "cancelled"
    act(client, Benchmark, "resume", running)
    running.refresh_from_db()
    assert running.state == "queued"


def test_an_administrator_ends_somebodys_sessions(client: Client, staff: User) -> None:
    member, browser = factories.member(), Client()
    browser.force_login(member)
    act(client, User, "end_sessions", member)
    assert browser.get("/account/").status_code == 302


def test_an_administrator_makes_accounts_with_numbers(client: Client, staff: User) -> None:
    form = {
        "username": "newcomer",
        "usable_password": "true",
        "password1": factories.PASSWORD,
        "password2": factories.PASSWORD,
    }
    assert client.post("/admin/accounts/user/add/", form).status_code == 302
    made = User.objects.get(username="newcomer")
    assert made.account_number == staff.account_number + 1
    assert client.get(page_of(made)).status_code == 200


def test_signing_in_is_that_of_the_application(client: Client) -> None:
    assert client.get("/admin/")["Location"] == "/admin/login/?next=/admin/"
    assert client.get("/admin/login/?next=/admin/")["Location"] == "/sign-in/?next=/admin/"
    user = administrator()
    form = {"username": user.username, "password": factories.PASSWORD, "next": "/admin/"}
    assert client.post("/sign-in/", form)["Location"] == "/admin/"
    # Nobody signs in at the admin itself, where no limit would hold.
    Client().post("/admin/login/", form)
    assert client.get("/admin/").status_code == 200


def test_members_are_refused(client: Client) -> None:
    rows()
    client.force_login(factories.member())
    assert client.get("/admin/", follow=True).status_code == 403
    for model in OURS:
        assert client.get(list_of(model), follow=True).status_code == 403, model
