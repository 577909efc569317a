"""What the repository's CI runs: a hint of how its people call their runner."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from damascus.detection.repository import Proposal, Repository
from damascus.evidence.runners import Ambient, recognise

_FILES = re.compile(
    r"\.(?:github|gitea|forgejo)/workflows/[^/]+\.ya?ml|\.gitlab-ci\.yml|\.travis\.yml"
    r"|\.circleci/config\.yml|\.woodpecker[^/]*\.ya?ml|\.drone\.yml|bitbucket-pipelines\.yml"
)
_LEAD = re.compile(r"^\s*(?:-\s+)?(?:(?:run|script|command|commands)\s*:\s*)?(?:-\s+)?[|>]?-?\s*")
_SHELL = re.compile(r"[;&|<>$`(){}\\*?~#]")
_RUNS_NONE = frozenset({"--no-run", "--collect-only", "--co", "--list", "--help", "--version"})
_LONGEST = 200  # characters of a line that is one plain command
_FILES_READ = 20


def proposals(repository: Repository) -> Iterator[Proposal]:
    """The lines of CI files that start a runner known by name, without a shell's help."""
    for path in [one for one in repository.files if _FILES.fullmatch(one)][:_FILES_READ]:
        for line in repository.text(path).splitlines():
            argv = _command(line)
            if (
                argv
                and _RUNS_NONE.isdisjoint(argv)
                and not isinstance(recognise(argv, repository.read), Ambient)
            ):
                yield Proposal(argv, f"{path} runs it")


def _command(line: str) -> tuple[str, ...] | None:
    if len(line) > _LONGEST:
        return None
    plain = _LEAD.sub("", line).strip().strip("\"'")
    if not plain or _SHELL.search(plain) or ":" in plain.split(" ")[0]:
        return None
    try:
        words = shlex.split(plain)
    except ValueError:
        return None
    if not words or "=" in words[0]:
        return None
    return tuple(words)
