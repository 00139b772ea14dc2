"""What an owner does with a benchmark as a whole, what those it is shared with see, and that nobody else does."""

from __future__ import annotations

import re
import threading
import time
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.web import factories
from tests.web.api_calls import administrator, finished_benchmark
from webapp.accounts.models import User
from webapp.benchmarks import deletion, transitions
from webapp.benchmarks.deletion import delete_benchmark, purge_deleted_benchmark, restore_benchmark
from webapp.benchmarks.labels import label_benchmark, parse_tags
from webapp.benchmarks.models import Benchmark
from webapp.benchmarks.sharing import share_with_lab, share_with_member
from webapp.common.notes_markup import render_notes
from webapp.studio.models import Explanation
from workers.planning import plan_queued_benchmarks, planning_waits

pytestmark = pytest.mark.django_db

SEEN = ("detail", "live_parts", "images", "classes", "images_csv", "latex", "json", "report")
CHANGES = ("pause", "cancel", "resume", "label", "share", "rerun", "delete")


@pytest.fixture
def member(client: Client) -> User:
    user = factories.member()
    client.force_login(user)
    return user


@pytest.fixture
def benchmark(member: User) -> Benchmark:
    return finished_benchmark(member)


def address(name: str, benchmark: Benchmark) -> str:
    return reverse(f"benchmarks:{name}", args=[benchmark.pk])


@pytest.mark.parametrize("who", ["stranger", "administrator", "shared", "lab", "anonymous"])
def test_who_sees_and_who_changes(client: Client, benchmark: Benchmark, who: str) -> None:
    user = administrator() if who == "administrator" else factories.member()
    if who == "shared":
        share_with_member(benchmark, member=str(user.account_number))
    share_with_lab(benchmark, shared=who == "lab")
    client.logout() if who == "anonymous" else client.force_login(user)
    seen = {"shared": 200, "lab": 200, "anonymous": 302}.get(who, 404)
    for name in SEEN:
        assert client.get(address(name, benchmark)).status_code == seen, name
    assert client.get(address("clone", benchmark)).status_code == (404 if seen == 404 else 302)
    for name in CHANGES:
        refused = 302 if who == "anonymous" else 404
        assert client.post(address(name, benchmark), {"name": "theirs"}).status_code == refused, name
    client.post(reverse("benchmarks:restore"), {"benchmark": benchmark.pk})
    client.post(reverse("benchmarks:selected"), {"benchmark": benchmark.pk, "do": "delete"})
    benchmark.refresh_from_db()
    assert (benchmark.name, benchmark.deleted) == ("", None)


def test_those_it_is_shared_with_have_no_buttons_that_change_it(client: Client, benchmark: Benchmark) -> None:
    owner, other = benchmark.owner, factories.member()
    share_with_member(benchmark, member=other.username)
    client.force_login(other)
    page = client.get(address("detail", benchmark)).content.decode()
    for name in CHANGES:
        assert address(name, benchmark) not in page, name
    assert f"Shared by {owner.username}" in page
    for name in ("make_archive", "json", "report", "latex", "clone"):
        assert address(name, benchmark) in page, name
    client.force_login(owner)
    page = client.get(address("detail", benchmark)).content.decode()
    for name in ("label", "share", "rerun", "delete"):
        assert address(name, benchmark) in page, name


@pytest.mark.parametrize("private", ["dataset", "classifier"])
def test_images_of_private_things_are_not_shown_to_others(client: Client, member: User, private: str) -> None:
    own = getattr(factories, private)(owner=member, name="Private thing")
    benchmark = finished_benchmark(member, **{private: own})
    page = client.get(address("detail", benchmark)).content.decode()
    assert "neither images nor maps" in page and 'data-map="000.jpg"' in page
    assert reverse(f"library:{private}", args=[own.pk]) in page
    other = factories.member()
    share_with_member(benchmark, member=other.username)
    client.force_login(other)
    page = client.get(address("detail", benchmark)).content.decode()
    assert "The images and their maps are not shown" in page
    assert 'data-map="' not in page and "/studio/?model" not in page
    assert reverse(f"library:{private}", args=[own.pk]) not in page
    assert address("clone", benchmark) not in page
    assert client.post(address("maps", benchmark), {"image": ["000.jpg"]}).status_code == 404
    assert not Explanation.objects.exists()


