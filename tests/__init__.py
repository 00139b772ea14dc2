"""The tests: core (the library), web, workers, platform (settings and supervisor), system (everything in real processes)."""
