"""Paths that steer builds and agents, and may not be changed by a story.

A pattern is like a line of .gitignore: `*` and `?` stop at a slash, `**` does not, a pattern
with a slash before its end is anchored at the top, one without matches at any depth. A directory
stands for everything below it. Case is ignored: some file systems ignore it too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from damascus.domain.findings import Details
from damascus.domain.work import PhaseResult, Project, Verdict
from damascus.text.sanitize import one_line

_SHOWN = 50

DEFAULT_PROTECTED_PATHS: tuple[str, ...] = (
    # what the forges and their runners do
    ".gitea/**",
    ".github/**",
    ".forgejo/**",
    ".gitlab/**",
    ".gitlab-ci.yml",
    ".woodpecker/**",
    ".woodpecker.yml",
    ".woodpecker.yaml",
    ".circleci/**",
    ".drone.yml",
    "Jenkinsfile",
    "azure-pipelines.yml",
    # what coding agents do: settings, hooks, servers, standing instructions
    "**/.claude/**",
    ".mcp.json",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "AGENTS.md",
    "GEMINI.md",
    "**/.codex/**",
    "**/.gemini/**",
    "**/.opencode/**",
    "**/.cursor/**",
    ".cursorrules",
    # what git and editors do on the machine of whoever checks the branch out
    ".gitattributes",
    ".gitmodules",
    "**/.githooks/**",
    "**/.husky/**",
    ".pre-commit-config.yaml",
    "**/.vscode/**",
    "**/.devcontainer/**",
    ".envrc",
)


def protected(paths: Iterable[str], patterns: tuple[str, ...] = ()) -> list[str]:
    """Return those of `paths` that a pattern protects, sorted.

    `patterns` are the project's own; when it has none, the default list is in force.
    """
    expressions = [_expression(pattern) for pattern in patterns or DEFAULT_PROTECTED_PATHS]
    return sorted(path for path in paths if any(e.match(path) for e in expressions))


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    body = pattern.strip().rstrip("/")
    anchored = "/" in body
    body = body.lstrip("/").removesuffix("/**")  # what stands in a directory's place as well
    out = "" if anchored else "(?:.*/)?"
    place = 0
    while place < len(body):
        if body.startswith("**/", place):
            out, place = out + "(?:.*/)?", place + 3
        elif body.startswith("**", place):
            out, place = out + ".*", place + 2
        elif body[place] == "*":
            out, place = out + "[^/]*", place + 1
        elif body[place] == "?":
            out, place = out + "[^/]", place + 1
        else:
            out, place = out + re.escape(body[place]), place + 1
    return re.compile(rf"{out}(?:/.*)?\Z", re.IGNORECASE | re.DOTALL)


def refusal(changed: Sequence[str], project: Project) -> PhaseResult | None:
    """Return the verdict on work that changes protected paths, None when it does not."""
    touched = protected(changed, project.protected_paths)
    if not touched:
        return None
    more = f" and {len(touched) - _SHOWN} more" if len(touched) > _SHOWN else ""
    listed = one_line(", ".join(touched[:_SHOWN]), 500)
    ask = project.protected_policy == "ask"
    details: Details = {"paths": touched[:_SHOWN]}
    if ask:
        details["ask"] = True
    return PhaseResult(
        Verdict.FAIL,
        f"The work changes protected paths: {listed}{more}. Leave them as they are on the base.",
        details,
        needs_person=ask,
    )
