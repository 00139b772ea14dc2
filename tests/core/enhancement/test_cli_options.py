from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from saliency_core.cli.main import main
from saliency_core.enhancement.cli_options import add_enhancement_options, enhancement_from
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import ParameterError


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_enhancement_options(parser)
    return parser.parse_args(words)


def test_options() -> None:
    assert enhancement_from(parsed()) is None
    assert enhancement_from(parsed("--enhance")) == SLIDING_WINDOW.validate({})
    chosen = enhancement_from(
        parsed("--enhance", "--enhance-set", "stride=48", "--enhance-set", "base_term=once")
    )
    assert chosen is not None
    assert (chosen["stride"], chosen["base_term"], chosen["window"]) == (48, "once", 96)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--enhance-set", "stride=48"), "no effect without --enhance"),
        (("--enhance", "--enhance-set", "stride"), "KEY=VALUE"),
        (("--enhance", "--enhance-set", "strides=3"), "Did you mean 'stride'"),
    ],
)
def test_wrong_options_are_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        enhancement_from(parsed(*words))


def test_the_command_explain_enhances(
    tmp_path: Path, write_image: Callable[..., Path], shared_data: Path
) -> None:
    weights = shared_data / "weights" / "squeezenet1_1.safetensors"
    arguments = [
        "explain", "--model", "torchvision:squeezenet1_1", "--weights", str(weights), "--method", "grad_cam",
        "--image", str(write_image(tmp_path / "image.png")), "--out", str(tmp_path / "out"),
        "--enhance", "--enhance-set", "stride=64",
    ]  # fmt: skip
    assert main(arguments) == 0
    record = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert record["method"] == "grad_cam+sliding_window"
    assert record["parameters"]["enhancement"]["stride"] == 64
