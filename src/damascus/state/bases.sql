-- What is known of the base of a project: whoever changes it has locked the project before.

-- name: checker_lives
-- Is the claim that tries the base still held?
SELECT EXISTS (SELECT FROM work_items WHERE id = %(item)s::bigint AND claim_epoch = %(epoch)s::bigint
  AND claimed_by IS NOT NULL AND claimed_at >= now() - %(stale)s::interval) AS lives;

-- name: begin
-- All other items of the project wait. The one whose claim tries the base does not: if its worker
-- dies, the claim goes stale, and whoever takes it over tries the base again.
WITH p AS (
  UPDATE projects SET base_check = jsonb_build_object('state', 'checking', 'item', %(item)s::bigint,
    'epoch', %(epoch)s::bigint, 'at', now())
  WHERE id = %(project)s::bigint RETURNING id
)
UPDATE work_items w SET project_paused = true FROM p
WHERE w.project_id = p.id AND w.id <> %(item)s::bigint AND w.phase NOT IN ('merged', 'cancelled')
  AND NOT w.project_paused RETURNING w.id;

-- name: hold_item
-- An item that was claimed while another one's claim tries the base.
UPDATE work_items SET project_paused = true
WHERE id = %(item)s::bigint AND phase NOT IN ('merged', 'cancelled') RETURNING id;

-- name: set
WITH p AS (
  UPDATE projects SET base_check = %(check)s::jsonb || jsonb_build_object('at', now())
  WHERE id = %(project)s::bigint RETURNING id, held
), items AS (
  UPDATE work_items w SET project_paused = p.held FROM p
  WHERE w.project_id = p.id AND w.phase NOT IN ('merged', 'cancelled') AND w.project_paused <> p.held
  RETURNING w.id
)
SELECT (SELECT count(*) FROM items) AS items, emit_event('project.base_checked', p.id, NULL,
  %(actor)s::text, %(data)s::jsonb) AS event
FROM p;

-- name: forget
-- Nothing is known any more: the commands have changed, or nobody tries the base to its end.
WITH p AS (
  UPDATE projects SET base_check = '{}' WHERE id = %(project)s::bigint RETURNING id, held
)
UPDATE work_items w SET project_paused = p.held FROM p
WHERE w.project_id = p.id AND w.phase NOT IN ('merged', 'cancelled') AND w.project_paused <> p.held
RETURNING w.id;

-- name: abandoned
-- Bases that are tried by a claim which nobody holds any more.
SELECT p.id FROM projects p WHERE p.base_check ->> 'state' = 'checking'
  AND NOT EXISTS (SELECT FROM work_items w WHERE w.id = (p.base_check ->> 'item')::bigint
    AND w.claim_epoch = (p.base_check ->> 'epoch')::bigint AND w.claimed_by IS NOT NULL
    AND w.claimed_at >= now() - %(stale)s::interval);

-- name: open_issue
-- One for a project, whatever was found before.
INSERT INTO human_issues (kind, project_id, title, body)
SELECT 'blocked', %(project)s::bigint, %(title)s::text, %(body)s::text
WHERE NOT EXISTS (SELECT FROM human_issues WHERE project_id = %(project)s::bigint AND item_id IS NULL
  AND kind = 'blocked' AND closed_at IS NULL)
RETURNING id;

-- name: close_issue
UPDATE human_issues SET closed_at = now(), closed_by = %(actor)s::text, choice = %(choice)s::text,
  answer = %(answer)s::text
WHERE project_id = %(project)s::bigint AND item_id IS NULL AND kind = 'blocked' AND closed_at IS NULL
RETURNING id;

-- name: project_of
-- The project whose base an issue is about: it is blocked, and no item of it is.
SELECT project_id FROM human_issues
WHERE id = %(issue)s::bigint AND kind = 'blocked' AND item_id IS NULL;
