"""Sources that ask whether they are being tested: their tests say nothing about what they do else.

Only what runners and compilers themselves set is known here. Code that finds out in another way
(who called it, what is on the stack) is not seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from damascus.evidence import files
from damascus.evidence.compare import ChangedFile
from damascus.evidence.orders import about_tests, says

_ASKS = re.compile(
    r"\b(?P<word>PYTEST_\w+|NODE_TEST_CONTEXT|JEST_WORKER_ID|VITEST(?:_\w+)?|DAMASCUS_[A-Z_]+"
    r"|testing\.Testing\(\)|sys\.modules(?=.*\b(?:_?pytest|unittest)\b)"
    r"|(?<=[\"'])_?(?:pytest|unittest)(?=[\"'].*\bsys\.modules)"
    r"|NODE_ENV(?=\W{1,8}test\b)|cfg!?\((?=[^)\n]*\bnot\(test\)))"
    r"|(?P<prefix>startswith\([\"']DAMASCUS)"
)


def asking(changes: Sequence[ChangedFile], spec: str) -> list[str]:
    """Sentences for the lines, added to sources, that ask whether tests run.

    What the spec names is the work's to ask.
    """
    found: list[str] = []
    for change in files.sources(changes):
        old = set((change.before or "").splitlines())
        for number, line in enumerate((change.after or "").splitlines(), 1):
            match = None if line in old else _ASKS.search(line)
            if match and not says(about_tests(spec), match["word"] or "DAMASCUS"):
                found.append(f"{change.path}:{number} asks whether tests run: {line.strip()[:100]}")
    return found
