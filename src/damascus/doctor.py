"""`damascus doctor`: try everything Damascus needs, one sentence about each.

Nothing is changed, except that a drifted count of closed gates is put right. The model that writes
specs is asked for a few tokens, and the finding says what that cost.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from damascus import __version__
from damascus.builders import BUILDERS
from damascus.config import EMBEDDED
from damascus.distribution import revision
from damascus.domain.work import Cost
from damascus.errors import DamascusError, LLMUnreachableError, NoSandboxError
from damascus.forge import FORGES
from damascus.ports import Command, NoLedger
from damascus.programs import version_of
from damascus.registry import BuilderContext, ForgeEntry

if TYPE_CHECKING:
    from damascus.attempts.archive import Archive
    from damascus.config import Settings
    from damascus.sandbox.containers.host import ContainerHost
    from damascus.state.db import Database, Row
    from damascus.state.store import Store

OLDEST_GIT = (2, 30)
LITTLE_SPACE = 5 << 30  # bytes: a warning
NO_SPACE = 1 << 30  # bytes: clones and logs of a few attempts
# What a container other than the worker's has no use for, by what its first process was told to do.
_ELSEWHERE = {"api": "the API", "scheduler": "the scheduler", "sidecar-status": "the status page"}
_OF_WORKERS = ("git", "sandbox", "environments", "model")
CheckT = TypeVar("CheckT")
_ASK = "Answer with the word ok."
_TOKENS = 16  # the least that every provider takes
_MODEL_SECONDS = 30.0
_PROJECTS = 50


class Patient(Protocol):
    """What the doctor needs of the wired application (damascus.wiring.App is one)."""

    settings: Settings

    @property
    def path(self) -> str: ...
    @cached_property
    def archive(self) -> Archive: ...
    @cached_property
    def db(self) -> Database: ...
    @cached_property
    def store(self) -> Store: ...
    @cached_property
    def container_host(self) -> ContainerHost: ...
    def check_project(
        self, *, forge: str, repo: str, base_branch: str, directory: str = ""
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found: `ok` is False where something needed does not work, None to warn."""

    name: str
    ok: bool | None
    sentence: str


def unable(app: Patient, *, builder: str | None = None) -> list[str]:
    """What keeps stories from being carried out, a sentence each: no model, no coding agent.

    Better said before the first story than after its attempts. `builder` is the agent asked about,
    by default every one in use. Raises nothing.
    """
    checks = [_tried("model", lambda: _model(app))]
    checks += [
        _tried(f"builder {name}", lambda name=name: _builder(app, name))
        for name in ([builder] if builder else _builders(app))
    ]
    return [check.sentence for check in checks if check.ok is False]


def examine(app: Patient) -> Iterator[Check]:
    """Every check in turn. Raises nothing: what a check raises is its finding."""
    checks: tuple[tuple[str, Callable[[Patient], Check]], ...] = (
        ("settings", _settings),
        ("home", _home),
        ("kept work", _kept_work),
        ("redis", _redis),
        ("git", _git),
        ("git-lfs", _git_lfs),
        ("sandbox", _sandbox),
        ("environments", _environments),
        ("containers", _containers),
        ("model", _model_answers),
    )
    here = _ELSEWHERE.get(_role() or "")
    if here is not None:
        said = f"{here} runs here: models, agents and sandbox are the worker's; ask its container"
        yield Check("container", True, said)
    for name, check in checks:
        if here is None or name not in _OF_WORKERS:
            yield _tried(name, lambda check=check: check(app))
    yield from _forges(app)
    database = _tried("database", lambda: _database(app))
    yield database
    if database.ok:
        yield _tried("processes", lambda: _processes(app))
        yield _tried("gates", lambda: _gates(app))
        yield from _projects(app)
    for builder in _builders(app) if here is None else ():
        yield _tried(f"builder {builder}", lambda builder=builder: _builder(app, builder))


def _tried(name: str, check: Callable[[], CheckT]) -> CheckT | Check:
    try:
        return check()
    except DamascusError as error:
        return Check(name, False, str(error))
    except Exception as error:  # noqa: BLE001 - a doctor that falls ill helps nobody
        return Check(name, False, f"this check itself failed: {type(error).__name__}: {error}")


