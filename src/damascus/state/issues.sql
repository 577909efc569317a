-- Questions and reports for people.

-- name: lock
SELECT h.*, w.phase AS item_phase FROM human_issues h LEFT JOIN work_items w ON w.id = h.item_id
WHERE h.id = %(issue)s::bigint FOR UPDATE OF h;

-- name: close
UPDATE human_issues SET closed_at = now(), closed_by = %(actor)s::text, choice = %(choice)s::text,
  answer = %(answer)s::text
WHERE id = %(issue)s::bigint AND closed_at IS NULL RETURNING id;

-- name: accept
-- What a person says to the change that the item waits for, if it waits for one.
UPDATE work_items SET findings = jsonb_set(findings, '{-1,accepted}', to_jsonb(%(yes)s::boolean))
WHERE id = %(item)s::bigint AND COALESCE((findings -> -1 ->> 'ask')::boolean, false) RETURNING id;

-- name: retry_phase
-- What the verdict that blocked an item says of a retry.
SELECT details ->> 'retry_at' AS retry_at FROM phase_runs
WHERE item_id = %(item)s::bigint ORDER BY claim_epoch DESC LIMIT 1;

-- name: close_of_item
UPDATE human_issues SET closed_at = now(), closed_by = %(actor)s::text, choice = %(choice)s::text
WHERE item_id = %(item)s::bigint AND closed_at IS NULL RETURNING id;

-- name: waited_for
-- The open question about a test command that an item waits for, for a statement that has `item`.
SELECT q.id FROM human_issues q JOIN work_items i ON q.project_id = i.project_id
  AND q.test_command = i.test_command AND q.closed_at IS NULL
WHERE i.id = %(item)s::bigint AND i.phase = 'awaiting_human' AND NOT EXISTS (
  SELECT FROM human_issues o WHERE o.item_id = i.id AND o.closed_at IS NULL AND o.kind <> 'report')

-- name: open_of_item
SELECT id FROM human_issues
WHERE item_id = %(item)s::bigint AND closed_at IS NULL AND kind <> 'report';

-- name: report
-- One open report with the same title per project.
INSERT INTO human_issues (kind, project_id, title, body)
SELECT 'report', %(project)s::bigint, %(title)s::text, %(body)s::text
WHERE NOT EXISTS (SELECT FROM human_issues WHERE project_id = %(project)s::bigint AND item_id IS NULL
  AND title = %(title)s::text AND closed_at IS NULL)
RETURNING id;

-- name: close_reports
UPDATE human_issues SET closed_at = now(), closed_by = %(actor)s::text, choice = 'resume'
WHERE project_id = %(project)s::bigint AND item_id IS NULL AND kind = 'report' AND closed_at IS NULL
  AND condition_id IS NULL
RETURNING id;

-- name: open_counts
SELECT kind, count(*) AS open,
  extract(epoch FROM now() - min(opened_at))::float8 AS oldest_seconds
FROM human_issues WHERE closed_at IS NULL GROUP BY kind;

-- name: list
-- The filters, the order and the limit are added in `issues.py`.
SELECT h.id, h.kind, h.item_id, h.phase, h.title, h.body, h.questions, h.opened_at, h.closed_at,
  h.closed_by, h.choice, h.answer, h.test_command, h.condition_id, p.name AS project, w.key, w.title AS item_title,
  extract(epoch FROM now() - h.opened_at)::float8 AS age_seconds
FROM human_issues h LEFT JOIN projects p ON p.id = h.project_id LEFT JOIN work_items w ON w.id = h.item_id;
