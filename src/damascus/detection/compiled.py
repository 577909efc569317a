"""Go and Rust: both fetch their dependencies by one command, and build when they test.

Every run of the tests begins with what the set-up left, so the set-up builds once what they need,
below HOME and with the very options of the tests. Both tools build again what has changed since. A
build that fails is for the tests to tell.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator

from damascus.detection.repository import Proposal, Repository

# Into the private HOME, which is at one path in set-up and tests; a target/ in the checkout would
# be taken for something that was built of the base.
_TARGET_IN_HOME = (
    """mkdir -p "$HOME/.cargo"; """
    """echo "build.target-dir = '$HOME/target'" >"$HOME/.cargo/config.toml\""""
)


def go(repository: Repository) -> Iterator[Proposal]:
    """`go test`, in the module at the top."""
    if not repository.has("go.mod"):
        return
    fetched = repository.has("go.sum") and not repository.has("vendor/modules.txt")
    setup = ("go mod download",) if fetched else ()
    yield Proposal(("go", "test", "./..."), "there is a go.mod", setup)


def rust(repository: Repository) -> Iterator[Proposal]:
    """`cargo test`, of the whole workspace where there is one."""
    if not repository.has("Cargo.toml"):
        return
    whole = ("--workspace",) if repository.says("Cargo.toml", r"^\[workspace\]") else ()
    setup = "cargo fetch --locked" if repository.has("Cargo.lock") else "cargo fetch"
    yield Proposal(("cargo", "test", *whole), "there is a Cargo.toml", (setup,))


def built_once(one: Proposal) -> Proposal:
    """`one`, whose set-up also builds what its tests build, where it is Go's or Rust's."""
    if one.argv[:2] == ("go", "test"):
        build = ("go", "test", "-count=1", "-exec", "true", *one.argv[2:])  # runs none of them
        lines = (f"{shlex.join(build)} >/dev/null 2>&1 || true",)
    elif one.argv[:2] == ("cargo", "test"):
        options = one.argv[2 : one.argv.index("--")] if "--" in one.argv else one.argv[2:]
        build = ("cargo", "test", "--no-run", *options)
        lines = (_TARGET_IN_HOME, f"{shlex.join(build)} >/dev/null 2>&1 || true")
    else:
        return one
    return dataclasses.replace(one, setup=(*one.setup, *lines))
