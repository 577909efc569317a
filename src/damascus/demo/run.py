"""`damascus demo`: three stories on embedded parts, everything real but the model's answers.

A private PostgreSQL, the real worker and scheduler on Taskiq's in-process broker, LiteLLM, a real
coding agent, git and the test command. The model is scripted at the providers' wire protocols.
"""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from damascus import extensions
from damascus.config import Settings, load
from damascus.demo import screen
from damascus.demo.model_server import ModelServer
from damascus.demo.script import ANSWER, TEST_COMMAND, DemoModel
from damascus.doctor import unable
from damascus.domain.json_forms import document
from damascus.domain.story import read_story
from damascus.errors import ConfigurationError, DamascusError, NoSandboxError, UsageError
from damascus.forge import local_git
from damascus.sandbox import detect
from damascus.state.item_lists import Wanted
from damascus.tasks import run_embedded
from damascus.up import embedded, show_page, stopping_on_signals
from damascus.wiring import App

PROJECT = "textkit"
MODEL = "gpt-4o-mini"  # the name the scripted model answers to, so that its tokens have a price
CLAUDE_MODEL = "claude-sonnet-4-5"
EXPECTED = {
    "slugify-titles": "merged",
    "shorten-texts": "merged",
    "round-trip-romans": "blocked",
}
AT_REST = ("merged", "blocked", "cancelled")
PATIENCE_SECONDS = 300.0  # without anything new: a busy machine may take as long as it moves


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the demonstration ended with, as `--json` prints it."""

    ok: bool
    report: dict[str, Any]


def run_demo(
    *,
    builder: str,
    keep: Path | None,
    as_json: bool,
    browse: bool = False,
    concurrency: int = 2,
) -> int:
    """Run the demonstration; returns 0 only if all three stories rest as they should.

    It returns 130 or 143 when SIGINT or SIGTERM came before they were at rest.

    With `browse` it shows the page as well, and serves it until Ctrl-C.

    Raises UsageError when `keep` is not an empty or new directory, ConfigurationError when the
    builder or the embedded parts are not installed.
    """
    started = time.monotonic()
    show = screen.Screen(quiet=as_json)
    with ExitStack() as stack:
        place = stack.enter_context(_place(keep))
        repo = make_repository(place)
        server = stack.enter_context(ModelServer(DemoModel()))
        sandbox, uncaged = _sandbox()
        settings = _settings(place, server, builder, concurrency, sandbox)
        extensions.check(settings)
        show.introduction(builder, place, kept=keep is not None)
        settings = stack.enter_context(embedded(settings))
        app = stack.enter_context(App(settings))
        if trouble := unable(app, builder=builder):
            raise ConfigurationError("; ".join(trouble))
        show.parts(app, builder, uncaged)
        stop = threading.Event()
        signals = stack.enter_context(stopping_on_signals(stop, show.say))
        shown = browse and show_page(stack, settings, show.say, browse=True)
        _ingest(app, repo, place)
        worker = threading.Thread(
            target=run_embedded,
            args=(app,),
            kwargs={"concurrency": concurrency, "stop": stop},
            name="embedded",
        )
        worker.start()
        try:
            in_time = _watch(app, show, stop, asked=lambda: len(server.asks))
            report = _report(app, repo, server)
            ok = in_time and all(i["phase"] == EXPECTED[i["key"]] for i in report["items"])
            report |= {"ok": ok, "seconds": round(time.monotonic() - started, 1)}
            if keep is not None:
                report["kept"] = str(place)
            if as_json:
                sys.stdout.write(document(report, indent=2) + "\n")
            else:
                show.ending(report)
            if shown and not stop.is_set():
                show.say("The page stays, and its actions work: Ctrl-C ends the demonstration.")
                stop.wait()
        finally:
            stop.set()
            worker.join()
    if signals and not in_time:
        return 128 + signals[0]  # as a shell tells what a signal ended
    return 0 if ok else 1


@contextmanager
def _place(keep: Path | None) -> Generator[Path]:
    """The directory of everything: a temporary one, or the one to be kept."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="damascus-demo-") as name:
            yield Path(name).resolve()
        return
    keep = keep.expanduser().resolve()
    if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise UsageError(f"--keep {keep}: give a new or an empty directory")
    keep.mkdir(parents=True, exist_ok=True)
    yield keep


def make_repository(place: Path) -> Path:
    """The demonstration's project as a bare repository with one commit; the stories beside it."""
    home = files("damascus.demo")
    with as_file(home / "textkit") as project, as_file(home / "stories") as stories:
        shutil.copytree(stories, place / "stories")
        work = place / "textkit"
        shutil.copytree(project, work, ignore=shutil.ignore_patterns("__pycache__"))
    repo = place / "textkit.git"
    local_git.output(place, "init", "--quiet", "--bare", "--initial-branch=main", str(repo))
    local_git.output(work, "init", "--quiet", "--initial-branch=main")
    local_git.output(work, "add", "--all")
    author = ("-c", "user.name=Demo", "-c", "user.email=demo@localhost")
    local_git.output(work, *author, "commit", "--quiet", "--message=textkit counts words")
    local_git.output(work, "push", "--quiet", str(repo), "main")
    return repo


