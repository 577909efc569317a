"""Prints the demonstration: its real and scripted parts, a live table, and the final state."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from damascus.up import line_of
from damascus.wiring import App

COLOURS = {
    "spec": "cyan",
    "build": "blue",
    "review": "magenta",
    "merged": "green",
    "blocked": "red",
    "awaiting_human": "yellow",
}
AGENTS = {"mini": "mini-swe-agent", "claude": "Claude Code", "command": "a command of yours"}

HOW_TO = """\
The same with your own repository and key:

  export DAMASCUS_LLM_MODEL=anthropic/claude-sonnet-4-5 DAMASCUS_LLM_API_KEY=…
  damascus up --builder mini                            # in one terminal; it stays up
  damascus project add mine --repo ~/code/mine          # in another
  damascus ingest --project mine story.md
  damascus status --watch
"""


class Screen:
    """Writes to stdout for a person; `quiet` shows nothing (for `--json`)."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(quiet=quiet, highlight=False)
        # Lines are folded for a terminal; into a file or a pipe they go whole.
        self._console.soft_wrap = not self._console.is_terminal

    def say(self, text: str) -> None:
        """One line."""
        self._console.print(escape(text))

    def introduction(self, builder: str, place: Path, *, kept: bool) -> None:
        """Print what will happen, and which parts are real."""
        print_ = self._console.print
        print_("[bold]Damascus: three stories, unattended[/bold]")
        print_("One goes straight to merged, one asks a question first, one never turns green.")
        print_(
            "[yellow]Every answer of the model is scripted[/yellow] (a server on loopback speaks "
            "the provider's wire protocol; nothing is billed, costs are what its tokens would be)."
        )
        print_(
            f"All else is real: PostgreSQL, Taskiq, LiteLLM, the coding agent ({AGENTS[builder]}), "
            "git, the tests, the merges."
        )
        if kept:
            print_(f"Everything stays in {escape(str(place))}.")

    def parts(self, app: App, builder: str, uncaged: str | None) -> None:
        """Which parts are in force; `uncaged` is why agents and tests run without a sandbox."""
        if uncaged is not None:
            self._console.print(
                f"[yellow]sandbox: plain, for this demonstration alone: its code is our own. "
                f"Damascus itself would not start: {escape(uncaged)}[/yellow]"
            )
        self._console.print(
            f"[dim]sandbox: {app.sandbox.name} · builder: {builder} · at once: "
            f"{app.settings.max_concurrency} · attempts a story: {app.settings.budget_cycles}[/dim]"
        )
        self._console.print()

    def question(self, issue: dict[str, Any], answer: str) -> None:
        """The human issue, and what the demonstration says in the operator's place."""
        print_ = self._console.print
        print_(f"[yellow]? {escape(issue['key'])} asks[/yellow]")
        for question in issue["questions"]:
            print_(f"    {escape(question)}")
        print_(f'  [dim]damascus answer {issue["id"]} "{escape(answer)}"[/dim]')

    @contextmanager
    def live(self) -> Generator[LiveTable]:
        """A table that is drawn anew while the block runs."""
        with Live(console=self._console, refresh_per_second=8, transient=False) as view:
            yield LiveTable(view)

    def ending(self, report: dict[str, Any]) -> None:
        """The git log, each item's timeline, the cost, and how to go on."""
        print_ = self._console.print
        print_()
        print_("[bold]main, as git tells it[/bold]")
        for line in report["git_log"]:
            print_("  " + escape(line))
        for item in report["items"]:
            print_()
            print_(f"[bold]{escape(item['title'])}[/bold]  {_phase(item['phase'])}")
            for event in report["events"]:
                if event["item_id"] == item["id"]:
                    print_(self._indented(line_of(event)))
        waiting = [i for i in report["issues"] if i["closed_at"] is None]
        for issue in waiting:
            print_()
            print_(f"[red]waits for a person:[/red] {escape(issue['title'])} ({issue['key']})")
            for line in issue["body"].strip().splitlines()[-4:]:
                print_(self._indented(line, by=4, style="dim"))
        print_()
        print_(f"cost: {_usd(_sum(report['costs']))}, {report['model_requests']} model calls")
        verdict = (
            "[green]as it should be[/green]" if report["ok"] else "[red]not as it should[/red]"
        )
        print_(f"all three at rest {verdict}, after {report['seconds']} s")
        print_()
        print_(HOW_TO)

    def _indented(self, line: str, *, by: int = 2, style: str = "") -> RenderableType:
        if self._console.is_terminal:
            return Padding(Text(line, style=style, overflow="fold"), (0, 0, 0, by))
        return Text(" " * by + line, style=style)


class LiveTable:
    """The items, their phases, attempts and cost, and the slots in use."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def update(
        self, items: list[dict[str, Any]], workers: list[dict[str, Any]], *, cap: int
    ) -> None:
        """Draw the items, and how many of `cap` slots the live claims use."""
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("item", "story", "phase", "attempts", "cost", "now"):
            table.add_column(name, justify="right" if name in ("item", "cost") else "left")
        running = {claim["item_id"]: claim for claim in workers}
        for item in items:
            claim = running.get(item["id"])
            now = "" if claim is None else f"running {claim['age_seconds'] or 0:.0f} s"
            table.add_row(
                str(item["id"]),
                escape(item["title"]),
                _phase(item["phase"]),
                f"{item['attempts']} of {item['budget_cycles']}",
                _usd(item["spent_usd"]),
                now,
            )
        note = f"[dim]slots {len(workers)} of {cap} in use[/dim]"
        self._live.update(Group(table, note))


def _phase(phase: str) -> str:
    return f"[{COLOURS.get(phase, 'white')}]{phase}[/]"


def _sum(costs: list[dict[str, Any]]) -> Decimal | None:
    known = [row["usd"] for row in costs if row["usd"] is not None]
    return sum(known, Decimal(0)) if known else None


def _usd(amount: Decimal | None) -> str:
    return "unmeasured" if amount is None else f"${amount:.4f}"
