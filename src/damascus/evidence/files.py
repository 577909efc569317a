"""Which files are tests, which decide how tests run, and which are the sources under test."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from damascus.evidence.compare import ChangedFile
from damascus.evidence.languages import language_of

_TEST_PATH = re.compile(
    r"(?:^|/)(?:tests?|__tests__|specs?|testing)/|(?:^|/)(?:test_[^/]*|[^/]*(?:_test|_spec|[.]test"
    r"|[.]spec|Tests?|Spec|IT))[.]\w+$|(?:^|/)conftest\.py$"
)
_NEVER_LOADED = re.compile(
    r"(?:^|/)(?:setup|noxfile|conf)\.py$|(?:^|/)docs?/|\.d\.ts$|(?:^|/)[\w.-]+\.config\.\w+$"
    r"|(?:^|/)(?:examples?|benchmarks?|scripts?)/"
)
_IMPORT = re.compile(
    r"\s*(?:from\s+\S+\s+import\b|import\b|(?:const|let|var)\s.*\brequire\(|use\s|pub use\s|mod\s"
    r"|#include\b|require(?:_relative)?\b|package\s|using\s|[)}\]\s,]*from\s+[\"']|[\w\s,{}*]+,?$)"
)


def is_test(path: str) -> bool:
    """Tell whether a file holds tests, or what only tests use."""
    return _TEST_PATH.search(path) is not None


def is_never_loaded(path: str) -> bool:
    """Tell whether tests have no reason to load a source: a manifest, documentation, an example."""
    return _NEVER_LOADED.search(path) is not None


def is_loaded_unasked(path: str) -> bool:
    """Tell whether tests load a file that none of them names: what it does, it does to all."""
    name = PurePosixPath(path).name
    return name in {"conftest.py", "sitecustomize.py", "usercustomize.py"} or (
        is_test(path) and (name == "__init__.py" or "setup" in name.lower())
    )


def sources(changes: Sequence[ChangedFile]) -> list[ChangedFile]:
    """The changed sources that tests should load: code, there after the work, and no test."""
    return [
        change
        for change in changes
        if change.after is not None
        and change.after.strip()
        and language_of(change.path) is not None
        and not is_test(change.path)
        and not is_never_loaded(change.path)
    ]


def follows_moves(change: ChangedFile, changes: Iterable[ChangedFile]) -> bool:
    """Tell whether a test file changed in nothing but the imports of what the work moved away.

    What tests share moved only where its very text stands elsewhere now.
    """
    if change.before is None or change.after is None:
        return False
    changes = list(changes)
    added = {other.after for other in changes if other.before is None}
    gone = {
        part
        for other in changes
        if other.after is None and (not is_test(other.path) or other.before in added)
        for part in (PurePosixPath(other.path).stem, *PurePosixPath(other.path).parts[:-1])
    }
    before, after = change.before.splitlines(), change.after.splitlines()
    for kind, a, b, c, d in difflib.SequenceMatcher(
        None, before, after, autojunk=False
    ).get_opcodes():
        if kind == "equal":
            continue
        if any(line.strip() and not _IMPORT.match(line) for line in (*before[a:b], *after[c:d])):
            return False
        if not all(
            any(re.search(rf"\b{re.escape(name)}\b", line) for name in gone)
            for line in before[a:b]
            if line.strip()
        ):
            return False
    return bool(gone)
