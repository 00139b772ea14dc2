"""More of its tests, shared with Guided Backpropagation, are in test_guided_backpropagation.py."""

from __future__ import annotations

from tests.core.methods.test_guided_backpropagation import by_hand, hand_image


def test_two_layers_by_hand() -> None:
    # Gradients at the units (2, −1, 1, 4), of which the negative one is cut off, whether units are active or not.
    expected = [-2.0, 1.0, 7.0]
    assert by_hand("deconvnet", hand_image(), 0) == expected
    image = hand_image()
    image[0, 2, 0, 0] = -3  # two of the four units are inactive now
    assert by_hand("deconvnet", image, 0) == expected
    assert by_hand("deconvnet", image, 1) == [1.0, 2.5, 0.5]


def test_relu6_by_hand() -> None:
    assert by_hand("deconvnet", hand_image(), 0, limit=6.0) == [-2.0, 1.0, 7.0]
