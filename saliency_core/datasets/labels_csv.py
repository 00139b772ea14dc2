"""CSV files with the columns image and label."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from saliency_core.errors import DatasetError


def read_image_labels(file: Path) -> Iterator[tuple[int, str, str]]:
    """(line number, image, label) of every line; the first line names the columns. Raises DatasetError."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if not {"image", "label"} <= set(reader.fieldnames or ()):
                raise DatasetError(f"{file} must begin with a line that names the columns image and label.")
            for row in reader:
                yield reader.line_num, (row["image"] or "").strip(), (row["label"] or "").strip()
    except (UnicodeDecodeError, csv.Error) as error:
        raise DatasetError(f"{file} is not a CSV file in UTF-8: {error}.") from error


def read_label_file(file: Path, known: dict[str, str]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Labels by identifier, and what is wrong with the file.

    ``known``: every name under which the file may mention an image → its identifier.
    """
    labels: dict[str, str] = {}
    found = []
    for line, name, label in read_image_labels(file):
        identifier = known.get(name)
        if identifier is None:
            found.append({"file": name or f"line {line}", "problem": f"named in {file.name} but not found"})
        elif identifier in labels:
            found.append(
                {"file": name, "problem": f"named more than once in {file.name}; the first line counts"}
            )
        elif label:
            labels[identifier] = label
    found += [
        {"file": identifier, "problem": f"has no label in {file.name}"}
        for identifier in dict.fromkeys(known.values())
        if identifier not in labels
    ]
    return labels, found


def read_flags(file: Path) -> dict[str, frozenset[str]]:
    """image → its flagged labels. A line with an empty label says that the image has been looked at. Raises
    DatasetError.
    """
    flags: dict[str, set[str]] = {}
    for _, image, label in read_image_labels(file):
        flags.setdefault(image, set()).update({label} if label else ())
    return {image: frozenset(labels) for image, labels in flags.items()}
