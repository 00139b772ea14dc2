"""Write docs/experiments/: a page for every experiment and a table of all, from the experiments' descriptions.

python tools/experiment_pages.py
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY))

from saliency_core.cli.experiment_text import (  # noqa: E402
    TARGETS,
    columns_text,
    cost,
    curves,
    definition,
    figures,
    needs,
    settings,
)
from saliency_core.experiments.base import ExperimentDescription, experiment_descriptions  # noqa: E402
from saliency_core.experiments.figures import COMMON_FIGURES, Figure  # noqa: E402

PAGES = REPOSITORY / "docs" / "experiments"
_WRITTEN = "<!-- Written by tools/experiment_pages.py from the experiment's description; change it there. -->"
_COMMON_SETTINGS = (
    (
        "pipeline",
        "`squash` resizes the image to a square; `resize_crop` resizes its shorter side to 256/224 of the square's "
        "and cuts out the centre.",
    ),
    ("size", "Side of that square in pixels."),
    ("target_rule", "Which class is explained, see below."),
    ("activation", "What turns scores into probabilities, where the experiment needs them."),
    ("ground_truth", "What the data set must have, at least one of these; none: images alone will do."),
)


def page(description: ExperimentDescription) -> str:
    """The page of one experiment, Markdown."""
    lines = [f"# {description.title}", "", _WRITTEN, "", f"`{description.key}`", "", description.summary, ""]
    lines += ["## Protocols", ""]
    for protocol in description.protocols:
        default = " (the default)" if protocol is description.default_protocol else ""
        lines += [
            f"- **`{protocol.name}`**{default}: {protocol.summary}  ",
            f"  Explains {TARGETS[protocol.target_rule]}; needs {needs(protocol)}; scoring a map takes "
            f"{cost(protocol)}.  ",
            f"  Source: {protocol.source}.",
        ]
    lines += ["", "What they fix; figures under different protocols cannot be compared:", ""]
    lines += _settings(description)
    if meaning := definition(description.key):
        lines += [meaning, ""]
    lines += [
        "## Figures",
        "",
        "| figure | key | unit | better | definition |",
        "| --- | --- | --- | --- | --- |",
    ]
    names = tuple(protocol.name for protocol in description.protocols)
    for figure, protocols in figures(description):
        where = "" if protocols == names else f" Only under {', '.join(f'`{name}`' for name in protocols)}."
        lines.append(_figure_row(figure, where))
    lines += ["", "Every experiment has [these figures](README.md#figures-of-every-experiment) besides.", ""]
    drawn = curves(description)
    if drawn:
        lines += ["## Curves", "", "| curve | column | across | up |", "| --- | --- | --- | --- |"]
        lines += [_row(curve.title, f"`{curve.key}`", curve.x_title, curve.y_title) for curve, _ in drawn]
        lines += ["", "Plots show the mean of all images.", ""]
    lines += ["## What is kept of every image", "", columns_text(description.key), ""]
    lines += ["## Example", "", "```", "python -m saliency_core shapes --out shapes --images 100"]
    lines += ["python -m saliency_core benchmark --model shapes_cnn --dataset shapes --format shapes \\"]
    lines += [f"    --method grad_cam --experiment {description.key} --limit 20 --out results", "```", ""]
    return "\n".join(lines)


def _settings(description: ExperimentDescription) -> list[str]:
    """A row for each setting, a column for each protocol."""
    fixed = [settings(protocol) for protocol in description.protocols]
    lines = [_row("", *(f"`{protocol.name}`" for protocol in description.protocols))]
    lines.append(_row(*["---"] * (1 + len(fixed))))
    lines += [_row(f"`{name}`", *(each[name] for each in fixed)) for name in fixed[0]]
    return [*lines, ""]


def _figure_row(figure: Figure, where: str = "") -> str:
    cells = (
        figure.title,
        f"`{figure.key}`",
        figure.unit or "–",
        figure.better or "–",
        figure.summary + where,
    )
    return _row(*cells)


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def overview() -> str:
    """The table of all experiments, Markdown."""
    lines = [
        "# Experiments",
        "",
        _WRITTEN,
        "",
        "An experiment measures maps image by image under a named protocol, `preset@version`, which fixes everything "
        "that must be equal for two figures to be comparable. A protocol that would give other numbers gets a new "
        "version. One map for an image, class and preprocessing serves all experiments of a run. "
        "[Adding an experiment](../adding-an-experiment.md)",
        "",
        "| experiment | key | protocol | explains | needs | scoring a map takes |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for description in experiment_descriptions():
        title, key = f"[{description.title}]({description.key}.md)", f"`{description.key}`"
        for protocol in description.protocols:
            targets, name = TARGETS[protocol.target_rule], f"`{protocol.name}`"
            lines.append(_row(title, key, name, targets, needs(protocol), cost(protocol)))
            title = key = ""
    lines += [
        "",
        "The first protocol of each is the default; `--experiment pointing_game/torchray@1` chooses another. The map "
        "itself comes on top of the cost: see [methods](../methods/README.md). `python -m saliency_core experiments "
        "KEY` says the same as these pages.",
        "",
        "## Settings of every protocol",
        "",
        "| setting | meaning |",
        "| --- | --- |",
        *(_row(f"`{name}`", meaning) for name, meaning in _COMMON_SETTINGS),
        "",
        "| target rule | explains |",
        "| --- | --- |",
        *(_row(f"`{rule}`", meaning) for rule, meaning in TARGETS.items()),
        "",
        "## Figures of every experiment",
        "",
        "| figure | key | unit | better | definition |",
        "| --- | --- | --- | --- | --- |",
        *(_figure_row(figure) for figure in COMMON_FIGURES),
        "",
        "Figures whose unit is percent are kept as fractions of 1. An image that cannot be read, or lacks what an "
        "experiment needs, is named among the failures and counts in no figure. Intervals are bootstrapped over "
        "images: all rows of an image are drawn together.",
        "",
    ]
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """All pages by file name."""
    written = {f"{description.key}.md": page(description) for description in experiment_descriptions()}
    return {"README.md": overview(), **written}


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
