"""`project add`: everything is checked, the repository too, before anything is written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from damascus.cli import output
from damascus.cli.options import JsonFlag
from damascus.cli.project_policy import given, one_of, tell_missing, with_policy_options
from damascus.cli.session import actor, opened
from damascus.domain.story import check_slug
from damascus.errors import ForgeError, NotFoundError, UsageError

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
        typer.Option("--forge", metavar="gitea|local", help="Default: by what --repo looks like."),
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
    kind, place = _place(repo, one_of(forge, "--forge", ("gitea", "local")))
    said = given(policy)
    with opened() as app:
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


def _place(repo: str, forge: str | None) -> tuple[str, str]:
    """The forge and the repository as they are kept. URLs are never repeated: passwords."""
    if repo.startswith(("http://", "https://")):
        try:
            parts = urlsplit(repo)
            usable = bool(parts.hostname)
        except ValueError:
            usable, parts = False, None
        if not usable or parts is None:
            raise UsageError("--repo is not a URL that can be used: give https://HOST/OWNER/NAME")
        if "@" in parts.netloc:
            raise UsageError(
                "--repo holds a user name or a password: give the URL without them, and the token "
                "as DAMASCUS_GITEA_TOKEN"
            )
        if forge == "local":
            raise UsageError("--repo is a URL: the forge local needs a directory")
        return "gitea", repo.rstrip("/").removesuffix(".git")
    if "://" in repo or (":" in repo and not Path(repo).exists()):
        raise UsageError(
            "--repo is neither a directory nor an http(s) URL: give https://HOST/OWNER/NAME of a "
            "Gitea or Forgejo, or the path of a repository on this machine"
        )
    if forge == "gitea":
        raise UsageError("--repo is a path: the forge gitea needs https://HOST/OWNER/NAME")
    try:
        path = Path(repo).expanduser().resolve()
        there = path.is_dir()
    except (OSError, ValueError, RuntimeError):
        raise UsageError("--repo is not a path that can be used") from None
    if not there:
        raise NotFoundError(f"there is no directory {path}: give the path of a git repository")
    return "local", str(path)


def _usable(app: App, kind: str, place: str, branch: str | None) -> str:
    """The base branch, once the forge has said that it and the repository can be used."""
    from damascus.forge.local_git import branch_ref  # noqa: PLC0415 - only here

    try:
        chosen = branch or _own_branch(app, kind, place) or "main"
        branch_ref(chosen)
        app.check_project(forge=kind, repo=place, base_branch=chosen)
    except ForgeError as error:
        if error.status == _NOT_FOUND:
            raise NotFoundError(str(error)) from None
        raise
    return chosen


def _own_branch(app: App, kind: str, place: str) -> str | None:
    """The branch the repository itself calls its main one, where it can be asked."""
    if kind == "gitea":
        return _default_branch(app, place)
    from damascus.forge.local_git import branch_sha, run  # noqa: PLC0415 - only here

    path = Path(place)
    bare = run(path, "rev-parse", "--is-bare-repository").stdout.strip() == "true"
    # In a working tree HEAD is whatever somebody is working on just now.
    if not bare and branch_sha(path, "main") is not None:
        return "main"
    return run(path, "symbolic-ref", "--quiet", "--short", "HEAD").stdout.strip() or None


def _default_branch(app: App, url: str) -> str | None:
    settings = app.settings
    if settings.gitea_url is None or settings.gitea_token is None:
        return None  # the check says so in its own words
    from damascus.forge.gitea_http import GiteaHTTP  # noqa: PLC0415 - only here
    from damascus.forge.gitea_url import parse_repo  # noqa: PLC0415 - only here

    owner, name = parse_repo(url, settings.gitea_url)
    http = GiteaHTTP(settings.gitea_url, settings.gitea_token.get_secret_value())
    try:
        answer = http.ask("GET", f"/repos/{owner}/{name}", repeatable=True)
    finally:
        http.close()
    found: Any = answer.data.get("default_branch") if answer.ok else None
    return str(found) if found else None
