"""Figures with their uncertainty (NumPy only)."""
