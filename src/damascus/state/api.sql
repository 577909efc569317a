-- What the HTTP API reads and keeps for itself. Every list goes by an index and is paged by its
-- last row; nothing here counts rows that can pile up for ever.

-- name: api_token
SELECT id, name, token_hash, scopes FROM api_tokens
WHERE token_hash = %(hash)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now());

-- name: api_session
SELECT t.id, t.name, s.session_hash AS token_hash, t.scopes
FROM api_sessions s JOIN api_tokens t ON t.id = s.token_id
WHERE s.session_hash = %(hash)s AND s.expires_at > now() AND t.revoked_at IS NULL
  AND (t.expires_at IS NULL OR t.expires_at > now());

-- name: api_token_used
-- At most once a minute per token: a busy reader must not become a writer.
UPDATE api_tokens SET last_used_at = now()
WHERE id = %(token)s::bigint
  AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute');

-- name: api_token_create
INSERT INTO api_tokens (name, token_hash, scopes, created_by, expires_at)
VALUES (%(name)s::text, %(hash)s, %(scopes)s::text[], %(actor)s::text, now() + %(life)s::interval)
RETURNING id, name, scopes, created_at, created_by, expires_at;

-- name: api_token_list
SELECT id, name, scopes, created_at, created_by, expires_at, last_used_at, revoked_at, revoked_by
FROM api_tokens WHERE %(all)s::boolean OR revoked_at IS NULL ORDER BY id;

-- name: api_token_revoke
WITH t AS (
  UPDATE api_tokens SET revoked_at = now(), revoked_by = %(actor)s::text
  WHERE name = %(name)s::text AND revoked_at IS NULL RETURNING id
), s AS (DELETE FROM api_sessions WHERE token_id IN (SELECT id FROM t))
SELECT id FROM t;

-- name: api_session_create
WITH old AS (
  DELETE FROM api_sessions WHERE session_hash IN
    (SELECT session_hash FROM api_sessions WHERE expires_at < now() ORDER BY expires_at LIMIT 100)
)
INSERT INTO api_sessions (session_hash, token_id, expires_at)
VALUES (%(hash)s, %(token)s::bigint, now() + %(life)s::interval) RETURNING expires_at;

-- name: api_session_end
DELETE FROM api_sessions WHERE session_hash = %(hash)s;

-- name: api_request_begin
-- Whoever comes second with the same key waits here until the first one's transaction has ended.
INSERT INTO api_requests (token_id, key, request_hash)
VALUES (%(token)s::bigint, %(key)s::text, %(hash)s) ON CONFLICT DO NOTHING RETURNING key;

-- name: api_request_seen
SELECT request_hash, response FROM api_requests
WHERE token_id = %(token)s::bigint AND key = %(key)s::text;

-- name: api_request_done
UPDATE api_requests SET response = %(response)s
WHERE token_id = %(token)s::bigint AND key = %(key)s::text;

-- name: api_requests_forget
DELETE FROM api_requests WHERE (token_id, key) IN
  (SELECT token_id, key FROM api_requests WHERE created_at < now() - interval '2 days'
   ORDER BY created_at LIMIT 500);

-- name: api_item
SELECT w.*, p.name AS project, p.forge, p.repo, p.base_branch,
  extract(epoch FROM now() - w.created_at)::float8 AS age_seconds,
  extract(epoch FROM now() - w.claimed_at)::float8 AS heartbeat_seconds,
  c.usd AS spent_usd, c.input_tokens, c.output_tokens
FROM work_items w JOIN projects p ON p.id = w.project_id
CROSS JOIN LATERAL (SELECT sum(usd) AS usd, sum(input_tokens)::bigint AS input_tokens,
  sum(output_tokens)::bigint AS output_tokens FROM cost_ledger WHERE item_id = w.id) c
WHERE w.id = %(item)s::bigint;

-- name: api_item_runs
SELECT r.id, r.phase, r.worker, r.attempt, r.claim_epoch, r.started_at, r.finished_at, r.verdict,
  r.effective, r.summary, r.details, r.head_sha, r.base_sha, r.log_path IS NOT NULL AS has_log,
  extract(epoch FROM COALESCE(r.finished_at, now()) - r.started_at)::float8 AS seconds, c.usd,
  c.estimated
FROM phase_runs r
CROSS JOIN LATERAL (SELECT sum(usd) AS usd, bool_or(estimated) AS estimated
  FROM cost_ledger WHERE run_id = r.id AND item_id = r.item_id) c
WHERE r.item_id = %(item)s::bigint ORDER BY r.claim_epoch DESC LIMIT %(limit)s;

-- name: api_item_costs
SELECT phase, model, count(*) AS calls, sum(input_tokens)::bigint AS input_tokens,
  sum(output_tokens)::bigint AS output_tokens, sum(usd) AS usd,
  count(*) FILTER (WHERE usd IS NULL) AS unmeasured, bool_or(estimated) AS estimated
FROM cost_ledger WHERE item_id = %(item)s::bigint GROUP BY phase, model ORDER BY phase, model;

