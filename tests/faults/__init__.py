"""Benchmarks survive anything: real processes are killed, stopped, starved and lied to, and the figures stay the same.

    make faults                      every fault on SQLite with the built-in broker, then on PostgreSQL with Redis
    make soak SECONDS=600 SEED=1     kills drawn at random for so long

The work is that of `sleeping.py`: one image a shard, mostly waiting, so that undisturbed runs are known and short.
"""
