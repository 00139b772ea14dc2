"""Figures for Prometheus at `/metrics`: queues, shards, benchmarks, workers, and how quick the answers are."""