-- name: api_item_issues
SELECT h.id, h.kind, h.item_id, h.phase, h.title, h.body, h.questions, h.opened_at, h.closed_at,
  h.closed_by, h.choice, h.answer, p.name AS project, w.key, w.title AS item_title,
  extract(epoch FROM now() - h.opened_at)::float8 AS age_seconds
FROM human_issues h JOIN projects p ON p.id = h.project_id LEFT JOIN work_items w ON w.id = h.item_id
WHERE h.item_id = %(item)s::bigint ORDER BY h.id DESC LIMIT %(limit)s;

-- name: api_item_events
SELECT e.id, e.event_id, e.seq, e.type, e.item_id, p.name AS project, w.key, e.actor, e.data,
  e.created_at
FROM events_outbox e LEFT JOIN projects p ON p.id = e.project_id
LEFT JOIN work_items w ON w.id = e.item_id
WHERE e.item_id = %(item)s::bigint ORDER BY e.id DESC LIMIT %(limit)s;

-- name: api_item_phases
-- How long the item has been worked on in each phase.
SELECT phase, count(*) AS runs,
  sum(extract(epoch FROM COALESCE(finished_at, now()) - started_at))::float8 AS seconds
FROM phase_runs WHERE item_id = %(item)s::bigint GROUP BY phase;

-- name: api_run
SELECT r.id, r.item_id, r.log_path, r.worker, r.finished_at IS NOT NULL AS finished
FROM phase_runs r WHERE r.id = %(run)s::bigint AND r.item_id = %(item)s::bigint;

-- name: api_issue
SELECT h.id, h.kind, h.item_id, h.phase, h.title, h.body, h.questions, h.opened_at, h.closed_at,
  h.closed_by, h.choice, h.answer, p.name AS project, w.key, w.title AS item_title,
  extract(epoch FROM now() - h.opened_at)::float8 AS age_seconds
FROM human_issues h JOIN projects p ON p.id = h.project_id LEFT JOIN work_items w ON w.id = h.item_id
WHERE h.id = %(issue)s::bigint;

-- name: api_event_head
SELECT COALESCE(max(seq), 0) AS head FROM events_outbox;

-- name: api_events_after
SELECT e.id, e.event_id, e.seq, e.type, e.item_id, p.name AS project, w.key, e.actor, e.data,
  e.created_at
FROM events_outbox e LEFT JOIN projects p ON p.id = e.project_id
LEFT JOIN work_items w ON w.id = e.item_id
WHERE e.seq > %(after)s::bigint ORDER BY e.seq LIMIT %(limit)s;

-- name: api_events_before
SELECT e.id, e.event_id, e.seq, e.type, e.item_id, p.name AS project, w.key, e.actor, e.data,
  e.created_at
FROM events_outbox e LEFT JOIN projects p ON p.id = e.project_id
LEFT JOIN work_items w ON w.id = e.item_id
WHERE e.seq < %(before)s::bigint ORDER BY e.seq DESC LIMIT %(limit)s;

-- name: api_events_of_item_after
SELECT e.id, e.event_id, e.seq, e.type, e.item_id, p.name AS project, w.key, e.actor, e.data,
  e.created_at
FROM events_outbox e LEFT JOIN projects p ON p.id = e.project_id
LEFT JOIN work_items w ON w.id = e.item_id
WHERE e.item_id = %(item)s::bigint AND e.seq > %(after)s::bigint ORDER BY e.id LIMIT %(limit)s;

-- name: api_events_of_item_before
SELECT e.id, e.event_id, e.seq, e.type, e.item_id, p.name AS project, w.key, e.actor, e.data,
  e.created_at
FROM events_outbox e LEFT JOIN projects p ON p.id = e.project_id
LEFT JOIN work_items w ON w.id = e.item_id
WHERE e.item_id = %(item)s::bigint AND e.seq < %(before)s::bigint ORDER BY e.id DESC LIMIT %(limit)s;

-- name: api_open_items
-- What is not final, by project and phase, in one pass over the index of what is open.
SELECT p.name AS project, w.* FROM (
  SELECT project_id, phase, count(*) AS items,
    count(*) FILTER (WHERE runnable AND claimed_by IS NULL) AS ready,
    count(*) FILTER (WHERE claimed_by IS NOT NULL) AS running,
    count(*) FILTER (WHERE closed_gates > 0) AS gated,
    count(*) FILTER (WHERE project_paused) AS paused,
    count(*) FILTER (WHERE not_before IS NOT NULL) AS backing_off,
    count(*) FILTER (WHERE phase = 'blocked' OR phase_before BETWEEN phase AND 'review') AS failing,
    extract(epoch FROM now() - min(ready_since)
      FILTER (WHERE runnable AND claimed_by IS NULL))::float8 AS oldest_seconds
  FROM work_items WHERE phase NOT IN ('merged', 'cancelled') GROUP BY project_id, phase) w
JOIN projects p ON p.id = w.project_id;

