"""What a coding agent may reach: one rule for all of them.

Its gateway where it has one, else its provider's API hosts, by name; besides, the hosts that the
project names. The whole network, which is every public host, only where somebody said so. A name
that leads to this machine or to a private network is reached as the gateway alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from damascus.builders import environment
from damascus.domain.networks import HTTPS, places
from damascus.errors import ConfigurationError
from damascus.registry import BuilderContext

Place: TypeAlias = tuple[str, int]
ANYWHERE: Final[Place] = ("*", 0)
_SHOWN: Final = 4


@dataclass(frozen=True, slots=True)
class Reach:
    """Places as (host, port): `gateway` as it was configured, `hosts` at public addresses only."""

    gateway: Sequence[Place] = ()
    hosts: Sequence[Place] = ()

    def __bool__(self) -> bool:
        return bool(self.gateway or self.hosts)

    @property
    def told(self) -> str:
        """What is reached, for the end of a sentence."""
        if ANYWHERE in self.hosts:
            return "every public host (DAMASCUS_AGENT_NETWORK=all)"
        names = [
            host if port == HTTPS else f"{host}:{port}"
            for host, port in (*self.gateway, *self.hosts)
        ]
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        return ", ".join(names[:_SHOWN]) + more if names else "no host"

    def for_command(self) -> dict[str, Any]:
        """The arguments of a `Command`."""
        return {"network": False, "egress": tuple(self.gateway), "hosts": tuple(self.hosts)}


def reach(
    base_url: str | None, hosts: Callable[[], Sequence[str]], context: BuilderContext
) -> Reach:
    """What an agent reaches whose gateway is `base_url`, or whose provider's hosts are `hosts()`.

    Raises ConfigurationError when neither is known, and the project names no host.
    """
    gateway = environment.egress(base_url) if base_url else ()
    if context.settings.agent_network == "all":
        return Reach(gateway, (ANYWHERE,))
    own = [*places(context.hosts)]
    if not base_url:
        try:
            own += places(hosts())
        except ConfigurationError:
            if not own:
                raise
    return Reach(gateway, tuple(dict.fromkeys(own)))
