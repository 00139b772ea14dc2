"""Pages of benchmarks and workers."""
