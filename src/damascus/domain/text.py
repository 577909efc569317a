"""Text from outside (titles, stories, model output, logs) without what acts on a screen."""

from __future__ import annotations

import re

# Whole escape sequences first, so that their letters go with them: CSI, OSC and the other strings,
# two-character escapes; in the seven-bit form and as the single C1 characters.
_ESCAPES = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    # A string that does not end on its line is none: nothing may hide what follows it.
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]*[0-~]"
)
# What is left of the control characters, and the marks that make a line read as another one.
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


def clean(text: str) -> str:
    """Lines of text without escape sequences and without control characters but tabs."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\u2028", "\n").replace("\u2029", "\n").replace("\x85", "\n")
    return _CONTROLS.sub("", _ESCAPES.sub("", text))
