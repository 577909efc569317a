"""What only tests use: helpers that assert for them, and data that they read.

A test is as strong as what it calls and compares with. So the base's tests run with the base's
copies of both. A file that sources use too belongs to the work.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

from damascus.evidence import files
from damascus.evidence.compare import ChangedFile
from damascus.evidence.languages import language_of
from damascus.evidence.orders import names_file

_PROSE = frozenset({".md", ".rst", ".adoc", ".lock"})
_MANIFEST = re.compile(
    r"(?:package(?:-lock)?|composer)\.json|pyproject\.toml|setup\.cfg|Cargo\.toml|go\.(?:mod|sum)"
    r"|pom\.xml|.*\.gradle(?:\.kts)?|CMakeLists\.txt|.*\.csproj|requirements.*\.txt|pnpm-lock\.yaml"
)
_FRAMEWORK = re.compile(
    r"(?m)^\s*(?:from|import)\s+(?:unittest|pytest|hypothesis|testtools)\b"
    r"|[\"'](?:node:)?(?:assert|test|chai|vitest|sinon|@jest/globals|should)(?:/strict)?[\"']"
    r"|\"testing\"|org\.junit|testify|RSpec|Minitest|PHPUnit|Xunit|NUnit"
)
_FUNCTION = re.compile(r"(?m)^\s*(?:async\s+)?(?:def|func|fn|function)\s+\w+")
_ASSERTION = re.compile(
    r"(?m)\bassert\b|\bAssertionError\b|\bexpect\s*\(|\bpanic\s*\(|\bassert\w*!"
)
_IMPORT = re.compile(r"(?m)^.*\b(?:import|require|from|use|mod|include)\b.*$")


def base_copies(
    changes: Sequence[ChangedFile], spec: str, texts: Mapping[str, str]
) -> dict[str, str | None]:
    """Each changed helper or data file of the base's tests, as it is on the base.

    `texts` are the files of the merged tree. None stands for a file that the base does not have:
    a test that asks whether it is there found none.
    """
    base = {**texts, **{change.path: change.before or "" for change in changes}}
    tests = [text for path, text in base.items() if files.is_test(path)]
    sources = [
        text
        for path, text in {**base, **texts}.items()
        if not files.is_test(path) and language_of(path) is not None
    ]
    found: dict[str, str | None] = {}
    for change in changes:
        path = change.path
        if files.is_test(path) or names_file(spec, path) or change.before == change.after:
            continue
        others = [text for text in sources if text not in {change.before, change.after}]
        if (is_data(path) and _mentions(path, tests) and not _mentions(path, others)) or (
            change.before is not None
            and _asserts(change.before)
            and _imports(path, tests)
            and not _imports(path, others)
        ):
            found[path] = change.before
    return found


def is_data(path: str) -> bool:
    """Tell whether a file is neither a source nor prose, nor declares dependencies."""
    name = PurePosixPath(path)
    return (
        language_of(path) is None
        and name.suffix.lower() not in _PROSE
        and not _MANIFEST.fullmatch(name.name)
    )


def _mentions(path: str, texts: Iterable[str]) -> bool:
    """Tell whether a text holds a file's name, or that of its directory, in quotes."""
    name = PurePosixPath(path)
    words = [name.name, *([name.stem] if name.suffix else []), *name.parts[-2:-1]]
    word = "|".join(re.escape(one) for one in words if len(one) > 2)  # noqa: PLR2004 - `a`, `x`
    if not word:
        return False
    quoted = re.compile(rf"[\"'`](?:[^\"'`\n]*[/\\])?(?:{word})(?:[/\\][^\"'`\n]*)?[\"'`]")
    return any(quoted.search(text) for text in texts)


def _asserts(text: str) -> bool:
    """Tell whether a file is there to assert: it uses a framework, or asserts in each function."""
    if _FRAMEWORK.search(text):
        return True
    functions = len(_FUNCTION.findall(text))
    return 0 < functions <= len(_ASSERTION.findall(text))


def _imports(path: str, texts: Iterable[str]) -> bool:
    stem = PurePosixPath(path).stem
    name = PurePosixPath(path).parent.name if stem in {"__init__", "index", "mod"} else stem
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(word.search(line) for text in texts for line in _IMPORT.findall(text))
