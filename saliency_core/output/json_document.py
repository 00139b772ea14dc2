"""Results as one JSON document that gives them back."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from saliency_core.errors import ParameterError
from saliency_core.experiments.base import Experiment, experiment_class
from saliency_core.experiments.columns import Columns
from saliency_core.experiments.result import Result
from saliency_core.output.files import write_text
from saliency_core.output.summarised import Summarised

SCHEMA = "saliscope-results/1"
"""Name and version of the document's form; a change that readers must know of raises the number."""


def document(results: Sequence[Summarised], *, with_images: bool = True) -> dict[str, Any]:
    """Everything about the results, JSON-able: protocols in full, provenance, figures with their definitions
    and intervals, mean curves, bins and, ``with_images``, the per-image columns and curves.

    Values are fractions of 1 where a figure's unit is "percent". NaN is null.
    """
    return {"schema": SCHEMA, "results": [_result(each, with_images) for each in results]}


def write_json(path: str | Path, results: Sequence[Summarised], *, with_images: bool = True) -> Path:
    """The document as UTF-8 text, written in one step."""
    return write_text(path, json_text(results, with_images=with_images))


def json_text(results: Sequence[Summarised], *, with_images: bool = True) -> str:
    return json.dumps(
        document(results, with_images=with_images), ensure_ascii=False, allow_nan=False, separators=(",", ":")
    )


def read_json(source: str | Path | Mapping[str, Any]) -> list[Summarised]:
    """The results of a document (a path, or the document itself). Without its per-image columns a result has
    its failures and notes only. Raises ParameterError for anything but a document of this schema.
    """
    if not isinstance(source, Mapping):
        try:
            source = json.loads(Path(source).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ParameterError(f"{source} cannot be read as results: {error}.") from error
    found = source.get("schema") if isinstance(source, Mapping) else None
    if found != SCHEMA:
        raise ParameterError(f"This is not a document of the schema {SCHEMA!r}; its schema is {found!r}.")
    assert isinstance(source, Mapping)
    results = source.get("results")
    if not isinstance(results, list) or not results:
        raise ParameterError("This document has no results: write it again with the command benchmark.")
    return [_read_result(each) for each in results]


_PLAIN = (
    "model",
    "architecture",
    "weights_sha256",
    "preprocessing",
    "method",
    "method_title",
    "parameters",
    "enhancement",
    "dataset",
    "precision",
    "environment",
)


def _result(each: Summarised, with_images: bool) -> dict[str, Any]:
    result = each.result
    return {
        "title": result.title,
        **{name: _plain(getattr(result, name)) for name in _PLAIN},
        "experiment": result.experiment.description.key,
        "protocol": _plain(result.experiment.protocol.to_dict()),
        "figures": [
            {
                "key": figure.key,
                "title": figure.title,
                "unit": figure.unit,
                "better": figure.better,
                "definition": figure.summary,
                **each.summary["figures"][figure.key],
            }
            for figure in result.figures
        ],
        "summary": _plain(each.summary),
        "columns": _columns(result.columns, with_images),
    }


def _read_result(values: Mapping[str, Any]) -> Summarised:
    result = Result(
        **{name: values[name] for name in _PLAIN},
        experiment=_experiment(values["experiment"], values["protocol"]),
        columns=_read_columns(values["columns"]),
    )
    return Summarised(result, values["summary"])


def _experiment(key: str, protocol: Mapping[str, Any]) -> Experiment:
    """The experiment under the protocol as it was recorded, whatever the protocol of that name is today."""
    found = experiment_class(key)
    kind = type(found.description.default_protocol)
    fields = {field.name for field in dataclasses.fields(kind)}
    values = {name: _tuples(value) for name, value in protocol.items() if name in fields}
    return found(kind(**values))


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def _columns(columns: Columns, with_images: bool) -> dict[str, Any]:
    kept = {"failures": _plain(columns.failures), "notes": _plain(columns.notes)}
    if not with_images:
        return kept
    return {
        **kept,
        "indices": columns.indices.tolist(),
        "images": columns.images,
        "scalars": {name: _array(values) for name, values in columns.scalars.items()},
        "curves": {name: _array(values) for name, values in columns.curves.items()},
    }


def _read_columns(values: Mapping[str, Any]) -> Columns:
    return Columns(
        indices=np.array(values.get("indices", ()), dtype=np.int64),
        images=list(values.get("images", ())),
        scalars={name: _read_array(each) for name, each in values.get("scalars", {}).items()},
        curves={name: _read_array(each) for name, each in values.get("curves", {}).items()},
        failures=list(values["failures"]),
        notes=dict(values["notes"]),
    )


def _array(values: np.ndarray[Any, Any]) -> dict[str, Any]:
    shown = values
    if values.dtype == np.float32:
        # The shortest digits that give the number back, not those of its neighbour in double precision.
        shown = values.astype(np.str_).astype(np.float64)
    return {"dtype": values.dtype.str, "shape": list(values.shape), "values": _plain(shown.tolist())}


def _read_array(stored: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    # NumPy reads null as NaN where the numbers are floating-point.
    return np.array(stored["values"], dtype=np.dtype(stored["dtype"])).reshape(stored["shape"])


def _plain(value: Any) -> Any:
    """JSON's own types; NaN becomes null. Raises ValueError for an infinite number."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and math.isnan(value):
        return None
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return str(value)
