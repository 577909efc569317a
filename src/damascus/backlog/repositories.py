"""Whether a repository can be used: which forge serves it, and which branch is its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from damascus.errors import ForgeError, NotFoundError, UsageError

if TYPE_CHECKING:
    from damascus.wiring import App

_NOT_FOUND = 404


@dataclass(eq=False)
class RelativePathError(UsageError):
    """A relative path means nothing here: its giver does not stand on this machine."""

    repo: str

    def __str__(self) -> str:
        return (
            f"the repository {self.repo[:80]!r} is a relative path: give an absolute one, or a URL"
        )


def place_of(app: App, repo: str, forge: str | None, *, relative: bool) -> tuple[str, str]:
    """The forge and the repository as they are kept.

    `relative` allows paths that begin where this process stands. Raises RelativePathError, and the
    errors of the forges: UsageError, NotFoundError.
    """
    if not relative and "://" not in repo and not Path(repo).is_absolute():
        raise RelativePathError(repo)
    return app.locate_repository(repo, forge)


def usable_branch(
    app: App, forge: str, repo: str, branch: str | None, *, directory: str = ""
) -> str:
    """The base branch, once the forge has said that it and the repository can be used.

    With `directory`, also that it is there.

    Raises NotFoundError, ForgeError, ForgeUnreachableError, ConfigurationError, UsageError.
    """
    try:
        chosen = branch or app.forge(forge, repo).default_branch() or "main"
        app.check_project(forge=forge, repo=repo, base_branch=chosen, directory=directory)
    except ForgeError as error:
        if error.status == _NOT_FOUND:
            raise NotFoundError(str(error)) from None
        raise
    return chosen
