"""Postgres is the truth. The only SQL and the only psycopg of Damascus live in this room.

One module and one `.sql` per noun: `items`, `issues`, `gates`, `projects`, `runs`, `costs`,
`outbox`, `tokens`, `audit`, `requests`, `stats`; `store` has them all. `claims` is the workers'
side, `schema` makes the tables.
"""
