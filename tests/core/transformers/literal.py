"""The transformer methods once more, literally: one image, double precision, a loop over heads, tokens and output
units. What happens in the network comes from hooks on a copy of the model, gradients from autograd.
"""

from __future__ import annotations

import copy
from typing import Any

import torch

Vector = torch.Tensor


def divided(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    result = torch.zeros_like(numerator)
    for place in range(numerator.numel()):
        below = denominator.view(-1)[place]
        if below != 0:
            shifted = below + 1e-9
            result.view(-1)[place] = numerator.reshape(-1)[place] / (shifted if shifted != 0 else 1e-9)
    return result


def through_linear(values: Vector, weight: torch.Tensor, relevance: Vector, separate: bool) -> Vector:
    """One token through a linear layer, output unit by output unit."""
    before = torch.zeros_like(values)
    for unit in range(len(relevance)):
        up = values.clamp(min=0) * weight[unit].clamp(min=0)
        down = values.clamp(max=0) * weight[unit].clamp(max=0)
        for part in (up, down) if separate else (up + down,):
            if part.sum() != 0:
                before += part * relevance[unit] / (part.sum() + 1e-9)
    return before


def through_tokens(
    values: torch.Tensor, weight: torch.Tensor, relevance: torch.Tensor, separate: bool
) -> torch.Tensor:
    return torch.stack(
        [through_linear(x, weight, r, separate) for x, r in zip(values, relevance, strict=True)]
    )


def through_sum(
    left: torch.Tensor, right: torch.Tensor, relevance: torch.Tensor, rescaled: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    shares = divided(relevance, left + right)
    left_part, right_part = left * shares, right * shares
    if rescaled:
        left_sum, right_sum = left_part.sum(), right_part.sum()
        weight = abs(left_sum) + abs(right_sum)
        left_part = left_part * (abs(left_sum) / weight * relevance.sum() / left_sum)
        right_part = right_part * (abs(right_sum) / weight * relevance.sum() / right_sum)
    return left_part, right_part


def through_product(
    left: torch.Tensor, right: torch.Tensor, relevance: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradient × input for both operands of one head's product, by autograd, each halved."""
    left, right = left.detach().requires_grad_(True), right.detach().requires_grad_(True)
    result = left @ right
    shares = divided(relevance, result.detach())
    for_left, for_right = torch.autograd.grad(result, (left, right), grad_outputs=shares)
    return (left * for_left / 2).detach(), (right * for_right / 2).detach()


class Literal:
    """Everything known about one image [3, H, W] and one class."""

    def __init__(self, model: Any, image: torch.Tensor, target: int) -> None:
        self.model = copy.deepcopy(model).double().eval()
        self.values: dict[str, torch.Tensor] = {}
        self.attention: list[torch.Tensor] = []
        for name, module in self.model.named_modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = False
                module.attn_drop.register_forward_hook(self._keep_attention)
            module.register_forward_hook(self._keeper(name))
        self.image = image.double()
        self.target = target
        self.logits = self.model(self.image[None].clone().requires_grad_(True))[0]  # weights may be frozen
        self.gradients = [
            gradient[0] for gradient in torch.autograd.grad(self.logits[target], self.attention)
        ]
        self.attention = [attention[0].detach() for attention in self.attention]
        self.heads = len(self.attention[0])
        self.first = self.model.num_prefix_tokens
        self.grid = self.model.patch_embed.grid_size

    def _keep_attention(self, module: Any, inputs: Any, output: torch.Tensor) -> None:
        self.attention.append(output)

    def _keeper(self, name: str) -> Any:
        def keep(module: Any, inputs: Any, output: torch.Tensor) -> None:
            self.values[name] = output[0].detach()
            self.values[name + " in"] = inputs[0][0].detach()

        return keep

    def raw_attention(self) -> torch.Tensor:
        total = torch.zeros(len(self.attention[0][0]) - self.first, dtype=torch.float64)
        for head in self.attention[-1]:
            total += head[0, self.first :]
        return (total / self.heads).reshape(self.grid)

    def rollout(self, start: int) -> torch.Tensor:
        return self._rolled([attention.mean(0) for attention in self.attention], start, normalised=True)

    def _rolled(self, matrices: list[torch.Tensor], start: int, normalised: bool) -> torch.Tensor:
        joint = torch.eye(len(matrices[0]), dtype=torch.float64)
        for matrix in matrices[start:]:
            mixed = matrix + torch.eye(len(matrix), dtype=torch.float64)
            if normalised:
                mixed = torch.stack([row / row.sum() for row in mixed])
            joint = mixed @ joint
        return joint[0, self.first :].reshape(self.grid)

    def grad_cam(self) -> torch.Tensor:
        total = torch.zeros(self.grid, dtype=torch.float64)
        for attention, gradient in zip(self.attention[-1], self.gradients[-1], strict=True):
            weight = gradient[0, self.first :].mean()
            total += weight * attention[0, self.first :].reshape(self.grid)
        return (total / self.heads).clamp(min=0)

    def relevance(self, separate: bool) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Relevance of each block's attention [H, N, N], and of the tokens that enter the first block."""
        start = torch.zeros(len(self.logits), dtype=torch.float64)
        start[self.target] = 1
        weights = {name: value.detach() for name, value in self.model.state_dict().items()}
        tokens = torch.zeros_like(self.values[f"blocks.{len(self.model.blocks) - 1}"])
        tokens[0] = through_linear(self.values["head in"], weights["head.weight"], start, separate)
        attentions = []
        for number in reversed(range(len(self.model.blocks))):
            block = f"blocks.{number}"

            def linear(name: str, relevance: torch.Tensor, block: str = block) -> torch.Tensor:
                name = f"{block}.{name}"
                return through_tokens(
                    self.values[name + " in"], weights[name + ".weight"], relevance, separate
                )

            middle = self.values[block + ".norm2 in"]
            passed, branch = through_sum(middle, self.values[block + ".ls2"], tokens, not separate)
            tokens = passed + linear("mlp.fc1", linear("mlp.fc2", branch))
            before = self.values[block + " in"]
            passed, branch = through_sum(before, self.values[block + ".ls1"], tokens, not separate)
            merged = linear("attn.proj", branch)

            attention, projected = self._through_attention(block, number, merged)
            attentions.insert(0, attention)
            tokens = passed + linear("attn.qkv", projected)
        return attentions, tokens

    def _through_attention(
        self, block: str, number: int, merged: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Head by head; columns of the projection are queries of all heads, then keys, then values."""
        values = self.values[block + ".attn.qkv"]
        width = values.shape[1] // 3
        size = width // self.heads
        projected, attentions = torch.zeros_like(values), []
        for head in range(self.heads):
            columns = [
                slice(part * width + head * size, part * width + (head + 1) * size) for part in range(3)
            ]
            queries = self.values[block + ".attn.q_norm"][head]
            keys = self.values[block + ".attn.k_norm"][head]
            contents = values[:, columns[2]]
            mixed = merged[:, head * size : (head + 1) * size]
            attention, projected[:, columns[2]] = through_product(
                self.attention[number][head], contents, mixed
            )
            projected[:, columns[0]], for_keys = through_product(queries, keys.T, attention)
            projected[:, columns[1]] = for_keys.T
            attentions.append(attention)
        return torch.stack(attentions), projected

    def transformer_attribution(self, start: int) -> torch.Tensor:
        matrices = []
        for gradient, relevance in zip(self.gradients, self.relevance(separate=False)[0], strict=True):
            total = torch.zeros_like(gradient[0])
            for head in range(self.heads):
                total += (gradient[head] * relevance[head]).clamp(min=0)
            matrices.append(total / self.heads)
        return self._rolled(matrices, start, normalised=False)

    def partial_lrp(self) -> torch.Tensor:
        total = torch.zeros(self.grid, dtype=torch.float64)
        for head in self.relevance(separate=True)[0][-1]:
            total += head[0, self.first :].clamp(min=0).reshape(self.grid)
        return total / self.heads

    def lrp(self) -> torch.Tensor:
        """Patch by patch and unit by unit through the convolution, with the bounds of the image."""
        tokens = self.relevance(separate=True)[1]
        patches = self.values["patch_embed"]
        with_position = self.values["norm_pre in"]
        relevance = patches * divided(tokens, with_position)[self.first :]
        weight = self.model.patch_embed.proj.weight.detach()
        low, high = self.image.min(), self.image.max()
        side = weight.shape[-1]
        pixels = torch.zeros_like(self.image)
        for patch in range(len(patches)):
            row, column = side * (patch // self.grid[1]), side * (patch % self.grid[1])
            part = self.image[:, row : row + side, column : column + side]
            for unit in range(len(weight)):
                kernel = weight[unit]
                terms = part * kernel - low * kernel.clamp(min=0) - high * kernel.clamp(max=0)
                share = relevance[patch, unit] / (terms.sum() + 1e-9)
                pixels[:, row : row + side, column : column + side] += terms * share
        return pixels.sum(0)


def enlarged(grid: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Bilinear with half-pixel centres, pixel by pixel."""
    rows, columns = grid.shape
    values = grid.tolist()
    result = [[0.0] * width for _ in range(height)]

    def sources(place: int, target: int, source: int) -> tuple[int, int, float]:
        position = max((place + 0.5) * source / target - 0.5, 0.0)
        below = min(int(position), source - 1)
        return below, min(below + 1, source - 1), position - below

    for y in range(height):
        top, bottom, down = sources(y, height, rows)
        for x in range(width):
            left, right, along = sources(x, width, columns)
            upper = values[top][left] * (1 - along) + values[top][right] * along
            lower = values[bottom][left] * (1 - along) + values[bottom][right] * along
            result[y][x] = upper * (1 - down) + lower * down
    return torch.tensor(result, dtype=torch.float64)
