"""The forge's token is revoked in the middle of the work: its project waits, others go on."""

from __future__ import annotations

from pathlib import Path

from damascus.domain.story import read_story
from support.fault_world import CANARY, TEST, FaultWorld
from support.git_repos import BareRepository


def test_a_revoked_token_pauses_its_project_with_one_report_and_others_go_on(
    tmp_path: Path, database_url: str
) -> None:
    with FaultWorld(tmp_path, database_url) as world:
        store = world.app.store
        own = BareRepository(tmp_path, "own")
        own.push({"README.md": "# Own\n", "test_begin.py": TEST})
        store.projects.add(
            name="own",
            forge="local",
            repo=str(own.path),
            base_branch="main",
            policy={
                "test_command_policy": "trust-spec",
                "test_evidence": "exit-status",
                "allow_unmeasured": True,
            },
            actor="t",
        )
        stopped = world.accept(3)
        story = read_story(b"# Elsewhere\n\nDo it.\n", name="elsewhere.md")
        elsewhere = store.items.ingest("own", story, actor="t").item_id
        bot = world.forge.user_of(CANARY)
        world.forge.revoke(CANARY)
        worker = world.worker("stubborn", forever=1)
        world.until(lambda: world.item(elsewhere)["phase"] == "merged", "the other one is merged")
        world.until(lambda: not any(world.item(i)["claimed_by"] for i in stopped), "all wait")
        assert [row["name"] for row in store.projects.list() if row["paused"]] == ["shop"]
        (report,) = store.issues.list()
        assert "its forge refuses the token" in report["title"]
        assert "damascus project resume shop" in report["body"]
        assert CANARY not in report["body"]
        assert all(world.item(item)["attempts"] == 0 for item in stopped)
        assert worker.poll() is None
        asked = len(world.forge.calls())

        world.forge.add_user(bot.login, CANARY)
        store.projects.pause("shop", paused=False, actor="t")
        world.let_waits_end()
        world.until(
            lambda: {world.item(item)["phase"] for item in stopped} == {"merged"}, "all merged"
        )
        assert asked < 50, "the refused token is not tried again and again"
        told = [event["type"] for event in store.outbox.events(limit=1000)]
        assert told.count("project.paused") == 1
        world.stop(worker)
