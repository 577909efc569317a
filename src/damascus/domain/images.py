"""Images of containers, as a project names them, for its commands or for a service."""

from __future__ import annotations

import re
from typing import Final

# Registry with its port, path, tag and digest, as engines write it; never an option of theirs.
_NAME: Final = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{1,5})?/)?[a-z0-9][a-z0-9._-]*(?:/[a-z0-9][a-z0-9._-]*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
_LONGEST: Final = 300


def problem(text: str) -> str:
    """What is wrong with the name of an image, to follow it in a sentence; "" when it is good."""
    if len(text) > _LONGEST or not _NAME.fullmatch(text):
        return "is no name of an image, such as python:3.12-slim or ghcr.io/acme/build:7"
    return ""
