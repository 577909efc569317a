"""`python -m damascus.api.openapi` writes the OpenAPI document to stdout."""

from __future__ import annotations

import sys

from damascus.api.specification import main

if __name__ == "__main__":
    sys.exit(main())
