"""Who calls a tool, and the service it calls: what every tool starts from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar

from anyio import CapacityLimiter, to_thread
from mcp.server.mcpserver import Context

from damascus.backlog import Caller
from damascus.mcp_server.verbs import Verbs

P = ParamSpec("P")
T = TypeVar("T")
ToolContext: TypeAlias = Context[Any, Any]


@dataclass(frozen=True, slots=True)
class Session:
    """One caller at one service; `limiter` bounds how many of its verbs run at once."""

    backlog: Verbs
    caller: Caller
    limiter: CapacityLimiter

    async def do(
        self, verb: Callable[Concatenate[Caller, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Call one verb of `backlog` for the caller, beside the event loop."""
        act = partial(verb, self.caller, *args, **kwargs)
        return await to_thread.run_sync(act, limiter=self.limiter)


SessionOf: TypeAlias = Callable[[ToolContext], Session]
