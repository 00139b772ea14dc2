"""Heat maps and overlays."""
