"""Layer-wise relevance propagation in double precision with loops over single connections, one image at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Connection:
    """Input number ``source`` contributes to output number ``target`` with ``weight``."""

    source: int
    target: int
    weight: float


def connections(layer: torch.nn.Module, shape: tuple[int, ...]) -> tuple[list[Connection], list[float]]:
    """All connections of a Conv2d (one group) or Linear for an input of ``shape`` and the bias of each output."""
    if isinstance(layer, torch.nn.Linear):
        rows = layer.weight.double().tolist()
        found = [Connection(i, j, w) for j, row in enumerate(rows) for i, w in enumerate(row)]
        return found, [0.0] * len(rows) if layer.bias is None else layer.bias.double().tolist()
    assert isinstance(layer, torch.nn.Conv2d)
    return list(_of_convolution(layer, shape)), _biases(layer, shape)


def _of_convolution(layer: torch.nn.Conv2d, shape: tuple[int, ...]) -> Iterator[Connection]:
    _, height, width = shape
    stride, padding, size = layer.stride[0], int(layer.padding[0]), layer.kernel_size[0]
    rows, columns = _output_size(layer, shape)
    weight = layer.weight.double().tolist()
    for k in range(layer.out_channels):
        for row in range(rows):
            for column in range(columns):
                for channel in range(layer.in_channels):
                    for dy in range(size):
                        for dx in range(size):
                            y, x = row * stride + dy - padding, column * stride + dx - padding
                            if 0 <= y < height and 0 <= x < width:
                                source = (channel * height + y) * width + x
                                target = (k * rows + row) * columns + column
                                yield Connection(source, target, weight[k][channel][dy][dx])


def _biases(layer: torch.nn.Conv2d, shape: tuple[int, ...]) -> list[float]:
    biases = [0.0] * layer.out_channels if layer.bias is None else layer.bias.double().tolist()
    return [bias for bias in biases for _ in range(math.prod(_output_size(layer, shape)))]


def _output_size(layer: torch.nn.Conv2d, shape: tuple[int, ...]) -> tuple[int, int]:
    side = lambda length: (length + 2 * int(layer.padding[0]) - layer.kernel_size[0]) // layer.stride[0] + 1  # noqa: E731
    return side(shape[1]), side(shape[2])


def propagate(
    layer: torch.nn.Module,
    inputs: torch.Tensor,
    relevance: torch.Tensor,
    rule: str,
    *,
    gamma: float = 0.25,
    epsilon: float = 1e-6,
    low: torch.Tensor | None = None,
    high: torch.Tensor | None = None,
) -> torch.Tensor:
    """Relevance of ``inputs`` (one image) from that of the layer's outputs, by one of the rules of the method."""
    x, r = inputs.double().flatten().tolist(), relevance.double().flatten().tolist()
    found, biases = connections(layer, tuple(inputs.shape))
    lowest = [] if low is None else low.double().flatten().tolist()
    highest = [] if high is None else high.double().flatten().tolist()
    z = list(biases)
    for link in found:
        z[link.target] += x[link.source] * link.weight

    def share(link: Connection) -> tuple[float, float]:
        """Numerators of the connection for the outputs' positive and negative part."""
        value, w = x[link.source], link.weight
        if rule == "flat":
            return 1.0, 0.0
        if rule == "box":
            return value * w - lowest[link.source] * max(w, 0) - highest[link.source] * min(w, 0), 0.0
        if rule == "epsilon":
            return value * w, 0.0
        if rule == "gamma":
            favoured = value * w * z[link.target] > 0
            return value * w * (1 + gamma if favoured else 1), 0.0
        return max(value * w, 0), min(value * w, 0)

    positive, negative = [0.0] * len(z), [0.0] * len(z)
    for j, bias in enumerate(biases):
        if rule == "epsilon":
            positive[j] = bias + (epsilon if z[j] >= 0 else -epsilon)
        elif rule == "gamma":
            positive[j] = bias * (1 + gamma if bias * z[j] > 0 else 1)
        elif rule.startswith("alpha"):
            positive[j], negative[j] = max(bias, 0), min(bias, 0)
        elif rule == "bias_twice":
            positive[j] = 2 * bias
    for link in found:
        up, down = share(link)
        positive[link.target] += up
        negative[link.target] += down
    alpha, beta = {"alpha2_beta1": (2.0, 1.0)}.get(rule, (1.0, 0.0))
    result = [0.0] * len(x)
    for link in found:
        up, down = share(link)
        j = link.target
        if positive[j]:
            result[link.source] += alpha * up / positive[j] * r[j]
        if beta and negative[j]:
            result[link.source] -= beta * down / negative[j] * r[j]
    return torch.tensor(result, dtype=torch.float64).view(inputs.shape)


def pool(inputs: torch.Tensor, relevance: torch.Tensor, size: int) -> torch.Tensor:
    """Relevance before a max pool without overlap: all of it to the largest value."""
    result = torch.zeros_like(inputs, dtype=torch.float64)
    for channel, row, column in torch.cartesian_prod(*(torch.arange(n) for n in relevance.shape)).tolist():
        window = inputs[channel, row * size : (row + 1) * size, column * size : (column + 1) * size]
        place = int(window.flatten().argmax())
        result[channel, row * size + place // size, column * size + place % size] += relevance[
            channel, row, column
        ]
    return result
