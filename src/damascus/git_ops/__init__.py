"""The git binary behind the port `Git`, hardened against the repositories it works on.

binary.py    GitBinary: the verbs
process.py   one run of git: environment, settings, deadline, bounds
patches.py   what a patch adds
mirrors.py   a bare copy of each repository
submodules.py, submodule_urls.py  their files in a checkout, and where they may come from
tree.py      the two git directories of an attempt, and what must not be in its tree
errors.py    git's error output, without secrets, as one of our errors
"""

from __future__ import annotations

from damascus.domain.refs import is_sha, valid_branch
from damascus.git_ops.binary import GitBinary

__all__ = ["GitBinary", "is_sha", "valid_branch"]
