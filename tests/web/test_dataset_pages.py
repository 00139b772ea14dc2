"""Pages and files of data sets: who sees them, what they show, and what administrators do with folders."""

from __future__ import annotations

import json
from io import BytesIO
from pathlib import Path

import pytest
from django.test import Client
from django.urls import reverse
from PIL import Image

from tests.core.datasets.archive_builders import picture
from tests.web import factories
from tests.web.api_calls import administrator, script_of
from webapp.accounts.models import User
from webapp.library import dataset_services as services
from webapp.library.models import Dataset
from webapp.library.truth import PALETTE
from webapp.studio.models import Explanation
from webapp.studio.services import explanation_folder
from workers.dataset_preparation import prepare_dataset

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def places(settings, tmp_path: Path) -> Path:
    settings.DATASETS_DIR = tmp_path / "state"
    return tmp_path


def signed_in(user: User | None = None) -> Client:
    client = Client()
    client.force_login(user or factories.member())
    return client


def own_dataset(places: Path, **fields) -> Dataset:
    return factories.masked_dataset(places / "masked", **{"owner": factories.member(), **fields})


PAGES = ["dataset", "dataset_problems", "dataset_problems_text", "dataset_images"]
IMAGES = ["dataset_image", "dataset_picture", "dataset_masks"]
ACTIONS = ["check_dataset", "look_at_dataset_again", "delete_dataset"]


def statuses(client: Client, row: Dataset) -> dict[str, int]:
    """What each address answers; the one that deletes last."""
    found = {name: client.get(reverse(f"library:{name}", args=[row.pk])).status_code for name in PAGES}
    found |= {name: client.get(reverse(f"library:{name}", args=[row.pk, 0])).status_code for name in IMAGES}
    found["thumbnail"] = client.get(reverse("studio:thumbnail", args=[row.pk, 0])).status_code
    found["edit"] = client.get(reverse("library:edit_dataset", args=[row.pk])).status_code
    return found | {
        name: client.post(reverse(f"library:{name}", args=[row.pk])).status_code for name in ACTIONS
    }


def test_nobody_else_finds_a_members_data_set(places: Path) -> None:
    row = own_dataset(places)
    everything = [*PAGES, *IMAGES, "thumbnail", "edit", *ACTIONS]
    assert statuses(Client(), row) == dict.fromkeys(everything, 302)
    assert statuses(signed_in(), row) == dict.fromkeys(everything, 404)
    assert statuses(signed_in(administrator()), row) == dict.fromkeys(everything, 404)
    Dataset.objects.update(shared_with_lab=True)
    seen = statuses(signed_in(), row)
    assert seen == {
        **dict.fromkeys([*PAGES, *IMAGES, "thumbnail"], 200),
        **dict.fromkeys(["edit", "look_at_dataset_again", "delete_dataset"], 404),
        "check_dataset": 302,
    }
    owners = statuses(signed_in(row.owner), row)
    assert owners == {
        **dict.fromkeys([*PAGES, *IMAGES, "thumbnail", "edit"], 200),
        **dict.fromkeys(ACTIONS, 302),
    }
    assert not Dataset.objects.exists()


def test_the_studio_does_not_open_it_for_others(places: Path) -> None:
    row = own_dataset(places)
    model = factories.classifier()
    address = {"model": model.pk, "dataset": row.pk, "image": "images/cat.png", "class": 0}
    for name in ("studio:framed", "studio:mask"):
        assert signed_in(row.owner).get(reverse(name), address).status_code == 200
        assert signed_in().get(reverse(name), address).status_code == 404
    assert row.name not in signed_in().get(reverse("studio:maps")).content.decode()
    assert row.name in signed_in(row.owner).get(reverse("studio:maps")).content.decode()


def test_the_list_is_narrowed_down_by_its_address() -> None:
    member = factories.member()
    factories.dataset(name="Birds", number_of_images=5)
    factories.dataset(name="Cats", format="coco", number_of_images=9)
    factories.dataset(name="Mine", owner=member, state="failed", problem="broken")
    factories.dataset(name="Hidden", owner=factories.member())
    factories.dataset(name="Given", owner=factories.member(), shared_with_lab=True)

    def names(**query: str) -> list[str]:
        page = signed_in(member).get(reverse("library:datasets"), query).context["page"]
        return [row.name for row in page.object_list]

    assert names() == ["Birds", "Cats", "Given", "Mine"]
    assert names(q="COCO") == ["Cats"]
    assert names(q="bird") == ["Birds"]
    assert names(whose="own") == ["Mine"]
    assert names(whose="lab", order="-images") == ["Given", "Cats", "Birds"]


