-- The processes that live: each keeps one row, and beats.

-- name: beat
-- Say that this process lives, and what it does; the rows of those that are long gone go with it.
WITH gone AS (
  DELETE FROM workers WHERE id IN (SELECT id FROM workers
    WHERE beat_at < now() - %(forgotten)s::interval ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED)
)
INSERT INTO workers (name, kind, host, pid, version, revision, schema_version, capacity, sandbox,
  doing)
VALUES (%(name)s::text, %(kind)s::text, %(host)s::text, %(pid)s::int, %(version)s::text,
  %(revision)s::text, %(schema_version)s::int, %(capacity)s::int, %(sandbox)s::text,
  %(doing)s::jsonb)
ON CONFLICT (kind, name) DO UPDATE SET beat = workers.beat + 1, beat_at = now(),
  host = EXCLUDED.host, pid = EXCLUDED.pid, version = EXCLUDED.version,
  revision = EXCLUDED.revision, schema_version = EXCLUDED.schema_version,
  capacity = EXCLUDED.capacity, sandbox = EXCLUDED.sandbox, doing = EXCLUDED.doing;

-- name: leave
DELETE FROM workers WHERE kind = %(kind)s::text AND name = %(name)s::text AND pid = %(pid)s::int;

-- name: list
-- A beat of the future is one from before the clock was put back: its process beats again soon.
SELECT id, kind, name, host, pid, version, revision, schema_version, capacity, sandbox, doing,
  started_at, beat, beat_at, extract(epoch FROM now() - beat_at)::float8 AS beat_seconds,
  beat_at > now() - %(alive)s::interval AS alive
FROM workers ORDER BY kind DESC, name;
