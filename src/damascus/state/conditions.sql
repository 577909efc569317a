-- Conditions: opened, closed, listed. A suspected one is not open: only one item has met it.

-- name: known
SELECT id, suspected, why, to_do FROM conditions
WHERE closed_at IS NULL AND kind = %(kind)s::text AND subject = %(subject)s::text
  AND COALESCE(project_id, 0) = COALESCE(%(project)s::bigint, 0);

-- name: open
WITH c AS (
  INSERT INTO conditions (kind, subject, project_id, why, to_do)
  VALUES (%(kind)s::text, %(subject)s::text, %(project)s::bigint, %(why)s::text, %(to_do)s::text)
  ON CONFLICT (kind, subject, COALESCE(project_id, 0)) WHERE closed_at IS NULL DO NOTHING
  RETURNING *
)
SELECT c.id, emit_event('condition.opened', c.project_id, NULL, %(actor)s::text,
  jsonb_build_object('condition', c.id, 'kind', c.kind, 'subject', c.subject, 'why', c.why,
    'to_do', c.to_do)) AS event
FROM c;

-- name: say
-- What was seen last; nobody is told of it.
UPDATE conditions SET why = %(why)s::text, to_do = %(to_do)s::text
WHERE id = %(condition)s::bigint AND closed_at IS NULL;

-- name: report
INSERT INTO human_issues (kind, project_id, condition_id, title, body)
SELECT 'report', project_id, id, %(title)s::text, why || E'\n\n' || to_do
FROM conditions WHERE id = %(condition)s::bigint AND closed_at IS NULL
ON CONFLICT (condition_id) WHERE condition_id IS NOT NULL DO NOTHING
RETURNING id;

-- name: close
WITH c AS (
  UPDATE conditions SET closed_at = now(), probe_at = NULL, canary_item = NULL, canary_epoch = NULL,
    canary_since = NULL
  WHERE id = %(condition)s::bigint AND closed_at IS NULL AND NOT suspected RETURNING *
), told AS (
  UPDATE human_issues h SET closed_at = now(), closed_by = 'damascus', choice = 'over'
  FROM c WHERE h.condition_id = c.id AND h.closed_at IS NULL
)
SELECT c.id, emit_event('condition.closed', c.project_id, NULL, %(actor)s::text,
  jsonb_build_object('condition', c.id, 'kind', c.kind, 'subject', c.subject, 'why', c.why,
    'since', to_char(c.since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'))) AS event
FROM c;

-- name: list
-- The filters, the order and the limit are added in `conditions.py`.
SELECT c.id, c.kind, c.subject, p.name AS project, c.why, c.to_do, c.since, c.closed_at, c.probe_at,
  c.probes, c.canary_item,
  extract(epoch FROM COALESCE(c.closed_at, now()) - c.since)::float8 AS age_seconds,
  (SELECT count(*) FROM work_items w WHERE w.waits_for = c.id) AS waiting
FROM conditions c LEFT JOIN projects p ON p.id = c.project_id;

-- name: try_now
-- A person has mended it, or thinks so: the next canary need not wait.
UPDATE conditions SET probe_at = now()
WHERE id = %(condition)s::bigint AND closed_at IS NULL AND NOT suspected AND holds RETURNING id;
