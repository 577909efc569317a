"""Where a checkout keeps its packages, read out of what each build tool declares."""

import pytest

from damascus.evidence.import_roots import own_packages, python_roots

SRC = {"src/pkg/__init__.py": "", "tests/test_pkg.py": ""}
FLAT = {"pkg/__init__.py": "", "tests/test_pkg.py": ""}
PROJECT = "[project]\nname = 'pkg'\n"

LAYOUTS = {
    "no Python project": ({"pkg/__init__.py": ""}, []),
    "src, undeclared": ({"pyproject.toml": PROJECT, **SRC}, ["src"]),
    "flat, undeclared": ({"pyproject.toml": PROJECT, **FLAT}, ["."]),
    "one module": ({"setup.py": "", "pkg.py": ""}, ["."]),
    "src of Rust beside a package": ({"pyproject.toml": PROJECT, "src/lib.rs": "", **FLAT}, ["."]),
    "package-dir": (
        {
            "pyproject.toml": "[tool.setuptools.package-dir]\n'' = 'lib'\n",
            "lib/pkg/__init__.py": "",
        },
        ["lib"],
    ),
    "package-dir of one package": (
        {"pyproject.toml": "[tool.setuptools.package-dir]\npkg = 'lib/pkg'\n", "lib/pkg/a.py": ""},
        ["lib"],
    ),
    "packages.find": (
        {
            "pyproject.toml": "[tool.setuptools.packages.find]\nwhere = ['lib']\n",
            "lib/pkg/a.py": "",
        },
        ["lib"],
    ),
    "setup.cfg": (
        {"setup.cfg": "[options]\npackage_dir =\n    = lib\n", "lib/pkg/__init__.py": ""},
        ["lib"],
    ),
    "setup.py": (
        {"setup.py": "setup(package_dir={'': 'lib'})", "lib/pkg/__init__.py": ""},
        ["lib"],
    ),
    "find_packages": ({"setup.py": "find_packages('lib')", "lib/pkg/__init__.py": ""}, ["lib"]),
    "hatch": (
        {
            "pyproject.toml": "[tool.hatch.build.targets.wheel]\npackages = ['lib/pkg']\n",
            "lib/pkg/__init__.py": "",
        },
        ["lib"],
    ),
    "poetry": (
        {
            "pyproject.toml": "[[tool.poetry.packages]]\ninclude = 'pkg'\nfrom = 'lib'\n",
            "lib/pkg/__init__.py": "",
        },
        ["lib"],
    ),
    "uv": (
        {
            "pyproject.toml": "[tool.uv.build-backend]\nmodule-root = 'lib'\n",
            "lib/pkg/__init__.py": "",
        },
        ["lib"],
    ),
    "maturin": (
        {"pyproject.toml": "[tool.maturin]\npython-source = 'python'\n", "python/pkg/a.py": ""},
        ["python"],
    ),
    "a workspace": (
        {
            "pyproject.toml": "[tool.uv.workspace]\nmembers = ['packages/*']\n",
            "packages/a/pyproject.toml": PROJECT,
            "packages/a/src/a/__init__.py": "",
            "packages/b/pyproject.toml": PROJECT,
            "packages/b/b/__init__.py": "",
            "other/c/pyproject.toml": PROJECT,
            "other/c/c.py": "",
        },
        [".", "packages/a/src", "packages/b"],
    ),
    "a module that Python loads at its start": (
        {"pyproject.toml": PROJECT, "src/sitecustomize.py": "", **SRC},
        [],
    ),
    "a module of Python's own": ({"pyproject.toml": PROJECT, "types.py": "", **FLAT}, []),
    "a runner of its own": ({"pyproject.toml": PROJECT, "src/pytest/__init__.py": "", **SRC}, []),
    "a directory of that name": (
        {"pyproject.toml": PROJECT, "code/example.py": "", **FLAT},
        ["."],
    ),
    "a module below": ({"pyproject.toml": PROJECT, "src/pkg/types.py": "", **SRC}, ["src"]),
    "a directory outside": (
        {"pyproject.toml": "[tool.setuptools.package-dir]\n'' = '../lib'\n", **SRC},
        ["src"],
    ),
    "nonsense": ({"pyproject.toml": "[[[", "setup.cfg": "][", "setup.py": "(", **FLAT}, ["."]),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_directories_that_python_imports_from_are_found(layout):
    files, roots = LAYOUTS[layout]
    assert python_roots(list(files), files.get) == roots


def test_the_packages_of_node_are_known_by_their_names():
    files = {
        "package.json": '{"name": "top"}',
        "packages/a/package.json": '{"name": "@scope/a"}',
        "packages/b/package.json": '{"name": "../b"}',
        "packages/c/package.json": "[",
        "node_modules/d/package.json": '{"name": "d"}',
    }
    assert own_packages(list(files), files.get) == {"top": ".", "@scope/a": "packages/a"}
