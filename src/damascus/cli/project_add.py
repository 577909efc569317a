"""`project add`: everything is checked, the repository too, before anything is written."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.options import JsonFlag
from damascus.cli.project_policy import given, tell_missing, with_policy_options
from damascus.cli.session import entered


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
    from damascus.backlog import NewProject  # noqa: PLC0415 - `--help` does not pay for it

    new = NewProject(name, repo, forge, base_branch, given(policy))
    with entered() as door:
        added = door.backlog.add_project(door.caller, new)
    tell_missing(added.missing)
    if as_json:
        output.emit(
            {
                "name": added.name,
                "forge": added.forge,
                "repo": added.repo,
                "base_branch": added.base_branch,
                "secrets_removed": added.secrets_removed,
            }
        )
    else:
        output.line(
            f"added project {added.name}: {added.base_branch} of {added.repo} ({added.forge})"
        )
