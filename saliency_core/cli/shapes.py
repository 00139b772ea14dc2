"""The command shapes: make a Shapes data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from saliency_core.cli.progress import ProgressBar
from saliency_core.datasets.shapes import Shapes, write_shapes
from saliency_core.errors import ParameterError

_SHEET_IMAGES, _SHEET_COLUMNS, _SHEET_TILE = 20, 10, 96


def add_commands(commands: Any) -> None:
    parser: argparse.ArgumentParser = commands.add_parser(
        "shapes", help="make a data set of drawn objects with exact labels, boxes and masks"
    )
    parser.add_argument(
        "--out", required=True, type=Path, help="folder of the data set (shapes.json is written there)"
    )
    parser.add_argument("--images", type=int, default=500, help="number of images (default 500)")
    parser.add_argument("--size", type=int, default=224, help="width and height in pixels (default 224)")
    parser.add_argument("--seed", type=int, default=0, help="another seed gives other images (default 0)")
    parser.add_argument(
        "--files",
        action="store_true",
        help="write the images and their masks as PNG files too, for other programs",
    )
    parser.add_argument(
        "--sheet", type=Path, metavar="FILE", help="also draw a contact sheet of the first 20 images"
    )
    parser.set_defaults(run=make_shapes)


def make_shapes(options: argparse.Namespace) -> None:
    if options.sheet is not None and options.sheet.suffix.lower() != ".png":
        raise ParameterError(f"The contact sheet is a PNG file; {options.sheet} does not end in .png.")
    with ProgressBar("Drawing", "images") as bar:
        file = write_shapes(
            options.out,
            images=options.images,
            size=options.size,
            seed=options.seed,
            files=options.files,
            on_progress=lambda done: bar.show(done, options.images),
        )
    shapes = Shapes(options.out)
    if options.sheet is not None:
        _write_sheet(shapes, options.sheet)
    print(f"{file}: {len(shapes)} images of {shapes.size} × {shapes.size} pixels, seed {shapes.seed}")
    print(f"Use it with --dataset {options.out} --format shapes")


def _write_sheet(shapes: Shapes, file: Path) -> None:
    from PIL import Image

    from saliency_core.rendering.contact_sheet import contact_sheet

    shown = range(min(_SHEET_IMAGES, len(shapes)))
    tiles = [(str(shapes.sample(index).label), shapes.image(index)) for index in shown]
    sheet = contact_sheet(tiles, columns=_SHEET_COLUMNS, tile=_SHEET_TILE)
    file.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(256, dither=Image.Dither.FLOYDSTEINBERG).save(file, optimize=True)
