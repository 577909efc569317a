"""Small repositories with real dependencies, carried by an agent that runs the tests itself.

The set-up runs once, through the egress proxy; agent, review and the second story are offline.
Skipped where a tool is not installed, or where it reaches no registry by itself.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from damascus.builders.command import CommandAgent
from damascus.domain.work import Phase, Verdict, WorkItem
from damascus.environments.certificates import certificate_variables
from damascus.environments.store import EnvironmentStore
from damascus.sandbox import detect
from damascus.sandbox.overlay_trial import overlay_problem
from support.sandbox_world import REASONS
from support.shop import PATH, Shop

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(bool(REASONS["bubblewrap"]), reason=REASONS["bubblewrap"]),
]


@dataclass(frozen=True)
class Kind:
    """One ecosystem: its repository, how it is set up and tested, and what two stories write.

    `locks` makes lock files, outside of any sandbox: where it fails there is no registry.
    """

    program: str
    files: dict[str, str]
    set_up: tuple[str, ...]
    test: tuple[str, ...]
    story: dict[str, str]
    locks: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


PY_TEST = "import unittest, {m}\n\nclass T{m}(unittest.TestCase):\n    def test_{m}(self):\n"
PY_TEST += (
    "        self.assertEqual({m}.double('2'), 4)\n        self.assertEqual({m}.double(3), 6)\n"
)
JS_TEST = "const test = require('node:test'); const assert = require('node:assert');\n"
JS_TEST += "const {{ odd }} = require('./{m}.js');\n"
JS_TEST += "test('{m}', () => {{ assert.equal(odd(3), true); assert.equal(odd(4), false); }});\n"
GO_TEST = 'package shop\n\nimport "testing"\n\nfunc Test{M}(t *testing.T) {{\n'
GO_TEST += '\tif !{M}("6ba7b810-9dad-11d1-80b4-00c04fd430c8") || {M}("x") {{\n'
GO_TEST += '\t\tt.Fatal("wrong")\n\t}}\n}}\n'
GO = 'package shop\n\nimport "github.com/google/uuid"\n\nfunc {M}(s string) bool {{\n'
GO += "\treturn uuid.Validate(s) == nil\n}}\n"
RS = "pub fn {m}(n: u32) -> String {{\n    itoa::Buffer::new().format(n).to_string()\n}}\n\n"
RS += "#[cfg(test)]\nmod tests {{\n    #[test]\n    fn {m}_writes() {{\n"
RS += '        assert_eq!(super::{m}(7), "7");\n    }}\n}}\n'

KINDS = {
    "pip": Kind(
        "python3",
        {
            "requirements.txt": "six==1.17.0\n",
            ".gitignore": ".venv\n",
            "one.py": "import six\n\ndef double(n):\n    return 2 * six.integer_types[0](n)\n",
            "test_one.py": PY_TEST.format(m="one"),
        },
        ("python3 -m venv .venv", ".venv/bin/pip install -q -r requirements.txt"),
        (".venv/bin/python", "-m", "unittest", "-v"),
        {
            "{m}.py": "import six\n\ndef double(n):\n    return six.integer_types[0](n) * 2\n",
            "test_{m}.py": PY_TEST,
        },
        ("python3 -m pip download -q --no-deps -d ../pip six==1.17.0",),
    ),
    "npm": Kind(
        "npm",
        {
            "package.json": '{"name": "shop", "dependencies": {"is-odd": "3.0.1"}}\n',
            ".gitignore": "node_modules\n",
            "one.js": "exports.odd = require('is-odd');\n",
            "one.test.js": JS_TEST.format(m="one"),
        },
        ("npm ci --no-audit --no-fund",),
        ("node", "--test"),
        {"{m}.js": "exports.odd = (n) => require('is-odd')(n);\n", "{m}.test.js": JS_TEST},
        ("npm install --package-lock-only --no-audit --no-fund",),
    ),
    "go": Kind(
        "go",
        {
            "go.mod": "module example.com/shop\n\ngo 1.21\n\n"
            "require github.com/google/uuid v1.6.0\n",
            "one.go": GO.format(M="One"),
            "one_test.go": GO_TEST.format(M="One"),
        },
        ("go mod download", "go test -run NONE ./..."),
        ("go", "test", "./..."),
        {"{m}.go": GO, "{m}_test.go": GO_TEST},
        ("go mod tidy",),
        {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=mod"},
    ),
    "cargo": Kind(
        "cargo",
        {
            "Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n\n'
            '[dependencies]\nitoa = "1"\n',
            ".gitignore": "target\n",
            "src/lib.rs": "mod three;\nmod two;\n" + RS.format(m="one"),
            "src/two.rs": "// To come.\n",
            "src/three.rs": "// To come.\n",
        },
        ("cargo test --no-run",),
        ("cargo", "test", "--offline"),
        {"src/{m}.rs": RS},
        ("cargo generate-lockfile",),
    ),
}


def programs() -> str:
    """A PATH with the tools as they are: rustup's stand-in needs a home that sandboxes hide."""
    found = [PATH]
    for name in ("go", "node", "npm", "cargo"):
        place = shutil.which(name)
        if place is not None and name == "cargo":
            done = subprocess.run(
                ["rustc", "--print", "sysroot"], capture_output=True, text=True, check=False
            )
            place = f"{done.stdout.strip()}/bin/cargo" if done.returncode == 0 else place
        if place is not None and str(Path(place).parent) not in found[0].split(":"):
            found.append(str(Path(place).parent))
    return ":".join([*found[1:], found[0]])


