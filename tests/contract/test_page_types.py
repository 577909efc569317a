"""The page's types are those of the API's document."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "ui/node_modules/.bin/openapi-typescript"


@pytest.mark.processes
@pytest.mark.skipif(
    shutil.which("node") is None or not TOOL.exists(),
    reason="node or the page's tools are not installed: make ui",
)
def test_the_types_of_the_page_are_current(tmp_path):
    made = tmp_path / "schema.d.ts"
    subprocess.run(
        [TOOL, ROOT / "ui/openapi.json", "-o", made], check=True, capture_output=True, timeout=120
    )
    current = (ROOT / "ui/src/api/schema.d.ts").read_text("utf-8")
    assert made.read_text("utf-8") == current, "run: npm run --prefix ui types"
