"""Prepared environments: what set-up commands make, kept under a key and used by every attempt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from damascus.ports.repositories import Workspace
from damascus.ports.sandboxes import Layer

RefusalT = TypeVar("RefusalT")


@dataclass(frozen=True, slots=True)
class Recipe:
    """What an environment is made of, besides the files of the tree.

    `variables` are those that may be read in its key; of the secret ones the names are given, and
    `secrets`, their values, which nothing that is kept may hold. `made_from` tells people of which
    commit the tree is. `work_tree` is the SHA of a tree that is not a base's yet, "" for a base:
    what its set-up makes is for that very tree. Such a tree gets what a base's set-up fetched,
    where the key is the same, unless it built something too, or is to be run `anew`. `directory` is
    where in the tree the commands start.
    """

    project: str
    commands: Sequence[str]
    variables: Sequence[str]
    path: str
    sandbox: str
    made_from: str
    work_tree: str = ""
    anew: bool = False
    directory: str = ""
    secrets: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


class PreparedEnvironment(Protocol):
    """One environment, held so that nobody removes it while this lives."""

    @property
    def key(self) -> str:
        """What it is kept under: a hash of everything that it depends on."""
        ...

    @property
    def directories(self) -> Mapping[str, Path]:
        """What lies in a checkout: by its path there, where it is kept, which nobody writes."""
        ...

    def enter(self, workspace: Workspace) -> None:
        """Make a fresh checkout ready for its layers: git sees nothing of what this does."""
        ...

    def layers(
        self, workspace: Workspace, *, reports: Collection[str] = ()
    ) -> AbstractContextManager[Sequence[Layer]]:
        """The layers for one command in a workspace that was entered; gone when it has ended.

        What it wrote into them goes too, but for files that end in one of `reports`: those are in
        the checkout then.
        """
        ...


class Environments(Protocol):
    """The environments of the projects on this machine."""

    def prepare(
        self,
        recipe: Recipe,
        workspace: Workspace,
        set_up: Callable[[Workspace], RefusalT | None],
        *,
        lost: Callable[[], bool],
    ) -> PreparedEnvironment | RefusalT:
        """The environment for the tree that lies fresh in `workspace`: found, or made now.

        `set_up` runs the commands in the workspace it is given, a copy of that tree, and returns
        what was wrong, which is returned then. Raises ClaimLostError when `lost` while another
        worker makes the same one; OSError.
        """
        ...