def test_name_notes_and_tags(client: Client, benchmark: Benchmark) -> None:
    client.post(address("label", benchmark), {"name": "  First   try "})
    client.post(
        address("label", benchmark), {"notes": "Seen: **good**\n<script>x</script>", "tags": "a, b，a"}
    )
    benchmark.refresh_from_db()
    assert (benchmark.name, benchmark.notes) == ("First try", "Seen: **good**\n<script>x</script>")
    page = client.get(address("detail", benchmark)).content.decode()
    assert "<h1>First try</h1>" in page
    assert "<p>Seen: <strong>good</strong><br>&lt;script&gt;x&lt;/script&gt;</p>" in page
    assert '<a class="tag" href="/benchmarks/?tag=a">a</a>' in page
    response = client.post(address("label", benchmark), {"notes": "kept", "tags": "x" * 41})
    page = response.content.decode()
    assert response.status_code == 422
    assert ">kept</textarea>" in page and f'value="{"x" * 41}"' in page
    assert "a tag has at most 40 characters" in page
    assert list(benchmark.tags.values_list("name", flat=True)) == ["a", "b"]
    # Links on that page lead on from the benchmark's own address.
    response = client.get(address("label", benchmark) + "?sort=-overall")
    assert response["Location"] == address("detail", benchmark) + "?sort=-overall"


def test_what_is_too_much_is_refused(benchmark: Benchmark) -> None:
    with pytest.raises(ValidationError) as refused:
        label_benchmark(benchmark, name="x" * 121, notes="y" * 10_001, tags=[str(n) for n in range(21)])
    assert refused.value.message_dict == {
        "name": ["At most 120 characters; these are 121. Shorten it."],
        "notes": ["At most 10,000 characters; these are 10,001. Shorten it."],
        "tags": ["A benchmark takes at most 20 tags; these are 21."],
    }
    assert parse_tags(" one  two, three;;four、one two\nfive") == ["one two", "three", "four", "five"]


def test_sharing_by_name_or_number_and_withdrawing(client: Client, benchmark: Benchmark) -> None:
    other, third = factories.member(username="Mei"), factories.member()
    client.post(address("share", benchmark), {"member": "mei"})
    client.post(address("share", benchmark), {"member": f" {third.account_number} "})
    assert {share.user for share in benchmark.shares.all()} == {other, third}
    for typed, sentence in (
        ("nobody", "There is no member “nobody”."),
        ("", "Type the user name or the account number"),
        (benchmark.owner.username, "It is their own"),
        ("9" * 30, "There is no member"),
    ):
        response = client.post(address("share", benchmark), {"member": typed})
        page = response.content.decode()
        assert response.status_code == 422
        assert sentence in page and f'name="member" value="{typed}"' in page
    client.post(reverse("benchmarks:withdraw", args=[benchmark.pk, third.pk]))
    assert [share.user for share in benchmark.shares.all()] == [other]
    client.post(address("share", benchmark), {"lab": "on"})
    benchmark.refresh_from_db()
    assert benchmark.shared_with_lab
    client.force_login(third)
    assert client.get(address("detail", benchmark)).status_code == 200
    withdraw = reverse("benchmarks:withdraw", args=[benchmark.pk, other.pk])
    assert client.post(withdraw).status_code == 404
    client.force_login(benchmark.owner)
    client.post(address("share", benchmark), {"lab": "off"})
    client.force_login(third)
    assert client.get(address("detail", benchmark)).status_code == 404


