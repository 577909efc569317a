"""Two projects of one base branch: both are reviewed at once, and merged one after the other."""

from copy import copy
from dataclasses import replace

from damascus.domain.work import Verdict
from games.test_python import CODE, TESTS
from support.arena import Arena
from support.shop import git

FILES = {
    f"packages/{name}/{file}": text
    for name in ("api", "web")
    for file, text in {
        "pyproject.toml": f'[project]\nname = "{name}"\n',
        "calc.py": CODE,
        "tests/test_calc.py": TESTS,
    }.items()
}


class Meanwhile:
    """A sandbox that lets something else happen while the first tests run."""

    def __init__(self, inner, act):
        self.inner, self.name, self.act = inner, inner.name, act

    def run(self, command, guard=None):
        act, self.act = self.act, lambda: None
        act()
        return self.inner.run(command, guard)


def another_project(arena, files):
    """The same repository as the project `web` sees it, with work of its own on a branch."""
    other = copy(arena)
    other.root = arena.root / "web"
    other.root.mkdir()
    other.project = replace(arena.project, id=2, name="web", directory="packages/web")
    branch = "damascus-8-work"
    git(arena.person, "checkout", "-q", "-B", branch, "main")
    sha = arena._commit(files, branch)
    pull = arena.forge.ensure_pull(head=branch, base="main", title="t", body="b")
    given = {"branch": branch, "head_sha": sha, "pr_number": pull.number}
    other.item = replace(arena.item, id=8, project_id=2, **given)
    return other


def test_a_merge_of_one_has_the_other_tested_again_on_the_moved_base(tmp_path):
    api = Arena(tmp_path, FILES, ("pytest", "-q"), directory="packages/api")
    api.work({"packages/api/calc.py": CODE + "\n# Of the api.\n"})
    web = another_project(api, {"packages/web/calc.py": CODE + "\n# Of the web.\n"})
    begun = api.base()
    merged = []
    api.sandbox = Meanwhile(api.sandbox, lambda: merged.append(web.review()))
    result = api.review()

    assert [one.verdict for one in merged] == [Verdict.PASS], merged
    assert merged[0].base_sha == begun
    assert result.verdict is Verdict.PASS, result
    assert result.base_sha == merged[0].merge_sha, "it was tested again, on what the other merged"
    assert api.kept[-1].base_sha == merged[0].merge_sha
    assert api.base() == result.merge_sha
    assert api.item.pr_number != web.item.pr_number
