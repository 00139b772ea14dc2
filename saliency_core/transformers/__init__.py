"""Vision transformers taken apart: a forward pass that is recorded, relevance propagated back through it, and a network
that leaves out what the head does not read.
"""
