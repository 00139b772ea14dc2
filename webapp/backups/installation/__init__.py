"""The whole installation as one folder: the database and everything that it names on disk."""