def _sandbox() -> tuple[str, str | None]:
    """The sandbox to use, and why it is no better one: the code that is run here is our own."""
    try:
        detect("bubblewrap")
    except NoSandboxError as error:
        why = str(error).partition("; or say ")[0]
        return "plain", why.removeprefix("no sandbox, no work: ")
    return "bubblewrap", None


def _settings(
    place: Path, server: ModelServer, builder: str, concurrency: int, sandbox: str
) -> Settings:
    """Return the demonstration's settings; of the user's configuration it takes the PATH only."""
    return load(
        _env_file=None,
        sandbox=sandbox,
        home=place / "home",
        database_url=None,
        redis_url=None,
        worker_name="demo",
        max_concurrency=concurrency,
        budget_cycles=3,
        ring_seconds=1,
        poll_seconds=1.0,
        stale_claim_minutes=3.0,
        llm_model=f"openai/{MODEL}",
        llm_api_base=server.openai_base,
        llm_api_key=SecretStr("demo"),
        builder=builder,
        mini_model=f"openai/{MODEL}",
        mini_api_base=server.openai_base,
        mini_api_key=SecretStr("demo"),
        claude_base_url=server.anthropic_base,
        claude_auth_token=SecretStr("demo"),
        claude_model=CLAUDE_MODEL,
        gitea_token=None,
    )


def _ingest(app: App, repo: Path, place: Path) -> None:
    """What `damascus project add` and `damascus ingest` do."""
    app.check_project(forge="local", repo=str(repo), base_branch="main")
    app.store.projects.add(
        name=PROJECT,
        forge="local",
        repo=str(repo),
        base_branch="main",
        policy={"test_timeout_seconds": 60, "test_command": shlex.split(TEST_COMMAND)},
        actor="demo",
    )
    for key in EXPECTED:
        path = place / "stories" / f"{key}.md"
        story = read_story(path.read_bytes(), name=path.name)
        app.store.items.ingest(PROJECT, story, actor="demo")


def _watch(
    app: App, show: screen.Screen, stop: threading.Event, *, asked: Callable[[], int]
) -> bool:
    """Show the items until all are at rest; answer the question on the way. False: not so far.

    It gives up when nothing was new for a while: no item moved, and `asked`, the number of the
    model's requests, stayed the same.
    """
    progress = _Progress(PATIENCE_SECONDS)
    with show.live() as live:
        while not stop.wait(0.2):
            for issue in app.store.issues.list():
                if issue["kind"] == "question":
                    show.question(issue, ANSWER)
                    app.store.issues.answer(issue["id"], text=ANSWER, actor="demo")
            items = sorted(app.store.items.list(Wanted(project=PROJECT)), key=lambda row: row["id"])
            live.update(items, app.store.stats.workers(), cap=app.settings.max_concurrency)
            if all(item["phase"] in AT_REST for item in items):
                return True
            moved = [(item["phase"], item["attempts"], item["spent_usd"]) for item in items]
            if progress.stands_still((moved, asked())):
                return False
    return False


class _Progress:
    """Tells when a state has not changed for `patience` seconds."""

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._state: object = None
        self._since = clock()

    def stands_still(self, state: object) -> bool:
        if state != self._state:
            self._state, self._since = state, self._clock()
        return self._clock() - self._since > self._patience


def _report(app: App, repo: Path, server: ModelServer) -> dict[str, Any]:
    """Everything a person may want to check, read from the database and the repository."""
    items = sorted(app.store.items.list(Wanted(project=PROJECT)), key=lambda row: row["id"])
    return {
        "items": items,
        "events": app.store.outbox.events(limit=1000),
        "issues": app.store.issues.list(everything=True),
        "costs": [{**row} for item in items for row in _costs(app, item["id"])],
        "merge_shas": {i["key"]: i["merge_sha"] for i in items if i["merge_sha"]},
        "git_log": _log(repo),
        "model_requests": len(server.asks),
        "sandbox": app.sandbox.name,
    }


def _costs(app: App, item_id: int) -> list[dict[str, Any]]:
    from datetime import timedelta  # noqa: PLC0415 - one use

    return [
        {"item_id": item_id, **row}
        for row in app.store.costs.by_model(since=timedelta(days=1), item_id=item_id)
    ]


def _log(repo: Path) -> list[str]:
    try:
        text = local_git.output(repo, "log", "--graph", "--oneline", "--decorate", "main")
    except DamascusError as error:
        return [str(error)]
    return text.splitlines()
