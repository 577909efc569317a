"""What comes in from people: names and story files, checked before anything is touched.

A story file is Markdown. Its first `# ` heading is the title (else the first line of text), its
file name is the key unless one is given.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

from damascus.errors import UsageError

SLUG = re.compile(r"^[a-z0-9][a-z0-9-]{0,62}\Z")
MAX_STORY_BYTES = 256 * 1024
MAX_TITLE = 200


@dataclass(frozen=True, slots=True)
class Story:
    """A story that can be accepted. `sha` is the SHA-256 of title and text."""

    key: str
    title: str
    text: str
    sha: str


def check_slug(name: str, *, what: str) -> str:
    """Return `name` if it is a slug; raises UsageError that says what is allowed."""
    if SLUG.match(name):
        return name
    shown = name if len(name) <= 80 else name[:77] + "…"  # noqa: PLR2004 - what fits a line
    raise UsageError(
        f"{what} {shown!r} is not a slug: use 1 to 63 of a-z, 0-9 and '-', beginning with a letter "
        "or a digit"
    )


def slugify(text: str, *, limit: int = 63) -> str:
    """The nearest slug to `text`, at most `limit` characters; empty when nothing is left."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:limit].rstrip("-")


def check_text(raw: bytes, *, name: str, limit: int = MAX_STORY_BYTES) -> str:
    """Decode what a person gave; raises UsageError when it cannot be kept as it is.

    `limit` is in bytes. Line ends become single line feeds.
    """
    if len(raw) > limit:
        raise UsageError(f"{name} is {len(raw):,} bytes; at most {limit:,} are accepted")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8 (byte {error.start} is 0x{raw[error.start]:02x}): "
            "save it as UTF-8"
        ) from None
    if "\x00" in text:
        raise UsageError(f"{name} holds a NUL byte at character {text.index(chr(0))}: remove it")
    if not text.strip():
        raise UsageError(f"{name} is empty: write down what is to be built")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_story(raw: bytes, *, name: str, key: str | None = None, title: str | None = None) -> Story:
    """A story from the bytes of the file `name`. Raises UsageError; see the module's rules."""
    text = check_text(raw, name=name)
    title = _shortened((title or _title(text)).strip()) or "Untitled"
    if key is None:
        key = slugify(PurePath(name).stem)
        if not key:
            raise UsageError(f"the file name {name!r} makes no key: give the story a key")
    check_slug(key, what="the story's key")
    return Story(key=key, title=title, text=text, sha=_sha(title, text))


def redacted_story(story: Story, redact: Callable[[str], str]) -> Story:
    """The story as it is stored: title and text without secrets, and the digest of these."""
    text, title = redact(story.text), redact(story.title)
    if (text, title) == (story.text, story.title):
        return story
    if story.title.endswith("…") and _title(story.text).startswith(story.title[:-1]):
        title = _shortened(_title(text))  # a secret may have been cut in two
    return Story(key=story.key, title=title, text=text, sha=_sha(title, text))


def _sha(title: str, text: str) -> str:
    return hashlib.sha256(f"{title}\n{text}".encode()).hexdigest()


def _shortened(title: str) -> str:
    return title if len(title) <= MAX_TITLE else title[: MAX_TITLE - 1] + "…"


def _title(text: str) -> str:
    first = ""
    fenced = False
    for line in text.splitlines():
        if line.lstrip().startswith(("```", "~~~")):
            fenced = not fenced
        if not fenced and line.startswith("# ") and line[2:].strip():
            return line[2:].strip().rstrip("#").strip()
        if not first and line.strip() and line.strip() != "---":
            first = line.strip().lstrip("#").strip()
    return first
