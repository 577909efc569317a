-- What was spent. A call that is under way is not unmeasured yet.

-- name: by_model
-- The filters, the groups and the order are added in `costs.py`.
SELECT p.name AS project, c.phase, c.model, count(*) AS calls,
  sum(c.input_tokens)::bigint AS input_tokens, sum(c.output_tokens)::bigint AS output_tokens,
  sum(c.usd) AS usd, count(*) FILTER (WHERE c.usd IS NULL AND (c.settled_at IS NOT NULL OR NOT EXISTS
    (SELECT FROM phase_runs r WHERE r.id = c.run_id AND r.finished_at IS NULL))) AS unmeasured,
  bool_or(c.estimated) AS estimated
FROM cost_ledger c JOIN projects p ON p.id = c.project_id;

-- name: by_day
SELECT (c.created_at AT TIME ZONE 'UTC')::date AS day, p.name AS project, c.phase,
  COALESCE(sum(c.usd), 0) AS usd, COALESCE(sum(c.input_tokens), 0)::bigint AS input_tokens,
  COALESCE(sum(c.output_tokens), 0)::bigint AS output_tokens, count(*) AS calls,
  count(*) FILTER (WHERE c.usd IS NULL AND (c.settled_at IS NOT NULL OR NOT EXISTS
    (SELECT FROM phase_runs r WHERE r.id = c.run_id AND r.finished_at IS NULL))) AS unmeasured, bool_or(c.estimated) AS estimated
FROM cost_ledger c JOIN projects p ON p.id = c.project_id
WHERE c.created_at >= %(since)s::date::timestamp AT TIME ZONE 'UTC'
GROUP BY 1, 2, 3;

-- name: lately
SELECT COALESCE(sum(usd), 0) AS usd, count(*) FILTER (WHERE c.usd IS NULL AND (c.settled_at IS NOT NULL OR NOT EXISTS
    (SELECT FROM phase_runs r WHERE r.id = c.run_id AND r.finished_at IS NULL))) AS unmeasured,
  COALESCE(sum(input_tokens), 0) AS input_tokens, COALESCE(sum(output_tokens), 0) AS output_tokens
FROM cost_ledger c WHERE created_at > now() - interval '24 hours';
