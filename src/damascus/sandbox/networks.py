"""Runs a command in the network that it may have: the whole, none, or a few places of it."""

from __future__ import annotations

import dataclasses
import os
import socket
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
    command: Command,
    guard: ClaimGuard | None,
    run: Run,
    *,
    pass_fds: tuple[int, ...] = (),
    own_loopback: bool = False,
) -> Finished:
    """Run a command by `run`, with a proxy for the places it may reach. Raises SandboxError.

    `own_loopback` says that its loopback is not this machine's, whatever network it has.
    """
    if command.network:
        command = dataclasses.replace(upstream(os.environ).known_to(command), egress=(), hosts=())
    if not (command.egress or command.hosts or command.forwards):
        return run(command, guard, pass_fds=pass_fds)
    ports = [one.port for one in command.services]
    shared = command.network and not own_loopback
    forwards = {_free_port() if shared else one.port: one for one in command.forwards}
    told = {one.variable: str(port) for port, one in forwards.items()}
    connects = {port: one.connect for port, one in forwards.items()}
    with EgressProxy(command.egress, command.hosts, avoid=ports, forwards=connects) as proxy:
        wrapped = dataclasses.replace(
            command,
            argv=proxy.wrap(command.argv),
            env=with_options(proxy.env, {**command.env, **told}),
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


def _free_port() -> int:
    """A port of this machine's loopback that nobody has just now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])