-- name: api_projects
SELECT p.name, p.forge, p.repo, p.base_branch, p.policy, p.max_concurrency, p.budget_cycles,
  p.budget_usd, p.paused, p.paused_reason, p.created_at, p.updated_at
FROM projects p ORDER BY p.name;

-- name: api_project_names
SELECT name, paused, paused_reason FROM projects ORDER BY name;

-- name: api_finished_by_day
SELECT (w.finished_at AT TIME ZONE 'UTC')::date AS day, p.name AS project,
  count(*) FILTER (WHERE w.phase = 'merged') AS merged,
  count(*) FILTER (WHERE w.phase = 'cancelled') AS cancelled
FROM work_items w JOIN projects p ON p.id = w.project_id
WHERE w.phase IN ('merged', 'cancelled')
  AND w.finished_at >= %(since)s::date::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2;

-- name: api_spend_by_day
SELECT (c.created_at AT TIME ZONE 'UTC')::date AS day, p.name AS project, c.phase,
  COALESCE(sum(c.usd), 0) AS usd, COALESCE(sum(c.input_tokens), 0)::bigint AS input_tokens,
  COALESCE(sum(c.output_tokens), 0)::bigint AS output_tokens, count(*) AS calls,
  count(*) FILTER (WHERE c.usd IS NULL) AS unmeasured, bool_or(c.estimated) AS estimated
FROM cost_ledger c JOIN projects p ON p.id = c.project_id
WHERE c.created_at >= %(since)s::date::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2, 3;

-- name: api_now
SELECT now() AS now;

-- name: api_open_issues
SELECT kind, count(*) AS open,
  extract(epoch FROM now() - min(opened_at))::float8 AS oldest_seconds
FROM human_issues WHERE closed_at IS NULL GROUP BY kind;

-- name: api_tables
SELECT to_regclass('api_tokens') IS NOT NULL AND to_regclass('api_requests') IS NOT NULL AS there;

-- name: api_told
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

-- name: api_lock_item
SELECT * FROM work_items WHERE id = %(item)s::bigint FOR UPDATE;

-- name: api_issues_open
SELECT h.id, h.kind, h.item_id, h.phase, h.title, h.body, h.questions, h.opened_at, h.closed_at,
  h.closed_by, h.choice, h.answer, p.name AS project, w.key, w.title AS item_title,
  extract(epoch FROM now() - h.opened_at)::float8 AS age_seconds
FROM human_issues h JOIN projects p ON p.id = h.project_id LEFT JOIN work_items w ON w.id = h.item_id
WHERE h.closed_at IS NULL
  AND (h.opened_at, h.id) > (%(opened)s::timestamptz, %(after)s::bigint)
  AND (%(project)s::text IS NULL OR p.name = %(project)s::text)
ORDER BY h.opened_at, h.id LIMIT %(limit)s;

-- name: api_issues_all
SELECT h.id, h.kind, h.item_id, h.phase, h.title, h.body, h.questions, h.opened_at, h.closed_at,
  h.closed_by, h.choice, h.answer, p.name AS project, w.key, w.title AS item_title,
  extract(epoch FROM now() - h.opened_at)::float8 AS age_seconds
FROM human_issues h JOIN projects p ON p.id = h.project_id LEFT JOIN work_items w ON w.id = h.item_id
WHERE (h.opened_at, h.id) > (%(opened)s::timestamptz, %(after)s::bigint)
  AND (%(project)s::text IS NULL OR p.name = %(project)s::text)
ORDER BY h.opened_at, h.id LIMIT %(limit)s;

-- name: api_issues_of_item
SELECT h.id, h.kind, h.item_id, h.phase, h.title, h.body, h.questions, h.opened_at, h.closed_at,
  h.closed_by, h.choice, h.answer, p.name AS project, w.key, w.title AS item_title,
  extract(epoch FROM now() - h.opened_at)::float8 AS age_seconds
FROM human_issues h JOIN projects p ON p.id = h.project_id LEFT JOIN work_items w ON w.id = h.item_id
WHERE h.item_id = %(item)s::bigint AND (%(all)s::boolean OR h.closed_at IS NULL)
  AND (h.opened_at, h.id) > (%(opened)s::timestamptz, %(after)s::bigint)
  AND (%(project)s::text IS NULL OR p.name = %(project)s::text)
ORDER BY h.opened_at, h.id LIMIT %(limit)s;

-- name: api_reviewed_base
-- The base on which the item was last tested.
SELECT base_sha FROM phase_runs WHERE item_id = %(item)s::bigint AND base_sha IS NOT NULL
ORDER BY claim_epoch DESC LIMIT 1;

-- name: api_outbox
-- How far each sink is behind, and how old the first event is that it has not taken.
SELECT c.sink, h.head - c.seq AS behind,
  extract(epoch FROM now() - (SELECT e.created_at FROM events_outbox e
    WHERE e.seq > c.seq ORDER BY e.seq LIMIT 1))::float8 AS oldest_seconds
FROM relay_cursors c CROSS JOIN (SELECT COALESCE(max(seq), 0) AS head FROM events_outbox) h
ORDER BY c.sink;
