"""From a data set's classes to a classifier's outputs."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path

from saliency_core.errors import DatasetError

_NAMED_AT_MOST = 10


@dataclass(frozen=True)
class ClassMapping:
    """``classes``: label → class numbers, none where the mapping file leaves the label out. ``reasons``: label
    that means no class → a sentence why. ``close``: such a label → names it resembles. ``unused``: labels of
    the mapping file that the data set does not have.
    """

    classes: Mapping[str, tuple[int, ...]]
    reasons: Mapping[str, str] = field(default_factory=dict)
    close: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unused: tuple[str, ...] = ()

    @classmethod
    def for_labels(
        cls,
        labels: Iterable[str],
        class_names: Sequence[str],
        class_ids: Sequence[str] = (),
        explicit: Mapping[str, Sequence[str]] | None = None,
    ) -> ClassMapping:
        """Look every label up among the classifier's outputs.

        A label in ``explicit`` (see read_class_mapping) means what is written there. Any other is compared with
        the outputs' ids (synsets), then their names, then read as a class number ("7"), then compared with
        names and ids without regard to case; the first of these with a match decides, and where it matches two
        outputs the label means none.
        """
        explicit = explicit or {}
        outputs = _Outputs(class_names, class_ids)
        classes: dict[str, tuple[int, ...]] = {}
        reasons: dict[str, str] = {}
        close: dict[str, tuple[str, ...]] = {}
        for label in dict.fromkeys(labels):
            numbers: list[int] = []
            for name in explicit.get(label, (label,)):
                matches = outputs.matching(name)
                given = f" (given for {label!r})" if label in explicit else ""
                if len(matches) == 1:
                    numbers += matches
                elif matches:
                    shown = ", ".join(outputs.described(number) for number in matches[:_NAMED_AT_MOST])
                    reasons[label] = f"{name!r}{given} stands for {len(matches)} outputs: {shown}."
                else:
                    reasons[label] = f"The model has no output {name!r}{given}."
                    close[label] = outputs.resembling(name)
            if label not in reasons:
                classes[label] = tuple(dict.fromkeys(numbers))
        known = classes.keys() | reasons.keys()
        return cls(classes, reasons, close, tuple(label for label in explicit if label not in known))

    def classes_of(self, label: str) -> tuple[int, ...]:
        """The class numbers the label stands for; of several, the one most probable on the image is explained.
        Empty: none.
        """
        return self.classes.get(label, ())

    @property
    def unmapped(self) -> tuple[str, ...]:
        """The labels without an output, except for those left out on purpose."""
        return tuple(self.reasons)

    @property
    def left_out(self) -> tuple[str, ...]:
        """The labels that the mapping file leaves out."""
        return tuple(label for label, numbers in self.classes.items() if not numbers)

    def require_all(self) -> None:
        """Raise DatasetError, naming them, if there are unmapped labels."""
        if not self.reasons:
            return
        ambiguous = [reason for label, reason in self.reasons.items() if label not in self.close]
        hints = [
            f"{label}: {', '.join(repr(name) for name in names)}"
            for label, names in self.close.items()
            if names
        ]
        raise DatasetError(
            f"These classes have no output in this model: {', '.join(self.unmapped)}. Give a mapping file (CSV with "
            "the columns label,class) or leave these classes out (an empty class in that file)."
            + "".join(f" {reason}" for reason in ambiguous[:_NAMED_AT_MOST])
            + (f" Outputs with similar names: {'; '.join(hints[:_NAMED_AT_MOST])}." if hints else "")
        )


def read_class_mapping(path: str | Path) -> dict[str, tuple[str, ...]]:
    """label → the classes it stands for, written as ids, names or numbers of the classifier's outputs.

    CSV with the columns label,class (several lines for a label with several classes), or JSON {label: class or
    [class, …]}. An empty class, null or [] leaves the label out. Raises DatasetError.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"The mapping file {file} cannot be read as text in UTF-8: {error}.") from error
    return _mapping(
        file, _json_pairs(file, text) if file.suffix.lower() == ".json" else _csv_pairs(file, text)
    )


