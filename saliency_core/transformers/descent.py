"""From the class score down through the blocks, with gradients and relevance of each attention."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from saliency_core.lazy import torch
from saliency_core.transformers.forward import BlockRecord, Embedding, RecordedTransformer
from saliency_core.transformers.relevance import Relevance, RuleSet, through_block, through_head


@dataclass(frozen=True)
class Step:
    """One block on the way down. ``attention`` [B, H, n, N] after the softmax, ``gradient`` of the class score by
    it and ``relevance`` of it, each of the same shape, None where not asked for. In the last block n is 1, the class
    token's row, as nothing follows from the others; else N.
    """

    block: int
    attention: torch.Tensor
    gradient: torch.Tensor | None
    relevance: torch.Tensor | None


class Descent:
    """A forward pass that keeps the records of the blocks from ``lowest`` on, then a walk back from the class score
    that uses them up, block by block.

    Gradients are those of the logits, each sample's by itself. How much memory the records take decides how many
    images go together, see groups.

    >>> descent = Descent(network, images, targets, lowest=1, rule_set=CONSERVING)  # doctest: +SKIP
    >>> for step in descent.steps(): ...  # doctest: +SKIP
    """

    def __init__(
        self,
        network: RecordedTransformer,
        images: torch.Tensor,
        targets: torch.Tensor,
        *,
        lowest: int = 0,
        rule_set: RuleSet | None = None,
        gradients: bool = False,
    ) -> None:
        """``images`` [B, 3, H, W], ``targets`` [B], ``lowest`` a block. ``rule_set`` None: no relevance."""
        self.network, self.targets, self.lowest = network, targets, lowest
        self.rule_set, self.gradients = rule_set, gradients
        with torch.no_grad():
            self.embedding: Embedding = network.embed(images)
            tokens = self.embedding.tokens
            for number in range(lowest):
                tokens = network.block(number, tokens).output
        self._records: list[BlockRecord] = []
        for number in range(lowest, network.depth):
            with torch.set_grad_enabled(gradients):
                # Each block is differentiated by itself, from its output to its input.
                record = network.block(number, tokens.detach().requires_grad_(gradients))
            self._records.append(record)
            tokens = record.output
        with torch.no_grad():
            self._read, self.logits = network.head(tokens)
        self.relevance: Relevance | None = None

    def steps(self) -> Iterator[Step]:
        """Blocks from the last down to the lowest. Afterwards ``relevance`` is that of the lowest one's input."""
        upstream = self._gradient_of_output() if self.gradients else None
        if self.rule_set is not None:
            with torch.no_grad():
                head = self.network.model.head
                self.relevance = through_head(self.rule_set, head, self._read, self.targets)
        for number in reversed(range(self.lowest, self.network.depth)):
            record = self._records.pop()
            gradient = None
            if upstream is not None:
                # Below the lowest block nobody asks: its queries, keys and values need no backward pass.
                wanted = [record.attention] if number == self.lowest else [record.attention, record.tokens]
                gradient, *below = torch.autograd.grad(record.output, wanted, grad_outputs=upstream)
                upstream = below[0] if below else None
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
        """Gradient [B, n, D] of the class score by the last block's output."""
        with torch.enable_grad():
            output = self._records[-1].output.detach().requires_grad_(True)
            _, logits = self.network.head(output)
            # Samples do not interact, so the sum's gradient is each sample's own.
            (gradient,) = torch.autograd.grad(logits.gather(1, self.targets[:, None]).sum(), output)
        return gradient
