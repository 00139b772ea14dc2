"""What a small lab has after a first day: the rows that the screenshots show."""

from __future__ import annotations

from playwright.sync_api import Page

from tests.system.pages import page_table
from tests.system.pages.page_table import change, get, post, put, wait_for

METHODS = [
    {"key": "grad_cam"},
    {"key": "layer_cam"},
    {"key": "gradient"},
    {"key": "random_map"},
]
EXPERIMENTS = [{"experiment": "insertion_deletion"}, {"experiment": "pointing_game"}]
SHOWN = ("grad_cam", "grad_cam_plus_plus", "layer_cam", "gradient")


def fill(page: Page) -> dict[str, str]:
    """Makes finished, failed, running, shared and deleted benchmarks, maps, settings and a data set; the parts of
    addresses that `page_table` asks for, with "failed" and "running" beside them.
    """
    put(
        page,
        f"classifiers/{page_table.find_rows(page)['model']}/settings/grad_cam",
        {"parameters": {"layer": "relu3_2"}},
    )
    rows = page_table.furnish(page)
    vit = page_table.find_key(page, "classifiers", "Shapes ViT")
    benchmarks = [
        _queue(page, rows, rows["model"], METHODS, "Four methods on Shapes", ["seminar"]),
        _queue(
            page,
            rows,
            vit,
            [{"key": "raw_attention"}, {"key": "attention_rollout"}, {"key": "transformer_attribution"}],
            "Transformers on Shapes",
            ["seminar", "vit"],
        ),
    ]
    _maps_of_a_photograph(page, rows)
    for number in benchmarks:
        wait_for(page, f"benchmarks/{number}", "succeeded")
    change(
        page,
        f"benchmarks/{benchmarks[0]}",
        {"notes": "To be shown in Thursday's seminar.", "shared_with_lab": True},
    )
    rows |= {"benchmark": str(benchmarks[0]), "other": str(benchmarks[1])}
    running = post(
        page,
        "benchmarks",
        {
            "classifier": page_table.find_key(page, "classifiers", "EfficientNet-Lite0"),
            "dataset": page_table.find_key(page, "datasets", "Sample photographs"),
            "methods": [{"key": "rise"}, {"key": "score_cam"}],
            "experiments": [{"experiment": "insertion_deletion"}],
            "name": "RISE on photographs",
        },
    )["id"]
    wait_for(page, f"benchmarks/{running}", "running")
    return rows | {"running": str(running)}


def _queue(page: Page, rows: dict, model: str, methods: list, name: str, tags: list[str]) -> int:
    asked = {
        "classifier": model,
        "dataset": rows["data_set"],
        "methods": methods,
        "experiments": EXPERIMENTS,
        "number_of_images": 16,
        "name": name,
        "tags": tags,
    }
    return int(post(page, "benchmarks", asked)["id"])


def _maps_of_a_photograph(page: Page, rows: dict[str, str]) -> None:
    """The address of the studio's pages then shows a photograph with several maps."""
    model = page_table.find_key(page, "classifiers", "EfficientNet-Lite0")
    data_set = page_table.find_key(page, "datasets", "Sample photographs")
    image = get(page, f"datasets/{data_set}/images")["results"][0]["identifier"]
    asked = {"classifier": model, "dataset": data_set, "image": image}
    prediction = wait_for(page, f"predictions/{post(page, 'predictions', asked)['id']}", "ready")
    target = prediction["classes"][0]["index"]
    drawn = post(page, "explanations", asked | {"target": target, "methods": [{"key": key} for key in SHOWN]})
    for each in drawn:
        wait_for(page, f"explanations/{each['id']}", "ready")
    rows["studio"] = f"?model={model}&dataset={data_set}&image={image}&class={target}" + "".join(
        f"&method={key}" for key in SHOWN
    )
