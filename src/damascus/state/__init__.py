"""Postgres is the truth. The only SQL and the only psycopg of Damascus live in this room.

`claims` is the cycle's side, `desk` the people's side (ingest, answer, cancel …), `views` reads,
`events` the outbox, `schema` makes the tables.
"""
