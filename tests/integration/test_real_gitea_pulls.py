"""A real Gitea: pull requests."""

from support.real_gitea_world import MARK, world

# Pytest finds the fixtures by their names here.
__all__ = ["world"]


def test_a_listing_of_several_pages_is_read_to_its_end(world):
    # The server gives five at once, whatever a client asks for.
    numbers = [world.open(f"f-{n}", {f"{n}.txt": "x\n"}).number for n in range(12)]
    world.close_pull(numbers[3])
    assert sorted(pull.number for pull in world.forge.pulls()) == numbers


def test_a_branch_name_that_is_a_route_of_the_forge_is_found_all_the_same(world):
    for name in ("files", "merge", "commits"):
        pull = world.open(name, {f"{name}.txt": "x\n"})
        asked = {"head": name, "base": "main", "title": "Add", "body": "Why not."}
        assert world.forge.ensure_pull(**asked).number == pull.number


def test_the_open_pull_request_is_found_behind_many_closed_ones(world):
    world.feature()
    asked = {"head": "feature", "base": "main", "title": "Add", "body": ""}
    for _ in range(7):
        world.close_pull(world.forge.ensure_pull(**asked).number)
    last = world.forge.ensure_pull(**asked)
    assert world.forge.ensure_pull(**asked).number == last.number


def test_long_and_strange_texts_come_back_as_they_were_sent(world):
    world.feature()
    title, body = "Ünï " + "🙂ä" * 200, "a\r\nb\n\n" + "🙂 `x` <b>\n" * 5000 + "\n"
    asked = {"head": "feature", "base": "main", "title": title, "body": body}
    first = world.forge.ensure_pull(**asked)
    before = world.server.api("GET", f"{world.api_path}/pulls/{first.number}")
    assert world.forge.ensure_pull(**asked).number == first.number
    after = world.server.api("GET", f"{world.api_path}/pulls/{first.number}")
    assert after["updated_at"] == before["updated_at"], "an equal text was sent again"
    world.forge.comment(first.number, MARK + body, marker=MARK)
    world.forge.comment(first.number, MARK + body, marker=MARK)
    assert len(world.comments(first.number)) == 1
    world.forge.set_status(first.head_sha, state="success", description="🙂ä" * 400)
    assert world.status(first.head_sha)[0] == "success"


def test_title_and_body_follow_on_the_server(world):
    pull = world.open()
    world.forge.ensure_pull(head="feature", base="main", title="Better", body="Because.")
    row = world.server.api("GET", f"{world.api_path}/pulls/{pull.number}")
    assert (row["title"], row["body"]) == ("Better", "Because.")


def test_the_branch_of_a_pull_request_is_named_when_it_is_gone(world):
    pull = world.open()
    world.merge(pull)
    world.forge.delete_branch("feature")
    assert world.forge.pull(pull.number).head_branch == "feature"
    assert [one.head_branch for one in world.forge.pulls()] == ["feature"]


def test_the_diff_is_what_the_branch_changes(world):
    pull = world.open()
    found = world.forge.diff(
        number=pull.number, head_sha=pull.head_sha, base_sha=None, base_branch="main", cap=10_000
    )
    assert "+new" in found.text
    assert not found.cut
