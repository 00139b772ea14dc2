"""From the class score down through the blocks, with gradients and relevance of each attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from saliency_core.lazy import torch
from saliency_core.transformers.forward import BlockRecord, Embedding, RecordedTransformer
from saliency_core.transformers.relevance import Relevance, RuleSet, through_block, through_head


@dataclass(frozen=True)
class Step:
    """One block on the way down. ``attention`` [B, H, N, N] after the softmax, ``gradient`` of the class score by
    it and ``relevance`` of it, each of the same shape, None where not asked for.
    """

    block: int
    attention: torch.Tensor
    gradient: torch.Tensor | None
    relevance: torch.Tensor | None


class Descent:
    """A forward pass, then a walk back from the class score, block by block.

    Only the inputs of blocks are kept from the forward pass; each block runs a second time on the way down.
    Hence memory holds the records and the converted weights of a single block, at the price of one more
    forward pass. Gradients are those of the logits, each sample's by itself.

    >>> descent = Descent(network, images, targets, rule_set=CONSERVING, gradients=True)  # doctest: +SKIP
    >>> for step in descent.steps(lowest=1): ...  # doctest: +SKIP
    """

    def __init__(
        self,
        network: RecordedTransformer,
        images: torch.Tensor,
        targets: torch.Tensor,
        *,
        rule_set: RuleSet | None = None,
        gradients: bool = False,
    ) -> None:
        """``images`` [B, 3, H, W], ``targets`` [B]. ``rule_set`` None: no relevance."""
        self.network, self.targets = network, targets
        self.rule_set, self.gradients = rule_set, gradients
        with torch.no_grad():
            self.embedding: Embedding = network.embed(images)
            self._inputs = [self.embedding.tokens]
            for number in range(network.depth):
                self._inputs.append(network.block(number, self._inputs[-1]).output)
            self._read, self.logits = network.head(self._inputs[-1])
        self.relevance: Relevance | None = None

    def steps(self, lowest: int) -> Iterator[Step]:
        """Blocks from the last down to ``lowest``. Afterwards ``relevance`` is that of the lowest one's input."""
        upstream = self._gradient_of_output() if self.gradients else None
        tokens = self._inputs.pop()
        if self.rule_set is not None:
            with torch.no_grad():
                head = self.network.model.head
                self.relevance = through_head(self.rule_set, head, self._read, self.targets, tokens.shape[1])
        for number in reversed(range(lowest, self.network.depth)):
            tokens = self._inputs.pop().requires_grad_(self.gradients)
            with torch.set_grad_enabled(self.gradients):
                record = self.network.block(number, tokens)
            gradient = None
            if upstream is not None:
                upstream, gradient = torch.autograd.grad(
                    record.output, (tokens, record.attention), grad_outputs=upstream
                )
            with torch.no_grad():
                relevance = self._relevance_step(number, record)
            yield Step(number, record.attention.detach(), gradient, relevance)

    def _relevance_step(self, number: int, record: BlockRecord) -> torch.Tensor | None:
        if self.rule_set is None or self.relevance is None:
            return None
        block = self.network.model.blocks[number]
        self.relevance, attention = through_block(self.rule_set, block, record, self.relevance)
        return attention

    def _gradient_of_output(self) -> torch.Tensor:
        """Gradient [B, N, D] of the class score by the last block's output."""
        with torch.enable_grad():
            output = self._inputs[-1].detach().requires_grad_(True)
            _, logits = self.network.head(output)
            # Samples do not interact, so the sum's gradient is each sample's own.
            (gradient,) = torch.autograd.grad(logits.gather(1, self.targets[:, None]).sum(), output)
        return gradient
