-- Budgets by day and month: of each project that has one, and of the installation (0).

-- name: windows
-- What each budget is, what is spent of it, and what running claims have reserved.
WITH budgets AS (
  SELECT 0::bigint AS scope, ''::text AS project, %(usd_day)s::numeric AS usd_day,
    %(usd_month)s::numeric AS usd_month
  UNION ALL
  SELECT id, name, (policy ->> 'budget_usd_day')::numeric, (policy ->> 'budget_usd_month')::numeric
  FROM projects WHERE policy ?| '{budget_usd_day,budget_usd_month}'
)
SELECT b.scope, NULLIF(b.project, '') AS project, w.budget, w.cap AS budget_usd, w.spent AS spent_usd,
  w.cap - w.spent - w.left_over AS reserved_usd, GREATEST(w.left_over, 0) AS left_usd,
  (date_trunc(w.budget, now() AT TIME ZONE 'UTC') + ('1 ' || w.budget)::interval) AT TIME ZONE 'UTC'
    AS turns_at
FROM budgets b, budget_left(b.scope, b.usd_day, b.usd_month,
  (SELECT COALESCE(sum(s.reserved_usd), 0) FROM claim_slots s
   WHERE b.scope = 0 OR s.project_id = b.scope)) w
ORDER BY b.project, w.budget;

-- name: hold
-- What would need money of a budget that is used up waits; so do dead claims of it.
WITH few AS MATERIALIZED (
  SELECT id FROM work_items
  WHERE runnable AND phase = %(phase)s::work_phase
    AND (%(scope)s::bigint = 0 OR project_id = %(scope)s::bigint)
    AND (claimed_at IS NULL OR claimed_at < now() - %(stale)s::interval)
  LIMIT 1000 FOR UPDATE SKIP LOCKED
), marked AS (
  UPDATE conditions SET holds = true WHERE id = %(condition)s::bigint AND NOT holds
)
UPDATE work_items w SET waits_for = %(condition)s::bigint FROM few WHERE w.id = few.id;

-- name: free
WITH few AS MATERIALIZED (
  SELECT id FROM work_items WHERE waits_for = %(condition)s::bigint
  LIMIT 1000 FOR UPDATE SKIP LOCKED
)
UPDATE work_items w SET waits_for = NULL FROM few WHERE w.id = few.id;

-- name: used_up
-- The conditions of budgets, and the phases of the items that wait for each.
SELECT c.id, c.subject, c.project_id,
  ARRAY(SELECT DISTINCT w.phase::text FROM work_items w WHERE w.waits_for = c.id) AS phases
FROM conditions c WHERE c.kind = 'budget' AND c.closed_at IS NULL;

-- name: would_do
-- What the next run of a phase would need, in a project or anywhere.
SELECT worst_case(%(scope)s::bigint, %(phase)s::work_phase) AS usd;
