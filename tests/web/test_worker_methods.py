"""A worker makes the method that a specification says."""

from __future__ import annotations

from typing import Any

import pytest

from saliency_core.errors import ParameterError
from tests.core.every_method import network
from webapp.benchmarks.methods import specified_method
from workers.resources import method_of


@pytest.mark.parametrize("more", [{}, {"enhancement": None}], ids=["older", "without"])
def test_a_method_without_enhancement(more: dict[str, Any]) -> None:
    method = method_of({"key": "smooth_grad", "parameters": {"samples": 3}, **more}, network("batch_norm"))
    assert method.description.key == "smooth_grad"
    assert method.parameters["samples"] == 3


def test_a_method_with_enhancement() -> None:
    specified = specified_method("smooth_grad", {"samples": 3}, {"base_term": "once"})
    method = method_of(specified, network("batch_norm"))
    assert method.description.key == "smooth_grad+sliding_window"
    assert method.parameters["samples"] == 3
    assert method.parameters["enhancement"] == specified["enhancement"]
    assert specified["enhancement"]["base_term"] == "once"


def test_a_method_that_does_not_apply_is_refused() -> None:
    with pytest.raises(ParameterError, match="is a transformer"):
        method_of(specified_method("grad_cam", {}, None), network("transformer"))
