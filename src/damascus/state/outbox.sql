-- Events: how they are written, put into one order, read, and passed on to sinks.
-- `emit_event` of schema.sql writes them, called where PostgreSQL evaluates it for every row: in
-- RETURNING or in the outermost SELECT, never in a WITH query that only selects.

-- name: emit
SELECT emit_event(%(type)s::text, %(project)s::bigint, %(item)s::bigint, %(actor)s::text,
  %(data)s::jsonb) AS event;

-- name: list
-- The filters, the order and the limit are added in `outbox.py`.
SELECT e.id, e.event_id, e.seq, e.type, e.item_id, e.project_id, p.name AS project, w.key, e.actor,
  e.data, e.created_at
FROM events_outbox e LEFT JOIN projects p ON p.id = e.project_id
LEFT JOIN work_items w ON w.id = e.item_id;

-- name: head
SELECT COALESCE(max(seq), 0) AS head FROM events_outbox;

-- name: sequence_lock
SELECT pg_advisory_xact_lock(1145130305, 2);

-- name: sequence
-- Gives every committed event its place in the one order. Only one transaction at a time does this
-- (sequence_lock), in the order of ids: events of one item are written under its row lock, so their
-- ids are in the order of their commits. The head counts cursors as well: where old events have
-- been removed, no number is given out again that a sink has already passed.
WITH head AS (SELECT GREATEST((SELECT COALESCE(max(seq), 0) FROM events_outbox),
                              (SELECT COALESCE(max(seq), 0) FROM relay_cursors)) AS seq),
fresh AS MATERIALIZED (
  SELECT id FROM events_outbox WHERE seq IS NULL ORDER BY id LIMIT %(limit)s
), numbered AS (SELECT id, row_number() OVER (ORDER BY id) AS n FROM fresh)
UPDATE events_outbox e SET seq = head.seq + numbered.n FROM head, numbered WHERE e.id = numbered.id;

-- name: cursor
WITH made AS (
  INSERT INTO relay_cursors (sink)
  SELECT %(sink)s::text WHERE NOT EXISTS (SELECT FROM relay_cursors WHERE sink = %(sink)s::text)
  ON CONFLICT (sink) DO NOTHING RETURNING seq, failures, updated_at
)
SELECT seq, failures, extract(epoch FROM now() - updated_at)::float8 AS since FROM (
  SELECT * FROM made
  UNION ALL SELECT seq, failures, updated_at FROM relay_cursors WHERE sink = %(sink)s::text
) AS either_one LIMIT 1;

-- name: move_cursor
UPDATE relay_cursors SET seq = %(seq)s, failures = 0, last_error = NULL, updated_at = now()
WHERE sink = %(sink)s AND seq < %(seq)s;

-- name: park
-- The sink passes over one event; that it did is an event as well, in the same statement.
WITH moved AS (
  UPDATE relay_cursors SET seq = %(seq)s, failures = 0, last_error = NULL, updated_at = now()
  WHERE sink = %(sink)s AND seq < %(seq)s RETURNING sink
)
SELECT emit_event('relay.parked', %(project)s::bigint, NULL, 'relay',
  jsonb_build_object('sink', moved.sink, 'event_id', %(event_id)s::text,
    'event_type', %(type)s::text, 'event_seq', %(seq)s::bigint, 'item_id', %(item)s::bigint,
    'error', %(error)s::text)) AS event
FROM moved;

-- name: sink_failed
UPDATE relay_cursors SET failures = failures + 1, last_error = %(error)s, updated_at = now()
WHERE sink = %(sink)s;

-- name: backlog
SELECT (SELECT COALESCE(max(seq), 0) FROM events_outbox) AS head,
  (SELECT count(*) FROM (SELECT FROM events_outbox WHERE seq IS NULL LIMIT 100000) u) AS unsequenced;

-- name: cursors
-- How far each sink is behind, and how old the first event is that it has not taken.
SELECT c.sink, c.seq, c.failures, c.last_error, c.updated_at,
  extract(epoch FROM now() - (SELECT e.created_at FROM events_outbox e
    WHERE e.seq > c.seq ORDER BY e.seq LIMIT 1))::float8 AS oldest_seconds
FROM relay_cursors c ORDER BY c.sink;

-- name: counters
-- What the counters of /metrics learn from each event, in the one order.
SELECT e.seq, e.type, e.data ->> 'from' AS phase, e.data ->> 'verdict' AS verdict,
  e.data ->> 'effective' AS effective, r.details ->> 'class' AS error,
  extract(epoch FROM r.started_at - before.created_at)::float8 AS waited
FROM events_outbox e
LEFT JOIN phase_runs r ON r.item_id = e.item_id AND r.claim_epoch = (e.data ->> 'epoch')::bigint
  AND e.data ? 'verdict'
LEFT JOIN LATERAL (SELECT b.created_at FROM events_outbox b
  WHERE b.item_id = e.item_id AND b.id < e.id AND e.data ? 'verdict'
  ORDER BY b.id DESC LIMIT 1) before ON true
WHERE e.seq > %(after)s::bigint ORDER BY e.seq LIMIT %(limit)s;
