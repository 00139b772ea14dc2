"""Help: methods and experiments from their own descriptions, a glossary, the keys."""
