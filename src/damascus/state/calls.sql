-- What is spent: a row before each call, its cost afterwards.

-- name: sent
-- Before it is sent: whatever happens next, the row says that something was spent.
-- What it can cost moves from the claim's reservation to the row.
WITH call AS (
  INSERT INTO cost_ledger (call_id, project_id, item_id, run_id, phase, model, at_most, settled_at)
  SELECT %(call)s::uuid, w.project_id, w.id, %(run)s::bigint, %(phase)s::work_phase, %(model)s::text,
    COALESCE(%(at_most)s::numeric, (SELECT reserved_usd FROM claim_slots WHERE item_id = w.id)), NULL
  FROM work_items w WHERE w.id = %(item)s
  ON CONFLICT (call_id) DO NOTHING
  RETURNING item_id, at_most
)
UPDATE claim_slots s SET reserved_usd = GREATEST(s.reserved_usd - call.at_most, 0)
FROM call WHERE s.item_id = call.item_id AND s.reserved_usd > 0 AND call.at_most > 0;

-- name: settle
-- Once, whatever became of the claim. A row that a restored database does not know is made again.
-- What was not spent goes back to the claim's reservation while its run goes on.
WITH call AS (
  INSERT INTO cost_ledger AS c (call_id, project_id, item_id, run_id, phase, model, at_most,
    input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, usd, estimated)
  SELECT %(call)s::uuid, w.project_id, w.id,
    (SELECT r.id FROM phase_runs r WHERE r.id = %(run)s::bigint AND r.item_id = w.id),
    %(phase)s::work_phase, %(model)s::text, %(at_most)s::numeric,
    %(input_tokens)s::bigint, %(output_tokens)s::bigint, %(cache_read_tokens)s::bigint,
    %(cache_write_tokens)s::bigint, %(usd)s::numeric, %(estimated)s::boolean
  FROM work_items w WHERE w.id = %(item)s
  ON CONFLICT (call_id) DO UPDATE SET model = EXCLUDED.model,
    input_tokens = EXCLUDED.input_tokens, output_tokens = EXCLUDED.output_tokens,
    cache_read_tokens = EXCLUDED.cache_read_tokens, cache_write_tokens = EXCLUDED.cache_write_tokens,
    usd = EXCLUDED.usd, estimated = EXCLUDED.estimated, settled_at = now()
  WHERE c.settled_at IS NULL
  RETURNING c.item_id, c.run_id, c.at_most - COALESCE(c.usd, 0) AS unspent
), back AS (
  UPDATE claim_slots s SET reserved_usd = s.reserved_usd + call.unspent
  FROM call JOIN phase_runs r ON r.id = call.run_id AND r.finished_at IS NULL
  WHERE s.item_id = call.item_id AND s.reserved_usd IS NOT NULL AND call.unspent > 0
)
SELECT count(*) AS settled FROM call;
