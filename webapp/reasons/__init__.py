"""Why something failed, in the language of whoever reads it."""
