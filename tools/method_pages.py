"""Write docs/methods/: a page for every method and a table of all, from the methods' descriptions.

    python tools/method_pages.py --weights-folder WEIGHTS

draws the pictures too: the cat of scikit-image with its map on EfficientNet-Lite0, SqueezeNet 1.1 and DeiT-Tiny.
``--text-only`` leaves the pictures as they are; ``--redraw`` draws those again that are there.
"""

from __future__ import annotations

import argparse
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
from saliency_core.rendering.contact_sheet import contact_sheet  # noqa: E402
from saliency_core.rendering.overlay import overlay  # noqa: E402

PAGES = REPOSITORY / "docs" / "methods"
PHOTOGRAPH = "chelsea.png"
# Built-in key or architecture, title, weights file in the weights folder (None: the built-in's own).
MODELS = (
    ("efficientnet_lite0", "EfficientNet-Lite0", None),
    ("torchvision:squeezenet1_1", "SqueezeNet 1.1", "squeezenet1_1.safetensors"),
    ("timm:deit_tiny_patch16_224", "DeiT-Tiny", "deit_tiny_patch16_224.safetensors"),
)
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
        f"The photograph, and the map of the predicted class {_drawn_with(description)}; no tile where the method "
        "does not apply to the model. Brighter is more salient; every map is stretched to its own range.",
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
    """The pictures that are not there yet (or all), each below 60 KB."""
    folder = PAGES / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    missing = [item for item in methods_by_family() if redraw or not (folder / f"{item.key}.webp").exists()]
    if not missing:
        return
    package = find_spec("skimage")
    if package is None or package.origin is None:
        raise SystemExit("The photograph comes from scikit-image: pip install scikit-image.")
    photograph = read_image(Path(package.origin).parent / "data" / PHOTOGRAPH)
    tiles: dict[str, list[tuple[str, Image.Image]]] = {item.key: [] for item in missing}
    for name, title, file in MODELS:
        classifier = load_classifier(name, weights=None if file is None else weights_folder / file)
        framed = classifier.preprocessing.framed(photograph)
        for item in missing:
            if not tiles[item.key]:
                tiles[item.key].append(("Photograph", framed))
            if why_not(item, classifier.traits()) is None:
                tiles[item.key].append(_tile(item, classifier, title, photograph))
                print(f"{item.title}, {title}", flush=True)
    for item in missing:
        sheet = contact_sheet(tiles[item.key], columns=4, tile=200, text_size=12)
        sheet.save(folder / f"{item.key}.webp", quality=70, method=6)


def _tile(
    description: MethodDescription, classifier: Classifier, title: str, photograph: Image.Image
) -> tuple[str, Image.Image]:
    image = classifier.preprocessing.prepare(photograph)[None]
    target = classifier.predict(image)[0]
    method = create_method(description.key, classifier, **description.quick)
    explanation = method.explain(image, target.to(torch.int64))
    label = f"{title}: {classifier.class_names[int(target)]}"
    if bool(explanation.degenerate[0]):
        label += " (no map)"
    return label, overlay(
        classifier.preprocessing.framed(photograph), explanation.normalised()[0].cpu().numpy()
    )


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
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
    if not options.text_only:
        draw(Path(options.weights_folder), options.redraw)


if __name__ == "__main__":
    main()
