-- Stories as work items: accepted, changed, moved by people. Each act is an event with its actor.
-- Lists of items are composed in `item_lists.py`.

-- name: insert
INSERT INTO work_items (project_id, key, title, story, story_sha, priority, budget_cycles,
  budget_usd, project_paused)
VALUES (%(project)s::bigint, %(key)s::text, %(title)s::text, %(story)s::text, %(sha)s::text, %(priority)s::int, %(budget_cycles)s::int,
  %(budget_usd)s::numeric, %(paused)s::boolean)
ON CONFLICT (project_id, key) DO NOTHING RETURNING id;

-- name: lock_story
SELECT id, phase, story_sha, claim_epoch, priority, budget_cycles, budget_usd FROM work_items
WHERE project_id = %(project)s::bigint AND key = %(key)s::text FOR UPDATE;

-- name: update_story
-- A spec that is being written from the old text is fenced off; its attempt is given back.
WITH w AS (
  UPDATE work_items SET title = %(title)s::text, story = %(story)s::text, story_sha = %(sha)s::text,
    claim_epoch = claim_epoch + 1,
    attempts = CASE WHEN claimed_by IS NULL THEN attempts ELSE GREATEST(attempts - 1, 0) END,
    claimed_by = NULL, claimed_at = NULL
  WHERE id = %(item)s::bigint AND phase = 'spec' RETURNING id, claim_epoch
), slot AS (
  UPDATE claim_slots s SET item_id = NULL, project_id = NULL, project_slot = NULL,
    reserved_usd = NULL
  FROM w WHERE s.item_id = w.id
), run AS (
  UPDATE phase_runs r SET finished_at = now(), summary = 'the story was changed'
  FROM w WHERE r.item_id = w.id AND r.finished_at IS NULL
)
SELECT id FROM w;

-- name: lock
SELECT w.*, p.name AS project,
  w.merging AND w.claimed_at > now() - %(stale)s::interval AS merging_now
FROM work_items w JOIN projects p ON p.id = w.project_id WHERE w.id = %(item)s::bigint FOR UPDATE OF w;

-- name: change
UPDATE work_items SET priority = COALESCE(%(priority)s::int, priority),
  budget_cycles = COALESCE(%(budget_cycles)s::int, budget_cycles),
  budget_usd = COALESCE(%(budget_usd)s::numeric, budget_usd)
WHERE id = %(item)s::bigint AND phase NOT IN ('merged', 'cancelled')
RETURNING id, emit_event('work.changed', project_id, id, %(actor)s::text,
  jsonb_strip_nulls(jsonb_build_object('priority', %(priority)s::int,
    'budget_cycles', %(budget_cycles)s::int, 'budget_usd', %(budget_usd)s::numeric::text))) AS event;

-- name: move
-- An operator's move: whatever ran is fenced off, the item goes where the person said.
WITH w AS (
  UPDATE work_items SET phase_before = phase, phase = %(to)s::work_phase, claim_epoch = claim_epoch + 1,
    attempts = CASE WHEN %(reset)s THEN 0 ELSE attempts END,
    consecutive_errors = 0, not_before = NULL, waits_for = NULL,
    budget_cycles = COALESCE(%(budget_cycles)s::int, budget_cycles),
    budget_usd = COALESCE(%(budget_usd)s::numeric, budget_usd),
    ready_since = CASE WHEN phase = %(to)s::work_phase THEN ready_since ELSE now() END,
    claimed_by = NULL, claimed_at = NULL, merging = false, built_sha = NULL,
    finished_at = CASE WHEN %(to)s::work_phase IN ('merged', 'cancelled') THEN now() END
  WHERE id = %(item)s::bigint
  RETURNING id, project_id, phase, phase_before, claim_epoch, attempts, budget_cycles, budget_usd
), slot AS (
  UPDATE claim_slots s SET item_id = NULL, project_id = NULL, project_slot = NULL,
    reserved_usd = NULL
  FROM w WHERE s.item_id = w.id
), run AS (
  UPDATE phase_runs r SET finished_at = now(), summary = %(event)s::text || ' by ' || %(actor)s::text
  FROM w WHERE r.item_id = w.id AND r.finished_at IS NULL
)
SELECT w.*, emit_event(%(event)s::text, w.project_id, w.id, %(actor)s::text,
  jsonb_strip_nulls(jsonb_build_object(
    'from', w.phase_before, 'to', w.phase, 'epoch', w.claim_epoch, 'attempts', w.attempts,
    'budget_cycles', w.budget_cycles, 'budget_usd', w.budget_usd::text, 'issue', %(issue)s::bigint,
    'note', %(note)s::text))) AS event
FROM w;

-- name: get
SELECT w.*, p.name AS project, p.forge, p.repo, p.base_branch,
  extract(epoch FROM now() - w.created_at)::float8 AS age_seconds,
  extract(epoch FROM now() - w.claimed_at)::float8 AS heartbeat_seconds,
  c.usd AS spent_usd, c.input_tokens, c.output_tokens
FROM work_items w JOIN projects p ON p.id = w.project_id
CROSS JOIN LATERAL (SELECT sum(usd) AS usd, sum(input_tokens)::bigint AS input_tokens,
  sum(output_tokens)::bigint AS output_tokens FROM cost_ledger WHERE item_id = w.id) c
WHERE w.id = %(item)s::bigint;

-- name: by_key
SELECT w.id FROM work_items w JOIN projects p ON p.id = w.project_id
WHERE p.name = %(project)s AND w.key = %(key)s;
