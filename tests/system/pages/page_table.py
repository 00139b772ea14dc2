"""Every page of the application, and rows to look at on it: one line a page.

A page that shows rows names them in braces: {model}, {data_set}, {benchmark}, {map} are keys of what `furnish` made.
"""

from __future__ import annotations

import time

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
    "benchmarks": "/benchmarks/",
    "benchmark": "/benchmarks/{benchmark}/",
    "new benchmark": "/benchmarks/new/",
    "models": "/models/",
    "model": "/models/{model}/",
    "import": "/models/import/",
    "data sets": "/data-sets/",
    "data set": "/data-sets/{data_set}/",
    "workers": "/workers/",
    "account": "/account/",
    "tokens": "/account/tokens/",
    "help on a method": "/help/methods/grad_cam/",
    "keyboard": "/help/keyboard/",
    "API": "/api/v1/docs",
}
SECONDS = 120


def furnish(page: Page) -> dict[str, str]:
    """Makes one benchmark of two images and one map with the Shapes' small model; the parts of addresses."""
    rows = find_rows(page)
    benchmark = queue_benchmark(page, rows)
    _wait(page, f"benchmarks/{benchmark}", "succeeded")
    document = page.request.get(f"/benchmarks/{benchmark}/images.csv").text().splitlines()
    image = document[1].split(",")[document[0].split(",").index("image")]
    explained = _post(page, f"benchmarks/{benchmark}/explanations", {"images": [image], "method": 0})[0]
    found = _wait(page, f"explanations/{explained['id']}", "ready")
    return rows | {
        "benchmark": str(benchmark),
        "map": str(found["id"]),
        "image": image,
        "target": str(found["target"]),
    }


def find_rows(page: Page) -> dict[str, str]:
    """The model and the data set that are quickest."""
    models, data_sets = (_get(page, name)["results"] for name in ("classifiers", "datasets"))
    return {
        "model": str(next(each["id"] for each in models if each["name"] == "Shapes CNN")),
        "data_set": str(next(each["id"] for each in data_sets if each["name"] == "Shapes")),
    }


def queue_benchmark(page: Page, rows: dict[str, str], experiment: str = "insertion_deletion") -> int:
    """Two images by two methods; its number."""
    asked = {
        "classifier": rows["model"],
        "dataset": rows["data_set"],
        "methods": [{"key": "grad_cam"}, {"key": "gradient"}],
        "experiments": [{"experiment": experiment}],
        "number_of_images": 2,
    }
    return _post(page, "benchmarks", asked)["id"]


def _get(page: Page, path: str) -> dict:
    answer = page.request.get(f"/api/v1/{path}")
    assert answer.ok, answer.text()
    return answer.json()


def _post(page: Page, path: str, data: dict) -> dict:
    """As the browser does it: with the session, the token against forged requests, and where it came from."""
    token = next(each["value"] for each in page.context.cookies() if each["name"] == "csrftoken")
    answer = page.request.post(
        f"/api/v1/{path}", data=data, headers={"X-CSRFToken": token, "Referer": page.url}
    )
    assert answer.ok, answer.text()
    return answer.json()


def _wait(page: Page, path: str, state: str) -> dict:
    end = time.monotonic() + SECONDS
    while (found := _get(page, path))["state"] != state:
        assert found["state"] != "failed" and time.monotonic() < end, found
        time.sleep(0.3)
    return found
