"""What stands against comparing two results directly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

SEVERE: frozenset[str] = frozenset({"protocol"})
"""Keys of differences with which figures must not share a column."""


class Difference(NamedTuple):
    """What differs (a key, for code) and a sentence about it (for people)."""

    key: str
    sentence: str

    @property
    def severe(self) -> bool:
        return self.key in SEVERE


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[Difference]:
    """What differs in the provenance of two results, the most serious first; empty if nothing does.

    Both mappings have, as far as known: "protocol" and "preprocessing" (mappings of settings, or anything
    comparable by ==), "weights_sha256", "dataset_fingerprint", "indices" (positions of the images in the
    data set: a set, sequence or array of integers; or in their place "images", how they were chosen),
    "precision", "versions" (package → version). What is missing (or None) in both is not compared; missing in
    one, it is reported as not recorded. "class_mapping" (how labels lead to the classifier's classes) and
    "complete" (whether everything was measured) are heeded where they are given. The keys of the answer:
    "protocol" (severe: the figures are of different experiments and must not share a column), "dataset",
    "images", "class_mapping", "weights", "preprocessing", "precision", "complete", "versions". Images are
    compared only within one data set, as positions mean nothing across two.
    """
    found: list[Difference] = []

    def compare(key: str, field: str, what: str, consequence: str) -> None:
        left, right = first.get(field), second.get(field)
        if _same(left, right):
            return
        if left is None or right is None:
            which = "first" if left is None else "second"
            found.append(Difference(key, f"The {which} result does not record its {what}; {consequence}."))
        else:
            found.append(
                Difference(key, f"The results differ in {what}{_details(left, right)}; {consequence}.")
            )

    compare("protocol", "protocol", "protocol", "the figures measure different things and are not comparable")
    compare("dataset", "dataset_fingerprint", "data set", "differences may come from the images alone")
    if not any(difference.key == "dataset" for difference in found):
        if "images" in first or "images" in second:
            compare("images", "images", "choice of images", "only images in both can be compared")
        else:
            found.extend(_images(first.get("indices"), second.get("indices")))
    compare("class_mapping", "class_mapping", "class mapping", "labels may stand for different classes")
    compare("weights", "weights_sha256", "classifier weights", "different classifiers are explained")
    compare("preprocessing", "preprocessing", "preprocessing", "the classifier saw different inputs")
    compare("precision", "precision", "precision", "small differences may come from rounding")
    found.extend(_unfinished(first.get("complete"), second.get("complete")))
    compare("versions", "versions", "software versions", "small differences may come from them")
    return found


def _images(first: Any, second: Any) -> list[Difference]:
    if first is None and second is None:
        return []
    if first is None or second is None:
        which = "first" if first is None else "second"
        sentence = f"The {which} result does not record its images; they may not be the same."
        return [Difference("images", sentence)]
    left, right = _positions(first), _positions(second)
    common = len(np.intersect1d(left, right))
    if common == len(left) == len(right):
        return []
    return [
        Difference(
            "images",
            f"The results are of different images ({common:,} in both, {len(left) - common:,} only in the "
            f"first, {len(right) - common:,} only in the second); compare them on the images in both.",
        )
    ]


def _unfinished(first: Any, second: Any) -> list[Difference]:
    """Where one of two was not measured to the end, or both were not."""
    if first is None or second is None or (first and second):
        return []
    which = "first result is" if second else "second result is" if first else "two results are"
    return [Difference("complete", f"The {which} not complete; figures may still change.")]


def _positions(indices: Any) -> npt.NDArray[np.int64]:
    return np.unique(np.fromiter(indices, dtype=np.int64))


def _same(left: Any, right: Any) -> bool:
    """Equality of settings; sequences of any kind and arrays are equal by their elements."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    return bool(_plain(left) == _plain(right))


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _details(left: Any, right: Any) -> str:
    """ " (steps: 100 and 224; …)", or the two values where they are short and plain, else nothing."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        names = [name for name in {**left, **right} if not _same(left.get(name), right.get(name))]
        shown = "; ".join(f"{name}: {_short(left.get(name))} and {_short(right.get(name))}" for name in names)
        return f" ({shown})" if shown else ""
    if isinstance(left, str) and isinstance(right, str) and max(len(left), len(right)) <= 40:
        return f" ({left} and {right})"
    return ""


def _short(value: Any) -> str:
    text = "not set" if value is None else str(_plain(value))
    return text if len(text) <= 40 else text[:39] + "…"
