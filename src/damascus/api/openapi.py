"""`python -m damascus.api.openapi` writes the OpenAPI document to stdout."""

from __future__ import annotations

import json
import sys

from damascus.api.app import build
from damascus.api.context import Api
from damascus.config import Settings
from damascus.wiring import App


def main() -> int:
    """Write the document to stdout."""
    with App(Settings.model_construct()) as app:
        made = build(Api(app)).openapi()
    json.dump(made, sys.stdout, indent=2, ensure_ascii=False, sort_keys=False)
    sys.stdout.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
