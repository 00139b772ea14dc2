"""A vision transformer that leaves out what its head does not read.

The class score is read from the class token. In the last block the other tokens are needed as keys and values only;
their queries, projection and MLP are a fifteenth of a DeiT's forward pass.
"""

from __future__ import annotations

import copy
import sys

from saliency_core.lazy import torch
from saliency_core.transformers.structure import obstacle


def without_unread_tokens(model: torch.nn.Module) -> torch.nn.Module:
    """A network in evaluation mode with the model's own layers and the same logits, which computes the last block for
    the class token alone; the model itself if it is no vision transformer that reads one (see ``obstacle``).

    The model is left as it is. Hooks on parts of the last block would not be called.
    """
    if "timm" not in sys.modules or obstacle(model) is not None:  # importing timm takes seconds
        return model
    from saliency_core.transformers.last_block import ClassTokenBlock

    shortened = copy.copy(model)
    shortened._modules = dict(model._modules)
    *others, last = model.blocks
    shortened.blocks = torch.nn.Sequential(*others, ClassTokenBlock(last))
    return shortened
