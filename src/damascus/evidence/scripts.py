"""Which changed files of the base the command starts, through recipes and other scripts."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from pathlib import PurePosixPath

from damascus.domain.directories import from_top
from damascus.evidence.support import is_data

_WORD = re.compile(r"[\w./-]+")
_INTERPRETED = re.compile(
    r"\b(?:python[\d.]*|pypy\d*|node|tsx|ts-node|bun|deno run|ruby|perl|php|bash|sh|zsh|source)"
    r"(?:\s+-(?!m\b)\S+)*\s+(?P<path>[\w./][\w./-]*)|\bpython[\d.]*\s+(?:-\w+\s+)*-m\s+(?P<module>[\w.]+)"
)
_SHELL = frozenset({".sh", ".bash", ".bat", ".ps1"})


def started(
    command: Sequence[str],
    recipes: Sequence[str],
    changed: Collection[str],
    read: Callable[[str], str | None],
    *,
    directory: str = "",
) -> frozenset[str]:
    """The paths of `changed` that the command, a recipe or a script starts or reads.

    `recipes` are texts that hold commands; `read` gives the text of a file on the base, None where
    it has none. Scripts that did not change are followed too. A path may be meant from the top of
    the repository, or from `directory`, in which the command starts.
    """
    found: set[str] = set()
    seen: set[str] = set()
    todo = [" ".join(command), *recipes]
    while todo:
        text = todo.pop()
        interpreted = _interpreted(text)
        for word in {*_WORD.findall(text), *interpreted}:
            said = str(PurePosixPath(word))
            for path in dict.fromkeys((said, from_top(directory, said))):
                if path in seen or path.startswith(("/", "..")):
                    continue
                seen.add(path)
                script = read(path)
                if script is None:
                    continue
                by_itself = script.startswith("#!") or PurePosixPath(path).suffix in _SHELL
                if by_itself or said in interpreted:
                    found.add(path)
                    todo.append(script)
                elif is_data(path):  # a list of tests, options for the runner
                    found.add(path)
    return frozenset(found & set(changed))


def _interpreted(text: str) -> frozenset[str]:
    paths: set[str] = set()
    for match in _INTERPRETED.finditer(text):
        if match["path"]:
            paths.add(str(PurePosixPath(match["path"])))
        elif match["module"]:
            module = match["module"].replace(".", "/")
            paths |= {f"{module}.py", f"{module}/__main__.py"}
    return frozenset(paths)
