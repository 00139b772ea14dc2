"""The tests: core (the library), web, platform (settings and supervisor), system (everything in real processes)."""
