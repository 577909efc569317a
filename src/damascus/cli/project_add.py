"""`project add`: everything is checked, the repository too, before anything is written."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from damascus.cli import output
from damascus.cli.opening import actor, opened
from damascus.cli.options import BudgetCycles, BudgetUsd, JsonFlag
from damascus.domain.story import check_slug, check_text
from damascus.errors import ForgeError, NotFoundError, UsageError

if TYPE_CHECKING:
    from damascus.wiring import App

_OPERATORS = frozenset({"|", "||", "&", "&&", ";", ">", ">>", "<", "2>&1"})
_CONVENTIONS_CAP = 64 * 1024  # bytes
_NOT_FOUND = 404


def add(  # noqa: PLR0917 - typer's options
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
    builder: Annotated[
        str | None,
        typer.Option("--builder", metavar="claude|mini|command", help="Coding agent to use here."),
    ] = None,
    test_command: Annotated[
        str | None,
        typer.Option(
            "--test-command",
            metavar="COMMAND",
            help="Wins over the command of every spec, such as 'pytest -q'. No shell runs it.",
        ),
    ] = None,
    allow_program: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-program",
            metavar="NAME",
            help="First word a spec's test command may have, in place of the usual ones; repeat.",
        ),
    ] = None,
    setup_command: Annotated[
        str | None,
        typer.Option(
            "--setup-command", metavar="COMMAND", help="Run before the tests. No shell runs it."
        ),
    ] = None,
    test_timeout: Annotated[
        int | None,
        typer.Option(
            "--test-timeout", min=1, max=86400, metavar="SECONDS", help="For the tests (900)."
        ),
    ] = None,
    test_network: Annotated[
        bool, typer.Option("--test-network", help="Let tests reach the network.")
    ] = False,
    protect: Annotated[
        list[str] | None,
        typer.Option(
            "--protect", metavar="GLOB", help="A path agents must not change; repeat for more."
        ),
    ] = None,
    protected_policy: Annotated[
        str | None,
        typer.Option(
            "--protected-policy", metavar="fail|ask", help="When they do: fail, or ask a person."
        ),
    ] = None,
    merge_style: Annotated[
        str | None, typer.Option("--merge-style", metavar="merge|squash", help="Default: merge.")
    ] = None,
    max_concurrency: Annotated[
        int | None,
        typer.Option("--max-concurrency", min=1, max=1000, metavar="N", help="Items at once."),
    ] = None,
    budget_cycles: BudgetCycles = None,
    budget_usd: BudgetUsd = None,
    conventions: Annotated[
        Path | None,
        typer.Option(
            "--conventions", metavar="FILE", help="Markdown every implementer must follow."
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Add a project, after asking its forge whether the repository can be used.

    A directory is served by the forge `local`, an http(s) URL by Gitea or Forgejo.
    """
    check_slug(name, what="the project's name")
    kind, place = _place(repo, _one_of(forge, "--forge", ("gitea", "local")))
    policy = _policy(
        builder=_one_of(builder, "--builder", ("claude", "mini", "command")),
        test_command=_argv(test_command, "--test-command"),
        test_programs=_words(allow_program, "--allow-program"),
        setup_command=_argv(setup_command, "--setup-command"),
        test_timeout_seconds=test_timeout,
        test_network=test_network or None,
        protected_paths=_words(protect, "--protect"),
        protected_policy=_one_of(protected_policy, "--protected-policy", ("fail", "ask")),
        merge_style=_one_of(merge_style, "--merge-style", ("merge", "squash")),
        conventions=None if conventions is None else _read(conventions),
    )
    with opened() as app:
        branch = _usable(app, kind, place, base_branch)
        app.desk.add_project(
            name=name,
            forge=kind,
            repo=place,
            base_branch=branch,
            policy=policy,
            actor=actor(),
            max_concurrency=max_concurrency,
            budget_cycles=budget_cycles,
            budget_usd=budget_usd,
        )
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


def _policy(**given: object) -> dict[str, object]:
    return {key: value for key, value in given.items() if value not in (None, [], ())}


def _argv(text: str | None, option: str) -> list[str] | None:
    if text is None:
        return None
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"{option} is not quoted well: {str(error).lower()}") from None
    if not words:
        raise UsageError(f"{option} is empty: give a command such as 'pytest -q'")
    if found := next((word for word in words if word in _OPERATORS or word.endswith(";")), None):
        raise UsageError(
            f"{option} holds {found!r}, but no shell will run it: put such a command into a script "
            "of the repository and name that"
        )
    return words


def _words(given: list[str] | None, option: str) -> list[str]:
    for word in given or []:
        if not word.strip() or word != word.strip() or "\n" in word:
            raise UsageError(f"{option} {word[:40]!r} is empty or has blanks around it")
    return list(given or [])


def _one_of(value: str | None, option: str, choices: tuple[str, ...]) -> str | None:
    if value is not None and value not in choices:
        raise UsageError(f"{option} is one of {', '.join(choices)}, not {value[:40]!r}")
    return value


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(_CONVENTIONS_CAP + 1)
    except OSError as error:
        raise UsageError(f"--conventions {path} cannot be read: {error.strerror}") from None
    if not raw.strip():
        raise UsageError(f"--conventions {path} is empty")
    return check_text(raw, name=f"--conventions {path}", limit=_CONVENTIONS_CAP)
