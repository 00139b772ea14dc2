"""Every page of the application, and rows to look at on it: one line a page.

A page that shows rows names them in braces: {model}, {own_data_set}, {benchmark} are keys of what `furnish` made.
"""

from __future__ import annotations

import io
import time
import zipfile

from PIL import Image
from playwright.sync_api import Page

VISITORS = {
    "home": "/",
    "sign in": "/sign-in/",
    "sign up": "/sign-up/",
    "help": "/help/",
    "help on a method": "/help/methods/msg_cam/",
    "help on the enhancement": "/help/methods/sliding_window/",
    "help on an experiment": "/help/experiments/pointing_game/",
    "glossary": "/help/glossary/",
    "keyboard": "/help/keyboard/",
    "nothing there": "/nothing/",
}
MEMBERS = {
    "start": "/",
    "studio": "/studio/",
    "maps": "/studio/?model={model}&dataset={data_set}&image={image}&method=grad_cam&class={target}",
    "cut-outs": "/studio/cut-outs/?model={model}&dataset={data_set}&image={image}&method=grad_cam&class={target}",
    "history": "/studio/history/",
    "benchmarks": "/benchmarks/",
    "benchmark": "/benchmarks/{benchmark}/",
    "new benchmark": "/benchmarks/new/",
    "deleted benchmarks": "/benchmarks/deleted/",
    "comparison": "/benchmarks/compare/?benchmark={benchmark}",
    "comparison of nothing": "/benchmarks/compare/",
    "models": "/models/",
    "model": "/models/{model}/",
    "import": "/models/import/",
    "method settings": "/models/{model}/settings/",
    "settings of a method": "/models/{model}/settings/grad_cam/",
    "settings of the enhancement": "/models/{model}/settings/enhancement/",
    "own model": "/models/{own_model}/",
    "edit a model": "/models/{own_model}/edit/",
    "preprocessing of a model": "/models/{own_model}/preprocessing/",
    "delete a model": "/models/{own_model}/delete/",
    "data sets": "/data-sets/",
    "data set": "/data-sets/{data_set}/",
    "images": "/data-sets/{data_set}/images/",
    "image": "/data-sets/{data_set}/images/0/",
    "upload": "/data-sets/upload/",
    "own data set": "/data-sets/{own_data_set}/",
    "problems": "/data-sets/{own_data_set}/problems/",
    "edit a data set": "/data-sets/{own_data_set}/edit/",
    "workers": "/workers/",
    "account": "/account/",
    "tokens": "/account/tokens/",
    "backups": "/account/backup/",
    "help": "/help/",
    "help on a method": "/help/methods/grad_cam/",
    "glossary": "/help/glossary/",
    "keyboard": "/help/keyboard/",
    "API": "/api/v1/docs",
    "nothing there": "/benchmarks/999999999/",
}
ADMINISTRATORS = {
    "register": "/data-sets/register/",
    "workers, for an administrator": "/workers/",
    "admin": "/admin/",
}
ADMINISTRATOR = (
    "from webapp.accounts.models import User; User.objects.filter(username={!r}).update(is_staff=True)"
)
SECONDS = 300.0


def furnish(page: Page) -> dict[str, str]:
    """Makes one benchmark of two images and one map with the Shapes' small model, a data set and a model of the
    member's own, and a deleted benchmark; the parts of addresses.
    """
    rows = find_rows(page) | own_rows(page)
    benchmark = queue_benchmark(page, rows)
    wait_for(page, f"benchmarks/{benchmark}", "succeeded")
    deleted = queue_benchmark(page, rows)
    assert page.request.delete(f"/api/v1/benchmarks/{deleted}", headers=_headers(page)).ok
    document = page.request.get(f"/benchmarks/{benchmark}/images.csv").text().splitlines()
    image = document[1].split(",")[document[0].split(",").index("image")]
    explained = post(page, f"benchmarks/{benchmark}/explanations", {"images": [image], "method": 0})[0]
    found = wait_for(page, f"explanations/{explained['id']}", "ready")
    return rows | {
        "benchmark": str(benchmark),
        "map": str(found["id"]),
        "image": image,
        "target": str(found["target"]),
    }


def find_rows(page: Page) -> dict[str, str]:
    """The model and the data set that are quickest."""
    return {
        "model": find_key(page, "classifiers", "Shapes CNN"),
        "data_set": find_key(page, "datasets", "Shapes"),
    }


def find_key(page: Page, path: str, name: str) -> str:
    """The key of what has this name in a list of the API."""
    return str(next(each["id"] for each in get(page, path)["results"] if each["name"] == name))


def own_rows(page: Page) -> dict[str, str]:
    """A data set with a problem, and a model whose file is refused: their pages have the most to say."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        for name in ("teal", "brown"):
            files.writestr(f"squares/{name}/1.png", square(name))
        files.writestr("squares/teal/broken.png", b"no picture")
    data_set = upload(page, "datasets", "archive", "squares.zip", archive.getvalue(), name="Squares")
    model = upload(
        page,
        "classifiers",
        "weights",
        "weights.safetensors",
        b"no weights",
        name="My VGG",
        library="torchvision",
        architecture="vgg16",
    )
    wait_for(page, f"datasets/{data_set}", "ready")
    return {"own_data_set": str(data_set), "own_model": str(model)}


def square(colour: str) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (48, 48), colour).save(content, "PNG")
    return content.getvalue()


def upload(page: Page, path: str, field: str, file_name: str, content: bytes, **fields: str) -> int:
    """Brings a file through the API; the key of what it became."""
    file = {"name": file_name, "mimeType": "application/octet-stream", "buffer": content}
    answer = page.request.post(f"/api/v1/{path}", multipart={**fields, field: file}, headers=_headers(page))
    assert answer.ok, answer.text()
    return int(answer.json()["id"])


def queue_benchmark(page: Page, rows: dict[str, str], experiment: str = "insertion_deletion") -> int:
    """Two images by two methods; its number."""
    asked = {
        "classifier": rows["model"],
        "dataset": rows["data_set"],
        "methods": [{"key": "grad_cam"}, {"key": "gradient"}],
        "experiments": [{"experiment": experiment}],
        "number_of_images": 2,
    }
    return post(page, "benchmarks", asked)["id"]


def get(page: Page, path: str) -> dict:
    answer = page.request.get(f"/api/v1/{path}")
    assert answer.ok, answer.text()
    return answer.json()


def _headers(page: Page) -> dict[str, str]:
    """As the browser does it: with the session, the token against forged requests, and where it came from."""
    token = next(each["value"] for each in page.context.cookies() if each["name"] == "csrftoken")
    return {"X-CSRFToken": token, "Referer": page.url}


def post(page: Page, path: str, data: dict) -> dict:
    return _send(page, "POST", path, data)


def put(page: Page, path: str, data: dict) -> dict:
    return _send(page, "PUT", path, data)


def change(page: Page, path: str, data: dict) -> dict:
    return _send(page, "PATCH", path, data)


def _send(page: Page, verb: str, path: str, data: dict) -> dict:
    answer = page.request.fetch(f"/api/v1/{path}", method=verb, data=data, headers=_headers(page))
    assert answer.ok, answer.text()
    return answer.json()


def wait_for(page: Page, path: str, state: str) -> dict:
    end = time.monotonic() + SECONDS
    while (found := get(page, path))["state"] != state:
        assert found["state"] != "failed" and time.monotonic() < end, found
        time.sleep(0.3)
    return found