def _settings(app: Patient) -> Check:
    file = app.settings.sources.file
    there = f" and {file}" if file is not None and file.is_file() else ""
    said = f"from the environment{there}; `damascus config` shows them"
    if app.settings.database_url is None and (app.settings.home / EMBEDDED).is_file():
        said = f"{said}, and those of `damascus up`, which runs"
    return Check("settings", True, said)


def _home(app: Patient) -> Check:
    home = app.settings.home.absolute()
    there = next(place for place in (home, *home.parents) if place.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        return Check(
            "home", False, f"nothing can be written in {there}: set DAMASCUS_HOME elsewhere"
        )
    free = shutil.disk_usage(there).free
    said = f"{free / (1 << 30):.1f} GiB are free in {home}"
    if free < LITTLE_SPACE:
        why = "too little for clones and logs" if free < NO_SPACE else "little for many clones"
        return Check("home", False if free < NO_SPACE else None, f"only {said}: {why}")
    return Check("home", True, said)


def _kept_work(app: Patient) -> Check:
    takes, settings = app.archive.size(), app.settings
    if not settings.keep_work_days or not settings.keep_work_gb:
        return Check("kept work", True, "work that is not merged is not kept, as it is set")
    return Check(
        "kept work",
        True,
        f"work that was not merged takes {takes / 1e9:.1f} of {settings.keep_work_gb:g} GB, and is"
        f" kept for {settings.keep_work_days:g} days at most",
    )


def _database(app: Patient) -> Check:
    from damascus.state import schema  # noqa: PLC0415 - where the driver is broken, this says so
    from damascus.state.db import where  # noqa: PLC0415 - the same

    schema.check(app.db)
    with app.db.connection() as connection:
        version = connection.info.server_version
    return Check(
        "database",
        True,
        f"PostgreSQL {version // 10000}.{version % 10000} at {where(app.db.url)}, schema version "
        f"{schema.VERSION}",
    )


def _processes(app: Patient) -> Check:
    """Whether the processes that live are of this version."""
    from damascus.state.version import VERSION  # noqa: PLC0415 - as above

    alive = [one for one in app.store.workers.list() if one["alive"]]
    here = _program(__version__, revision(), VERSION)
    others = [
        f"the {one['kind']} {one['name']} is {there}"
        for one in alive
        if (there := _program(one["version"], one["revision"], one["schema_version"])) != here
    ]
    if others:
        said = f"this is {here}, but {'; '.join(others[:3])}: install the same, and restart"
        return Check("processes", None, said)
    return Check("processes", True, f"this is {here}, as are all processes that live: {len(alive)}")


def _program(version: str, commit: str, schema: int) -> str:
    return f"{version}{f' ({commit[:12]})' if commit else ''} with schema version {schema}"


def _role() -> str | None:
    """What the first process of this container was told to do; None outside of Damascus's own."""
    try:
        words = Path("/proc/1/cmdline").read_text("utf-8", "replace").split("\0")
    except OSError:
        return None
    if not any(Path(word).name in ("damascus", "taskiq") for word in words):
        return None
    return next((role for role in _ELSEWHERE if role in words), None)


def _gates(app: Patient) -> Check:
    repaired = [str(item) for item in app.store.gates.recount()]
    if repaired:
        return Check(
            "gates",
            None,
            f"the count of closed gates had drifted and is put right for item{'s' * (len(repaired) > 1)} "  # noqa: E501 - one sentence
            f"{', '.join(repaired[:10])}",
        )
    return Check("gates", True, "every item counts the gates that are closed before it")


def _redis(app: Patient) -> Check:
    if app.settings.redis_url is None:
        return Check("redis", True, "not configured: only several worker processes need it")
    from redis import Redis, RedisError  # noqa: PLC0415 - only where it is used

    try:
        with Redis.from_url(  # pyright: ignore[reportUnknownMemberType] - its **kwargs are untyped
            app.settings.redis_url.get_secret_value(), socket_timeout=5, socket_connect_timeout=5
        ) as client:
            server: Any = client.info("server")  # pyright: ignore[reportUnknownMemberType] - untyped
    except (RedisError, OSError, ValueError) as error:
        return Check(
            "redis",
            False,
            f"Redis does not answer ({_without_address(error)}): is it running, and is "
            "DAMASCUS_REDIS_URL right? Until then workers look by themselves, more slowly",
        )
    return Check("redis", True, f"Redis {server['redis_version']} answers")


def _git(app: Patient) -> Check:
    said = version_of("git", app.path)
    if said is None:
        return Check("git", False, "git is not there: install git 2.30 or later")
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < OLDEST_GIT:
        return Check("git", False, f"{said} is too old: install git 2.30 or later")
    return Check("git", True, said)


def _git_lfs(app: Patient) -> Check:  # noqa: ARG001 - the worker's PATH is this process's own
    said = version_of("git-lfs", os.environ.get("PATH", os.defpath))
    if said is None:
        why = "git-lfs is not there: where a repository uses Git LFS, attempts get its pointers"
        return Check("git-lfs", None, f"{why}; on Debian and Ubuntu: apt install git-lfs")
    return Check("git-lfs", True, said)


def _sandbox(app: Patient) -> Check:
    from damascus.sandbox import detect  # noqa: PLC0415 - it tries, which takes a moment

    found = detect(app.settings.sandbox, path=app.path)
    with tempfile.TemporaryDirectory(prefix="damascus-doctor-") as place:
        cwd = Path(place).resolve()
        env = {"PATH": app.path, "HOME": place, "LANG": "C.UTF-8"}
        argv = ("sh", "-c", "echo works && echo works >written")
        done = found.run(Command(argv, cwd=cwd, env=env, writable=(cwd,), timeout=30.0))
        if done.exit_code or not (cwd / "written").is_file():
            why = " ".join(done.output.split())[-300:] or f"exit status {done.exit_code}"
            return Check("sandbox", False, f"{found.name} runs no command: {why}")
    return Check("sandbox", True if found.name != "plain" else None, found.describe())


def _environments(app: Patient) -> Check:
    """How set-ups are kept: it asks the sandbox's kind, and tries an overlay in the home."""
    from damascus.sandbox import detect  # noqa: PLC0415 - it tries, which takes a moment
    from damascus.sandbox.overlay_trial import overlay_problem  # noqa: PLC0415 - the same

    found = detect(app.settings.sandbox, path=app.path)
    if found.name != "bubblewrap":
        return Check(
            "environments",
            None,
            "set-up commands run anew in every review and never for an agent: what they make is "
            f"kept in the sandbox bubblewrap alone, and {found.name} is in force",
        )
    why = overlay_problem(app.settings.home.resolve())
    if why:
        return Check(
            "environments",
            None,
            "what set-up commands make is kept, and copied for every command, which takes time and"
            f" disk: no overlay can be laid in {app.settings.home} ({why})",
        )
    return Check(
        "environments",
        True,
        "what set-up commands make is kept, and laid under every command by an overlay: ready at "
        "once, whatever its size",
    )


def _containers(app: Patient) -> Check:
    """The engine that makes the containers of projects with an image."""
    images = _images(app)
    try:
        return Check("containers", True, app.container_host.describe(images))
    except NoSandboxError as error:
        if images or app.settings.container_engine:
            raise
        said = str(error).partition(": install")[0]
        return Check("containers", True, f"{said}; only projects with an image need one")


def _images(app: Patient) -> list[str]:
    """The images that projects name."""
    named: dict[str, None] = {}
    with suppress(Exception):  # the check of the database says it
        for row in app.store.projects.list():
            if image := row["policy"].get("image"):
                named[str(image)] = None  # pyright: ignore[reportArgumentType] - what is stored may be anything
    return list(named)


def _model(app: Patient) -> Check:
    settings = app.settings
    if not settings.llm_model:
        return Check(
            "model",
            False,
            "no model writes specs: set DAMASCUS_LLM_MODEL to a LiteLLM model name, such as "
            "anthropic/claude-sonnet-4-5, and DAMASCUS_LLM_API_KEY to its key",
        )
    if importlib.util.find_spec("litellm") is None:
        return Check("model", False, "LiteLLM is not installed beside Damascus: install it again")
    return Check("model", True, f"{settings.llm_model} at {_where(settings)}")


def _where(settings: Settings) -> str:
    return settings.llm_api_base or "its provider"


def _model_answers(app: Patient) -> Check:
    """Ask the model for a few tokens: an address that answers may still refuse the key."""
    found = _model(app)
    settings = app.settings
    if not found.ok or settings.llm_model is None:
        return found
    from damascus.llm import LiteLLM  # noqa: PLC0415 - only where it is used

    key = settings.llm_api_key
    model = LiteLLM(
        settings.llm_model,
        settings.llm_api_base,
        None if key is None else key.get_secret_value(),
        timeout=min(settings.llm_timeout_seconds, _MODEL_SECONDS),
        retries=0,
    )
    try:
        cost = model.complete(system=_ASK, prompt=_ASK, max_tokens=_TOKENS, ledger=NoLedger()).cost
    except LLMUnreachableError as error:
        if not isinstance(error.cost, Cost):
            raise
        cost = error.cost  # it thought for all of its few tokens, and said nothing
    spent = "a cost nobody knows" if cost.usd is None else f"{cost.usd:f} US dollars"
    said = f"{settings.llm_model} at {_where(settings)} answers; asking cost {spent}"
    if key is None:
        return Check("model", None, f"{said}; no DAMASCUS_LLM_API_KEY is set")
    return Check("model", True, said)


def _forges(app: Patient) -> Iterator[Check]:
    """Every forge that has something to ask."""
    asked = False
    for entry in FORGES.usable():
        name = f"forge {entry.name}"

        def check(entry: ForgeEntry[Any] = entry, name: str = name) -> Check | None:
            found = entry.check(app.settings.section(entry.name, entry.settings))
            return None if found is None else Check(name, *found)

        found = _tried(name, check)
        if found is not None:
            asked = True
            yield found
    if not asked:
        yield Check("forge", True, "none configured: repositories on this machine need none")


def _projects(app: Patient) -> Iterator[Check]:
    """Whether each project's repository can be used, with the right to write that it needs."""
    for row in app.store.projects.list()[:_PROJECTS]:
        name, repo, branch = str(row["name"]), str(row["repo"]), str(row["base_branch"])

        def check(
            row: Row = row, name: str = name, repo: str = repo, branch: str = branch
        ) -> Check:
            directory = row["policy"].get("directory", "")
            app.check_project(
                forge=row["forge"], repo=repo, base_branch=branch, directory=directory
            )
            return Check(f"project {name}", True, f"{branch} of {repo} can be read and written")

        yield _tried(f"project {name}", check)


def _builders(app: Patient) -> list[str]:
    """The coding agents in use: the default one, and those that projects name."""
    named = {app.settings.builder: None}
    try:
        for row in app.store.projects.list():
            if name := row["policy"].get("builder"):
                named[str(name)] = None  # pyright: ignore[reportArgumentType] - what is stored may be anything
    except Exception:  # noqa: BLE001, S110 - the check of the database has said it
        pass
    return list(named)


def _builder(app: Patient, builder: str) -> Check:
    entry = BUILDERS.get(builder)
    context = BuilderContext(app.settings, path=app.path, hosts=_hosts(app, builder))
    found = entry.check(app.settings.section(entry.name, entry.settings), context)
    return Check(f"builder {builder}", *found)


def _hosts(app: Patient, builder: str) -> tuple[str, ...]:
    """The hosts that projects let a coding agent reach."""
    found: list[str] = []
    try:
        for row in app.store.projects.list():
            if (row["policy"].get("builder") or app.settings.builder) == builder:
                found += row["policy"].get("agent_hosts") or ()
    except Exception:  # noqa: BLE001, S110 - the check of the database has said it
        pass
    return tuple(dict.fromkeys(found))


def _without_address(error: Exception) -> str:
    """A driver's message may quote the URL it was given, password and all."""
    return re.sub(r"\w+://\S+", "the address", str(error)) or type(error).__name__
