"""The relay: carries the outbox to its sinks.

relay.py   sequences events, and delivers them to every sink from its cursor to the head
sinks.py   where events go: a file of JSON lines, a Redis stream
"""

from __future__ import annotations

from damascus.relay.relay import Relay, RelayThreads, relay_of, run_relay
from damascus.relay.sinks import sinks_of

__all__ = ["Relay", "RelayThreads", "relay_of", "run_relay", "sinks_of"]
