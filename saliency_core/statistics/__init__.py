"""Figures with their uncertainty, and comparisons of methods (NumPy and SciPy only; knows no columns)."""
