"""Which hosts a project's packages come from: asked of its lock files and of the tools.

No host is known here. A lock file names the hosts that it was made from, and a tool names the one
it uses where nobody says otherwise; so a private registry is found like a public one. Nothing is
read or run here: `hosts_in` takes the texts of a repository, `QUESTIONS` says what to run and
`answered` reads what came back.
"""

from __future__ import annotations

from damascus.package_registries.lock_files import hosts_in, is_read
from damascus.package_registries.questions import QUESTIONS, Question, answered, asked_of
from damascus.package_registries.urls import hosts_of

__all__ = ["QUESTIONS", "Question", "answered", "asked_of", "hosts_in", "hosts_of", "is_read"]
