"""What a person can do about a base whose set-up or tests do not run: one sentence each, pure.

The reason is read from the end of the output, in the words in which shells, resolvers and package
managers say it.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from pathlib import PurePosixPath

from damascus.domain.work import Project

_NOT_FOUND = (
    re.compile(r"(?m)^(?:/bin/)?(?:ba|da)?sh: (?:line )?\d+: (?:exec: )?([\w./+-]+): .*not found"),
    re.compile(r"(?m)^env: \W?([\w./+-]+?)\W?: No such file"),
    re.compile(r"(?m)^make: ([\w./+-]+): No such file or directory"),
    re.compile(r"exec: \"([\w./+-]+)\": executable file not found"),
)
_HOST = r"[A-Za-z0-9][A-Za-z0-9-]*(?:\.[A-Za-z0-9-]+)+"
_UNREACHED = (
    re.compile(rf"[Cc]ould not resolve (?:host|hostname):? [\"']?({_HOST})"),
    re.compile(rf"(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED) ({_HOST})"),
    re.compile(rf"dial tcp: lookup ({_HOST})"),
    re.compile(rf"[Ff]ailed to (?:resolve|lookup) [\"'(]*({_HOST})"),
    re.compile(rf"host=[\"']({_HOST})[\"'].*(?:NewConnectionError|Max retries|NameResolution)"),
    re.compile(rf"({_HOST})[^\n]{{0,80}}(?:[Nn]ame or service not known|[Uu]nknown host)"),
    re.compile(rf"[Uu]nknown host:? ({_HOST})"),
)
_NO_NETWORK = re.compile(
    r"[Tt]emporary failure in name resolution|[Nn]etwork is unreachable|getaddrinfo|"
    r"[Cc]ould not resolve|NewConnectionError|dns error"
)
_PORT = re.compile(r"(?m)^\[\d+\] ")  # before each line of a service


def after_directory(project: Project) -> str:
    """What to do where the base has no directory of the project."""
    return f"Bring it back on the base, or name another: {_change(project)} --directory PATH."


def after_setup(project: Project, sentence: str, output: str) -> str:
    """What to do about a set-up that does not end well, as `sentence` and its output say."""
    if allowed := re.findall(r"--registry-host [\w.:-]*\w", sentence):
        return f"{_change(project)} {' '.join(allowed)} allows it."
    if program := missing_program(output):
        return missing(project, program)
    if host := _wanted_host(output):
        return (
            f"The set-up wanted the host {host}: allow it with {_change(project)} --registry-host "
            f"{host}."
        )
    if _NO_NETWORK.search(output):
        return (
            f"The set-up wanted the network: allow it with {_change(project)} --test-network all."
        )
    return f"Mend the set-up, or give another: {_change(project)} --setup-command …"


def after_service(project: Project, line: str, output: str, path: str) -> str:
    """What to do about a service, started by `line`, that does not come up."""
    if line in project.services:
        return (
            f"See in its output why {line!r} does not come up, and give it what its image needs: "
            f"{_change(project)} --service 'IMAGE NAME=VALUE …'; --service-timeout gives it more "
            "time."
        )
    if program := missing_program(_PORT.sub("", output)):
        return missing(project, program, path)
    return (
        f"See in its output why {line!r} does not come up where the tests run, and mend it or give "
        f"another: {_change(project)} --service-command 'PORT: COMMAND'; --service-timeout gives "
        "it more time."
    )


def after_tests(project: Project, output: str, *, ran: bool) -> str:
    """What to do about a test command that starts, and is not green on the base."""
    if program := missing_program(output):
        return missing(project, program)
    host = _wanted_host(output)
    if not ran and (host or _NO_NETWORK.search(output)):
        wanted = f"the host {host}" if host else "the network"
        return (
            f"The tests wanted {wanted}: fetch what they need in the set-up, or allow them the "
            f"network with {_change(project)} --test-network all."
        )
    if not ran:
        return (
            "It ran no test: see what the checkout lacks and make it with --setup-command, or name "
            f"a command that runs the tests: {_change(project)} --test-command …"
        )
    return (
        "These tests fail without any work on them: mend the base, or leave them out of the test "
        f"command: {_change(project)} --test-command …"
    )


def unreported(project: Project, argv: Sequence[str]) -> str:
    """What to do about a test command that ends well, and reports no test that could be read."""
    command = shlex.quote(shlex.join(argv))
    return (
        "It ended well and reported no test by name. Name the runner itself, if it is one that "
        "reports (docs/evidence.md); or, where the command does run the tests, let it be believed "
        f"by its exit status: {_change(project)} --test-command {command} --test-evidence "
        "exit-status (docs/judging.md says what that gives up)."
    )


def without_program(project: Project, argv: Sequence[str], path: str) -> str:
    """What to do about a test command that does not start."""
    program = argv[0]
    if "/" in program:
        return f"{program!r} is not there after the set-up: make it with --setup-command."
    return missing(project, program, path)


def missing(project: Project, program: str, path: str = "") -> str:
    """What to do about a program that is missing where the commands of `project` run.

    `path` is the PATH of this machine that is looked at first; an image has its own.
    """
    if project.image:
        return in_image(program, project.image)
    return (on_path(program, path) if path else "") or install(program)


def in_image(program: str, image: str) -> str:
    """Say that an image lacks a program."""
    name = PurePosixPath(program).name
    return (
        f"The image {image} has no program {name!r} on its PATH: use one that has it, or make it "
        "with --setup-command."
    )


def without_agent(program: str, image: str) -> str:
    """Say what to do where an image lacks the program of the coding agent."""
    return (
        f"No work could be built: the image {image} has no program {program!r}, and the worker has "
        "none that runs in any image. Use an image that has it, make it with --setup-command, "
        "install it on the worker as one binary, or choose another --builder (mini runs in every "
        "image)."
    )


def install(program: str) -> str:
    """Say that a program is missing, and where it is to be."""
    name = PurePosixPath(program).name
    return (
        f"The program {name!r} is missing: install it where workers run, in a directory of the "
        "PATH of tests (DAMASCUS_AGENT_PATH)."
    )


def on_path(program: str, path: str) -> str:
    """Say where a program is missing on the PATH of tests; empty where it is there.

    The PATH of this process may have it: that is the terminal's, and not the one that tests get.
    """
    if shutil.which(program, path=path) is not None:
        return ""
    said = f"There is no program {program!r} on the PATH that tests get ({path})"
    here = shutil.which(program, path=os.environ.get("PATH"))
    if here is None:
        return f"{said}: install it there."
    return (
        f"{said}; {here} is on the PATH of this terminal: add its directory to DAMASCUS_AGENT_PATH."
    )


def missing_program(output: str) -> str | None:
    """The program that a shell did not find, by what it printed."""
    found = [match[1] for one in _NOT_FOUND for match in one.finditer(output)]
    return found[-1] if found else None


def _wanted_host(output: str) -> str | None:
    """The host that was not reached, by what was printed."""
    return next((match[1] for one in _UNREACHED if (match := one.search(output))), None)


def _change(project: Project) -> str:
    return f"damascus project change {project.name or 'NAME'}"
