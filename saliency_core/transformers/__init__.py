"""Vision transformers taken apart: a forward pass that is recorded, and relevance propagated back through it."""
