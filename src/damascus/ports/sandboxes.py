"""The sandbox: what it runs, how that ended, and the claim that ends it."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final, Protocol

from damascus.domain.images import ServiceImage
from damascus.domain.services import Service


class ClaimGuard(Protocol):
    """The claim of the running phase, as seen by what the phase starts."""

    def lost(self) -> bool:
        """Tell whether the claim is known to be lost (or the item cancelled). Costs nothing."""
        ...

    def on_lost(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at once, from another thread, when the claim is lost; returns the undo."""
        ...


# Where a command sees its checkout and its home when they are shown to it at paths that never
# change. Reports may name files by them.
INSIDE_CHECKOUT: Final = PurePosixPath("/damascus/checkout")
INSIDE_HOME: Final = PurePosixPath("/damascus/home")


@dataclass(frozen=True, slots=True)
class Layer:
    """A directory `target` in which a command sees what lies in `lower`, and writes to `upper`.

    `lower` is never written. `work` is an empty directory on the disk of `upper`. Where the machine
    cannot lay one directory over another, `lower` is None and `upper` is a copy.
    """

    lower: Path | None
    upper: Path
    work: Path
    target: Path


@dataclass(frozen=True, slots=True)
class Forward:
    """A port of the sandbox's own loopback whose connections `connect` opens, elsewhere.

    Where that port is not free another is taken: `variable` tells the command which.
    """

    port: int
    variable: str
    connect: Callable[[], socket.socket]


@dataclass(frozen=True, slots=True)
class Command:
    """What the sandbox is to run. No shell is ever involved.

    `env` is the whole environment. `writable` are the only directories it may write besides a
    private /tmp (`cwd` must be inside one of them). `timeout` is in seconds of wall clock; then
    TERM, `grace` seconds, KILL to everything it started. `output_cap` is in bytes: head and tail
    are kept. `stdin` is a file or None (empty). `log` receives the combined output as it comes.
    `egress` names the places, as (host, port), that it may connect to while `network` is false; a
    host that begins with a dot stands for all below it. `hosts` are the same, but reached at public
    addresses only, never on this machine or in its networks; ("*", 0) is every public host. A
    sandbox that cannot confine a command to them (`plain`) leaves it the whole network. `layers`
    are laid over directories that it may write; `shown` are such directories with the path at which
    it sees them, and is started, as well. `plain` can do neither, and is given none. `services` are
    started before it, in the same sandbox, and end with it; all have `service_seconds` to answer.
    `own_program` says that argv[0] is a program of the worker's, such as an agent: a sandbox that
    has programs of its own shows it besides. `service_images` run in containers beside it; who does
    that turns them into `forwards`.
    """

    argv: Sequence[str]
    cwd: Path
    env: Mapping[str, str]
    writable: Sequence[Path] = ()
    readable: Sequence[Path] = ()
    timeout: float = 900.0
    grace: float = 10.0
    network: bool = False
    egress: Sequence[tuple[str, int]] = ()
    hosts: Sequence[tuple[str, int]] = ()
    output_cap: int = 1_000_000
    stdin: Path | None = None
    log: Path | None = None
    finished_when: Callable[[bytes], bool] | None = None
    layers: Sequence[Layer] = ()
    shown: Mapping[Path, PurePosixPath] = field(default_factory=dict[Path, PurePosixPath])
    services: Sequence[Service] = ()
    service_seconds: float = 60.0
    own_program: bool = False
    service_images: Sequence[ServiceImage] = ()
    forwards: Sequence[Forward] = ()


@dataclass(frozen=True, slots=True)
class ServiceFault:
    """A service that did not come up, so that the command was not started. `why` follows it."""

    service: Service
    why: str


@dataclass(frozen=True, slots=True)
class Finished:
    """How a sandboxed command ended.

    `exit_code` is 128+signal for a signal. `output` is stdout and stderr as they came, capped, with
    a line that says how many bytes were left out. `stopped` is None, "timeout" or "claim_lost".
    `killed` says what ended it from outside: "memory" (the kernel, which had none left), "bounds"
    (it used more than it may) or "supervisor" (what watches over it was ended); None where it ended
    by itself, also by a signal of its own making. `refused` are the hosts, with their ports, that
    it wanted to reach and was not let. `service_fault` is there where the command was not started
    because of a service, `service_output` is what its services printed, one line after another.
    """

    exit_code: int
    output: str
    seconds: float
    stopped: str | None = None
    killed: str | None = None
    refused: Sequence[str] = ()
    service_fault: ServiceFault | None = None
    service_output: str = ""


class Sandbox(Protocol):
    """Runs an argv bounded in time, output, processes and network."""

    name: str

    def run(self, command: Command, guard: ClaimGuard | None = None) -> Finished:
        """Run to the end.

        Raises SandboxError if the program cannot be started at all, PortTakenError where the port
        of one of its services answers before it was started.
        """
        ...
