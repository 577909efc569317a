"""Runs a command in the network that it may have: the whole, none, or a few places of it."""

from __future__ import annotations

import dataclasses
import os
from typing import Protocol

from damascus.errors import SandboxError
from damascus.ports import ClaimGuard, Command, Finished
from damascus.sandbox.egress_proxy import EgressProxy
from damascus.sandbox.upstream import upstream, with_options


class Run(Protocol):
    """Runs a command that has the whole network or none; `pass_fds` are what it inherits."""

    def __call__(
        self, command: Command, guard: ClaimGuard | None, *, pass_fds: tuple[int, ...] = ()
    ) -> Finished: ...


def in_network(
    command: Command, guard: ClaimGuard | None, run: Run, *, pass_fds: tuple[int, ...] = ()
) -> Finished:
    """Run a command by `run`, with a proxy for the places it may reach. Raises SandboxError."""
    if command.network:
        return run(upstream(os.environ).known_to(command), guard, pass_fds=pass_fds)
    if not (command.egress or command.hosts):
        return run(command, guard, pass_fds=pass_fds)
    ports = [one.port for one in command.services]
    with EgressProxy(command.egress, command.hosts, avoid=ports) as proxy:
        wrapped = dataclasses.replace(
            command,
            argv=proxy.wrap(command.argv),
            env=with_options(proxy.env, command.env),
            readable=(*command.readable, *proxy.readable),
        )
        finished = run(wrapped, guard, pass_fds=(proxy.fd, *pass_fds))
        start_error = proxy.start_error()
        finished = dataclasses.replace(finished, refused=proxy.refused)
    if start_error and finished.stopped is None:
        raise SandboxError(
            f"The program {command.argv[0]!r} could not be started in the sandbox:"
            f" {start_error}. Install it where the sandbox can see it, or make its directory"
            " readable."
        )
    return finished
