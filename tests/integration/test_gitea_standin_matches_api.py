"""Client and stand-in against the forge's own definition of its API, where that is at hand."""

import json
import re
from pathlib import Path

import pytest

from damascus.errors import DamascusError
from support.forge_worlds import NAME, GiteaWorld
from support.gitea_standin.api import ROUTES

DEFINITION = Path(__file__).parents[2].parent / "shared" / "gitea" / "api-v1.subset.json"
MARK = "<!-- damascus:1 -->"

# Answers that every route of the API may give besides those its definition lists.
ANYWHERE = {401, 403, 404, 423}

# What Gitea 1.26 answers besides what its definition says: 500 for what does not exist, and 422
# for a form without what it must hold.
UNDECLARED_ANSWERS = {
    ("GET", "/repos/{owner}/{repo}/issues/{index}/comments", 500),
    ("POST", "/repos/{owner}/{repo}/issues/{index}/comments", 422),
    ("POST", "/repos/{owner}/{repo}/statuses/{sha}", 500),
}

# The listing of comments knows no pages: the client asks for them all the same, so that a server
# that begins to page is read to the end.
UNDECLARED_QUERY = {"/repos/{owner}/{repo}/issues/{index}/comments": {"page", "limit"}}

KINDS = {"string": str, "boolean": bool, "integer": int, "array": list, "object": dict}


@pytest.fixture(scope="module")
def api():
    if not DEFINITION.is_file():
        pytest.skip("the definition of the API is not beside the repository")
    return json.loads(DEFINITION.read_text())


@pytest.fixture
def world(tmp_path):
    one = GiteaWorld(tmp_path)
    yield one
    one.close()


def say_everything(world):
    """Every verb of the client, in ways that reach every request and refusal it knows."""
    forge = world.forge
    forge.check("main")
    pull = world.open()
    forge.ensure_pull(head="feature", base="main", title="Other", body="Other.")
    forge.pull(pull.number)
    forge.comment(pull.number, MARK, marker=MARK)
    forge.comment(pull.number, MARK, marker=MARK)
    for state in ("pending", "success", "failure", "error"):
        forge.set_status(pull.head_sha, state=state, description="told")
    refused = [
        lambda: forge.check("none"),
        lambda: forge.pull(99),
        lambda: forge.ensure_pull(head="none", base="main", title="T", body=""),
        lambda: forge.ensure_pull(head="main", base="main", title="T", body=""),
        lambda: world.merge(pull, head_sha="0" * 40),
        lambda: forge.comment(99, MARK, marker=MARK),
        lambda: forge.set_status("0" * 40, state="success", description=""),
        lambda: forge.delete_branch("main"),
        lambda: world.merge(conflicting(world)),
    ]
    for act in refused:
        with pytest.raises(DamascusError):
            act()
    world.merge(pull)
    squashed = world.open("second", {"second.txt": "2\n"})
    world.merge(squashed, "squash")
    forge.delete_branch("feature")
    forge.delete_branch("feature")


def conflicting(world):
    pull = world.open("clash", {"code.txt": "mine\n"})
    world.commit("main", {"code.txt": "theirs\n"})
    return pull


def ask_the_rest(world):
    """What the stand-in offers and the client does not use."""
    http, repo = world.forge._http, f"/repos/{NAME}"
    sha = world.head()
    world.forge.set_status(sha, state="success", description="")
    for path in (
        "/version",
        "/user",
        f"{repo}/branches",
        f"{repo}/statuses/{sha}",
        f"{repo}/commits/{sha}/statuses",
        f"{repo}/commits/main/status",
    ):
        assert http.ask("GET", path).ok
    pull = world.open("third", {"third.txt": "3\n"})
    assert http.ask("GET", f"{repo}/pulls/{pull.number}/merge").status == 404
    assert http.ask("GET", f"{repo}/pulls/main/third").data["number"] == pull.number
    world.merge(pull)


def template_of(api, call):
    """The definition's own path for a call, its operation, and the parts of the path."""
    path = call.path.removeprefix("/api/v1")
    found = []
    for template, operations in api["paths"].items():
        pattern = re.sub(r"\{\w+\}", "[^/]+", re.sub(r"([.+])", r"\\\1", template))
        if call.method.lower() in operations and re.fullmatch(pattern, path):
            found.append((template.count("{"), template))
    assert found, f"{call.method} {path} is not in the definition"
    template = min(found)[1]
    return template, api["paths"][template][call.method.lower()]


def resolved(api, schema):
    while "$ref" in schema:
        _, room, name = schema["$ref"].split("/")
        schema = api[room][name]
    return schema


