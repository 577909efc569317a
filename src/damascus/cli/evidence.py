"""Evidence on a terminal: what a merge stands on."""

from __future__ import annotations

from typing import Any

from damascus.cli import output


def print_summary(found: dict[str, Any]) -> None:
    """The words of the evidence, as every door has them."""
    output.heading("Evidence" if found["merged"] else "Evidence (not merged)")
    for line in found["lines"]:
        output.line(f"  {line}")


def print_evidence(found: dict[str, Any]) -> None:
    """The evidence with every test that is kept."""
    print_summary(found)
    output.fields(
        [
            ("judged by", found["kind"]),
            ("test command", " ".join(found["command"] or [])),
            ("sandbox", found["environment"].get("sandbox")),
            ("base", found["base_sha"]),
            ("commit", found["head_sha"]),
            ("tree", found["tree_sha"]),
            ("report", found["report_digest"]),
        ]
    )
    if not found["tests"]:
        return
    output.heading("Tests")
    output.table(
        ("BASE", "MERGED", "TEST"),
        [(before or "-", after or "-", name) for name, before, after in found["tests"]],
    )
    if found["tests_left_out"]:
        output.line(f"  and {found['tests_left_out']} more")
