"""The Django project: accounts, library, studio and benchmarks in a browser."""
