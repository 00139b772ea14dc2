"""Write docs/methods/: a page for every method and a table of all, from the methods' descriptions.

    python tools/method_pages.py --weights-folder WEIGHTS

draws the pictures too: the cat of scikit-image beside its maps on EfficientNet-Lite0, SqueezeNet 1.1 and DeiT-Tiny.
``--text-only`` leaves the pictures as they are; ``--redraw`` draws those again that are there.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib.util import find_spec
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from PIL import Image  # noqa: E402

from saliency_core import create_method, load_classifier  # noqa: E402
from saliency_core.classifiers.classifier import Classifier  # noqa: E402
from saliency_core.cli.methods import cost_text, definition, parameter_text  # noqa: E402
from saliency_core.datasets.images import read_image  # noqa: E402
from saliency_core.descriptions import USUAL_CHANNELS, MethodDescription  # noqa: E402
from saliency_core.lazy import torch  # noqa: E402
from saliency_core.methods.applicability import NEEDS, why_not  # noqa: E402
from saliency_core.methods.registry import methods_by_family  # noqa: E402
from saliency_core.rendering.overlay import overlay  # noqa: E402

PAGES = REPOSITORY / "docs" / "methods"
PICTURES = PAGES / "pictures"
# By method: what each tile of its picture but the first, the photograph, shows; pages write it below.
TILES = PICTURES / "tiles.json"
PHOTOGRAPH = "chelsea.png"
# Built-in key or architecture, title, weights file in the weights folder (None: the built-in's own).
MODELS = (
    ("efficientnet_lite0", "EfficientNet-Lite0", None),
    ("torchvision:squeezenet1_1", "SqueezeNet 1.1", "squeezenet1_1.safetensors"),
    ("timm:deit_tiny_patch16_224", "DeiT-Tiny", "deit_tiny_patch16_224.safetensors"),
)
_SIDE, _GAP = 200, 8  # pixels of a tile, and between two
_WRITTEN = "<!-- Written by tools/method_pages.py from the method's description; change it there. -->"


def page(description: MethodDescription) -> str:
    """The page of one method, Markdown."""
    needs = ", ".join(NEEDS[need] for need in description.needs) or "nothing but the classifier"
    lines = [
        f"# {description.title}",
        "",
        _WRITTEN,
        "",
        f"`{description.key}` · family {description.family} · needs {needs}",
        "",
        description.summary,
        "",
        f"![Maps of {description.title}](pictures/{description.key}.webp)",
        "",
        f"From left to right: {_shown(description)}. Every map is of the predicted class, {_drawn_with(description)}; "
        "the method does not apply to models without a tile. Brighter is more salient; every map is stretched to its "
        "own range.",
        "",
        "## Definition",
        "",
        definition(description.key),
        "",
        f"Paper: {description.paper.rstrip('.')}.",
        "",
        "## Parameters",
        "",
        *_parameters(description),
        "## Cost",
        "",
        f"{cost_text(description.work({}))} an image with the default parameters, where the layer has "
        f"{USUAL_CHANNELS} channels.",
    ]
    if description.quick:
        lines += [
            "",
            f"Quick ({_values(description.quick)}): {cost_text(description.work(description.quick))}.",
        ]
    if description.presets:
        lines += ["", "## Presets", ""]
        lines += [f"- `{name}`: {_values(preset)}" for name, preset in description.presets.items()]
    lines += ["", "```", f"python -m saliency_core explain --method {description.key} \\"]
    lines += ["    --model efficientnet_lite0 --image photograph.jpg --out maps", "```", ""]
    return "\n".join(lines)


def _drawn_with(description: MethodDescription) -> str:
    return f"with {_values(description.quick)}" if description.quick else "with the default parameters"


def _shown(description: MethodDescription) -> str:
    tiles = json.loads(TILES.read_text(encoding="utf-8")).get(description.key, [])
    return "; ".join(["the photograph", *(f"{tile['model']}, {tile['class']}" for tile in tiles)])


def _values(values: object) -> str:
    return ", ".join(f"`{name}={value}`" for name, value in dict(values).items())  # type: ignore[call-overload]


def _parameters(description: MethodDescription) -> list[str]:
    if not description.parameters:
        return ["None.", ""]
    lines = ["| name | value | meaning | where the default comes from |", "| --- | --- | --- | --- |"]
    for parameter in description.parameters:
        cells = (f"`{parameter.name}`", parameter_text(parameter), parameter.help, parameter.source)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def overview() -> str:
    """The table of all methods, Markdown."""
    lines = [
        "# Methods",
        "",
        _WRITTEN,
        "",
        "Costs are passes of one image through the network with the default parameters, where the layer has "
        f"{USUAL_CHANNELS} channels. How well the maps lie on objects and whether they follow the weights was "
        "measured: [Are the maps sensible?](sensible.md)",
        "",
        "| method | key | family | needs | cost per image | paper |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for description in methods_by_family():
        needs = ", ".join(NEEDS[need] for need in description.needs) or "–"
        cells = (
            f"[{description.title}]({description.key}.md)",
            f"`{description.key}`",
            description.family,
            needs,
            cost_text(description.work({})),
            description.paper,
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def pages() -> dict[str, str]:
    """All pages by file name."""
    written = {f"{description.key}.md": page(description) for description in methods_by_family()}
    return {"README.md": overview(), **written}


def draw(weights_folder: Path, redraw: bool) -> None:
    """The pictures that are not there yet (or all), each below 60 KB, and what their tiles show."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    missing = [item for item in methods_by_family() if redraw or not (PICTURES / f"{item.key}.webp").exists()]
    if not missing:
        return
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise SystemExit("The photograph comes from scikit-image: pip install scikit-image.")
    photograph = read_image(Path(package.origin).parent / "data" / PHOTOGRAPH)
    strips: dict[str, list[Image.Image]] = {item.key: [] for item in missing}
    shown: dict[str, list[dict[str, str]]] = {item.key: [] for item in missing}
    for name, title, file in MODELS:
        classifier = load_classifier(name, weights=None if file is None else weights_folder / file)
        for item in missing:
            if not strips[item.key]:
                strips[item.key].append(classifier.preprocessing.framed(photograph))
            if why_not(item, classifier.traits()) is None:
                class_name, drawn = _tile(item, classifier, photograph)
                strips[item.key].append(drawn)
                shown[item.key].append({"model": title, "class": class_name})
                print(f"{item.title}, {title}", flush=True)
    for key, tiles in strips.items():
        strip(tiles).save(PICTURES / f"{key}.webp", quality=70, method=6)
    known = json.loads(TILES.read_text(encoding="utf-8")) if TILES.exists() else {}
    text = json.dumps(dict(sorted((known | shown).items())), indent=1, ensure_ascii=False)
    TILES.write_text(text + "\n", encoding="utf-8")


