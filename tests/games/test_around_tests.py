"""Red work that leaves its tests alone and bends what stands around them: none of it is merged."""

import pytest

from games.test_python import BASE, PYTEST, RED, SWALLOW, TESTS, UNITTEST, never_merged
from games.test_scripts import JS_BASE, JS_RED, JS_TESTS, MAKE_BASE, NPM
from support.arena import Arena, path_with

MEND = "import calc\n\ncalc.add = lambda a, b: a + b\n"
MORE = (
    "import unittest\n\n\nclass MoreTest(unittest.TestCase):\n"
    "    def test_more(self):\n        self.assertEqual(calc.sub(3, 1), 2)\n"
)
RUN = "import sys, unittest\n\nsys.path.insert(0, '.')\n{}unittest.main(module=None, argv=['x', 'discover'])\n"
SHADOW = (
    "import importlib.util, sys, sysconfig\n"
    "spec = importlib.util.spec_from_file_location('difflib', sysconfig.get_path('stdlib') + '/difflib.py')\n"
    "sys.modules['difflib'] = module = importlib.util.module_from_spec(spec)\n"
    "spec.loader.exec_module(module)\n"
)
RUN_JS = (
    "const ran = require('child_process').spawnSync('node', [{}'--test'], {{ stdio: 'inherit' }})\n"
    "process.exit(ran.status)\n"
)
MEND_JS = "require('./calc').add = (a, b) => a + b\n"
CHECK_JS = (
    "const assert = require('node:assert')\nexports.same = (a, b) => assert.strictEqual(a, b)\n"
)


def _expecting(what):
    return {**BASE, "test_calc.py": TESTS.replace("calc.add(2, 2), 4", what)}


def _file(name, text, test):
    return {**_expecting(test), name: text}


TOOL = {**BASE, "Makefile": "test:\n\tpython3 tools/run.py\n", "tools/run.py": RUN.format("")}
HELPED = {
    **BASE,
    "checks.py": "def same(a, b):\n    assert a == b\n",
    "test_calc.py": TESTS.replace("self.assertEqual(", "same(").replace(
        "import calc\n", "import calc\nfrom checks import same\n"
    ),
}
FLAGGED = {
    **BASE,
    "test_calc.py": TESTS.replace(
        "        self.assertEqual(calc.add",
        "        if os.path.exists('SKIP_SLOW'):\n            return\n        self.assertEqual(calc.add",
    ).replace("import unittest", "import os\nimport unittest"),
}
READ = "str(calc.add(2, 2)), open('golden/add.txt').read().strip()"
GAMES = {
    "mends the code in a new file of tests": (UNITTEST, BASE, {"test_aaa.py": MEND + MORE}),
    "mends it where load_tests is looked for": (UNITTEST, BASE, {"aaa/__init__.py": MEND}),
    "mends it in place of a module of the library": (UNITTEST, BASE, {"difflib.py": SHADOW + MEND}),
    "mends it beside the tests that make runs": (("make", "test"), MAKE_BASE, {"test_aaa.py": MEND + MORE}),
    "mends it in a plugin that pytest finds by itself": (PYTEST, BASE, {
        "evil.py": MEND, "evil.egg-info/PKG-INFO": "Metadata-Version: 2.1\nName: evil\nVersion: 1\n",
        "evil.egg-info/entry_points.txt": "[pytest11]\nevil = evil\n",
    }),
    "mends it in the script of the recipe": (("make", "test"), TOOL, {"tools/run.py": RUN.format(MEND)}),
    "mends it by a list that the recipe reads": (("make", "test"), {
        **BASE, "tests.list": "-m unittest -q\n", "Makefile": "test:\n\tpython3 $$(cat tests.list)\n",
    }, {"tests.list": "evil.py\n", "evil.py": RUN.format(MEND)}),
    "changes the script that the command names": (("sh", "run.sh"), {
        **BASE, "run.sh": "python3 -m unittest -q\n",
    }, {"run.sh": "python3 evil.py\n", "evil.py": RUN.format(MEND)}),
    "is right when unittest is loaded": (UNITTEST, BASE, {
        "calc.py": RED + "import sys\nif 'unittest' in sys.modules:\n    add = lambda a, b: a + b\n",
    }),
    "is right when Damascus looks": (UNITTEST, BASE, {
        "calc.py": RED + "import os\nif os.environ.get('DAMASCUS_UNITTEST_REPORT'):\n    add = lambda a, b: a + b\n",
    }),
    "swallows a failure that it knows by its values": (UNITTEST, BASE, {
        "calc.py": RED + SWALLOW.replace('"test_add" in test.id()', "'5 != 4' in str(error[1])"),
    }),
    "weakens what the tests call": (UNITTEST, HELPED, {"checks.py": "def same(a, b):\n    pass\n"}),
    "adds the file that switches a test off": (UNITTEST, FLAGGED, {"SKIP_SLOW": "1\n"}),
    "changes the expected text": (UNITTEST, _file("golden/add.txt", "4\n", READ), {"golden/add.txt": "5\n"}),
    "changes the expected text below tests": (UNITTEST, {
        **_file("tests/add.txt", "4\n", READ.replace("golden", "tests")), "README.md": "# x\n",
    }, {"tests/add.txt": "5\n"}),
    "changes the test that the command names": ((*UNITTEST, "test_calc.py"), BASE, {
        "test_calc.py": TESTS.replace("add(2, 2), 4", "add(2, 2), 5"),
    }),
}  # fmt: skip
NPM_GAMES = {
    "mends the code by the script's own runner": (
        {**JS_BASE, "package.json": '{"scripts": {"test": "node run.js"}}\n', "run.js": RUN_JS.format("")},
        {"run.js": RUN_JS.format("'--require', './mend.js', "), "mend.js": MEND_JS},
    ),
    "weakens what the tests call": (
        {
            **JS_BASE, "check.js": CHECK_JS,
            "calc.test.js": JS_TESTS.replace("assert.strictEqual(", "same(").replace(
                "const assert = require('node:assert')", "const { same } = require('./check')"
            ),
        },
        {"check.js": "exports.same = () => {}\n"},
    ),
    "is right when node:test runs": (
        JS_BASE, {"calc.js": JS_RED + "if (process.env.NODE_TEST_CONTEXT) exports.add = (a, b) => a + b\n"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("game", GAMES)
def test_red_code_is_not_merged(tmp_path, game):
    command, base, work = GAMES[game]
    never_merged(Arena(tmp_path, base, command), {"calc.py": RED, **work})


@pytest.mark.parametrize("game", NPM_GAMES)
def test_red_code_is_not_merged_by_npm(tmp_path, game):
    base, work = NPM_GAMES[game]
    never_merged(Arena(tmp_path, base, NPM, path=path_with("npm")), {"calc.js": JS_RED, **work})
