"""Where code and pull requests live: the forges there are, and the `Forge` port's adapters."""

from typing import Any

from damascus.registry import ForgeEntry, Registry

FORGES: Registry[ForgeEntry[Any]] = Registry(
    "forge",
    group="damascus.forges",
    builtin={
        "gitea": "damascus.forge.gitea_entry:ENTRY",
        "local": "damascus.forge.local_entry:ENTRY",
    },
)