def strip(tiles: list[Image.Image]) -> Image.Image:
    """The tiles in a row, with nothing between them: a page has its own ground, and its own words below."""
    sheet = Image.new("RGBA", (len(tiles) * (_SIDE + _GAP) - _GAP, _SIDE))
    for number, tile in enumerate(tiles):
        fitted = tile.convert("RGB").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS)
        sheet.paste(fitted, (number * (_SIDE + _GAP), 0))
    return sheet


def _tile(
    description: MethodDescription, classifier: Classifier, photograph: Image.Image
) -> tuple[str, Image.Image]:
    """The name of the predicted class, and its map over the photograph."""
    image = classifier.preprocessing.prepare(photograph)[None]
    target = classifier.predict(image)[0]
    method = create_method(description.key, classifier, **description.quick)
    explanation = method.explain(image, target.to(torch.int64))
    if bool(explanation.degenerate[0]):
        raise SystemExit(f"{description.title} gives no map of the photograph on {classifier.title}.")
    framed = classifier.preprocessing.framed(photograph)
    return classifier.class_names[int(target)], overlay(framed, explanation.normalised()[0].cpu().numpy())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--weights-folder", metavar="DIR", help="with the weights of SqueezeNet and DeiT-Tiny"
    )
    parser.add_argument("--text-only", action="store_true")
    parser.add_argument("--redraw", action="store_true")
    options = parser.parse_args()
    if not options.text_only and options.weights_folder is None:
        parser.error("--weights-folder is needed for the pictures; or --text-only")
    if not options.text_only:
        draw(Path(options.weights_folder), options.redraw)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
