"""The service: every verb of every door on one object."""

from __future__ import annotations

from damascus.backlog.base_checks import BaseCheckVerbs
from damascus.backlog.bulk import BulkVerbs
from damascus.backlog.installation import InstallationVerbs
from damascus.backlog.projects import ProjectVerbs
from damascus.backlog.reading import Reading
from damascus.backlog.tokens import TokenVerbs


class Backlog(BulkVerbs, ProjectVerbs, BaseCheckVerbs, Reading, InstallationVerbs, TokenVerbs):
    """Damascus as every door sees it: one object a process, for any number of threads.

    Each verb takes the `Caller` first, and raises ScopeMissingError when it may not, the store's
    errors with their facts, SchemaError or DatabaseUnreachableError. An act is one transaction
    with its event, and wakes the workers after it.
    """

    def forget_requests(self) -> int:
        """Forget idempotency keys older than two days, some hundreds at most; how many."""
        return self._store.requests.forget()
