"""Weights and data sets for workers of other machines, named by what they contain."""
