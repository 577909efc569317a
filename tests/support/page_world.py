"""What the page is looked at with: the API as a process, a month of work, and a browser."""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from psycopg.conninfo import conninfo_to_dict

from damascus.domain.base_checks import BaseFound
from damascus.domain.evidence import (
    Evidence,
    Mutation,
    Outcome,
    Sabotage,
    TestCase,
    TestReport,
    Tripwire,
)
from damascus.domain.story import read_story
from damascus.domain.work import PhaseContext, PhaseResult, Verdict
from damascus.state.db import Database
from damascus.state.ingest import ItemOptions
from damascus.state.outbox import Outbox
from damascus.state.tokens import SCOPES, Tokens
from support.cycles import (
    Script,
    accept,
    conclusion_of,
    make_claims,
    make_cycle,
    make_store,
    passed,
)
from support.patience import patience
from support.processes import Programs

ROOT = Path(__file__).resolve().parents[2]
UI = ROOT / "ui"
CHROMIUM = "/usr/bin/chromium"
_SHOTS = ROOT / "docs" / "screenshots"


def why_not() -> str | None:
    """Why the page cannot be tested here; None when it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not Path(CHROMIUM).exists():
        return "chromium is not installed"
    if not (UI / "node_modules" / "playwright-core").is_dir():
        return "the page's tools are not installed: npm ci --prefix ui"
    if not (ROOT / "src" / "damascus" / "api" / "static" / "index.html").is_file():
        return "the page is not built: make ui"
    return None


def _pictures() -> dict[str, str]:
    """Where pictures go, when UPDATE_SCREENSHOTS asks for them; `all` makes every one there is."""
    wanted = os.environ.get("UPDATE_SCREENSHOTS")
    if not wanted:
        return {}
    return {"SHOTS": str(_SHOTS), **({"ALL_SHOTS": "1"} if wanted == "all" else {})}


class Browser:
    """One browser for all looks of this process, started at the first: that takes a second.

    Each look has cookies, storage and pages of its own in it.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._address = ""

    def address(self) -> str:
        """Where a scenario connects to."""
        if self._process is None or self._process.poll() is not None:
            self._start()
        return self._address

    def _start(self) -> None:
        # Its input ends with this process, however that ends, and then so does the browser.
        self._process = subprocess.Popen(
            ["node", str(UI / "e2e" / "serve.mjs")],
            env={"PATH": os.environ["PATH"], "HOME": tempfile.gettempdir(), "CHROMIUM": CHROMIUM},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        atexit.register(self._stop, self._process)
        assert self._process.stdout is not None
        self._address = self._process.stdout.readline().strip()
        assert self._address.startswith("ws://"), self._address + self._process.stdout.read()

    @staticmethod
    def _stop(process: subprocess.Popen[str]) -> None:
        process.communicate(timeout=patience(20))


BROWSER = Browser()


class Site:
    """The API on a database of its own: `url`, a `token` that may do all, and verbs to act with."""

    def __init__(self, db: Database, url: str, token: str, home: Path) -> None:
        self.db = db
        self.store = make_store(db)
        self.url = url
        self.token = token
        self.home = home

    def accept(self, project: str, title: str, story: str = "", **options: Any) -> int:
        text = f"# {title}\n\n{story or _STORY}"
        key = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:50] or "story"
        parsed = read_story(text.encode(), name=f"{key}.md", key=key)
        return self.store.items.ingest(
            project, parsed, actor="api:nora", options=ItemOptions(**options)
        ).item_id

    def tick(self, *steps: Any, worker: str = "worker-1") -> str:
        """One cycle with the steps of a script; what came of it."""
        cycle, heart = make_cycle(self.db, Script().then(*steps), worker=worker)
        try:
            return cycle.tick().outcome
        finally:
            heart.close()

    def sql(self, statement: str, *params: Any) -> None:
        with self.db.connection() as connection:
            connection.execute(statement, params)  # type: ignore[arg-type]

    @contextmanager
    def look(self, scenario: str, **more: str) -> Iterator[Look]:
        """A browser that goes through `ui/e2e/<scenario>.mjs` and tells what it sees."""
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "SITE": self.url,
            "TOKEN": self.token,
            "BROWSER": BROWSER.address(),
            "PATIENCE": str(patience(20)),
            **_pictures(),
            **more,
        }
        process = subprocess.Popen(
            ["node", str(UI / "e2e" / f"{scenario}.mjs")],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        look = Look(process)
        try:
            yield look
            look.end()
        finally:
            look.stop()


class Look:
    """One browser at work. It tells a word by a line, and waits until it is told to go on."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._said: list[str] = []

    def sees(self, word: str) -> None:
        """Wait until the browser has seen `word`."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(line)
            if line.startswith("@"):
                assert line[1:].strip() == word, "".join(self._said)
                return
        pytest.fail(f"the browser ended before it saw {word!r}:\n{''.join(self._said)}")

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        out, _ = self._process.communicate(timeout=patience(120))
        assert self._process.returncode == 0, "".join(self._said) + out

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(patience(10))
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@contextmanager
def serving(
    db: Database, database_url: str, home: Path, *, before: Callable[[Site], object] | None = None
) -> Iterator[Site]:
    """The API as a process of its own, on a free port; `before` fills the database first."""
    token, _ = Tokens(db).create("nora", scopes=SCOPES, actor="test")
    site = Site(db, "", token, home)
    if before is not None:
        before(site)
    parts = conninfo_to_dict(database_url)
    address = f"postgresql:///{parts.pop('dbname')}?{urlencode(parts)}"
    with Programs(home, DAMASCUS_DATABASE_URL=address) as programs:
        programs.start("damascus", "api", "--port", "0")
        found = programs.until(
            lambda: re.search(r"listens on (http://\S+)", programs.log), seconds=60
        )
        site.url = found[1]
        yield site


# -- a month of work -------------------------------------------------------------------------------

_STORY = """People export their data once a month, and the file has no totals.

## Done when

- the CSV ends with a line of totals
- empty exports still have the header
- `tests/test_export.py` covers both
"""
_SPEC = """## Goal

Add a line of totals at the end of every CSV export.

## Acceptance

1. `export(rows)` ends with `total,<count>,<sum>`.
2. With no rows there is the header and `total,0,0`.

## Files

- `billing/export.py`
- `tests/test_export.py`
"""
_TESTS = """============================= test session starts ==============================
collected 14 items

tests/test_export.py ....F.........                                      [100%]

=================================== FAILURES ===================================
____________________________ test_totals_of_nothing ____________________________

    def test_totals_of_nothing():
>       assert export([]).splitlines()[-1] == "total,0,0"
E       AssertionError: assert 'date,amount' == 'total,0,0'
E         - total,0,0
E         + date,amount

tests/test_export.py:41: AssertionError
=========================== short test summary info ============================
FAILED tests/test_export.py::test_totals_of_nothing - AssertionError
========================= 1 failed, 13 passed in 0.42s =========================
"""
_PROJECTS = ("billing", "storefront", "search", "mobile-api", "docs-site")
_TITLES = (
    "Totals at the end of the monthly export",
    "Let people sign in with a passkey",
    "Show the delivery date in the cart",
    "Cache product pictures for a day",
    "Say why a coupon was refused",
    "Rank exact matches first",
    "Send receipts as plain text too",
    "Drop support for the old webhook format",
    "Page the list of invoices",
    "Warn before a session ends",
    "Round amounts half to even",
    "Add a health page for the importer",
    "Let admins merge two accounts",
    "Keep filters when going back",
    "Translate the checkout into Danish",
    "Retry a failed payout once",
)


def spec_ready(_: PhaseContext) -> PhaseResult:
    return PhaseResult(
        Verdict.PASS,
        "The spec has 2 acceptance criteria and names 2 files.",
        spec=_SPEC,
        test_command=("pytest", "-q", "tests"),
    )


def built(context: PhaseContext) -> PhaseResult:
    number = 100 + context.item.id
    return replace(
        passed(context.claim.phase),
        summary="3 files changed, 48 insertions; pull request opened.",
        branch=f"damascus-{context.item.id}-{context.item.key}"[:60],
        head_sha=f"{context.item.id:040x}",
        pr_number=number,
        pr_url=f"https://forge.example.com/{context.project.name}/pulls/{number}",
    )


def merged(context: PhaseContext) -> PhaseResult:
    return replace(
        passed(context.claim.phase),
        summary="14 tests passed on the merged tree; merged.",
        merge_sha=f"{context.item.id * 7919:040x}",
    )


def red(_: PhaseContext) -> PhaseResult:
    return PhaseResult(
        Verdict.FAIL,
        "The tests failed on the merged tree: 1 of 14.",
        {"command": "pytest -q tests", "exit_code": 1, "output_tail": _TESTS},
    )


def unclear(_: PhaseContext) -> PhaseResult:
    return PhaseResult(
        Verdict.SPEC_AMBIGUOUS,
        "It is not said what happens to accounts without an e-mail address.",
        questions=(
            "Should an account without an e-mail address keep its password sign-in?",
            "May a passkey be the only way to sign in?",
        ),
    )


def away(_: PhaseContext) -> PhaseResult:
    return PhaseResult(Verdict.ERROR, "The forge did not answer: 502 from the proxy.")


def add_billing(site: Site) -> None:
    """One project, which is enough to look at."""
    site.store.projects.add(
        name="billing", forge="gitea", repo="https://forge.example.com/acme/billing",
        base_branch="main", policy={}, actor="test",
    )  # fmt: skip


def merged_with_evidence(site: Site) -> int:
    """An item that is merged, with a report of two tests behind it; its number."""
    add_billing(site)
    item = accept(site.store, "totals", project="billing")
    claims = make_claims(site.db)
    while claim := claims.claim():
        claims.start(claim)
        result = passed(claim.phase)
        if result.merge_sha:
            claims.evidence(claim, _two_tests(result))
        claims.settle(claim, conclusion_of(claim, result))
    return item


def _two_tests(result: PhaseResult) -> Evidence:
    old = TestCase("tests/test_app.py::test_old", Outcome.PASSED, "test_old", "tests/test_app.py")
    new = replace(old, name="tests/test_app.py::test_new", title="test_new")
    assert result.head_sha
    return Evidence(
        "pytest",
        ("pytest", "-q"),
        {"sandbox": "bubblewrap"},
        result.base_sha,
        result.head_sha,
        before=TestReport.of("pytest", [old]),
        after=TestReport.of("pytest", [old, new]),
        added=(new.name,),
        red_first=(new.name,),
        tripwire=Tripwire((old.name, new.name), "planted"),
        sabotage=Sabotage(("app.py",), 2),
        mutation=Mutation(4, 5, ("app.py:3: `+` for `-`",)),
    )


def proposal(site: Site) -> int:
    """The question whether a project may use a test command; its number."""
    add_billing(site)
    accept(site.store, "totals", project="billing")
    asks = PhaseResult(
        Verdict.SPEC_AMBIGUOUS,
        "May `pytest -q` be the test command of project billing?",
        {"asked": "On the base it ran 12 tests: 12 passed.", "proposed_for": "x"},
        asks_about_command=True,
        spec="## Goal\n\nDo it.\n",
        test_command=("pytest", "-q"),
    )
    cycle, heart = make_cycle(site.db, Script().then(asks))
    try:
        cycle.tick()
    finally:
        heart.close()
    (issue,) = site.store.issues.list()
    return int(issue["id"])


def red_base(site: Site) -> int:
    """The issue of a project that waits for its base; its number."""
    site.store.projects.add(
        name="billing", forge="gitea", repo="https://forge.example.com/acme/billing",
        base_branch="main", policy={"test_command": ["pytest", "-q"]}, actor="test",
    )  # fmt: skip
    accept(site.store, "totals", project="billing")
    claim = make_claims(site.db).claim()
    assert claim is not None
    project = site.store.projects.get("billing").id
    found = BaseFound(
        green=False,
        sentence="12 tests: 11 passed, 1 failed.",
        base_sha="5" * 40,
        body=(
            "`pytest -q` on `main` at 555555555555: 12 tests: 11 passed, 1 failed.\n\n"
            "The end of the output:\n\n```\ntest_totals: 3 != 4\n```\n\n"
            "retry: the base is tried again.\ngo on anyway: items begin on this base as it is."
        ),
    )
    site.store.bases.begin(claim, project)
    site.store.bases.end(claim, project, "billing", found)
    (issue,) = site.store.issues.list()
    return int(issue["id"])


def a_month(site: Site) -> dict[str, int]:
    """Five projects with items in every phase and thirty days behind them; some of them by name."""
    for name in _PROJECTS:
        site.store.projects.add(
            name=name, forge="gitea", repo=f"https://forge.example.com/acme/{name}",
            base_branch="main", policy={}, actor="api:nora", budget_usd=Decimal(5),
        )  # fmt: skip
    known: dict[str, int] = {}
    for number in range(40):
        project = _PROJECTS[(number * number + number // 4) % len(_PROJECTS)]
        site.accept(project, f"{_TITLES[number % len(_TITLES)]}{' again' * (number // 16)}")
        site.tick(spec_ready)
        site.tick(built)
        site.tick(merged)
    known["asked"] = site.accept("storefront", "Sign-in without a password")
    site.tick(unclear)
    known["asked_too"] = site.accept("search", "Forget searches after a while")
    site.tick(
        PhaseResult(
            Verdict.SPEC_AMBIGUOUS, "How long is a while?",
            questions=("After how many days is a search forgotten?",),
        )
    )  # fmt: skip
    known["blocked"] = site.accept("billing", "Totals for empty exports")
    site.tick(spec_ready)
    for _ in range(3):
        site.tick(built)
        site.tick(red)
    known["retrying"] = site.accept("mobile-api", "Compress answers over 1 kB")
    site.tick(spec_ready)
    site.tick(built)
    site.tick(red)
    site.sql("UPDATE work_items SET not_before = now() + interval '20 minutes' "
             "WHERE id = %s", known["retrying"])  # fmt: skip
    known["faulty"] = site.accept("docs-site", "Link every term to the glossary")
    site.tick(away)
    site.sql("UPDATE work_items SET not_before = now() + interval '9 minutes', "
             "consecutive_errors = 3 WHERE id = %s", known["faulty"])  # fmt: skip
    known["cancelled"] = site.accept("docs-site", "Rewrite the tutorial as a film")
    site.store.items.cancel(known["cancelled"], actor="api:nora", note="not worth it")
    for number in range(9):
        site.accept(_PROJECTS[number % 4], f"Next: {_TITLES[15 - number].lower()}")
    site.store.projects.pause("docs-site", paused=True, actor="api:nora", reason="release week")
    _age(site)
    _claim(site, known)
    Outbox(site.db).sequence()
    return known


def _age(site: Site) -> None:
    """Spread what has happened over a month, and give it its costs."""
    site.sql("""UPDATE work_items SET created_at = now() - interval '33 days',
        finished_at = now() - (id * id * 3 %% 29) * interval '1 day' - (id %% 3) * interval '1 hour'
      WHERE phase = 'merged'""")
    site.sql("""UPDATE work_items SET created_at = now() - id * interval '47 minutes'
      WHERE phase NOT IN ('merged', 'cancelled')""")
    site.sql("""UPDATE human_issues SET opened_at = now() - (12 - id * 3) * interval '1 hour'
      WHERE closed_at IS NULL""")
    site.sql("""UPDATE phase_runs r SET started_at = r.started_at
      - (40 + r.id * 37 %% 400) * interval '1 second'""")
    site.sql("""INSERT INTO cost_ledger (project_id, item_id, run_id, phase, model, input_tokens,
        output_tokens, usd, created_at)
      SELECT w.project_id, w.id, r.id, r.phase, 'claude-sonnet-4-5', 9000 + r.id * 811 %% 40000,
        1200 + r.id * 97 %% 5000, 0.04 + (r.id * 37 %% 160) / 100.0,
        COALESCE(w.finished_at, now())
      FROM phase_runs r JOIN work_items w ON w.id = r.item_id WHERE r.phase <> 'review'""")


def _claim(site: Site, known: dict[str, int]) -> None:
    """Two workers that are at work, one of them with a log that grows."""
    site.tick(spec_ready)
    site.tick(built)
    for worker in ("worker-1", "worker-2"):
        claims = make_claims(site.db, worker=worker)
        claim = claims.claim()
        assert claim is not None
        claims.start(claim)
        known[worker] = claim.item_id
        site.tick(spec_ready)
    log = site.home / "damascus" / "log.txt"
    log.parent.mkdir(exist_ok=True)
    log.write_text(
        "\x1b[1m$ git clone\x1b[0m …\n\x1b[32mReading\x1b[0m the spec\n<b>not bold</b>\n", "utf-8"
    )
    site.sql("UPDATE phase_runs SET log_path = %s, started_at = now() - interval '4 minutes' "
             "WHERE item_id = %s AND finished_at IS NULL", str(log), known["worker-1"])  # fmt: skip