def mismatches(api, schema, value, where="$"):
    """What of `value` the schema does not know, or knows as something else."""
    schema = resolved(api, schema)
    if value is None:
        return
    kind = KINDS.get(schema.get("type"))
    if kind and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
        yield f"{where} is {value!r}, not {schema['type']}"
        return
    if "enum" in schema and value not in schema["enum"]:
        yield f"{where} is {value!r}, none of {schema['enum']}"
    if isinstance(value, list):
        for index, one in enumerate(value):
            yield from mismatches(api, schema.get("items", {}), one, f"{where}[{index}]")
    if isinstance(value, dict):
        fields = schema.get("properties", {})
        yield from (f"{where}.{name} is unknown" for name in value if name not in fields)
        yield from (f"{where}.{n} is missing" for n in schema.get("required", []) if n not in value)
        for name, one in value.items():
            if name in fields:
                yield from mismatches(api, fields[name], one, f"{where}.{name}")


def test_every_request_of_the_client_is_one_the_api_defines(api, world):
    say_everything(world)
    used = set()
    for call in world.standin.calls(path=r"^/api/v1/"):
        template, operation = template_of(api, call)
        used.add((call.method, template))
        given = operation.get("parameters", [])
        query = {one["name"] for one in given if one["in"] == "query"}
        assert set(call.query) <= query | UNDECLARED_QUERY.get(template, set()), template
        bodies = [one["schema"] for one in given if one["in"] == "body"]
        assert (call.body is None) or bodies, f"{call.method} {template} takes no body"
        if call.body is not None:
            assert list(mismatches(api, bodies[0], call.body)) == []
    repo = "/repos/{owner}/{repo}"
    assert used == {
        ("GET", repo),
        ("GET", f"{repo}/git/commits/{{sha}}"),
        ("GET", f"{repo}/branches/{{branch}}"),
        ("DELETE", f"{repo}/branches/{{branch}}"),
        ("GET", f"{repo}/pulls"),
        ("POST", f"{repo}/pulls"),
        ("GET", f"{repo}/pulls/{{index}}"),
        ("PATCH", f"{repo}/pulls/{{index}}"),
        ("POST", f"{repo}/pulls/{{index}}/merge"),
        ("GET", f"{repo}/issues/{{index}}/comments"),
        ("POST", f"{repo}/issues/{{index}}/comments"),
        ("POST", f"{repo}/statuses/{{sha}}"),
    }


def test_every_answer_of_the_stand_in_is_one_the_api_defines(api, world):
    say_everything(world)
    ask_the_rest(world)
    told = 0
    for call in world.standin.calls(path=r"^/api/v1/"):
        template, operation = template_of(api, call)
        answers = {int(status): one for status, one in operation["responses"].items()}
        if (call.method, template, call.status) in UNDECLARED_ANSWERS:
            continue
        assert call.status in ANYWHERE | set(answers), f"{call.method} {template}: {call.status}"
        if call.answer is None or call.status not in answers:
            continue
        if call.status == 409 and "StdOut" in call.answer:
            continue  # a conflict is told in a shape of its own, which the definition leaves out
        schema = resolved(api, answers[call.status]).get("schema")
        if schema is not None:
            assert list(mismatches(api, schema, call.answer)) == [], f"{call.method} {template}"
            told += 1
    assert told > 30


def test_every_route_of_the_stand_in_is_one_the_api_defines(api):
    for method, _, template, _ in ROUTES:
        plain = template.replace(":any", "")
        same = [path for path in api["paths"] if blank(path) == blank(plain)]
        assert same, f"{template} is not in the definition"
        assert any(method.lower() in api["paths"][path] for path in same), f"{method} {template}"


def blank(path):
    return re.sub(r"\{\w+\}", "{}", path)


def test_what_the_client_reads_is_in_the_definition(api):
    pull = api["definitions"]["PullRequest"]["properties"]
    side = api["definitions"]["PRBranchInfo"]["properties"]
    repo = api["definitions"]["Repository"]["properties"]
    assert {"number", "state", "merged", "merge_commit_sha", "mergeable", "html_url"} <= set(pull)
    assert {"title", "body", "head", "base", "id"} <= set(pull)
    assert {"ref", "sha", "repo_id"} <= set(side)
    assert {"archived", "mirror", "has_pull_requests", "permissions"} <= set(repo)
    assert "push" in api["definitions"]["Permission"]["properties"]
    assert {"id", "body"} <= set(api["definitions"]["Comment"]["properties"])
