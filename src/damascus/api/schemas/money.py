"""Money on the wire."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import WithJsonSchema

Money = Annotated[
    Decimal,
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d+(\.\d+)?$", "examples": ["1.250000"]},
        mode="serialization",
    ),
]
