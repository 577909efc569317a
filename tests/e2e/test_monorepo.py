"""A monorepo with a Python and a Node project: from `project add` to merged, both at once."""

from __future__ import annotations

import json
import shutil

import pytest

from damascus.demo.model_script import Ask, Say
from damascus.demo.model_server import ModelServer
from support.git_repos import BareRepository, git
from support.processes import Programs
from support.scripted_tasks import as_url

FILES = {
    "README.md": "# Two packages\n",
    "AGENTS.md": "Everybody: be brief.\n",
    "package.json": '{"private": true, "workspaces": ["packages/web"]}\n',
    "packages/api/README.md": "# The api, which adds\n",
    "packages/api/AGENTS.md": "Of the api: use unittest.\n",
    "packages/api/pyproject.toml": '[project]\nname = "api"\nversion = "1"\n',
    "packages/api/calc.py": "def add(a, b):\n    return a + b\n",
    "packages/api/tests/test_calc.py": (
        "import unittest\n\nimport calc\n\n\nclass CalcTest(unittest.TestCase):\n"
        "    def test_add(self):\n        self.assertEqual(calc.add(2, 3), 5)\n"
    ),
    "packages/web/package.json": '{"name": "web", "scripts": {"test": "node --test"}}\n',
    "packages/web/calc.js": "exports.add = (a, b) => a + b;\n",
    "packages/web/calc.test.js": (
        'const test = require("node:test");\nconst assert = require("node:assert");\n'
        'const calc = require("./calc.js");\n\n'
        'test("adds", () => {\n  assert.equal(calc.add(2, 3), 5);\n});\n'
    ),
}
SPEC = """## Goal

There is a product.

## Context

There is a sum.

## Acceptance Criteria

- AC-1: Given 2 and 3, when multiplied, then the result is 6.

## Implementation Plan

1. Add it beside the sum.

## TDD Plan

1. A test proves AC-1.

## Test Command

```sh
pytest -q
```
"""
# It waits where it starts, so that both build at once, and works by paths from there.
AGENT = """
until [ -e go ]; do sleep 0.1; done
rm go
if [ -e calc.py ]; then
  printf '\\n\\ndef mul(a, b):\\n    return a * b\\n' >> calc.py
  printf '\\n    def test_mul(self):\\n        self.assertEqual(calc.mul(2, 3), 6)\\n' \
    >> tests/test_calc.py
else
  echo 'exports.mul = (a, b) => a * b;' >> calc.js
  printf 'test("multiplies", () => {\\n  assert.equal(calc.mul(2, 3), 6);\\n});\\n' >> calc.test.js
fi
"""


def test_two_projects_of_one_base_build_at_once_and_both_are_merged(tmp_path, database_url):
    if shutil.which("npm") is None:
        pytest.skip("npm is not on the PATH")
    repository = BareRepository(tmp_path, "mono")
    repository.push(FILES)
    asked: list[str] = []

    def model(ask: Ask) -> Say:
        asked.append(ask.text)
        return Say(SPEC)

    with ModelServer(model) as server:
        settings = {
            "DAMASCUS_DATABASE_URL": as_url(database_url),
            "DAMASCUS_LLM_MODEL": "openai/gpt-4o-mini",
            "DAMASCUS_LLM_API_BASE": server.openai_base,
            "DAMASCUS_LLM_API_KEY": "sk-canary-of-the-model",
            "DAMASCUS_BUILDER": "command",
            "DAMASCUS_COMMAND_ARGV": json.dumps(["sh", "-euc", AGENT]),
        }
        with Programs(tmp_path, **settings) as programs:
            carried(programs, repository)
    prompt = next(text for text in asked if "`packages/api`" in text)
    assert prompt.index("packages/api/calc.py") < prompt.index("packages/web/calc.js")
    assert "# The api, which adds" in prompt
    assert prompt.index("Of the api") < prompt.index("Everybody")


def carried(programs, repository):
    for name in ("api", "web"):
        where = ("--repo", str(repository.path), "--directory", f"packages/{name}")
        added = programs.json("project", "add", name, *where, "--yes")
        assert added["base"]["state"] == "proven", added
        story = programs.home / "multiply.md"
        story.write_text("# Multiply\n\nThere is a product.\n")
        programs.run("ingest", "--project", name, str(story))
    workers = [programs.start("damascus", "cycle", "--until-idle") for _ in range(2)]

    def items():
        return [programs.json("show", f"{name}/multiply") for name in ("api", "web")]

    def both_build():
        held = [one["item"] for one in items()]
        return all(one["phase"] == "build" and one["claimed_by"] for one in held)

    programs.until(both_build)
    attempts = programs.home / "damascus" / "attempts"
    for name, one in zip(("api", "web"), items(), strict=True):
        inside = f"{one['item']['id']}-*/checkout/packages/{name}"
        (place,) = programs.until(lambda inside=inside: [*attempts.glob(inside)])
        (place / "go").touch()
    programs.until(lambda: all(worker.poll() == 0 for worker in workers))
    api, web = items()
    assert [one["item"]["phase"] for one in (api, web)] == ["merged", "merged"], programs.log
    assert api["item"]["branch"] != web["item"]["branch"]
    assert api["item"]["pr_number"] != web["item"]["pr_number"]
    merges = git(repository.path, "log", "--first-parent", "--merges", "--format=%H", "main")
    assert len(merges.split()) == 2
    changed = git(repository.path, "diff", "--name-only", "main~2", "main").split()
    assert sorted(changed) == [
        *("packages/api/calc.py", "packages/api/tests/test_calc.py"),
        *("packages/web/calc.js", "packages/web/calc.test.js"),
    ]
    assert "nothing wrong" in programs.run("verify").stdout
