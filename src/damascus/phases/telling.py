"""Comments on a pull request: for people only, so they never decide a verdict."""

from __future__ import annotations

import logging

from damascus.errors import ForgeAuthError, ForgeError, ForgeUnreachableError
from damascus.ports import Tools

_log = logging.getLogger(__name__)


def tell(tools: Tools, number: int, body: str, *, marker: str) -> None:
    """Comment once, as far as the forge lets us.

    A pull request locked for comments, or a forge that stumbles just then, must not turn green
    work red. Raises ForgeAuthError: a refused token will refuse the rest as well.
    """
    try:
        tools.forge.comment(number, body, marker=marker)
    except ForgeAuthError:
        raise
    except (ForgeError, ForgeUnreachableError) as error:
        _log.warning("pull request %d could not be commented: %s", number, error)
