"""What a repository is made of that no attempt gets: files kept by Git LFS."""

from __future__ import annotations

import re
from collections.abc import Iterator

from damascus.detection.repository import Repository

_SHOWN = 3
_BY_LFS = re.compile(r"^\s*([^#\s]\S*)\s.*\bfilter=lfs\b", re.MULTILINE)


def not_fetched(repository: Repository) -> Iterator[str]:
    """Yield a sentence for each kind of content that stays out of a checkout."""
    patterns = [
        pattern
        for file in sorted(repository.named(r"\.gitattributes"))
        for pattern in _BY_LFS.findall(repository.text(file))
    ]
    if patterns:
        yield (
            f"files kept by Git LFS ({_some(patterns)}) are not fetched: in every attempt they are"
            " their pointers, and a story must not change them. Tests that read them fail"
        )


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(name[:100] for name in names[:_SHOWN]) + more
