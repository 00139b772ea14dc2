"""A hint that cannot be acknowledged must not be the last one.

A worker takes one message at a time, and the next when that one is acknowledged. Where the broker goes away in between,
kombu's acknowledgement fails and the message stays counted as under way: the worker then never asks for another one,
and so does not even notice that it has to connect again.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis, virtual


class ForgettingQoS(redis.QoS):
    """Counts a message as done whether or not the broker could be told; one that it gives out again is a hint more."""

    def ack(self, delivery_tag: Any) -> None:
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise

    def reject(self, delivery_tag: Any, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


def install() -> None:
    """For all connections to Redis or Valkey that are made from now on."""
    redis.Channel.QoS = ForgettingQoS
