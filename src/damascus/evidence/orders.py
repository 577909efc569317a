"""What a spec orders: its text without the sections that name files and tests for other reasons.

The test command names what it runs, and the TDD plan names the files where new tests go. Neither
says that the work may change what is there.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_SECTIONS = r"(?ims)^ {{0,3}}##[ \t]+(?:{})\b.*?(?=^ {{0,3}}##[ \t]|\Z)"
_COMMAND = re.compile(_SECTIONS.format("Test Command"))
_COMMAND_AND_PLAN = re.compile(_SECTIONS.format("Test Command|TDD Plan"))


def about_tests(spec: str) -> str:
    """The part of a spec that may name tests to change: all but its test command."""
    return _COMMAND.sub("", spec)


def about_files(spec: str) -> str:
    """The part of a spec that may name files to change: no test command and no TDD plan."""
    return _COMMAND_AND_PLAN.sub("", spec)


def names_file(spec: str, path: str) -> bool:
    """Tell whether a spec orders a change of a file: by its path, or by its own name."""
    return bool(spec) and says(about_files(spec), path)


def says(text: str, word: str) -> bool:
    """Tell whether `word` stands in `text` by itself; a file also by its own name."""
    name = PurePosixPath(word).name if "/" in word and " " not in word else word
    return any(
        re.search(rf"(?<![\w.-]){re.escape(one)}(?![\w-]|\.\w)", text) is not None
        for one in {word, name}
        if re.search(r"\w{3}", one)
    )
