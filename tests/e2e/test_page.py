"""The page in a real browser, against the real API and a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import page_world
from support.page_world import Site, a_month, add_billing, built, merged, serving, spec_ready

pytestmark = pytest.mark.skipif(
    page_world.why_not() is not None, reason=page_world.why_not() or "never"
)


@pytest.fixture
def site(db, database_url, tmp_path: Path) -> Iterator[Site]:
    with serving(db, database_url, tmp_path) as site:
        yield site


@pytest.fixture
def month(db, database_url, tmp_path: Path) -> Iterator[tuple[Site, dict[str, int]]]:
    known: dict[str, int] = {}
    with serving(
        db, database_url, tmp_path, before=lambda site: known.update(a_month(site))
    ) as site:
        yield site, known


def test_a_list_lives_in_its_address(month):
    site, known = month
    with site.look("list", BLOCKED=str(known["blocked"])):
        pass


def test_numbers_lead_to_lists_of_that_length_and_what_is_waited_for_is_cancelled_knowingly(month):
    site, known = month
    site.store.gates.add(known["faulty"], actor="api:nora", after=known["blocked"])
    with site.look("tiles", BLOCKED=str(known["blocked"])):
        pass
    assert site.db.row("items.get", {"item": known["blocked"]})["phase"] == "cancelled"
    assert site.db.row("items.get", {"item": known["faulty"]})["closed_gates"] == 0


def test_a_question_is_answered_on_the_page_by_keyboard(month):
    site, known = month
    with site.look("answer", ASKED=str(known["asked"])) as look:
        look.sees("answered")
        (row,) = site.db.select("SELECT * FROM human_issues WHERE id = 1")
        assert (row["choice"], row["answer"]) == ("answer", "Yes, it keeps its password.")
        assert row["closed_by"] == "api:nora"
        look.go_on()


def test_an_item_is_watched_from_spec_to_merged_without_a_reload(site):
    add_billing(site)
    with site.look("live") as look:
        look.sees("empty")
        item = site.accept("billing", "Totals at the end of the monthly export")
        look.go_on()
        look.sees("spec")
        for step, phase in ((spec_ready, "build"), (built, "review"), (merged, "merged")):
            assert site.tick(step) != "idle"
            look.go_on()
            look.sees(phase)
        assert site.db.row("items.get", {"item": item})["phase"] == "merged"
        look.go_on()


def test_a_list_keeps_its_places_under_the_pointer(site):
    add_billing(site)
    site.accept("billing", "The first story", priority=0)
    with site.look("still") as look:
        look.sees("pointing")
        site.accept("billing", "The second story")
        look.go_on()
        look.sees("held")
        site.tick(spec_ready)
        look.go_on()
        look.sees("shown")
        site.accept("billing", "The third story")
        look.go_on()


def test_what_stories_and_logs_say_is_only_ever_text(site):
    add_billing(site)
    site.accept(
        "billing",
        "<img src=x onerror=\"document.title='owned'\">",
        "<script>document.title='owned'</script> [a](javascript:document.title='owned') "
        "javascript:document.title='owned' https://example.com/real\x1b[31mred",
    )
    site.tick(spec_ready)
    site.tick(built)
    site.tick(page_world.red)
    site.tick(built)
    site.sql("UPDATE work_items SET pr_url = 'javascript:document.title=1' WHERE id = 1")
    site.tick(
        page_world.PhaseResult(
            page_world.Verdict.FAIL,
            "<b>bold</b> \x1b[31mred\x1b[0m \u202egnirts",
            {"output_tail": "\x1b[31mFAILED\x1b[0m <img src=x onerror=alert(1)>"},
        )
    )
    with site.look("hostile"):
        pass


def test_ten_thousand_items_stay_smooth(site):
    add_billing(site)
    site.sql("""INSERT INTO work_items (project_id, key, title, story, story_sha)
      SELECT 1, 'story-' || n, 'Story number ' || n, 'x', 'x' FROM generate_series(1, 10000) n""")
    with site.look("many"):
        pass


def test_a_stranger_signs_in_and_out(site):
    with site.look("sign_in"):
        pass


def test_a_sign_in_link_signs_in_and_its_token_is_gone_from_the_address(site):
    with site.look("link"):
        pass


def test_the_page_says_so_when_the_server_is_gone_and_goes_on_when_it_is_back(
    db, database_url, tmp_path: Path
):
    with serving(db, database_url, tmp_path) as site, site.look("offline"):
        pass


@pytest.mark.parametrize("a_week_ago", [0, 1])
def test_the_chart_of_what_was_merged_shows_only_what_was_merged(
    db, database_url, tmp_path: Path, a_week_ago
):
    def before(site: Site) -> None:
        add_billing(site)
        for number in range(4):
            site.accept("billing", f"Story {number}")
        site.store.items.cancel(4, actor="api:nora", note="not worth it")
        for _ in range(a_week_ago):
            merge(site)
        site.sql(
            "UPDATE work_items SET created_at = now() - interval '8 days', "
            "finished_at = now() - interval '7 days' WHERE phase = 'merged'"
        )

    def merge(site: Site) -> None:
        for step in (spec_ready, built, merged):
            site.tick(step)

    with (
        serving(db, database_url, tmp_path, before=before) as site,
        site.look("merged", A_WEEK_AGO=str(a_week_ago)) as look,
    ):
        look.sees("before")
        merge(site)
        merge(site)
        look.go_on()


def test_what_a_merge_stands_on_is_told_in_words_and_test_by_test(site):
    item = page_world.merged_with_evidence(site)
    with site.look("evidence", MERGED=str(item)):
        pass


@pytest.mark.parametrize(
    ("click", "told", "state"),
    [
        ("Try it again", "It is tried again", "unproven"),
        ("", "It is tried again", "unproven"),
        ("Go on anyway", "The base is accepted as it is", "accepted"),
    ],
)
def test_what_becomes_of_a_red_base_is_decided_with_one_click_or_key(site, click, told, state):
    issue = page_world.red_base(site)
    with site.look("base", CLICK=click, TOLD=told) as look:
        look.sees("decided")
        (row,) = site.db.select("SELECT * FROM human_issues WHERE id = %(id)s", {"id": issue})
        assert row["closed_by"] == "api:nora"
        (project,) = site.db.select("SELECT base_check FROM projects", {})
        assert project["base_check"]["state"] == state
        look.go_on()


def test_a_test_command_that_a_spec_proposes_is_taken_with_one_click(site):
    issue = page_world.proposal(site)
    with site.look("proposal") as look:
        look.sees("taken")
        (row,) = site.db.select("SELECT * FROM human_issues WHERE id = %(id)s", {"id": issue})
        assert (row["answer"], row["closed_by"]) == ("yes", "api:nora")
        look.go_on()