def parse_class_mapping(text: str, name: str = "mapping") -> dict[str, tuple[str, ...]]:
    """As read_class_mapping, for text at hand: JSON where it begins with "{", otherwise CSV. ``name`` is for
    messages. Raises DatasetError.
    """
    text = text.removeprefix("\ufeff").strip()
    file = Path(name)
    return _mapping(file, _json_pairs(file, text) if text.startswith("{") else _csv_pairs(file, text))


def _mapping(file: Path, pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    mapping: dict[str, list[str]] = {}
    for label, name in pairs:
        names = mapping.setdefault(label, [])
        if name and name not in names:
            names.append(name)
    if not mapping:
        raise DatasetError(f"The mapping file {file} names no label.")
    return {label: tuple(names) for label, names in mapping.items()}


class _Outputs:
    """A classifier's outputs, by everything they may be called."""

    def __init__(self, names: Sequence[str], ids: Sequence[str]) -> None:
        self._names, self._ids = names, ids
        self._by_id, self._by_name = _positions(ids), _positions(names)
        self._by_any_case = _positions(name.casefold() for name in names)
        for name, numbers in _positions(name.casefold() for name in ids).items():
            self._by_any_case.setdefault(name, numbers)

    def matching(self, name: str) -> list[int]:
        if name in self._by_id:
            return self._by_id[name]
        if name in self._by_name:
            return self._by_name[name]
        if name.isascii() and name.isdigit() and int(name) < len(self._names):
            return [int(name)]
        return self._by_any_case.get(name.casefold(), [])

    def described(self, number: int) -> str:
        return f"{number} ({self._ids[number]})" if self._ids else str(number)

    def resembling(self, name: str) -> tuple[str, ...]:
        """Up to three outputs that have the name as one of their words, or are spelled much like it."""
        word = name.casefold()
        matches = [known for known in self._by_any_case if word in known.split()]
        matches += get_close_matches(word, list(self._by_any_case), n=3, cutoff=0.75)
        return tuple(self._spelled(match) for match in list(dict.fromkeys(matches))[:3])

    def _spelled(self, match: str) -> str:
        number = self._by_any_case[match][0]
        spelled = self._names[number]
        return spelled if spelled.casefold() == match else self._ids[number]


def _positions(words: Iterable[str]) -> dict[str, list[int]]:
    positions: dict[str, list[int]] = defaultdict(list)
    for number, word in enumerate(words):
        positions[word].append(number)
    return dict(positions)


def _csv_pairs(file: Path, text: str) -> list[tuple[str, str]]:
    try:
        reader = csv.DictReader(text.splitlines())
        if not {"label", "class"} <= set(reader.fieldnames or ()):
            raise DatasetError(
                f"The mapping file {file} must begin with a line that names the columns label and class."
            )
        pairs = [((row["label"] or "").strip(), (row["class"] or "").strip()) for row in reader]
    except csv.Error as error:
        raise DatasetError(f"The mapping file {file} is not a CSV file: {error}.") from error
    return [(label, name) for label, name in pairs if label]


def _json_pairs(file: Path, text: str) -> list[tuple[str, str]]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DatasetError(f"The mapping file {file} is not readable JSON: {error}.") from error
    pairs = []
    for label, value in content.items() if isinstance(content, dict) else [("", content)]:
        names = value if isinstance(value, list) else [value]
        names = names or [None]
        if not isinstance(content, dict) or not all(
            name is None or (isinstance(name, (str, int)) and not isinstance(name, bool)) for name in names
        ):
            raise DatasetError(
                f"The mapping file {file} must hold {{label: class}} or {{label: [class, …]}}."
            )
        pairs += [(label, "" if name is None else str(name).strip()) for name in names]
    return pairs