def test_the_page_of_one_data_set(places: Path) -> None:
    row = own_dataset(places)
    model = factories.classifier(class_names=["dog", "bird"])
    page = signed_in(row.owner).get(
        reverse("library:dataset", args=[row.pk]), {"model": model.pk, "sort": "-label"}
    )
    text = page.content.decode()
    assert [each.label for each in page.context["classes"]] == ["dog", "cat"]
    assert [each.outputs for each in page.context["classes"]] == [((0, "dog"),), ()]
    assert "1 of 2 classes have an output" in text
    assert "object masks" in text
    assert len(page.content) < 60_000
    found = signed_in(row.owner).get(
        reverse("library:dataset", args=[row.pk]), {"model": model.pk, "only": "unmapped"}
    )
    assert [each.label for each in found.context["classes"]] == ["cat"]
    found = signed_in(row.owner).get(reverse("library:dataset", args=[row.pk]), {"find": "DO"})
    assert [each.label for each in found.context["classes"]] == ["dog"]


def test_images_are_shown_with_what_is_known_of_them(places: Path) -> None:
    row = own_dataset(places)
    client = signed_in(row.owner)
    gallery = client.get(reverse("library:dataset_images", args=[row.pk]), {"class": "dog"})
    assert [image.identifier for image in gallery.context["images"]] == ["images/dog.png"]
    assert "masks.png" in gallery.content.decode()
    without = client.get(reverse("library:dataset_images", args=[row.pk]), {"shown": 1, "layer": "labels"})
    assert "masks.png" not in without.content.decode()
    one = client.get(reverse("library:dataset_image", args=[row.pk, 1])).content.decode()
    assert f"/studio/?dataset={row.pk}&amp;image=images%2Fdog.png" in one
    assert "32 × 24" in one
    assert '<dt>Index</dt><dd class="figures">1</dd>' in one
    client.cookies["django_language"] = "zh-hans"
    chinese = client.get(reverse("library:dataset_image", args=[row.pk, 1])).content.decode()
    assert ">上一张</a>" in chinese and "上一页" not in chinese
    assert '<dt>索引</dt><dd class="figures">1</dd>' in chinese
    assert "0 个评测、0 张显著图" in client.get(reverse("library:dataset", args=[row.pk])).content.decode()
    assert client.get(reverse("library:dataset_image", args=[row.pk, 2])).status_code == 404


def test_images_that_cannot_be_read_say_so(places: Path) -> None:
    (places / "set" / "owl").mkdir(parents=True)
    (places / "set" / "owl" / "1.png").write_bytes(picture())
    (places / "set" / "owl" / "2.png").write_bytes(picture()[:40])
    services.register_folder(name="Owls", format="auto", path=places / "set")
    prepare_dataset(services.claim_dataset())
    row = Dataset.objects.get(name="Owls")
    text = signed_in().get(reverse("library:dataset_images", args=[row.pk])).content.decode()
    assert text.count("<img") == 1
    assert "can&#x27;t be read" in text or "can't be read" in text
    assert signed_in().get(reverse("library:dataset_picture", args=[row.pk, 1])).status_code == 404


def test_masks_are_drawn_in_colours_over_nothing(places: Path) -> None:
    row = own_dataset(places)
    answer = signed_in(row.owner).get(reverse("library:dataset_masks", args=[row.pk, 0]))
    drawn = Image.open(BytesIO(answer.content)).convert("RGBA")
    assert drawn.size == (32, 24)
    colour = tuple(bytes.fromhex(PALETTE[1][1:]))
    assert drawn.getpixel((8, 12)) == (*colour, 120)
    assert drawn.getpixel((15, 12)) == (*colour, 255)
    assert drawn.getpixel((16, 12))[3] == 0


def test_files_are_kept_by_their_etag(places: Path) -> None:
    row = own_dataset(places)
    client = signed_in(row.owner)
    address = reverse("library:dataset_picture", args=[row.pk, 0])
    first = client.get(address)
    assert (first["Content-Type"], "private" in first["Cache-Control"]) == ("image/webp", True)
    assert client.get(address, headers={"If-None-Match": first["ETag"]}).status_code == 304
    # Not even that it is unchanged is told to others.
    assert signed_in().get(address, headers={"If-None-Match": first["ETag"]}).status_code == 404


