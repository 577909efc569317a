"""A stand-in for Gitea: real HTTP, real git over smart HTTP, real merges, and faults on request.

    with GiteaStandin(tmp_path) as gitea:
        gitea.add_repo("ada", "engine", {"README.md": "hello\n"})
        gitea.misbehave("POST", r"/merge$", faults.try_later(), times=3)
        ...
        gitea.expect_merged("ada/engine", 1)

By hand, from `tests/`: `python -m support.gitea_standin --port 3000 --dir /tmp/forge --token T`.
"""

from . import faults
from .faults import Fault
from .ledger import Call
from .standin import GiteaStandin

__all__ = ["Call", "Fault", "GiteaStandin", "faults"]
