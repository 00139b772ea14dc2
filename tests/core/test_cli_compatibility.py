"""The command classifiers KEY --compatibility."""

from __future__ import annotations

from pathlib import Path

import pytest

from saliency_core.cli.main import main
from tests.core.classifiers.onnx_networks import export, small_cnn


def test_report_of_a_builtin_classifier(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["classifiers", "shapes_cnn", "--compatibility"]) == 0
    text = capsys.readouterr().out
    assert "Shapes CNN (cnn), 10 classes, 139,962 parameters, softmax outputs, squash224" in text
    assert "  relu4_2: ReLU, 96 × 14 × 14  (default)" in text
    assert "  raw_attention: Raw attention needs the attention of a vision transformer" in text
    assert "ReLUs: modules 6, functional 0, in place 0, reused 0" in text
    assert "Relevance by lrp on astronaut.png: expected 2.9, conservation error -1.6" in text
    assert "  astronaut.png: arrow 62.6%, star 13.9%" in text


def test_report_of_an_onnx_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = export(small_cnn(), tmp_path / "small.onnx")
    assert main(["classifiers", "onnx:Mine", "--compatibility", "--weights", str(path)]) == 0
    assert "Mine (cnn), 4 classes" in capsys.readouterr().out
    assert main(["classifiers", "onnx", "--compatibility"]) == 1
    assert "needs its file" in capsys.readouterr().err