def coco_folder(folder: Path) -> Path:
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "1.png").write_bytes(picture())
    boxes = [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 1, 4, 3], "area": 12, "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 3, "bbox": [0, 0, 8, 6], "area": 48, "iscrowd": 1},
    ]
    content = {
        "images": [{"id": 1, "file_name": "1.png", "width": 8, "height": 6}],
        "annotations": boxes,
        "categories": [{"id": 3, "name": "traffic light"}],
    }
    (folder / "boxes.json").write_text(json.dumps(content))
    return folder


def test_boxes_are_drawn_where_they_are(places: Path) -> None:
    services.register_folder(name="Lights", format="auto", path=coco_folder(places / "coco"))
    prepare_dataset(services.claim_dataset())
    row = Dataset.objects.get(name="Lights")
    text = signed_in().get(reverse("library:dataset_image", args=[row.pk, 0])).content.decode()
    assert 'viewBox="0 0 8 6"' in text
    assert f'x="1.0" y="1.0" width="4.0" height="3.0" stroke="{PALETTE[0]}"' in text
    assert text.count('class="uncertain"') == 1
    assert "crowd" in text
    assert "style=" not in text


def test_administrators_look_first_and_register_then(places: Path) -> None:
    folder = coco_folder(places / "server")
    address = reverse("library:register_folder")
    assert signed_in().get(address).status_code == 404
    assert signed_in().post(address, {"path": str(folder), "register": 1}).status_code == 404
    client = signed_in(administrator())
    looked = client.post(address, {"path": str(folder), "format": "auto", "name": "", "look": 1})
    found = looked.context["found"]
    assert (looked.status_code, found.format, found.images, found.classes) == (
        200, "coco", 1, {"traffic light": 1},
    )  # fmt: skip
    assert not Dataset.objects.exists()
    assert client.post(address, {"path": str(folder), "name": "", "register": 1}).status_code == 422
    done = client.post(address, {"path": str(folder), "format": "auto", "name": "Lights", "register": 1})
    row = Dataset.objects.get()
    assert done["Location"] == reverse("library:dataset", args=[row.pk])
    assert (row.owner, row.state, row.path) == (None, "waiting", str(folder))
    missing = client.post(address, {"path": str(places / "gone"), "format": "coco", "look": 1})
    assert missing.status_code == 422
    assert "does not exist" in missing.content.decode()


def test_folders_lie_below_the_roots_that_are_set(places: Path, settings) -> None:
    settings.DATASET_ROOTS = (places / "data",)
    client = signed_in(administrator())
    for path in (coco_folder(places / "elsewhere"), places / "data" / ".." / "elsewhere"):
        answer = client.post(reverse("library:register_folder"), {"path": str(path), "look": 1})
        assert answer.status_code == 422
        assert "must lie below" in answer.content.decode()
    (places / "data").mkdir()
    (places / "data" / "link").symlink_to(places / "elsewhere")
    answer = client.post(reverse("library:register_folder"), {"path": str(places / "data/link"), "look": 1})
    assert answer.status_code == 422


def test_members_never_see_where_it_lies(places: Path) -> None:
    """Neither while all is well nor in what is said when the folder is gone."""
    row = factories.masked_dataset(places / "secret-place", name="Lab's")
    addresses = [reverse("library:datasets"), reverse("studio:maps") + f"?from={row.pk}"]
    addresses += [reverse(f"library:{name}", args=[row.pk]) for name in PAGES]
    addresses += [reverse("library:dataset_image", args=[row.pk, 0]), f"/api/v1/datasets/{row.pk}"]
    client, staff = signed_in(), signed_in(administrator())
    for _ in range(2):
        for address in addresses:
            assert "secret-place" not in client.get(address).content.decode(), address
        client.post(reverse("library:check_dataset", args=[row.pk]))
        (places / "secret-place").rename(places / "gone") if (places / "secret-place").exists() else None
        Dataset.objects.update(fingerprint="ef" * 32)  # opened anew
    assert "secret-place" in staff.get(reverse("library:dataset", args=[row.pk])).content.decode()
    services.look_again(row)
    prepare_dataset(services.claim_dataset())
    row.refresh_from_db()
    assert row.state == "failed"
    assert "secret-place" not in row.problem


def test_checking_again(places: Path) -> None:
    row = own_dataset(places)
    client = signed_in(row.owner)

    def said() -> str:
        return client.post(reverse("library:check_dataset", args=[row.pk]), follow=True).content.decode()

    assert "The files are as they were registered." in said()
    (places / "masked" / "images" / "cat.png").write_bytes(picture())
    assert "The files have changed since they were registered." in said()
    services.look_again(row)
    prepare_dataset(services.claim_dataset())
    row.refresh_from_db()
    assert row.state == "ready"
    assert [each["file"] for each in row.problems] == ["images/cat.png"]
    assert "The files are as they were registered." in said()


