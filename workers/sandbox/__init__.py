"""Shuts the process it is called in into as small a room as the system allows, for good: see `confine`."""

from workers.sandbox.confinement import confine

__all__ = ["confine"]
