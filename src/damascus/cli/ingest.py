"""`ingest`: hand in stories. The good ones are accepted, each bad one is told by its name."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from damascus.cli import output
from damascus.cli.console import say
from damascus.cli.options import BudgetCycles, BudgetUsd, JsonFlag, budgets
from damascus.cli.session import Door, entered
from damascus.domain.story import MAX_STORY_BYTES, slugify
from damascus.errors import (
    DamascusError,
    GateNeverOpensError,
    ItemNotFoundError,
    ProjectNotFoundError,
    StoryNotFoundError,
    UnreachableError,
    UsageError,
)

if TYPE_CHECKING:
    from damascus.backlog import NewStory

_SUFFIXES = frozenset({".md", ".markdown", ".txt"})


@dataclass(slots=True)
class _Batch:
    """One call's stories: what is said of each, and what became of each."""

    door: Door
    said: NewStory  # all but the text
    seen: dict[str, str] = field(default_factory=dict[str, str])
    results: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    exit_code: int = 0

    def take(self, path: str) -> None:
        """Accept one story, or note why not.

        Raises UnreachableError, and what is wrong with all stories: the rest would fail too.
        """
        from damascus.backlog.base import ItemNameError  # noqa: PLC0415 - `--help` does not pay
        from damascus.backlog.stories import ProjectNotNamedError  # noqa: PLC0415 - the same

        try:
            self.results.append(self._accept(path))
        except (
            UnreachableError,
            ProjectNotFoundError,
            ProjectNotNamedError,
            ItemNameError,
            ItemNotFoundError,
            StoryNotFoundError,
            GateNeverOpensError,
        ):
            raise
        except DamascusError as error:
            self.refuse(path, error)

    def refuse(self, path: str, error: DamascusError) -> None:
        """Note a story that was not accepted."""
        from damascus.cli.hints import worded  # noqa: PLC0415 - it knows the whole service

        sentence = worded(error)
        say(sentence)
        self.exit_code = self.exit_code or error.exit_code
        self.results.append(
            {"path": path, "outcome": "refused", "error": sentence, "exit_code": error.exit_code}
        )

    def _accept(self, path: str) -> dict[str, Any]:
        from damascus.backlog.stories import story_of  # noqa: PLC0415 - `--help` does not pay

        new = _with_text(self.said, path)
        key = story_of(new, self.door.app.redactor.redact).key
        if key in self.seen:
            raise UsageError(
                f"{path} and {self.seen[key]} would both be story {key!r}: rename one, "
                "or hand it in by itself with --key"
            )
        self.seen[key] = path
        done = self.door.backlog.ingest(self.door.caller, new)
        if done.not_taken:
            options = ", ".join(f"--{name.replace('_', '-')}" for name in done.not_taken)
            say(f"item {done.item_id} cannot change any more: {options} was not taken over")
        return {
            "path": path,
            "outcome": done.outcome,
            "item_id": done.item_id,
            "project": done.project,
            "key": done.key,
            "title": done.title,
            "gates": done.gates,
            "changed": done.changed,
            "not_taken": done.not_taken,
            "secrets_removed": done.secrets_removed,
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
        int | None,
        typer.Option(
            "--priority", min=0, max=9, metavar="0-9", help="0 is done first. Default: 5."
        ),
    ] = None,
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

    The same story is accepted once. A changed text replaces it while it is still in `spec`; other
    options than before are taken over while the item is not final. In a directory, every .md,
    .markdown and .txt file is a story. When some stories are bad the others are accepted, and the
    exit code is that of the first bad one.
    """
    from damascus.backlog import NewStory  # noqa: PLC0415 - `--help` does not pay for it

    said = NewStory(
        project,
        "",
        key=key,
        title=title,
        priority=priority,
        budgets=budgets(budget_cycles, budget_usd),
        after=after or (),
    )
    with entered() as door:
        batch = _Batch(door, said)
        _take_all(batch, paths)
        if not door.app.settings.llm_model and any("item_id" in one for one in batch.results):
            say(
                "note: no model is set here: where the worker has none either, stories wait for "
                "DAMASCUS_LLM_MODEL"
            )
    if as_json:
        output.emit({"results": batch.results})
    else:
        for result in batch.results:
            if "item_id" in result:
                output.line(
                    f"{result['outcome']}: item {result['item_id']}  "
                    f"{result['project']}/{result['key']}  {result['title']}{_changed(result)}"
                )
    if batch.exit_code:
        raise typer.Exit(batch.exit_code)


def _changed(result: dict[str, Any]) -> str:
    """What an update changed, in words; nothing else has changed anything."""
    names = [name.replace("_", " ") for name in result["changed"]]
    return f"  ({', '.join(names)})" if names else ""


def _take_all(batch: _Batch, paths: Sequence[str]) -> None:
    found: list[str] = []
    for path in paths:
        try:
            found += _files(path)
        except DamascusError as error:
            batch.refuse(path, error)
    if (batch.said.key or batch.said.title) and len(found) + len(batch.results) > 1:
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


def _with_text(said: NewStory, path: str) -> NewStory:
    """The story of one file; its key is the file's name, on the standard input the title's."""
    if path != "-":
        key = said.key or slugify(Path(path).stem)
        if not key:
            raise UsageError(f"no key can be made from the file name {path!r}: give one with --key")
        return replace(said, text=_bytes(path), name=path, key=key)
    if sys.stdin is None:  # pyright: ignore[reportUnnecessaryComparison] - `<&-`
        raise UsageError("the standard input is closed: there is no story on it")
    if sys.stdin.isatty():
        say("type the story, then Ctrl-D at the beginning of a line")
    raw = sys.stdin.buffer.read(MAX_STORY_BYTES + 1)
    return replace(said, text=raw, name="the standard input")


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
