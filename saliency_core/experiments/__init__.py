"""Experiments: figures for how well saliency maps explain a classifier."""
