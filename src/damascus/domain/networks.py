"""What a project's commands reach: nothing, hosts by name, or the whole network."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

HTTPS: Final = 443
NONE: Final = "none"
ALL: Final = "all"


def is_whole(network: Sequence[str]) -> bool:
    """Tell whether it is the whole network."""
    return tuple(network) == (ALL,)


def places(hosts: Iterable[str]) -> tuple[tuple[str, int], ...]:
    """Hosts as (host, port), where `host` and `host:port` are given, or a network's word."""
    return tuple(dict.fromkeys(place(host) for host in hosts if host not in {NONE, ALL}))


def place(host: str) -> tuple[str, int]:
    """`host` or `host:port` as (host, port)."""
    name, _, port = host.partition(":")
    return name, int(port) if port else HTTPS


def in_words(network: object) -> object:
    """A network as it is kept now; it was a flag before hosts could be named."""
    if isinstance(network, bool):
        return [ALL if network else NONE]
    return network
