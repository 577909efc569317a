"""A sandbox whose commands have containers of images beside them."""

from __future__ import annotations

import dataclasses
import time
from contextlib import ExitStack
from functools import partial

from damascus.domain.services import Service
from damascus.ports import ClaimGuard, Command, Finished, Forward, Sandbox, ServiceFault
from damascus.sandbox.containers.host import ContainerHost
from damascus.sandbox.containers.service_container import ServiceContainer

_AFTER: float = (
    120.0  # seconds that a service may outlive its command's deadline, if nobody ends it
)


class WithServiceContainers:
    """Runs commands in `inner`, beside containers of the images that they name.

    Each command has its own, on a network of nobody else's: it reaches them at its own loopback,
    and they reach nothing.
    """

    def __init__(self, inner: Sandbox, host: ContainerHost) -> None:
        self._inner = inner
        self._host = host
        self.name = inner.name

    def run(self, command: Command, guard: ClaimGuard | None = None) -> Finished:
        """Run to the end. Raises SandboxError, PortTakenError."""
        if not command.service_images:
            return self._inner.run(command, guard)
        seconds = command.service_seconds + command.timeout + command.grace + _AFTER
        began = time.monotonic()
        with ExitStack() as stack:
            running = [
                stack.enter_context(self._host.service(one, seconds=seconds))
                for one in command.service_images
            ]
            finished = self._beside(command, running, guard, began)
        output = "".join(
            f"[{one.service.name}] {line}\n" for one in running for line in one.output.splitlines()
        )
        return dataclasses.replace(finished, service_output=finished.service_output + output)

    def _beside(
        self,
        command: Command,
        running: list[ServiceContainer],
        guard: ClaimGuard | None,
        began: float,
    ) -> Finished:
        until = began + command.service_seconds
        lost = guard.lost if guard is not None else lambda: False
        for one in running:
            if one.wait_until_up(until, lost):
                continue
            if lost():
                return Finished(137, "", time.monotonic() - began, "claim_lost")
            fault = ServiceFault(Service(one.ports[0], one.service.text), one.why)
            return Finished(125, "", time.monotonic() - began, service_fault=fault)
        forwards = [
            Forward(
                port, one.service.port_variable(port, first=number == 0), partial(one.connect, port)
            )
            for one in running
            for number, port in enumerate(one.ports)
        ]
        hosts = {one.service.host_variable: "127.0.0.1" for one in running}
        left = max(1.0, command.timeout - (time.monotonic() - began))
        alone = dataclasses.replace(
            command,
            env={**command.env, **hosts},
            forwards=forwards,
            service_images=(),
            timeout=left,
        )
        return self._inner.run(alone, guard)
