-- Questions about the test commands that specs propose, and the items that wait for them.

-- name: lock
-- Everybody who asks, answers or sets a project's test command takes this lock first, so that no
-- item begins to wait for an answer that has just been given.
SELECT id, policy, base_check FROM projects WHERE id = %(project)s::bigint FOR NO KEY UPDATE;

-- name: project_of
SELECT project_id FROM human_issues WHERE id = %(issue)s::bigint AND test_command IS NOT NULL;

-- name: waiting
-- The items that wait for a command, or for any: those that wait for a person and ask nothing of
-- their own.
SELECT w.id, q.id AS issue
FROM work_items w LEFT JOIN human_issues q ON q.project_id = w.project_id
  AND q.test_command = w.test_command AND q.closed_at IS NULL
WHERE w.project_id = %(project)s::bigint AND w.phase = 'awaiting_human'
  AND (%(command)s::jsonb IS NULL OR w.test_command = %(command)s::jsonb)
  AND NOT EXISTS (SELECT FROM human_issues h WHERE h.item_id = w.id AND h.closed_at IS NULL
    AND h.kind <> 'report')
ORDER BY w.id;

-- name: close
UPDATE human_issues SET closed_at = now(), closed_by = %(actor)s::text, choice = %(choice)s::text,
  answer = %(answer)s::text
WHERE project_id = %(project)s::bigint AND test_command IS NOT NULL AND closed_at IS NULL
  AND (%(command)s::jsonb IS NULL OR test_command = %(command)s::jsonb);

-- name: pin
UPDATE projects SET policy = policy || jsonb_build_object('test_command', %(command)s::jsonb)
WHERE id = %(project)s::bigint AND NOT policy ? 'test_command'
RETURNING id, emit_event('project.changed', id, NULL, %(actor)s::text,
  jsonb_build_object('test_command', %(command)s::jsonb, 'unset', '[]'::jsonb)) AS event;

-- name: tried
-- The command that a person named has been tried: nothing waits to be tried any more.
UPDATE human_issues SET choice = %(choice)s::text
WHERE project_id = %(project)s::bigint AND test_command IS NOT NULL AND choice = 'named';

-- name: held
SELECT w.project_id FROM work_items w
WHERE w.id = %(item)s::bigint AND w.claim_epoch = %(epoch)s::bigint AND w.claimed_by IS NOT NULL;