def test_renaming_and_sharing(places: Path) -> None:
    row = own_dataset(places, name="Old")
    factories.dataset(name="Taken", owner=row.owner)
    client = signed_in(row.owner)
    address = reverse("library:edit_dataset", args=[row.pk])
    assert client.post(address, {"name": "Taken"}).status_code == 422
    assert client.post(address, {"name": "New", "shared_with_lab": "on", "path": "/etc"}).status_code == 302
    row.refresh_from_db()
    assert (row.name, row.shared_with_lab, row.path) == ("New", True, str(places / "masked"))


def test_a_folder_is_not_exchanged_while_a_worker_reads_it(places: Path) -> None:
    for name in ("one", "two"):
        factories.masked_dataset(places / name)
    Dataset.objects.all().delete()
    row = services.register_folder(name="Lab", format="masked-folder", path=places / "one")
    client = signed_in(administrator())
    address = reverse("library:edit_dataset", args=[row.pk])
    moved = {"name": "Lab", "path": str(places / "two"), "format": "masked-folder"}
    claimed = services.claim_dataset()
    refused = client.post(address, moved)
    assert refused.status_code == 422 and "A worker is reading the folder." in refused.content.decode()
    assert client.post(address, moved | {"name": "New", "path": str(places / "one")}).status_code == 302
    prepare_dataset(claimed)
    row.refresh_from_db()
    assert (row.name, row.state, row.path) == ("New", "ready", str(places / "one"))
    assert client.post(address, moved).status_code == 302
    row.refresh_from_db()
    assert (row.state, row.path) == ("waiting", str(places / "two"))


def test_maps_of_images_that_are_not_shared_any_more_are_not_shown(places: Path, settings) -> None:
    settings.EXPLANATIONS_DIR = places / "maps"
    row = own_dataset(places, name="Mine", shared_with_lab=True)
    reader, model = factories.member(), factories.classifier()
    maps = [
        Explanation.objects.create(
            owner=owner,
            classifier=model,
            dataset=row,
            image="images/cat.png",
            method="grad_cam",
            target=1,
            pipeline="squash",
            digest="ab" * 32,
            state="ready",
        )
        for owner in (reader, row.owner)
    ]
    folder = explanation_folder(maps[0])
    folder.mkdir(parents=True)
    (folder / "overlay.webp").write_bytes(b"overlay")
    (folder / "map.npy").write_bytes(b"map")

    script = script_of(reader)

    def answers() -> set[int]:
        addresses = [reverse(f"studio:{name}", args=[maps[0].pk]) for name in ("overlay", "values")]
        return {signed_in(reader).get(address).status_code for address in addresses} | {
            script.get(f"explanations/{maps[0].pk}").status_code
        }

    assert answers() == {200}
    services.edit_dataset(row, name="Mine", shared_with_lab=False)
    assert answers() == {404}
    assert signed_in(row.owner).get(reverse("studio:overlay", args=[maps[1].pk])).status_code == 200
    services.edit_dataset(row, name="Mine", shared_with_lab=True)
    assert answers() == {200}


def test_problems_come_in_pages_and_as_text(places: Path) -> None:
    problems = [{"file": f"{number}.jpg", "problem": "is\tbroken\nhere"} for number in range(120)]
    row = own_dataset(places, problems=problems)
    client = signed_in(row.owner)
    page = client.get(reverse("library:dataset_problems", args=[row.pk]), {"page": 3})
    assert len(page.context["page"].object_list) == 20
    text = client.get(reverse("library:dataset_problems_text", args=[row.pk]))
    assert text["Content-Type"] == "text/plain; charset=utf-8"
    assert text.content.decode().splitlines()[119] == "119.jpg\tis broken here"


def test_pages_ask_the_database_few_questions(places: Path, django_assert_max_num_queries) -> None:
    row = own_dataset(places)
    for _ in range(20):
        factories.dataset(owner=row.owner)
    client = signed_in(row.owner)
    with django_assert_max_num_queries(6):
        client.get(reverse("library:datasets"))
    with django_assert_max_num_queries(10):
        client.get(reverse("library:dataset", args=[row.pk]))
    with django_assert_max_num_queries(5):
        client.get(reverse("library:dataset_images", args=[row.pk]))
