-- What doors read. Lists go by indexes and are paged; nothing here locks a row.

-- name: item
SELECT w.*, p.name AS project, p.forge, p.repo, p.base_branch,
  extract(epoch FROM now() - w.created_at)::float8 AS age_seconds,
  extract(epoch FROM now() - w.claimed_at)::float8 AS heartbeat_seconds,
  (SELECT sum(usd) FROM cost_ledger c WHERE c.item_id = w.id) AS spent_usd,
  (SELECT sum(input_tokens) FROM cost_ledger c WHERE c.item_id = w.id) AS input_tokens,
  (SELECT sum(output_tokens) FROM cost_ledger c WHERE c.item_id = w.id) AS output_tokens
FROM work_items w JOIN projects p ON p.id = w.project_id WHERE w.id = %(item)s;

-- name: item_by_key
SELECT w.id FROM work_items w JOIN projects p ON p.id = w.project_id
WHERE p.name = %(project)s AND w.key = %(key)s;

-- name: items
SELECT w.id, p.name AS project, w.key, w.title, w.phase, w.priority, w.attempts, w.budget_cycles,
  w.consecutive_errors, w.closed_gates, w.project_paused, w.not_before, w.claimed_by, w.pr_number,
  w.pr_url, w.merge_sha, w.created_at, w.updated_at,
  (SELECT sum(usd) FROM cost_ledger c WHERE c.item_id = w.id) AS spent_usd
FROM work_items w JOIN projects p ON p.id = w.project_id
WHERE (%(project)s::text IS NULL OR p.name = %(project)s)
  AND (%(phases)s::text[] IS NULL OR w.phase = ANY (%(phases)s::text[]::work_phase[]))
  AND (%(before)s::bigint IS NULL OR w.id < %(before)s)
ORDER BY w.id DESC LIMIT %(limit)s;

-- name: runs
SELECT r.*, extract(epoch FROM COALESCE(r.finished_at, now()) - r.started_at)::float8 AS seconds,
  (SELECT sum(usd) FROM cost_ledger c WHERE c.run_id = r.id) AS usd
FROM phase_runs r WHERE r.item_id = %(item)s ORDER BY r.id DESC LIMIT %(limit)s;

-- name: issues
SELECT h.id, h.kind, h.item_id, h.phase, h.title, h.body, h.questions, h.opened_at, h.closed_at,
  h.closed_by, h.choice, h.answer, p.name AS project, w.key, w.title AS item_title,
  extract(epoch FROM now() - h.opened_at)::float8 AS age_seconds
FROM human_issues h JOIN projects p ON p.id = h.project_id LEFT JOIN work_items w ON w.id = h.item_id
WHERE (%(all)s::boolean OR h.closed_at IS NULL)
  AND (%(item)s::bigint IS NULL OR h.item_id = %(item)s)
  AND (%(project)s::text IS NULL OR p.name = %(project)s)
ORDER BY h.opened_at, h.id LIMIT %(limit)s;

-- name: issue
SELECT h.*, p.name AS project, w.key, w.title AS item_title FROM human_issues h
JOIN projects p ON p.id = h.project_id LEFT JOIN work_items w ON w.id = h.item_id
WHERE h.id = %(issue)s;

-- name: events
SELECT e.id, e.event_id, e.seq, e.type, e.item_id, e.project_id, p.name AS project, w.key, e.actor,
  e.data, e.created_at
FROM events_outbox e LEFT JOIN projects p ON p.id = e.project_id
LEFT JOIN work_items w ON w.id = e.item_id
WHERE (%(item)s::bigint IS NULL OR e.item_id = %(item)s) AND e.id > %(after)s
ORDER BY e.id LIMIT %(limit)s;

-- name: latest_events
SELECT * FROM (
  SELECT e.id, e.event_id, e.seq, e.type, e.item_id, e.project_id, p.name AS project, w.key, e.actor,
    e.data, e.created_at
  FROM events_outbox e LEFT JOIN projects p ON p.id = e.project_id
  LEFT JOIN work_items w ON w.id = e.item_id
  WHERE (%(item)s::bigint IS NULL OR e.item_id = %(item)s)
  ORDER BY e.id DESC LIMIT %(limit)s) AS latest ORDER BY id;

-- name: costs
SELECT p.name AS project, c.phase, c.model, count(*) AS calls, sum(c.input_tokens) AS input_tokens,
  sum(c.output_tokens) AS output_tokens, sum(c.usd) AS usd,
  count(*) FILTER (WHERE c.usd IS NULL) AS unmeasured, bool_or(c.estimated) AS estimated
