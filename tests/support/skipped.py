"""What was not there for the skipped tests, in one line, with how to get it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

_HOW = (
    (r"real Gitea", "a real Gitea (set DAMASCUS_TEST_GITEA to its program)"),
    (r"Claude Code", "Claude Code (scripts/test-tools.sh)"),
    (r"bubblewrap|bwrap", "bubblewrap (apt install bubblewrap)"),
    (r"chromium", "a browser (apt install chromium)"),
    (r"node is not installed", "Node.js (apt install nodejs npm)"),
    (r"page|make ui", "the page (make ui)"),
    (r"definition of the API", "the definition of Gitea's API (beside the repository)"),
    (r"small file system", "a small file system (as root, where one may mount)"),
    (r"git-lfs", "Git LFS (apt install git-lfs)"),
    (r"PgBouncer", "PgBouncer (apt install pgbouncer)"),
    (r"curl", "curl (apt install curl)"),
)


def summary(reasons: Iterable[str]) -> str:
    """Return "N skipped: …" for the reasons the tests gave; nothing when none was skipped."""
    counted = Counter(_what(reason) for reason in reasons)
    if not counted:
        return ""
    each = ", ".join(f"{what}: {count}" for what, count in counted.most_common())
    return f"{counted.total()} skipped: {each}"


def _what(reason: str) -> str:
    said = " ".join(reason.removeprefix("Skipped: ").split())
    return next((what for pattern, what in _HOW if re.search(pattern, said)), said[:80])
