"""What evidence costs: the runs behind a merge as a ratio to the plain test run.

    python benchmarks/evidence.py [--files N] [--tests N] [--json]

An honest story (a function and its test) is reviewed in a project of N files with N tests each,
with mutation off and the base's run remembered, by pytest, unittest and node:test. The ratio is
what the whole review takes beyond the plain test run, to that run; both are of the same review.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from damascus.domain.work import Verdict
from support.arena import Arena
from support.shop import PATH

WORK = 20  # milliseconds of each test


def python_files(files: int, tests: int, *, case: bool) -> dict[str, str]:
    """A package of `files` modules, each with its own file of `tests` tests."""
    found = {"app/__init__.py": ""}
    for number in range(files):
        found[f"app/m{number}.py"] = (
            "import time\n\n\ndef work(n):\n"
            f"    time.sleep({WORK / 1000})\n    return n + {number}\n"
        )
        found[f"test_m{number}.py"] = _unittest(number, tests) if case else _pytest(number, tests)
    return found


def _pytest(number: int, tests: int) -> str:
    head = f"from app.m{number} import work\n\n"
    return head + "\n".join(
        f"\ndef test_{n}():\n    assert work({n}) == {n + number}\n" for n in range(tests)
    )


def _unittest(number: int, tests: int) -> str:
    head = (
        f"import unittest\n\nfrom app.m{number} import work\n\n\n"
        f"class M{number}(unittest.TestCase):\n"
    )
    return head + "\n".join(
        f"    def test_{n}(self):\n        self.assertEqual(work({n}), {n + number})\n"
        for n in range(tests)
    )


def node_files(files: int, tests: int) -> dict[str, str]:
    """The same for Node's own runner."""
    found = {"package.json": '{"name": "app", "scripts": {"test": "node --test"}}\n'}
    for number in range(files):
        found[f"m{number}.js"] = (
            "exports.work = async n => {\n"
            f"  await new Promise(done => setTimeout(done, {WORK}))\n  return n + {number}\n}}\n"
        )
        cases = "\n".join(
            f"test('m{number} {n}', async () => {{\n"
            f"  assert.strictEqual(await work({n}), {n + number})\n}})"
            for n in range(tests)
        )
        found[f"m{number}.test.js"] = (
            "const test = require('node:test')\nconst assert = require('node:assert')\n"
            f"const {{ work }} = require('./m{number}')\n{cases}\n"
        )
    return found


def cases(files: int, tests: int) -> dict[str, tuple[list[str], dict[str, str], dict[str, str]]]:
    """Command, base and work of each runner."""
    source = "def double(n):\n    return 2 * n\n"
    return {
        "pytest": (
            ["python3", "-m", "pytest", "-q"],
            python_files(files, tests, case=False),
            {
                "app/double.py": source,
                "test_double.py": "from app.double import double\n\n\n"
                "def test_double():\n    assert double(2) == 4\n",
            },
        ),
        "unittest": (
            ["python3", "-m", "unittest", "-q"],
            python_files(files, tests, case=True),
            {
                "app/double.py": source,
                "test_double.py": "import unittest\n\nfrom app.double import double\n\n\n"
                "class Double(unittest.TestCase):\n    def test_double(self):\n"
                "        self.assertEqual(double(2), 4)\n",
            },
        ),
        "node:test": (
            ["npm", "test"],
            node_files(files, tests),
            {
                "double.js": "exports.double = n => 2 * n\n",
                "double.test.js": "const test = require('node:test')\n"
                "const assert = require('node:assert')\nconst { double } = require('./double')\n"
                "test('doubles', () => {\n  assert.strictEqual(double(2), 4)\n})\n",
            },
        ),
    }


def measure(root: Path, command: list[str], base: dict[str, str], work: dict[str, str]) -> Any:
    """Merge a change of the README, which remembers the base, then review the story."""
    program = shutil.which(command[0])
    assert program is not None
    arena = Arena(root, base, command, path=f"{Path(program).parent}:{PATH}")
    for files, goal in (({"README.md": "# Another\n"}, "Rename it."), (work, "Add `double`.")):
        arena.work(files, goal)
        began = time.monotonic()
        result = arena.review()
        took = time.monotonic() - began
        if result.verdict is not Verdict.PASS:
            raise SystemExit(f"honest work was refused: {result.summary}")
    (evidence,) = arena.kept
    seconds = dict(evidence.seconds)
    plain = seconds.pop("plain")
    return {
        "tests": len(evidence.after.tests) if evidence.after else 0,
        "plain_seconds": round(plain, 2),
        "review_seconds": round(took, 2),
        "runs": {name: round(one, 2) for name, one in seconds.items()},
        "ratio": round((took - plain) / plain, 2),
    }


def main() -> int:
    """Measure and print; 1 when a ratio is above the bound."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--files", type=int, default=10)
    parser.add_argument("--tests", type=int, default=20, help="in each file")
    parser.add_argument("--bound", type=float, default=2.5)
    parser.add_argument("--json", action="store_true")
    said = parser.parse_args()
    found: dict[str, Any] = {}
    for name, (command, base, work) in cases(said.files, said.tests).items():
        if shutil.which(command[0]) is None:
            continue
        with tempfile.TemporaryDirectory(prefix="damascus-evidence-") as root:
            found[name] = measure(Path(root), command, base, work)
        if not said.json:
            print(f"{name:10} {found[name]}")
    if said.json:
        print(json.dumps(found, indent=2))
    return int(any(one["ratio"] > said.bound for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