def test_a_rerun_queues_the_same_again(client: Client, member: User) -> None:
    benchmark = factories.queued_benchmark(
        member,
        methods=[{"key": "rise", "parameters": {"masks": 7}, "enhancement": {"stride": 64}}],
        experiments=[{"key": "sparsity", "protocol": "gini@1"}],
        subset_seed=5,
        name="Seven masks",
        tags=["paper"],
    )
    response = client.post(address("rerun", benchmark))
    again = Benchmark.objects.latest("pk")
    assert response["Location"] == address("detail", again)
    assert again.specification == benchmark.specification
    assert (again.origin, again.name, again.state) == (benchmark, "Seven masks", "queued")
    assert [tag.name for tag in again.tags.all()] == ["paper"]
    assert "Rerun of" in client.get(address("detail", again)).content.decode()
    assert "Run again as" in client.get(address("detail", benchmark)).content.decode()


def test_a_clone_is_the_form_filled_in(client: Client, member: User) -> None:
    dataset = factories.dataset(name="Pets", ground_truth=["label"], classes={"cat": 60, "dog": 40})
    classifier = factories.classifier(class_names=["tabby cat", "tiger cat", "dog"])
    benchmark = factories.queued_benchmark(
        member,
        images=8,
        dataset=dataset,
        classifier=classifier,
        methods=[
            {"key": "group_cam", "parameters": {"groups": 5, "layer": "features.0"}},
            {
                "key": "cam",
                "parameters": {"rectify": False},
                "enhancement": {"low_pass": False, "window": 64},
            },
        ],
        experiments=[
            {"key": "perturbation", "protocol": "chefer@1"},
            {"key": "sparsity", "protocol": "gini@1"},
        ],
        subset_seed=4,
        stratified=True,
        class_mapping={"cat": ["tabby cat", "tiger cat"]},
        name="Cats",
    )
    form = client.get(address("clone", benchmark), follow=True).context["form"]
    assert form.chosen_classifier == classifier and form.chosen_dataset == dataset
    assert form["name"].value() == "Cats"
    assert (form.images, form["subset_seed"].value(), form["stratified"].value()) == (8, 4, True)
    assert form.specified_experiments == benchmark.specification["experiments"]
    assert [each["key"] for each in form.specified_methods] == ["group_cam", "cam"]
    for made, before in zip(form.specified_methods, benchmark.specification["methods"], strict=True):
        assert made["parameters"] == before["parameters"]
        assert made["enhancement"] == before["enhancement"]
    assert form["class_list"].value() == "label,class\ncat,tabby cat\ncat,tiger cat"


def test_a_deleted_one_comes_back_within_its_days(client: Client, member: User) -> None:
    benchmark = factories.running_benchmark(member)
    response = client.post(address("delete", benchmark), follow=True)
    assert f"Deleted: #{benchmark.pk}." in response.content.decode()
    assert client.get(address("detail", benchmark)).status_code == 404
    page = client.get(reverse("benchmarks:deleted")).content.decode()
    assert f"Bring benchmark {benchmark.pk} back" in page and "for 7 days" in page
    client.force_login(factories.member())
    client.post(reverse("benchmarks:restore"), {"benchmark": benchmark.pk})
    assert "Nothing was deleted recently." in client.get(reverse("benchmarks:deleted")).content.decode()
    client.force_login(member)
    assert client.get(address("detail", benchmark)).status_code == 404
    response = client.post(reverse("benchmarks:restore"), {"benchmark": benchmark.pk})
    assert response["Location"] == address("detail", benchmark)
    benchmark.refresh_from_db()
    assert (benchmark.deleted, benchmark.state) == (None, "cancelled")


def test_what_is_deleted_does_not_go_on(member: User) -> None:
    benchmark = factories.running_benchmark(member)
    stale = Benchmark.objects.get(pk=benchmark.pk)
    transitions.cancel(benchmark)
    earlier = Benchmark.objects.get(pk=benchmark.pk)
    transitions.resume(benchmark)
    # It was over when the page that deletes it was made.
    delete_benchmark(earlier)
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.deleted is None) == ("cancelled", False)
    with pytest.raises(transitions.TransitionRefused) as refused:
        transitions.resume(stale)
    assert str(refused.value) == f"Benchmark #{benchmark.pk} was deleted: bring it back first."
    restore_benchmark(benchmark)
    transitions.resume(stale)
    assert stale.state == "queued"
    Benchmark.objects.update(deleted=timezone.now())
    with pytest.raises(transitions.TransitionRefused):
        transitions.pause(stale)
    assert plan_queued_benchmarks("Test processor") == 0 and not planning_waits([""])


