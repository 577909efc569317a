"""The test script of package.json, or Node's own runner."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import cast

from damascus.detection.repository import Proposal, Repository

_LOCKS = (
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("package-lock.json", "npm"),
)
_LOOKED_AT = 20


def proposals(repository: Repository) -> Iterator[Proposal]:
    """The commands of a JavaScript or TypeScript project."""
    package = _document(repository.text("package.json"))
    script = _object(package.get("scripts")).get("test")
    if isinstance(script, str) and script.strip() and "no test specified" not in script:
        manager = _manager(repository, package)
        words = ("bun", "run", "test") if manager == "bun" else (manager, "test")
        yield Proposal(words, f"package.json has the script test: {script.strip()[:80]}")
    tests = list(repository.named(r".+\.test\.[cm]?js|test-.+\.[cm]?js|test\.[cm]?js"))[:_LOOKED_AT]
    native = next((path for path in tests if "node:test" in repository.text(path)), None)
    if native:
        yield Proposal(("node", "--test"), f"{native} is written for Node's own runner")


def _document(text: str) -> dict[str, object]:
    try:
        return _object(json.loads(text or "{}"))
    except (ValueError, RecursionError):
        return {}


def _object(value: object) -> dict[str, object]:
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}


def _manager(repository: Repository, package: dict[str, object]) -> str:
    said = str(package.get("packageManager") or "").partition("@")[0]
    if said in {"npm", "pnpm", "yarn", "bun"}:
        return said
    return next((name for lock, name in _LOCKS if lock in repository.paths), "npm")
