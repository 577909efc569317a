"""A database emptied, and its clock turned."""

from damascus.state.db import Database

TABLES = (
    *("cost_ledger", "evidence", "human_issues", "coordination_gates", "phase_runs"),
    *("events_outbox", "relay_cursors", "claim_slots", "work_items", "projects"),
)


def empty(db: Database) -> None:
    """Forget everything but the schema. (TRUNCATE waits for the disk: 0.2 s against 2 ms.)"""
    with db.transaction() as connection:
        for table in TABLES:
            connection.execute(f"DELETE FROM {table}")  # type: ignore[arg-type]  # noqa: S608 - ours


def age(db: Database, by: str = "1 hour") -> None:
    """Let time pass for what waits and for what is claimed."""
    with db.connection() as connection:
        connection.execute(
            "UPDATE work_items SET claimed_at = claimed_at - %(by)s::interval, "
            "not_before = not_before - %(by)s::interval "
            "WHERE claimed_at IS NOT NULL OR not_before IS NOT NULL",
            {"by": by},
        )
        connection.execute(
            "UPDATE coordination_gates SET not_before = not_before - %(by)s::interval "
            "WHERE opened_at IS NULL AND not_before IS NOT NULL",
            {"by": by},
        )
