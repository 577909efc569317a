"""A secret that got into the work, the output or a report goes no further."""

from __future__ import annotations

import base64
import sys
from dataclasses import replace
from functools import partial

import pytest

from damascus.domain.work import Phase, PhaseResult, Verdict
from damascus.engine.redacting import redact_result
from damascus.forge.outgoing import outgoing
from damascus.git_ops import GitBinary
from damascus.phases import build
from damascus.ports import Command, Remote, Workspace
from damascus.sandbox import Plain
from damascus.sandbox.run import Bounds
from damascus.text.redaction import MASK, Redactor
from support.cycles import Script, accept, add_project, make_cycle, make_store
from support.fake_ports import FakeBuilder, World
from support.git_repos import BareRepository
from support.git_repos import git as shop_git
from support.sinks import leaks

TOKEN = "sk-canary-8d1f0c77"
REDACTOR = Redactor([TOKEN])


@pytest.fixture
def shop(tmp_path):
    shop = BareRepository(tmp_path, "shop")
    shop.push({"README.md": f"# Shop\nan old token: {TOKEN}\n", ".gitattributes": "*.dat -diff\n"})
    return shop


@pytest.mark.parametrize(
    ("how", "paths"),
    [
        (lambda top: (top / "env.txt").write_text(f"A=1\nT={TOKEN}\n"), ["env.txt"]),
        (lambda top: (top / "b.dat").write_bytes(b"\0" * 9**7 + TOKEN.encode()), ["b.dat"]),
        (lambda top: (top / "link").symlink_to(TOKEN), ["link"]),
        (lambda top: (top / "a b").write_text(base64.b64encode(f"x{TOKEN}y".encode()).decode()), 1),
        (lambda top: (top / TOKEN).write_text(""), ["(the name of a file)"]),
        (lambda top: (top / TOKEN).write_text("x"), 2),
        (lambda top: (top / "README.md").write_text("# Shop\n"), []),
        (lambda top: (top / "README.md").rename(top / "READYOU.md"), ["READYOU.md"]),
        (lambda top: (top / "new.txt").write_text("sk-canary-\n"), []),
    ],
)
def test_a_secret_that_a_commit_adds_is_found_whatever_holds_it(shop, tmp_path, how, paths):
    git, space = GitBinary(), Workspace(tmp_path / "attempt")
    base = git.clone(Remote(str(shop.path)), space, ref="main")
    how(space.checkout)
    head = git.commit_all(space, message="By an agent", parents=[base])
    found = git.leaks(space, base=base, head=head, secrets=REDACTOR.needles)
    assert (len(found) if isinstance(paths, int) else list(found)) == paths


def test_the_message_of_a_commit_holds_no_secret(shop, tmp_path):
    git, space = GitBinary(redactor=REDACTOR), Workspace(tmp_path / "attempt")
    base = git.clone(Remote(str(shop.path)), space, ref="main")
    (space.checkout / "new.txt").write_text("x")
    head = git.commit_all(space, message=f"About {TOKEN}\n\nIt is {TOKEN}.", parents=[base])
    git.push(space, Remote(str(shop.path)), sha=head, branch="damascus-1-new", expect=None)
    message = shop_git(shop.path, "log", "-1", "--format=%B", head)
    assert message.strip() == f"About {MASK}\n\nIt is {MASK}."


def test_work_that_holds_a_secret_fails_and_is_not_pushed(tmp_path):
    world = World(tmp_path)
    world.builder = FakeBuilder(lambda top: (top / "notes.txt").write_text(f"token: {TOKEN}\n"))
    tools = replace(world.tools(), secrets=REDACTOR.needles)
    result = build.run_build(world.context(Phase.BUILD), tools)
    assert result.verdict is Verdict.FAIL
    assert result.details["paths"] == ["notes.txt"]
    assert TOKEN not in str(result)
    assert list(world.repository.branches) == ["main"]
    assert world.forge.pulls == {}


def test_a_forge_is_told_nothing_secret(tmp_path):
    world = World(tmp_path)
    world.repository.branches["b"] = world.repository.branches["main"]
    said = []
    world.forge.set_status = lambda _sha, *, state, description: said.append(state + description)
    world.forge.merge = lambda _number, **words: said.extend(words.values())
    forge = outgoing(world.forge, REDACTOR)
    pull = forge.ensure_pull(head="b", base="main", title=f"t {TOKEN}", body=f"b {TOKEN}")
    forge.comment(pull.number, f"<!-- m --> {TOKEN}", marker="<!-- m -->")
    forge.set_status("a" * 40, state="failure", description=TOKEN)
    forge.merge(1, head_sha="a" * 40, style="merge", title=TOKEN, message=TOKEN)
    told = [*world.forge.bodies.values(), *(body for _, body in world.forge.comments), *said]
    assert leaks([TOKEN], texts=map(str, told)) == []
    assert sum(str(one).count(MASK) for one in told) == 6
    assert forge.pull(pull.number).head_branch == "b"


def test_neither_output_nor_log_of_a_command_keeps_a_secret(tmp_path):
    seen = []
    sandbox = Plain(bounds=Bounds(), redactor=REDACTOR)
    script = (
        "import os, sys, json, time\nt = os.environ['T']\n"
        "for part in (t[:5], t[5:], json.dumps([t]), t.encode().hex(), chr(10), t[:9]):\n"
        "    sys.stdout.write(part); sys.stdout.flush(); time.sleep(0.02)\n"
    )
    ended = sandbox.run(
        Command(
            argv=(sys.executable, "-c", script),
            cwd=tmp_path,
            env={"T": TOKEN},
            writable=(tmp_path,),
            log=tmp_path / "run.log",
            finished_when=lambda line: bool(seen.append(line)),
        )
    )
    assert ended.output == (tmp_path / "run.log").read_text()
    assert ended.output.endswith(TOKEN[:9])
    assert seen == [f'{MASK}["{MASK}"]{MASK}'.encode()]
    assert leaks([TOKEN], texts=[ended.output, str(seen)]) == []


def test_what_a_phase_says_is_stored_and_told_without_secrets(db, database_url):
    store = make_store(db, default_cycles=1)
    add_project(store)
    accept(store)
    words = {"reasons": [f"it is {TOKEN}"], "output_tail": TOKEN, TOKEN: 1}
    script = Script().then(PhaseResult(Verdict.SPEC_WRONG, f"wrong: {TOKEN}", words))
    cycle, heart = make_cycle(db, script)
    cycle._attempts._redact = partial(redact_result, REDACTOR)
    try:
        tick = cycle.tick()
    finally:
        heart.close()
    assert tick.summary == f"wrong: {MASK}"
    with db.connection() as connection:
        (body,) = connection.execute("SELECT body FROM human_issues").fetchone().values()
    assert f"it is {MASK}" in body
    assert leaks([TOKEN], database=database_url) == []
