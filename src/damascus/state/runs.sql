-- The runs of phases, as they are read. `claims.sql` writes them.

-- name: of_item
SELECT r.id, r.item_id, r.claim_epoch, r.phase, r.worker, r.attempt, r.started_at, r.finished_at,
  r.verdict, r.effective, r.summary, r.details, r.head_sha, r.base_sha, r.log_path,
  r.log_path IS NOT NULL AS has_log,
  extract(epoch FROM COALESCE(r.finished_at, now()) - r.started_at)::float8 AS seconds, c.usd,
  c.estimated
FROM phase_runs r
CROSS JOIN LATERAL (SELECT sum(usd) AS usd, bool_or(estimated) AS estimated
  FROM cost_ledger WHERE run_id = r.id AND item_id = r.item_id) c
WHERE r.item_id = %(item)s::bigint ORDER BY r.claim_epoch DESC LIMIT %(limit)s;

-- name: get
SELECT r.id, r.item_id, r.log_path, r.worker, r.finished_at IS NOT NULL AS finished
FROM phase_runs r WHERE r.id = %(run)s::bigint AND r.item_id = %(item)s::bigint;

-- name: phases_of_item
-- How long the item has been worked on in each phase.
SELECT phase, count(*) AS runs,
  sum(extract(epoch FROM COALESCE(finished_at, now()) - started_at))::float8 AS seconds
FROM phase_runs WHERE item_id = %(item)s::bigint GROUP BY phase;

-- name: reviewed_base
-- The base on which the item was last tested.
SELECT base_sha FROM phase_runs WHERE item_id = %(item)s::bigint AND base_sha IS NOT NULL
ORDER BY claim_epoch DESC LIMIT 1;
