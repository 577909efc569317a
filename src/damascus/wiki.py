"""Project knowledge behind `Wiki`: what the repository itself says about how to work in it."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass

from damascus.ports import Git, Workspace

# In the order of how directly they speak to an implementer: what does not fit is cut at the end.
CONVENTION_FILES = (
    "CLAUDE.md",
    "AGENTS.md",
    "CONTRIBUTING.md",
    ".github/CONTRIBUTING.md",
    "docs/CONTRIBUTING.md",
    "CONVENTIONS.md",
    "docs/conventions.md",
    "docs/architecture.md",
    "ARCHITECTURE.md",
    ".editorconfig",
)


@dataclass(frozen=True, slots=True)
class RepositoryWiki:
    """Reads the committed files of the checkout, never the working tree an agent may have changed.

    `cap` is the most characters of conventions handed out; each file gets at most half of it, so
    that one long file does not hide all others.
    """

    git: Git
    cap: int = 12_000

    def conventions(self, workspace: Workspace, *, directory: str = "") -> str:
        """Conventions an implementer must follow, as Markdown; empty when none are known.

        Those of `directory` go before those of the whole repository.
        """
        told: list[str] = []
        seen: set[str] = set()
        left = self.cap
        own = (posixpath.join(directory, name) for name in CONVENTION_FILES)
        for path in dict.fromkeys((*own, *CONVENTION_FILES)):
            text = (self.git.read(workspace, path, cap=self.cap // 2) or "").strip()
            if not text or text in seen or left <= 0:  # AGENTS.md is often a copy of CLAUDE.md
                continue
            seen.add(text)
            part = f"### {path}\n\n{text}"[:left]
            left -= len(part)
            told.append(part)
        return "\n\n".join(told)
