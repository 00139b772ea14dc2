"""Backward passes that carry something else than gradients. Its modules need torch when they are imported, so
methods import them where they compute.
"""
