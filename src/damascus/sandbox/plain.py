"""The sandbox where no better one works: a process with limits that may do what its user may."""

from __future__ import annotations

import dataclasses
import os

from damascus.ports import ClaimGuard, Command, Finished
from damascus.sandbox import services
from damascus.sandbox.networks import in_network
from damascus.sandbox.run import Bounds, check_command, run_supervised
from damascus.sandbox.upstream import upstream
from damascus.text.redaction import Redactor


class Plain:
    """Runs a command as a supervised process of the worker's user.

    `reason` says why nothing better is in force, for `describe`. `redactor` takes secrets out of
    what is kept of any output.
    """

    name: str = "plain"

    def __init__(
        self, *, bounds: Bounds | None = None, reason: str = "", redactor: Redactor | None = None
    ) -> None:
        self._bounds = bounds or Bounds()
        self._reason = reason
        self._redactor = redactor

    def run(self, command: Command, guard: ClaimGuard | None = None) -> Finished:
        """Run to the end.

        Raises SandboxError if the program cannot be started at all, PortTakenError.
        """
        check_command(command)
        command = upstream(os.environ).known_to(command)
        if command.forwards:  # the ports are this machine's, as the whole network is
            command = dataclasses.replace(command, network=True)
            return services.run_beside(
                command,
                lambda one, fds: in_network(one, guard, self._run, pass_fds=fds),
                self._redactor,
            )
        return services.run_beside(
            command, lambda one, fds: self._run(one, guard, pass_fds=fds), self._redactor
        )

    def _run(
        self, command: Command, guard: ClaimGuard | None, *, pass_fds: tuple[int, ...] = ()
    ) -> Finished:
        return run_supervised(
            command,
            guard,
            argv=command.argv,
            bounds=self._bounds,
            redactor=self._redactor,
            pass_fds=pass_fds,
        )

    def describe(self) -> str:
        """Say in one paragraph what is in force, and what it does not protect."""
        why = f" ({self._reason})" if self._reason else ""
        root = " That user is root: give the worker one of its own." if os.geteuid() == 0 else ""
        return (
            f"plain processes{why}: time, output, processes, memory and the disk space of"
            " its directories are bounded, the environment is built from nothing, and everything a"
            " command started is killed with it or with the worker. Not protected: a command can"
            " read and write whatever the worker's user can, see its other processes, and reach the"
            " network."
            f"{root}"
        )
