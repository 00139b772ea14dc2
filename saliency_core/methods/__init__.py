"""Saliency methods, one file each; every method and its parameters are described once, in its own file."""
