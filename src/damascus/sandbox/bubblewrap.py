"""The sandbox made of Linux namespaces, by the program bwrap.

The view is an allow-list: the system's programs and libraries, the harmless part of /etc, the
toolchain, and what the command names. Homes, /run, /var, /srv, /opt and every other directory of
the machine do not exist in it, so no list of places with secrets has to be kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from damascus.errors import SandboxError
from damascus.ports import ClaimGuard, Command, Finished
from damascus.sandbox import inside, overlay, seccomp, services
from damascus.sandbox.networks import in_network
from damascus.sandbox.run import Bounds, check_command, run_supervised
from damascus.sandbox.toolchain import SYSTEM
from damascus.text.redaction import Redactor

# No /etc as a whole: it holds shadow, host keys, and tokens in the configuration of programs.
ETC_NAMES: Final = """
alternatives bash.bashrc ca-certificates crypto-policies debian_version fonts gai.conf group
host.conf hosts inputrc java-11-openjdk java-17-openjdk java-21-openjdk ld.so.cache ld.so.conf
ld.so.conf.d locale.alias locale.conf localtime magic maven/logging maven/m2.conf mime.types
nsswitch.conf os-release passwd perl pki/ca-trust pki/tls/certs pki/tls/cert.pem pki/tls/openssl.cnf
profile profile.d protocols python3 resolv.conf rpc services ssl/cert.pem ssl/certs ssl/openssl.cnf
static terminfo timezone xml
"""
OTHER: Final = ("/nix/store", "/gnu/store")
# What engines of containers cover as well: the machine's memory, keys, timing and devices.
PROC_FILES: Final = """
interrupts kcore key-users keys latency_stats sched_debug slabinfo timer_list vmallocinfo
"""
PROC_DIRECTORIES: Final = "acpi asound scsi"
ANYBODY_WRITES: Final = 0o222
_FILTERED: Final = (
    "system calls that containers are refused are refused: key rings, new namespaces, mounts, bpf,"
    " perf, io_uring, userfaultfd and the like"
)
_UNFILTERED: Final = "no filter of system calls is known for this kind of processor"
SETUP_FAILED: Final = 1  # bwrap's own exit code when it could not get as far as the command


class Bubblewrap:
    """Runs a command in a private view of the machine.

    `readable` are directories or files every command may read besides the system's own: see
    `toolchain`. With `private_proc` false the machine's /proc is shown read-only instead of one of
    the sandbox's own, which some containers do not allow to be mounted. `redactor` takes secrets
    out of what is kept of any output.
    """

    name: str = "bubblewrap"

    def __init__(
        self,
        *,
        readable: Sequence[Path] = (),
        private_proc: bool = True,
        bounds: Bounds | None = None,
        redactor: Redactor | None = None,
        program: str = "/usr/bin/bwrap",
    ) -> None:
        self._readable = tuple(readable)
        self._private_proc = private_proc
        self._bounds = bounds or Bounds()
        self._redactor = redactor
        self._program = program

    def run(self, command: Command, guard: ClaimGuard | None = None) -> Finished:
        """Run to the end.

        Raises SandboxError if the program cannot be started at all, PortTakenError.
        """
        check_command(command)
        command = inside.as_seen(command)
        return services.run_beside(
            command,
            lambda one, fds: in_network(one, guard, self._run, pass_fds=fds),
            self._redactor,
        )

    def _run(
        self, command: Command, guard: ClaimGuard | None, *, pass_fds: tuple[int, ...] = ()
    ) -> Finished:
        reading, writing = os.pipe()
        try:
            with open(writing, "wb"), _filter() as filters:  # noqa: PTH123 - a file descriptor
                told = [self._program, "--json-status-fd", str(writing)]
                for fd in filters:
                    told += ["--seccomp", str(fd)]
                told += self.arguments(command)
                finished = run_supervised(
                    command,
                    guard,
                    argv=overlay.wrap(command.layers, told),
                    bounds=self._bounds,
                    wrapped=True,
                    redactor=self._redactor,
                    pass_fds=(writing, *filters, *pass_fds),
                )
            with open(reading, "rb", closefd=False) as status:
                ran = _ran(status.read())
        finally:
            os.close(reading)
        if finished.stopped is None and finished.exit_code == SETUP_FAILED and not ran:
            raise SandboxError(
                f"The program {command.argv[0]!r} could not be started in the sandbox:"
                f" {finished.output.strip()[-500:]}. Install it where the sandbox can see it, or"
                " make its directory readable."
            )
        return finished

    def arguments(self, command: Command) -> list[str]:
        """Everything bwrap is told for this command, its own name left out."""
        size = ("--size", str(self._bounds.tmp_bytes))  # else half of the machine's memory
        return [
            "--unshare-all",
            *(["--share-net"] if command.network else []),
            "--die-with-parent",
            "--new-session",
            *("--cap-drop", "ALL"),
            *_system(),
            *("--dev", "/dev", *size, "--tmpfs", "/dev/shm", "--remount-ro", "/dev"),  # noqa: S108 - private
            *(("--proc", "/proc") if self._private_proc else ("--ro-bind", "/proc", "/proc")),
            *_proc_covers(),
            *(*size, "--tmpfs", "/tmp"),  # noqa: S108 - the same
            *("--dir", "/run", "--dir", "/var", "--symlink", "../tmp", "/var/tmp"),  # noqa: S108
            *_name_service(command),
            *_binds((*self._readable, *command.readable), command.writable),
            *inside.binds(command),
            *inside.copies(command),
            *("--remount-ro", "/"),
            *("--chdir", inside.working_directory(command)),
            "--",
            *command.argv,
        ]

    def describe(self) -> str:
        """Say in one paragraph what is in force, and what it does not protect."""
        proc = (
            "sees only its own processes"
            if self._private_proc
            else "cannot touch other processes, but sees their names and command lines because this"
            " machine does not allow a private /proc"
        )
        return (
            "bubblewrap: a command sees the system's programs and its own directories only, writes"
            f" nowhere else, {proc}; it has no network, an agent reaches its model's gateway or its"
            f" provider's hosts, by name; {_FILTERED if seccomp.program() else _UNFILTERED};"
            " time, output, processes, memory and disk are bounded. Not"
            " protected: the kernel itself is shared; tests of a project that allows them the whole"
            " network reach all that the worker reaches, services on localhost among it; memory and"
            " disk are looked at about once a second, so the"
            " bounds may be passed for a moment."
        )


def _steering() -> Iterator[str]:
    """Yield all of /proc that is not about processes and can be written: shown read-only.

    The kernel lets root write there without any capability, in namespaces of its own too, and
    /proc/sys/kernel/core_pattern names a program that is started outside of every sandbox.
    """
    with os.scandir("/proc") as listing:
        for entry in listing:
            if entry.name.isdigit() or entry.is_symlink():
                continue
            if entry.is_dir() or entry.stat().st_mode & ANYBODY_WRITES:
                yield entry.path


@contextmanager
def _filter() -> Generator[tuple[int, ...]]:
    """A descriptor from which bwrap reads the filter of system calls; none where none is known."""
    code = seccomp.program()
    if code is None:
        yield ()
        return
    reading, writing = os.pipe()
    try:
        with open(writing, "wb") as pipe:  # noqa: PTH123 - a file descriptor
            pipe.write(code)  # a pipe holds much more than a filter has
        yield (reading,)
    finally:
        os.close(reading)


def _proc_covers() -> Iterator[str]:
    """Yield what covers the entries of /proc that tell about the machine, or steer it."""
    for path in _steering():
        yield from ("--ro-bind-try", path, path)
    for name in PROC_FILES.split():
        if Path("/proc", name).is_file():
            yield from ("--ro-bind", os.devnull, f"/proc/{name}")
    for name in PROC_DIRECTORIES.split():
        if Path("/proc", name).is_dir():
            yield from ("--tmpfs", f"/proc/{name}", "--remount-ro", f"/proc/{name}")


def _system() -> Iterator[str]:
    """Yield the system's own directories, as they are: real, or links into /usr."""
    for place in SYSTEM:
        if place.is_symlink():
            yield from ("--symlink", str(place.readlink()), str(place))
        elif place.is_dir():
            yield from ("--ro-bind", str(place), str(place))
    for path in (*(f"/etc/{name}" for name in ETC_NAMES.split()), *OTHER):
        yield from ("--ro-bind-try", path, path)


def _name_service(command: Command) -> Iterator[str]:
    """Yield what resolv.conf points to, often below /run, where names are to be looked up."""
    target = Path("/etc/resolv.conf").resolve()
    if command.network and not target.is_relative_to("/etc"):
        yield from ("--ro-bind-try", str(target), str(target))


def _binds(readable: Iterable[Path], writable: Iterable[Path]) -> Iterator[str]:
    """Yield the binds of a command, a nested place after the one it lies in."""
    wanted = dict.fromkeys(readable, "--ro-bind-try")
    wanted.update(dict.fromkeys(writable, "--bind"))
    for path in sorted(wanted, key=lambda path: len(path.parts)):
        yield from (wanted[path], str(path), str(path))


def _ran(status: bytes) -> bool:
    """Tell from bwrap's status, JSON objects one after another, whether the command ran."""
    decoder = json.JSONDecoder()
    text = status.decode("utf-8", "replace").strip()
    while text:
        try:
            said, end = decoder.raw_decode(text)
        except ValueError:
            return False
        if "exit-code" in said:
            return True
        text = text[end:].strip()
    return False