@pytest.mark.django_db(transaction=True)
def test_one_that_is_deleted_and_resumed_at_the_same_moment_stays_cancelled(monkeypatch) -> None:
    benchmark = factories.running_benchmark()
    transitions.cancel(benchmark)
    deleting = threading.Event()
    answers: list[str] = []
    record = deletion.record

    def slowly(*arguments: object) -> None:
        deleting.set()
        time.sleep(0.3)
        record(*arguments)

    def resume() -> None:
        try:
            row = Benchmark.objects.get(pk=benchmark.pk)
            deleting.wait(10)
            transitions.resume(row)
        except transitions.TransitionRefused as refused:
            answers.append(str(refused))
        finally:
            connections.close_all()

    monkeypatch.setattr(deletion, "record", slowly)
    other = threading.Thread(target=resume)
    other.start()
    delete_benchmark(benchmark)
    other.join()
    benchmark.refresh_from_db()
    assert (benchmark.state, benchmark.deleted is None) == ("cancelled", False)
    assert answers == [f"Benchmark #{benchmark.pk} was deleted: bring it back first."]


def test_only_what_was_deleted_long_ago_is_removed(settings) -> None:
    settings.DELETED_BENCHMARKS_KEPT_DAYS = 7
    kept, young, old = (finished_benchmark(factories.member()) for _ in range(3))
    delete_benchmark(young)
    delete_benchmark(old)
    for row, days in ((young, 6.9), (old, 7.1)):
        Benchmark.objects.filter(pk=row.pk).update(deleted=timezone.now() - timedelta(days=days))
    assert purge_deleted_benchmark() is True
    assert purge_deleted_benchmark() is False
    assert set(Benchmark.objects.values_list("pk", flat=True)) == {kept.pk, young.pk}


def test_images_open_in_the_studio_with_what_made_their_maps(client: Client, member: User) -> None:
    benchmark = finished_benchmark(
        member, parameters={"layer": "features.0"}, enhancement={"window": 64, "low_pass": False}
    )
    page = client.get(address("detail", benchmark)).content.decode()
    link = re.search(r'href="(/studio/\?[^"]+)"', page)[1].replace("&amp;", "&")
    assert link == (
        f"/studio/?model={benchmark.classifier_id}&dataset={benchmark.dataset_id}&image=000.jpg&class=0"
        "&preprocessing=squash224-9e8c38ec&enhanced=grad_cam&grad_cam-layer=features.0&enhancement-window=64&enhancement-low_pass=false"
    )


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a\nb\n\nc", "<p>a<br>b</p><p>c</p>"),
        ("- one\n- *two*", "<ul><li>one</li><li><em>two</em></li></ul>"),
        ("1. one\n2. two", "<ol><li>one</li><li>two</li></ol>"),
        ("# Head\ntext", '<p class="strong">Head</p><p>text</p>'),
        ("`a < b` & **c**", "<p><code>a &lt; b</code> &amp; <strong>c</strong></p>"),
        ("```\n<b>\n```", "<pre><code>&lt;b&gt;</code></pre>"),
        ("snake_case_name", "<p>snake_case_name</p>"),
        (
            "[site](https://example.org/?a=1&b=2)",
            '<p><a href="https://example.org/?a=1&amp;b=2" rel="noopener noreferrer nofollow">site</a></p>',
        ),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>"),
        ('<img src=x onerror="y">', "<p>&lt;img src=x onerror=&quot;y&quot;&gt;</p>"),
    ],
)
def test_notes_are_simple_markdown_and_nothing_else(text: str, html: str) -> None:
    assert render_notes(text) == html
