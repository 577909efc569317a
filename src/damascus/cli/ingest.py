"""`ingest`: hand in stories. The good ones are accepted, each bad one is told by its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.options import BudgetCycles, BudgetUsd, JsonFlag
from damascus.cli.session import actor, item_number, opened, ring
from damascus.domain.story import MAX_STORY_BYTES, Story, read_story, slugify
from damascus.errors import (
    ConflictError,
    DamascusError,
    NotFoundError,
    UnreachableError,
    UsageError,
)

if TYPE_CHECKING:
    from damascus.wiring import App

_SUFFIXES = frozenset({".md", ".markdown", ".txt"})


@dataclass(slots=True)
class _Batch:
    """One call's stories: where they go, and what became of each."""

    app: App
    project: str
    key: str | None
    title: str | None
    budgets: dict[str, Any]
    after: list[int]
    seen: dict[str, str] = field(default_factory=dict[str, str])
    results: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    exit_code: int = 0

    def take(self, path: str) -> None:
        """Accept one story, or note why not. Raises UnreachableError: the rest would fail too."""
        try:
            self.results.append(self._accept(path))
        except UnreachableError:
            raise
        except DamascusError as error:
            self.refuse(path, error)

    def refuse(self, path: str, error: DamascusError) -> None:
        """Note a story that was not accepted."""
        say(str(error))
        self.exit_code = self.exit_code or error.exit_code
        self.results.append(
            {"path": path, "outcome": "refused", "error": str(error), "exit_code": error.exit_code}
        )

    def _accept(self, path: str) -> dict[str, Any]:
        story = _story(path, key=self.key, title=self.title)
        if story.key in self.seen:
            raise UsageError(
                f"{path} and {self.seen[story.key]} would both be story {story.key!r}: rename one, "
                "or hand it in by itself with --key"
            )
        self.seen[story.key] = path
        done = self.app.desk.ingest(
            self.project, story, actor=actor(), after=self.after, **self.budgets
        )
        gates = self.app.views.gates(item_id=done.item_id) if self.after else []
        return {
            "path": path,
            "outcome": done.outcome,
            "item_id": done.item_id,
            "project": self.project,
            "key": done.key,
            "title": story.title,
            "gates": [gate["id"] for gate in gates if gate["after_item"] in self.after],
        }


def ingest(  # noqa: PLR0917 - typer's options
    paths: Annotated[
        list[str],
        typer.Argument(metavar="PATH", help="Files, directories of them, or - for stdin."),
    ],
    project: Annotated[
        str | None,
        typer.Option("--project", "-p", metavar="NAME", help="Default: the only project."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="SLUG", help="Name of the story (default: the file's)."),
    ] = None,
    title: Annotated[
        str | None,
        typer.Option("--title", metavar="TEXT", help="Default: the first heading of the story."),
    ] = None,
    priority: Annotated[
        int, typer.Option("--priority", min=0, max=9, metavar="0-9", help="0 is done first.")
    ] = 5,
    budget_cycles: BudgetCycles = None,
    budget_usd: BudgetUsd = None,
    after: Annotated[
        list[str] | None,
        typer.Option(
            "--after",
            metavar="ITEM",
            help="Wait until this item or PROJECT/KEY is merged; repeat.",
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Hand in stories: Markdown files of at most 256 KB, each one story.

    The same story is accepted once; a changed text replaces it while it is still in `spec`. In a
    directory, every .md, .markdown and .txt file is a story. When some stories are bad the others
    are accepted, and the exit code is that of the first bad one.
    """
    with opened() as app:
        batch = _Batch(
            app=app,
            project=_project(app, project),
            key=key,
            title=title,
            budgets={
                "priority": priority,
                "budget_cycles": budget_cycles,
                "budget_usd": budget_usd,
            },
            after=[_waited_for(app, ref) for ref in after or []],
        )
        _take_all(batch, paths)
        if any("item_id" in result for result in batch.results):
            ring(app)
    if as_json:
        output.emit({"results": batch.results})
    else:
        for result in batch.results:
            if "item_id" in result:
                output.line(
                    f"{result['outcome']}: item {result['item_id']}  "
                    f"{result['project']}/{result['key']}  {result['title']}"
                )
    if batch.exit_code:
        raise typer.Exit(batch.exit_code)


def _take_all(batch: _Batch, paths: Sequence[str]) -> None:
    found: list[str] = []
    for path in paths:
        try:
            found += _files(path)
        except DamascusError as error:
            batch.refuse(path, error)
    if (batch.key or batch.title) and len(found) + len(batch.results) > 1:
        raise UsageError(f"--key and --title are for one story, and here are {len(found)}")
    found = list(dict.fromkeys(found))  # a file that is named twice is one story
    for place, path in enumerate(found):
        try:
            batch.take(path)
        except UnreachableError as error:
            batch.refuse(path, error)
            if left := len(found) - place - 1:
                say(f"{left} more stor{'y was' if left == 1 else 'ies were'} not handed in")
            return


def _files(path: str) -> Iterator[str]:
    """The files that `path` stands for. Raises UsageError for a directory without stories."""
    if path == "-":
        return iter([path])
    if not Path(path).is_dir():
        return iter([str(Path(path))])
    try:
        inside = sorted(Path(path).iterdir())
    except OSError as error:
        raise UsageError(f"the directory {path} cannot be read: {error.strerror}") from None
    stories = [
        str(entry)
        for entry in inside
        if entry.suffix.lower() in _SUFFIXES and entry.is_file() and not entry.name.startswith(".")
    ]
    if not stories:
        raise UsageError(f"there are no .md, .markdown or .txt files in the directory {path}")
    for entry in inside:
        if entry.is_dir() and not entry.name.startswith("."):
            say(f"the directory {entry} inside {path} was not entered")
    return iter(stories)


def _story(path: str, *, key: str | None, title: str | None) -> Story:
    if path != "-":
        return read_story(_bytes(path), name=path, key=key, title=title)
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - `<&-`
        raise UsageError("the standard input is closed: there is no story on it")
    if sys.stdin.isatty():
        say("type the story, then Ctrl-D at the beginning of a line")
    raw = sys.stdin.buffer.read(MAX_STORY_BYTES + 1)
    if key is None:
        key = slugify(read_story(raw, name="the standard input", key="x", title=title).title)
        if not key:
            raise UsageError("no key can be made from the title of the story: give one with --key")
    return read_story(raw, name="the standard input", key=key, title=title)


def _bytes(path: str) -> bytes:
    try:
        with Path(path).open("rb") as file:
            raw = file.read(MAX_STORY_BYTES + 1)
            if len(raw) > MAX_STORY_BYTES:
                raise UsageError(
                    f"{path} is larger than the {MAX_STORY_BYTES:,} bytes a story may have"
                )
            return raw
    except FileNotFoundError:
        raise UsageError(f"there is no file {path}") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None


def _project(app: App, name: str | None) -> str:
    if name is not None:
        return app.desk.project(name).name
    names = [row["name"] for row in app.views.projects()]
    if len(names) == 1:
        return str(names[0])
    if not names:
        raise NotFoundError("there is no project yet: add one with `damascus project add`")
    raise UsageError(f"give --project, one of {', '.join(names[:8])}{', …' * (len(names) > 8)}")  # noqa: PLR2004 - what fits a line


def _waited_for(app: App, ref: str) -> int:
    """The item to wait for, looked up before any story is accepted."""
    number = item_number(app, ref)
    if app.views.item(number)["phase"] == "cancelled":
        raise ConflictError(f"item {number} was cancelled: it will never be merged")
    return number
