"""Readers for the layouts in which labs keep their images."""
