"""Pytest without the plugins that lie beside it where these tests run.

With all of them (schemathesis, hypothesis, xdist) each of its runs takes 2 s of processor time in
place of 0.3.
"""

from __future__ import annotations

import sys
from pathlib import Path

_PROGRAM = """#!{python}
import os, sys

os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
import pytest

sys.exit(pytest.console_main())
"""


def bare_pytest(directory: Path, *, python: Path = Path(sys.executable)) -> Path:
    """Put the program `pytest` into `directory`; returns the directory, for a PATH."""
    directory.mkdir(parents=True, exist_ok=True)
    program = directory / "pytest"
    program.write_text(_PROGRAM.format(python=python))
    program.chmod(0o755)
    return directory
