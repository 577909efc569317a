"""`project add`: everything is checked, the repository too, before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.options import JsonFlag
from damascus.cli.project_policy import given, tell_missing, with_policy_options
from damascus.cli.session import actor, opened
from damascus.domain.story import check_slug
from damascus.errors import ForgeError, NotFoundError

if TYPE_CHECKING:
    from damascus.wiring import App

_NOT_FOUND = 404


@with_policy_options
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A slug: a-z, 0-9 and '-'.")],
    repo: Annotated[
        str, typer.Option("--repo", metavar="PATH-OR-URL", help="The repository, no credentials.")
    ],
    forge: Annotated[
        str | None,
        typer.Option("--forge", metavar="NAME", help="Default: by what --repo looks like."),
    ] = None,
    base_branch: Annotated[
        str | None,
        typer.Option(
            "--base-branch",
            "--base",
            metavar="BRANCH",
            help="Where work is merged. Default: the repository's own, where it says so, or main.",
        ),
    ] = None,
    as_json: JsonFlag = False,
    **policy: Any,
) -> None:
    """Add a project, after asking its forge whether the repository can be used.

    A directory is served by the forge `local`, an http(s) URL by Gitea or Forgejo.
    """
    check_slug(name, what="the project's name")
    said = given(policy)
    with opened() as app:
        kind, place = app.locate_repository(repo, forge)
        branch = _usable(app, kind, place, base_branch)
        app.desk.add_project(
            name=name,
            forge=kind,
            repo=place,
            base_branch=branch,
            policy=said.policy,
            actor=actor(),
            **said.columns,
        )
        tell_missing(said.policy, app.path)
    if as_json:
        output.emit({"name": name, "forge": kind, "repo": place, "base_branch": branch})
    else:
        output.line(f"added project {name}: {branch} of {place} ({kind})")


def _usable(app: App, kind: str, place: str, branch: str | None) -> str:
    """The base branch, once the forge has said that it and the repository can be used."""
    try:
        chosen = branch or app.forge(kind, place).default_branch() or "main"
        app.check_project(forge=kind, repo=place, base_branch=chosen)
    except ForgeError as error:
        if error.status == _NOT_FOUND:
            raise NotFoundError(str(error)) from None
        raise
    return chosen
