"""Sources made so that they cannot be loaded, in any language that is known by its files' names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from damascus.domain.directories import holds
from damascus.evidence.files import is_never_loaded, is_test
from damascus.evidence.languages import language_of

# Languages in which no tests are read: a syntax error is all that is asked of them.
_UNREAD: Final = re.compile(
    r"\.(?:bash|cljs?|dart|erl|exs?|f90|fs|groovy|hs|jl|kt|lua|mm?|ml|nim|p[lm]|pyx|r|scala|sh"
    r"|svelte|swift|vb|vue|zig|zsh)"
)
FOREIGN: Final = frozenset(
    {"vendor", "node_modules", "third_party", "site-packages", "dist-packages", ".venv", "venv"}
)


def is_own_source(path: str) -> bool:
    """Tell whether a file is code of the project that tests may load, and that can be spoiled."""
    return (
        (language_of(path) is not None or _unread(path))
        and not is_test(path)
        and not is_never_loaded(path)
        and FOREIGN.isdisjoint(PurePosixPath(path).parts)
    )


def own_sources(tracked: Sequence[str], directory: str) -> list[str]:
    """The sources of the project: those in its directory, or all where it has none there."""
    every = [path for path in tracked if is_own_source(path)]
    return [path for path in every if holds(directory, path)] or every


def spoiled(path: str, text: str, token: str) -> str:
    """The source, which raises or does not compile when it is loaded."""
    language = language_of(path)
    if language is not None:
        return language.fail_on_load(text, token)
    # Nothing that these brackets open is closed by them, in whatever language.
    head, newline, rest = text.partition("\n")
    if head.startswith("#!"):
        return f"{head}{newline})]}} {token} {{[(\n{rest}"
    return f")]}} {token} {{[(\n{text}"


def _unread(path: str) -> bool:
    return _UNREAD.fullmatch(PurePosixPath(path).suffix.lower()) is not None
