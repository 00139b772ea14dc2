"""The command line of the library; it needs no database."""
