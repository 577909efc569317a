"""Go and Rust: both fetch their dependencies by one command, and build when they test."""

from __future__ import annotations

from collections.abc import Iterator

from damascus.detection.repository import Proposal, Repository


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
