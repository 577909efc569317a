"""The program that makes containers here: Podman or Docker, and what it can do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from damascus.errors import NoSandboxError, SandboxError

KNOWN: Final = ("podman", "docker")  # in this order: Podman needs no daemon that is root
_MORE_PROCESSES: Final = 64
ASK_SECONDS: Final = 20.0
_SAID: Final = 400  # characters of what an engine said
# What an engine's client needs of the worker's environment; tokens are not among it.
_VARIABLES: Final = (
    *("PATH", "HOME", "USER", "LANG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"),
    *("CONTAINER_HOST", "CONTAINERS_CONF", "CONTAINERS_STORAGE_CONF", "REGISTRY_AUTH_FILE"),
    *("DBUS_SESSION_BUS_ADDRESS", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy"),
    *("https_proxy", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "TMPDIR"),
)


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answers. `kind` is podman or docker, `program` how it is called.

    `rootless` says that its containers have no more rights than its user, `remapped` that Docker
    maps its users by itself; `limits` are the bounds that it can hold: "memory", "pids".
    """

    kind: str
    program: str
    version: str
    rootless: bool
    remapped: bool
    limits: frozenset[str]

    def call(self, *words: str, seconds: float = ASK_SECONDS) -> str:
        """Run one command of the engine; returns its output. Raises SandboxError."""
        done = _run(self.program, words, seconds)
        if done.returncode:
            raise SandboxError(f"{self.kind} {words[0]} failed: {_end_of(done.stderr)}")
        return done.stdout

    def asked(self, *words: str, seconds: float = ASK_SECONDS) -> Any:
        """The JSON that a command of the engine prints. Raises SandboxError.

        Podman prints a list of what Docker prints alone.
        """
        said = self.call(*words, seconds=seconds)
        try:
            told: Any = json.loads(said)
            return told[0] if said.lstrip().startswith("[") else told
        except ValueError:
            raise SandboxError(f"{self.kind} {words[0]} answered no JSON: {said[:80]!r}") from None

    def user(self) -> list[str]:
        """The options by which what a container writes belongs to this process's user."""
        uid, gid = os.getuid(), os.getgid()
        if self.kind == "podman":
            return [*(["--userns", "keep-id"] if self.rootless else []), "--user", f"{uid}:{gid}"]
        if self.rootless:
            return ["--user", "0:0"]  # which is the user of its daemon
        return [*(["--userns", "host"] if self.remapped else []), "--user", f"{uid}:{gid}"]

    def bounds(self, memory: int, processes: int) -> list[str]:
        """The options that hold a container to bytes of memory and to processes, as far as it can.

        The supervisor inside has bounds of its own, which come first.
        """
        options: list[str] = []
        if "memory" in self.limits:
            options += ["--memory", str(memory)]
        if "pids" in self.limits:
            options += ["--pids-limit", str(processes + _MORE_PROCESSES)]
        return options

    def describe(self) -> str:
        """Its name, version and rights, for people."""
        rights = (
            "rootless"
            if self.rootless
            else "its daemon is root: who may speak to it may do anything on its machine"
            if self.kind == "docker"
            else "it runs as root"
        )
        missing = sorted({"memory", "pids"} - self.limits)
        bounds = (
            f"; it cannot bound {' and '.join(missing)}, which are looked at once a second"
            if missing
            else ""
        )
        return f"{self.kind} {self.version}, {rights}{bounds}"


def find_engine(wanted: str | None) -> Engine:
    """The engine that `wanted` names, or the first known one that answers.

    `wanted` is podman, docker, or the path of such a program. Raises NoSandboxError.
    """
    problems: list[str] = []
    for name in (wanted,) if wanted else KNOWN:
        program = shutil.which(name)
        if program is None:
            problems.append(f"{name} is not installed")
            continue
        try:
            return _ask(program)
        except SandboxError as error:
            problems.append(str(error).rstrip("."))
    setting = "" if wanted else ", or name it in DAMASCUS_CONTAINER_ENGINE"
    raise NoSandboxError(
        f"no engine for containers answers here ({'; '.join(problems)}): install rootless Podman "
        f"or Docker and give the worker access to it (docs/sandbox.md){setting}"
    )


def _ask(program: str) -> Engine:
    said = _run(program, ("info", "--format", "{{json .}}"), ASK_SECONDS)
    try:
        told: Any = json.loads(said.stdout)
    except ValueError:
        told = None
    if not isinstance(told, dict) or said.returncode:
        raise SandboxError(f"{program} info failed: {_end_of(said.stderr or said.stdout)}")
    return _podman(program, told) if "host" in told else _docker(program, told)  # pyright: ignore[reportUnknownArgumentType] - JSON


def _podman(program: str, told: dict[str, Any]) -> Engine:
    host = told["host"]
    controllers = frozenset(host.get("cgroupControllers") or ())
    version = str(told.get("version", {}).get("Version", "?"))
    rootless = bool(host.get("security", {}).get("rootless"))
    # Without root, version 1 of the kernel's control groups cannot be used.
    usable = controllers if not rootless or host.get("cgroupVersion") == "v2" else frozenset[str]()
    if not rootless and not controllers:
        usable = frozenset(("memory", "pids"))
    return Engine("podman", program, version, rootless, False, usable & {"memory", "pids"})


def _docker(program: str, told: dict[str, Any]) -> Engine:
    version = told.get("ServerVersion")
    if not version:
        errors = told.get("ServerErrors") or ["its daemon does not answer"]
        raise SandboxError(f"{program}: {_end_of(' '.join(map(str, errors)))}")
    security = " ".join(told.get("SecurityOptions") or ())
    limits = {
        name for name, key in (("memory", "MemoryLimit"), ("pids", "PidsLimit")) if told.get(key)
    }
    return Engine(
        "docker",
        program,
        str(version),
        rootless="name=rootless" in security,
        remapped="name=userns" in security,
        limits=frozenset(limits),
    )


def _run(program: str, words: Sequence[str], seconds: float) -> subprocess.CompletedProcess[str]:
    """Run the engine's client, with nothing of the worker's secrets. Raises SandboxError."""
    try:
        return subprocess.run(
            [program, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            env=dict(_environment()),
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise SandboxError(
            f"{program} {words[0]} did not answer within {seconds:g} s: see whether the engine runs"
        ) from None
    except OSError as error:
        raise SandboxError(f"{program} cannot be run: {error.strerror}") from None


def _environment() -> Iterator[tuple[str, str]]:
    for name in _VARIABLES:
        if name in os.environ:
            yield name, os.environ[name]


def _end_of(said: str) -> str:
    """The end of what an engine said, in one line."""
    text = " ".join(said.split())
    return f"…{text[-_SAID:]}" if len(text) > _SAID else text or "it said nothing"