@pytest.fixture(scope="module")
def where():
    path = programs()
    return path, detect("bubblewrap", path=path)


@pytest.mark.parametrize("name", KINDS)
def test_two_stories_are_merged_and_the_second_needs_no_registry(tmp_path, name, where):
    kind, (path, sandbox) = KINDS[name], where
    if shutil.which(kind.program, path=path) is None:
        pytest.skip(f"{kind.program} is not installed")
    shop = Shop(tmp_path, {"test_login.py": "# of another story\n"})
    certificates = certificate_variables(os.environ)
    _person_begins(shop, kind, {**os.environ, **certificates, **kind.variables, "PATH": path})
    shop.sandbox = sandbox
    shop.given = {"path": path, "variables": {**certificates, **kind.variables}}
    shop.environments = EnvironmentStore(
        tmp_path / "environments", overlay_problem=overlay_problem, days=14
    )
    shop.project = replace(shop.project, setup_commands=kind.set_up, test_command=kind.test)
    _carry(shop, kind, "two", path)
    (first,) = shop.environments.kept("shop")
    assert first.entry.files_kept > 5
    shop.item = WorkItem(8, 1, "second", "Another", "Again.", Phase.BUILD, 0, 1, 3)
    _carry(shop, kind, "three", path)
    (second,) = shop.environments.kept("shop")
    assert second.entry == first.entry


def _person_begins(shop, kind, env):
    for name, text in kind.files.items():
        (shop.person / name).parent.mkdir(parents=True, exist_ok=True)
        (shop.person / name).write_text(text)
    for line in kind.locks:
        done = subprocess.run(
            ["sh", "-euc", line], cwd=shop.person, env=env, capture_output=True, check=False
        )
        if done.returncode:
            pytest.skip(f"{kind.program} reaches no registry: {done.stderr[-200:]!r}")
    shop.person_pushes({"README.md": "# Shop\n", "CLAUDE.md": "Be kind.\n"})


def _carry(shop, kind, word, path):
    script = "set -eu\n"
    for name, text in kind.story.items():
        place = name.format(m=word)
        script += f"cat > {place} <<'END'\n{text.format(m=word, M=word.title())}END\n"
    script += " ".join(kind.test)
    # A gateway on the loopback is all the network that this agent has.
    shop.builder = CommandAgent(["sh", "-c", script], path=path, base_url="http://127.0.0.1:20001")
    built = shop.run(Phase.BUILD)
    log = (shop.root / f"7-{shop.runs}" / "run.log").read_text(errors="replace")[-3000:]
    assert built.verdict is Verdict.PASS, (built.summary, log)
    reviewed = shop.run(Phase.REVIEW)
    assert reviewed.verdict is Verdict.PASS, reviewed
