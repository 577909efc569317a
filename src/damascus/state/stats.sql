-- Counts for dashboards and metrics. Nothing here counts rows that can pile up for ever.

-- name: workers
-- A run is found through its claim, so this reads a handful of rows however long the history is.
SELECT s.slot, w.id AS item_id, w.key, w.title, p.name AS project, w.phase, w.claimed_by AS worker,
  w.attempts, w.budget_cycles, w.merging,
  extract(epoch FROM now() - r.started_at)::float8 AS age_seconds,
  extract(epoch FROM now() - w.claimed_at)::float8 AS heartbeat_seconds,
  w.claimed_at < now() - %(stale)s::interval AS stale, r.log_path,
  r.details ->> 'sandbox' AS uncaged
FROM claim_slots s JOIN work_items w ON w.id = s.item_id JOIN projects p ON p.id = w.project_id
LEFT JOIN phase_runs r ON r.item_id = w.id AND r.claim_epoch = w.claim_epoch
WHERE s.slot > 0 ORDER BY s.slot;

-- name: running
SELECT count(*) AS running FROM claim_slots WHERE slot > 0 AND item_id IS NOT NULL;

-- name: queue
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

-- name: finished_by_day
SELECT (w.finished_at AT TIME ZONE 'UTC')::date AS day, p.name AS project,
  count(*) FILTER (WHERE w.phase = 'merged') AS merged,
  count(*) FILTER (WHERE w.phase = 'cancelled') AS cancelled
FROM work_items w JOIN projects p ON p.id = w.project_id
WHERE w.phase IN ('merged', 'cancelled')
  AND w.finished_at >= %(since)s::date::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2;

-- name: merged_lately
SELECT count(*) AS merged FROM phase_runs
WHERE id > (SELECT COALESCE(max(id), 0) - 20000 FROM phase_runs)
  AND finished_at > now() - interval '24 hours' AND phase = 'review' AND effective = 'pass';

-- name: oldest_snapshot
SELECT extract(epoch FROM max(now() - xact_start))::float8 AS seconds FROM pg_stat_activity
WHERE backend_xmin IS NOT NULL AND pid <> pg_backend_pid();

-- name: now
SELECT now() AS now;

-- name: tables
SELECT to_regclass('api_tokens') IS NOT NULL AND to_regclass('idempotency_keys') IS NOT NULL AS there;
