"""Every way in is given the same secrets in every form, and no way out shows one."""

from __future__ import annotations

import logging
import sys
from datetime import timedelta

import pytest

from damascus.backlog.log_text import LogText
from damascus.config import Settings
from damascus.domain.story import read_story
from damascus.domain.work import PhaseResult, Verdict
from damascus.git_ops.errors import without_secrets
from damascus.logs.redacting import redact_logs
from damascus.ports import Command, Remote
from damascus.sandbox import Plain
from damascus.state.db import Database
from damascus.state.store import Store
from damascus.text.redaction import MASK, Redactor
from damascus.text.removed import counting_removed, sentence
from damascus.wiring import App
from support.cycles import Script, make_cycle, until_idle
from support.written import SHAPED, written

OWN = "q7Zt-canary/91xLm=42"
PASSWORD = "p@ss-w0rd-canary"
URL = "postgresql://app:p%40ss-w0rd-canary@db.internal:5432/damascus"
REDACTOR = Redactor([OWN, URL])
SECRETS = {"own": OWN, "password": PASSWORD, "GitHub": SHAPED["GitHub"], "npm": SHAPED["npm"]}


@pytest.fixture
def store(database_url):
    database = Database(database_url, size=4, redactor=REDACTOR)
    yield Store(database, stale=timedelta(minutes=1))
    database.close()


def all_rows(db: Database) -> str:
    """Every row of every table as text."""
    with db.connection() as connection:
        tables = connection.execute(
            "SELECT quote_ident(table_name) AS name FROM information_schema.tables "
            "WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
        ).fetchall()
        return "\n".join(
            str(row["line"])
            for table in tables
            for row in connection.execute(f"SELECT t::text AS line FROM {table['name']} AS t")  # noqa: S608 - names of tables, quoted
        )


def assert_none_in(text: str, secret: str) -> None:
    """Neither half of the secret stands in `text`, and redacting it again changes nothing."""
    half = len(secret) // 2
    assert secret[:half] not in text
    assert secret[half:] not in text
    assert REDACTOR.redact(text) == text


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_way_in_lets_a_secret_into_a_row(store, secret):
    for number, (way, text) in enumerate(written(secret)):
        name = f"p{number}"
        policy = {"conventions": text, "setup_commands": [f"env T={text}"]}
        with counting_removed() as removed:
            store.projects.add(
                name=name,
                forge="local",
                repo=f"/r{number}",
                base_branch="main",
                policy=policy,
                actor="a:b",
            )
        assert len(removed) >= 1, way
        store.projects.pause(name, paused=True, actor="cli:anna", reason=f"since {text}")
        store.projects.pause(name, paused=False, actor="cli:anna")
        story = read_story(f"# About {text}\n\nUse {text}.\n".encode(), name="a-story.md")
        with counting_removed() as removed:
            done = store.items.ingest(name, story, actor="cli:anna")
        assert "removed from what you gave" in sentence(len(removed)), way
        assert store.items.ingest(name, story, actor="cli:anna").outcome == "unchanged", way
        script = Script().then(
            PhaseResult(Verdict.SPEC_AMBIGUOUS, f"is {text}?", {}, questions=(f"why {text}?",))
        )
        cycle, heart = make_cycle(store.db, script)
        try:
            until_idle(cycle)
        finally:
            heart.close()
        issue = store.issues.list(item_id=done.item_id)[0]
        store.issues.answer(issue["id"], actor="cli:anna", text=f"it is {text}")
        store.items.cancel(done.item_id, actor="cli:anna", note=f"because of {text}")
    rows = all_rows(store.db)
    assert rows.count(MASK) > 50
    assert_none_in(rows, secret)


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_a_story_without_its_secret_has_the_digest_of_what_is_stored(store, secret):
    store.projects.add(
        name="p", forge="local", repo="/r", base_branch="main", policy={}, actor="cli:anna"
    )
    heading = "# " + "x" * 190 + secret
    story = read_story(f"{heading}\n\n{secret}\n".encode(), name="a-story.md")
    done = store.items.ingest("p", story, actor="cli:anna")
    item = store.items.get(done.item_id)
    with store.db.connection() as connection:
        stored = connection.execute("SELECT title, story, story_sha FROM work_items").fetchone()
    again = read_story(stored["story"].encode(), name="a-story.md")
    assert (again.title, again.sha) == (stored["title"], stored["story_sha"])
    assert secret[:9] not in item["title"]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_no_way_out_shows_a_secret(secret, tmp_path, caplog):
    redact_logs(REDACTOR)
    words = [text for _, text in written(secret)]
    said = tmp_path / "said"
    said.write_text("\n".join(words) + f"\n{secret}", "utf-8")
    script = (
        "import sys\nsaid = open(sys.argv[1], 'rb').read()\n"
        "for at in range(0, len(said), 7):\n"
        "    sys.stdout.buffer.write(said[at : at + 7]); sys.stdout.flush()\n"
    )
    ended = Plain(redactor=REDACTOR).run(
        Command(
            argv=(sys.executable, "-c", script, str(said)),
            cwd=tmp_path,
            env={},
            writable=(tmp_path,),
            log=tmp_path / "run.log",
        )
    )
    lines = LogText(REDACTOR, raw=True)
    served = lines.feed(said.read_bytes()[:99]) + lines.feed(said.read_bytes()[99:]) + lines.end()
    log = logging.getLogger("anybody")
    for text in words:
        log.warning("it said %s", text)
    told = "\n".join(without_secrets(text, REDACTOR, Remote("https://h/x")) for text in words)
    shown = {
        "output": ended.output,
        "run log": (tmp_path / "run.log").read_text("utf-8"),
        "served log": served,
        "log": caplog.text,
        "git": told,
    }
    for place, text in shown.items():
        assert text.count(MASK) >= len(words), place
        assert_none_in(text, secret)


def test_everything_that_the_wiring_makes_uses_the_one_redactor(tmp_path):
    app = App(Settings(_env_file=None, home=tmp_path, database_url=URL, gitea_token=OWN))
    try:
        assert OWN in app.redactor.values
        assert app.db.redacting.redactor is app.redactor
        assert app.sandbox._redactor is app.redactor
        assert app._git._process._redactor is app.redactor
    finally:
        app.close()
