"""Pages and files of data sets."""
