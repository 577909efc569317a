"""What stands in for a changed source: other copies of it, and what was built of it."""

import json

import pytest

from damascus.evidence.compare import ChangedFile
from damascus.evidence.imports import from_elsewhere, read_imports
from damascus.evidence.packages import parted
from damascus.evidence.stand_ins import stand_ins

OLD, NEW = "def add(a, b):\n    return a + b\n", "def add(a, b):\n    return b + a\n"


def laid(top, *paths, text=OLD):
    for path in paths:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)


def test_copies_of_the_old_and_of_the_new_text_are_found_and_no_others(tmp_path):
    laid(tmp_path, "src/calc.py", "build/lib/calc.py", "tests/calc.py", ".git/calc.py")
    laid(tmp_path, "vendor/calc.py", text=NEW)
    laid(tmp_path, "other/calc.py", text="def other(a, b, c):\n    return a\n")
    found = stand_ins(tmp_path, [ChangedFile("src/calc.py", OLD, NEW)], "word")
    assert sorted(found) == ["build/lib/calc.py", "vendor/calc.py"]
    assert all("word" in text for text in found.values())


@pytest.mark.parametrize(
    ("source", "product", "taken"),
    [
        ("src/calc.c", "build/calc.o", True),
        ("src/calc.c", "build/libcalc.so.1", True),
        ("src/calc.c", "build/libcalc.a", True),
        ("src/calc.c", "bin/calc", True),
        ("src/calc.pyx", "calc.cpython-312-x86_64-linux-gnu.so", True),
        ("src/calc.ts", "dist/calc.js", True),
        ("src/a/index.ts", "dist/a/index.js", True),
        ("src/a/index.ts", "dist/index.js", False),
        ("src/calc.ts", "node_modules/other/calc.js", False),
        ("src/calc.py", "bin/calc", False),
        ("src/calc.c", "build/other.o", False),
        ("src/calc.c", "doc/calc.md", False),
        ("src/calc.js", "lib/calc.js", False),
    ],
)
def test_what_was_built_of_a_source_is_known_by_its_name(tmp_path, source, product, taken):
    laid(tmp_path, source, product, text="int add(int a, int b);\n" if taken else "anything")
    change = ChangedFile(source, OLD, NEW)
    assert (product in stand_ins(tmp_path, [change], "word")) is taken


def test_a_module_that_was_imported_from_elsewhere_is_told(tmp_path):
    laid(tmp_path, "src/pkg/__init__.py", "src/pkg/a.py", "src/pkg/b.py", "tool.py")
    imported = {
        "pkg": "/site/pkg/__init__.py",
        "pkg.a": "/site/pkg/a.py",
        "tool": str(tmp_path / "tool.py"),
    }
    paths = ["src/pkg/a.py", "src/pkg/b.py", "tool.py"]
    assert from_elsewhere(imported, tmp_path, paths, ["src", "."]) == {
        "src/pkg/a.py": ("pkg.a", "/site/pkg/a.py"),
        "src/pkg/b.py": ("pkg", "/site/pkg/__init__.py"),
    }


def test_what_processes_tell_of_their_imports_is_read_whatever_it_holds(tmp_path):
    told = tmp_path / "imports.jsonl"
    assert read_imports(told) == {}
    lines = [
        json.dumps({"a": "/a.py", "b": 3}),
        "[",
        "[]",
        json.dumps({"a": "/other.py", "c": "/c.py"}),
    ]
    told.write_text("\n".join(lines))
    assert read_imports(told) == {"a": "/a.py", "c": "/c.py"}


def test_changed_sources_are_parted_by_the_package_they_belong_to():
    tracked = ["a/__init__.py", "a/b/__init__.py", "web/package.json", "svc/go.mod"]
    paths = ["a/b/x.py", "a/y.py", "tool.py", "web/src/page.ts", "web/page.js", "svc/m.go", "z.go"]
    changes = [ChangedFile(path, OLD, NEW) for path in paths]
    groups = [[one.path for one in group] for group in parted(changes, tracked, most=9)]
    assert groups == [
        ["a/b/x.py", "a/y.py"], ["tool.py"], ["web/src/page.ts", "web/page.js"],
        ["svc/m.go"], ["z.go"],
    ]  # fmt: skip
    few = parted(changes, tracked, most=2)
    assert [len(group) for group in few] == [2, 5]
    assert parted([], tracked, most=2) == []