FROM cost_ledger c JOIN projects p ON p.id = c.project_id
WHERE (%(project)s::text IS NULL OR p.name = %(project)s)
  AND (%(item)s::bigint IS NULL OR c.item_id = %(item)s)
  AND c.created_at > now() - %(since)s::interval
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;

-- name: live_claims
-- A run is found through its claim, so this reads a handful of rows however long the history is.
SELECT s.slot, w.id AS item_id, w.key, w.title, p.name AS project, w.phase, w.claimed_by AS worker,
  w.attempts, w.budget_cycles, w.merging,
  extract(epoch FROM now() - r.started_at)::float8 AS age_seconds,
  extract(epoch FROM now() - w.claimed_at)::float8 AS heartbeat_seconds,
  w.claimed_at < now() - %(stale)s::interval AS stale, r.log_path
FROM claim_slots s JOIN work_items w ON w.id = s.item_id JOIN projects p ON p.id = w.project_id
LEFT JOIN phase_runs r ON r.item_id = w.id AND r.claim_epoch = w.claim_epoch
WHERE s.slot > 0 ORDER BY s.slot;

-- name: queue
-- What is not final, by phase: `ready` could be claimed now.
SELECT w.phase, count(*) AS items,
  count(*) FILTER (WHERE w.runnable AND w.claimed_by IS NULL) AS ready,
  count(*) FILTER (WHERE w.claimed_by IS NOT NULL) AS running,
  count(*) FILTER (WHERE w.closed_gates > 0) AS gated,
  count(*) FILTER (WHERE w.project_paused) AS paused,
  count(*) FILTER (WHERE w.not_before IS NOT NULL) AS backing_off,
  extract(epoch FROM now() - min(w.ready_since)
    FILTER (WHERE w.runnable AND w.claimed_by IS NULL))::float8 AS oldest_seconds
FROM work_items w WHERE w.phase NOT IN ('merged', 'cancelled') GROUP BY w.phase;

-- name: spend
SELECT COALESCE(sum(usd), 0) AS usd, count(*) FILTER (WHERE usd IS NULL) AS unmeasured,
  COALESCE(sum(input_tokens), 0) AS input_tokens, COALESCE(sum(output_tokens), 0) AS output_tokens
FROM cost_ledger WHERE created_at > now() - interval '24 hours';

-- name: open_issues
SELECT count(*) AS open, extract(epoch FROM now() - min(opened_at))::float8 AS oldest_seconds
FROM human_issues WHERE closed_at IS NULL;

-- name: merged_lately
SELECT count(*) AS merged FROM phase_runs
WHERE id > (SELECT COALESCE(max(id), 0) - 20000 FROM phase_runs)
  AND finished_at > now() - interval '24 hours' AND phase = 'review' AND effective = 'pass';

-- name: outbox_backlog
SELECT (SELECT COALESCE(max(seq), 0) FROM events_outbox) AS head,
  (SELECT count(*) FROM (SELECT FROM events_outbox WHERE seq IS NULL LIMIT 100000) u) AS unsequenced;

-- name: cursors
SELECT sink, seq, failures, last_error, updated_at FROM relay_cursors ORDER BY sink;

-- name: oldest_snapshot
SELECT extract(epoch FROM max(now() - xact_start))::float8 AS seconds FROM pg_stat_activity
WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid();

-- name: sequence_lock
SELECT pg_advisory_xact_lock(1145130305, 2);

-- name: sequence_events
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

-- name: events_after
SELECT e.id, e.event_id, e.seq, e.type, e.item_id, e.project_id, e.actor, e.data, e.created_at,
  p.name AS project, w.key
FROM events_outbox e LEFT JOIN projects p ON p.id = e.project_id
LEFT JOIN work_items w ON w.id = e.item_id
WHERE e.seq > %(seq)s ORDER BY e.seq LIMIT %(limit)s;

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

-- name: park_event
-- The sink passes over one event; that it did is an event as well, in the same statement.
WITH moved AS (
  UPDATE relay_cursors SET seq = %(seq)s, failures = 0, last_error = NULL, updated_at = now()
  WHERE sink = %(sink)s AND seq < %(seq)s RETURNING sink
)
INSERT INTO events_outbox (type, project_id, actor, data)
SELECT 'relay.parked', %(project)s::bigint, 'relay', jsonb_build_object('sink', moved.sink,
  'event_id', %(event_id)s::text, 'event_type', %(type)s::text, 'event_seq', %(seq)s::bigint,
  'item_id', %(item)s::bigint, 'error', %(error)s::text)
FROM moved;

-- name: sink_failed
UPDATE relay_cursors SET failures = failures + 1, last_error = %(error)s, updated_at = now()
WHERE sink = %(sink)s;
