"""The version of the schema, and how a program tells the database which one it knows."""

from __future__ import annotations

from typing import Final

VERSION: Final = 6
# The application_name of every connection. The tables refuse a program that names another version,
# so a worker of yesterday that runs on through an upgrade changes nothing.
PROGRAM: Final = f"damascus schema {VERSION}"
# The SQLSTATE of that refusal (see `refuse_damascus_of_another_version` in schema.sql).
REFUSED: Final = "57D01"
