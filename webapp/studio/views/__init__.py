"""Pages and files of the studio."""
