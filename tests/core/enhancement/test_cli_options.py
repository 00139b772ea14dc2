from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from saliency_core.cli.main import main
from saliency_core.enhancement.cli_options import add_enhancement_options, enhancements_from
from saliency_core.enhancement.description import SLIDING_WINDOW
from saliency_core.errors import ParameterError


def parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_enhancement_options(parser)
    return parser.parse_args(words)


def test_options() -> None:
    usual = SLIDING_WINDOW.validate({})
    assert enhancements_from(parsed()) == [None]
    assert enhancements_from(parsed("--enhance")) == [usual]
    assert enhancements_from(parsed("--enhance", "off", "--enhance", "on")) == [None, usual]
    literal, once = enhancements_from(parsed("--enhance", "--enhance", "base_term=once,stride=48"))
    assert literal == usual
    assert once == SLIDING_WINDOW.validate({"base_term": "once", "stride": 48})
    (chosen,) = enhancements_from(
        parsed("--enhance", "--enhance-set", "stride=48", "--enhance-set", "base_term=once")
    )
    assert chosen is not None
    assert (chosen["stride"], chosen["base_term"], chosen["window"]) == (48, "once", 96)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--enhance-set", "stride=48"), "no effect without --enhance"),
        (("--enhance", "off", "--enhance-set", "stride=48"), "no effect without --enhance"),
        (("--enhance", "--enhance-set", "stride"), "--enhance-set takes KEY=VALUE"),
        (("--enhance", "yes"), "--enhance takes KEY=VALUE; got 'yes'"),
        (("--enhance", "--enhance-set", "strides=3"), "Did you mean 'stride'"),
    ],
)
def test_wrong_options_are_refused(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ParameterError, match=message):
        enhancements_from(parsed(*words))


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
